"""Which photograph a person is asked about next: at random, and one in ten a second time.

Of four rules for what teaches most, none was clearly better than chance (experiments/personal), and what is said of
accuracy counts only photographs picked at random.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Why = Literal["random", "teaches", "again"]

AGAIN = 0.1  # of all askings are of a photograph rated before
APART = 8  # ratings at least between the two


class Asked(NamedTuple):
    """A photograph that a person is, or was, asked about.

    Attributes:
        photograph: Its row among the features.
        why: "random" of all that were not rated yet, "teaches" of a rating that came about otherwise, "again"
            for consistency.
    """

    photograph: int
    why: Why


def next_photograph(
    features: NDArray[np.float32], rated: Sequence[Asked], skipped: Collection[int] = (), seed: int = 0
) -> Asked | None:
    """The photograph to ask about next; None where all are rated or skipped.

    It depends on its arguments alone, so that a restart goes on alike.

    Args:
        features: `(n, d)` pooled features of all photographs.
        rated: Every rating given, in that order; one asked again is in it twice.
        skipped: Photographs not to ask about.
        seed: Of the person.
    """
    random = np.random.default_rng((seed, len(rated)))
    kind, place = random.random(), random.random()
    times = Counter(one.photograph for one in rated)
    # Those picked at random alone, since it is of them that accuracy is said.
    old = [one.photograph for one in rated[: max(0, len(rated) - APART + 1)] if one.why == "random"]
    old = [row for row in old if times[row] == 1 and row not in skipped]
    if old and kind < AGAIN:
        return Asked(old[int(place * len(old))], "again")
    new = np.setdiff1d(np.arange(len(features)), [*times, *skipped])
    if not len(new):
        return None
    return Asked(int(new[int(place * len(new))]), "random")
