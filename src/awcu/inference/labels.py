"""Labels by rank: the best share of photographs is called this, the next that."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from awcu.errors import LabelError

STARS = {str(stars): stars for stars in range(-1, 6)}
"""What `xmp:Rating` may be, as it is written: −1 is rejected, 0 unrated."""


@dataclass(frozen=True)
class Labels:
    """Names for shares of the photographs, from the best down.

    Attributes:
        names: Different ones, for the best first.
        shares: Of all photographs, each in [0, 1] and at most 1 together: one for each name, and photographs beyond
            them get none; or one fewer, and the last name is that of the rest.

    Raises:
        LabelError: Names or shares break these rules.
    """

    names: tuple[str, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        if not all(self.names) or len(set(self.names)) < len(self.names):
            raise LabelError(f"the labels {','.join(self.names)} are not all different; name each, and once")
        for share in self.shares:
            if not 0 <= share <= 1:
                raise LabelError(f"the share {share:g} is not from 0 to 1; give .1 for one photograph in ten")
        if len(self.names) - len(self.shares) not in (0, 1):
            raise LabelError(
                f"the labels are {len(self.names)}, the shares {len(self.shares)}; give one share for each label, or "
                f"none for the last, which gets the rest"
            )
        if sum(self.shares) > 1 + 1e-9:
            raise LabelError(f"the shares are {sum(self.shares):g} together, more than 1; lower one of them")

    @property
    def stars(self) -> dict[str, int]:
        """The names as stars.

        Raises:
            LabelError: One is none of `STARS`.
        """
        for name in self.names:
            if name not in STARS:
                raise LabelError(f"{name!r} is no rating of XMP; give whole numbers from -1 (rejected) to 5")
        return {name: STARS[name] for name in self.names}

    def given(self, scores: Sequence[float]) -> list[str | None]:
        """The label of each photograph, by its rank; of equal scores, the first is the better."""
        order = sorted(range(len(scores)), key=lambda place: -scores[place])
        # From the sum of shares, so that rounding never adds up.
        sums = itertools.accumulate([*self.shares, 1.0] if len(self.names) > len(self.shares) else self.shares)
        ends = [min(math.floor(part * len(scores) + 0.5 + 1e-9), len(scores)) for part in sums]
        labels: list[str | None] = [None] * len(scores)
        for name, start, end in zip(self.names, [0, *ends], ends, strict=False):
            for place in order[start:end]:
                labels[place] = name
        return labels
