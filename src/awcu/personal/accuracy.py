"""How well a personal head orders photographs that it has not seen, as can be said honestly to the person."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from awcu.metrics.ranks import spearman
from awcu.text import counted, number

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
FEWEST = 10  # photographs, below which nothing is said of an order
FEWEST_TWICE = 4  # photographs rated twice, below which nothing is said of consistency
ENOUGH = 160  # ratings, after which 25 more help by less than .01, with the packaged model (experiments/personal)


@dataclass(frozen=True)
class Accuracy:
    """What is known of a personal head.

    Attributes:
        rated: Photographs with a rating.
        srcc: Between rating and held-out prediction over them; nan where unknown.
        low: Lower end of its 95 % interval.
        high: Upper end.
        general: SRCC of everyone's model on the same photographs.
        twice: Photographs rated twice.
        consistency: Correlation between a first and a second rating; nan where unknown.
    """

    rated: int
    srcc: float
    low: float
    high: float
    general: float
    twice: int
    consistency: float

    @property
    def enough(self) -> bool:
        """Whether 25 ratings more would help by less than .01, by the mean person measured."""
        return self.rated >= ENOUGH

    def sentence(self) -> str:
        """The sentence that is shown."""
        after = f"After {counted(self.rated, 'rating')}"
        if np.isnan(self.srcc):
            return f"{after} nothing can be said yet of photographs it has not seen; that takes {FEWEST} photographs."
        half = number((self.high - self.low) / 2, decimals=2)
        own = (
            "how well you agree with yourself is not known yet"
            if np.isnan(self.consistency)
            else f"you agree with yourself {number(self.consistency, decimals=2)}"
        )
        mine, general = (number(one, decimals=2) for one in (self.srcc, self.general))
        return (
            f"{after} it orders photographs it has not seen as you do with SRCC {mine} ± {half}; {own}; the general "
            f"model {general}."
        )


def accuracy(ratings: Floats, ordering: Floats, prior: Floats, twice: Sequence[tuple[float, float]]) -> Accuracy:
    """What can be said after k photographs, which came at random.

    Args:
        ratings: `(k,)` one a photograph.
        ordering: `(k,)` what the ratings of the others say of each (`PersonalHead.ordering`).
        prior: `(k,)` what everyone's model says.
        twice: First and second rating of every photograph rated twice.
    """
    known = len(ratings) >= FEWEST
    srcc, general = (float(spearman(one, ratings)) if known else np.nan for one in (ordering, prior))
    low, high = interval(srcc, len(ratings))
    return Accuracy(len(ratings), srcc, low, high, general, len(twice), consistency(ratings, twice))


def interval(srcc: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a rank correlation over n photographs: Fisher's z with the variance (1 + ρ²/2) / (n − 3).

    Bonett & Wright 2000, Sample size requirements for estimating Pearson, Kendall and Spearman correlations.
    """
    if np.isnan(srcc) or n < 4:
        return np.nan, np.nan
    # A perfect order of few photographs is no certainty; z has no infinity then.
    centre = np.arctanh(np.clip(srcc, -0.999, 0.999))
    half = ndtri((1 + CONFIDENCE) / 2) * np.sqrt((1 + srcc**2 / 2) / (n - 3))
    return float(np.tanh(centre - half)), float(np.tanh(centre + half))


def consistency(ratings: Floats, twice: Sequence[tuple[float, float]]) -> float:
    """The correlation between two ratings of a photograph by the same person, in [0, 1]; nan where unknown.

    As one minus the variance between two ratings of the same photograph over the variance of all (intraclass
    correlation, Shrout & Fleiss 1979): few pairs tell it better than their own correlation would.
    """
    if len(twice) < FEWEST_TWICE or np.ptp(ratings) == 0:
        return np.nan
    within = float(np.square(np.diff(twice, axis=1)).mean()) / 2
    return max(0.0, 1 - within / float(np.var(ratings, ddof=1)))


def rated(answers: Sequence[Sequence[float]], width: float) -> tuple[Floats, Floats]:
    """The rating of each photograph and how much it counts, from all answers given to it.

    The rating is the mean of the answers; it counts by their number over their variance. Of one or two answers the
    variance is hardly known, so it is drawn towards a standard deviation of an eighth of the scale with the strength
    of two more answers, which gives a photograph whose two answers agree a weight of 3, one whose answers differ by a
    quarter of the scale 1.5, and one whose answers differ by half of it 0.6, where a photograph rated once has 1.

    Args:
        answers: Of each of k photographs, in rating points.
        width: From one end of the scale to the other, in rating points.

    Returns:
        `(k,)` mean rating and `(k,)` weight > 0.
    """
    known = (width / 8) ** 2
    variances = [(2 * known + np.square(np.subtract(one, np.mean(one))).sum()) / (1 + len(one)) for one in answers]
    weights = [len(one) * known / variance for one, variance in zip(answers, variances, strict=True)]
    return np.array([float(np.mean(one)) for one in answers]), np.array(weights)
