"""What is usual of a measured attribute among the validation photographs, and how the score goes with what is not."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]

TAIL = 0.15
"""Share of the photographs at each end that are not usual."""
FEWEST = 100  # photographs; below, an end of them is too few to say anything
CONFIDENCE = 0.95
PLACES = 21  # quantiles that are kept: each 5 %


@dataclass(frozen=True)
class End:
    """The mean score of the photographs at one end of an attribute, less that of the usual ones.

    Half-widths are of 95 % intervals that hold for all ends of all attributes together (Bonferroni), with standard
    errors that allow the scores to spread differently at the end (White 1980, HC1).

    Attributes:
        gap: In the score's unit.
        half_width: Of its interval.
        given_others: The gap that is left when the other attributes are held fixed.
        given_others_half_width: Of its interval.
    """

    gap: float
    half_width: float
    given_others: float
    given_others_half_width: float

    @property
    def holds(self) -> bool:
        """Whether both intervals exclude zero, on the same side of it."""
        both = abs(self.gap) > self.half_width and abs(self.given_others) > self.given_others_half_width
        return both and (self.gap > 0) == (self.given_others > 0)


@dataclass(frozen=True)
class Usual:
    """One measured attribute of the validation photographs.

    Attributes:
        name: One of `awcu.images.measures.MEASURES`.
        quantiles: `(21,)` its values at 0, 5, …, 100 %.
        low: The score of the lowest `TAIL` of the photographs against those between; None where it is not known.
        high: The same of the highest.
    """

    name: str
    quantiles: tuple[float, ...]
    low: End | None
    high: End | None

    def share_below(self, value: float) -> float:
        """Share of the validation photographs with a lower value, in [0, 1], interpolated between the quantiles."""
        return float(np.interp(value, self.quantiles, np.linspace(0, 1, PLACES)))

    def nearest(self, value: float) -> float:
        """The value itself in the middle half of the photographs, else the nearer quartile."""
        return float(np.clip(value, self.quantiles[PLACES // 4], self.quantiles[-1 - PLACES // 4]))


def usual(scores: Floats, values: Mapping[str, Floats]) -> tuple[Usual, ...]:
    """What is usual, of scores `(N,)` and attributes `(N,)` by name; empty with fewer than 100 photographs.

    The score is regressed on both ends of an attribute, alone and with the other attributes (as normal scores of their
    ranks, and squared, since too much can be as bad as too little).
    """
    if len(scores) < FEWEST:
        return ()
    curves = {name: _curve(one) for name, one in values.items()}
    critical = float(ndtri(1 - (1 - CONFIDENCE) / (4 * len(values))))
    found = []
    for name, one in values.items():
        others = [curve for other, curve in curves.items() if other != name]
        low, high = _ends(scores, one, others, critical)
        quantiles = np.quantile(one, np.linspace(0, 1, PLACES))
        found.append(Usual(name, tuple(float(f"{value:.4g}") for value in quantiles), low, high))
    return tuple(found)


def _curve(values: Floats) -> Floats:
    """`(N, 2)` normal scores of the ranks, and their squares."""
    ranks = np.searchsorted(np.sort(values), values) + np.searchsorted(np.sort(values), values, side="right")
    scored = ndtri((ranks + 1) / 2 / (len(values) + 1))
    return np.column_stack([scored, scored**2])


def _ends(scores: Floats, values: Floats, others: list[Floats], critical: float) -> list[End | None]:
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    ends = np.column_stack([values < low, values > high]).astype(np.float64)
    ones = np.ones((len(scores), 1))
    alone, alone_error = _regressed(scores, np.hstack([ends, ones]))
    held, held_error = _regressed(scores, np.hstack([ends, ones, *others]))
    numbers = np.stack([one[:2] for one in (alone, critical * alone_error, held, critical * held_error)])
    # Where all values are equal, there are no ends.
    return [
        End(*(float(f"{number:.4g}") for number in numbers[:, end])) if ends[:, end].sum() >= FEWEST / 20 else None
        for end in (0, 1)
    ]


def _regressed(scores: Floats, design: Floats) -> tuple[Floats, Floats]:
    """Coefficients `(K,)` by least squares, and their standard errors."""
    inverse = np.linalg.pinv(design.T @ design)
    coefficients = inverse @ design.T @ scores
    residuals = scores - design @ coefficients
    spread = inverse @ (design.T * residuals**2) @ design @ inverse
    n, k = design.shape
    return coefficients, np.sqrt(np.diag(spread).clip(0) * n / max(n - k, 1))
