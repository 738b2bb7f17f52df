"""Statistics over a few seeds: means with intervals, p-values, and Holm's correction for multiple comparisons."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean, variance
from typing import NamedTuple

from scipy.special import stdtr, stdtrit

from awcu.metrics.bootstrap import CONFIDENCE
from awcu.text import number

LEVEL = 0.05
"""An adjusted p-value below this is called significant."""
MANY_SPLITS = 10
"""From so many splits on, variances over seeds and over photographs are added up whole (see `Estimate.of`)."""


class Sampling(NamedTuple):
    """How much a mean over fixed seeds would vary with other test photographs.

    Attributes:
        error: The mean's standard error over redraws of the photographs, each redraw shared by all seeds; ≥ 0.
        error_of_one: The same for one seed's value, as the root mean square over the seeds; ≥ 0.
        photographs: Number of photographs drawn from, ≥ 2.
    """

    error: float
    error_of_one: float
    photographs: int


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and the half-width of its 95 % interval.

    Attributes:
        mean: nan without values, or if any value is undefined.
        half_width: nan for fewer than two values, or if any value is undefined.
        n: Number of values, including undefined ones.
        undefined: Number of values that are nan or infinite.
        p_value: Two-sided p-value for a true mean of zero, from the interval's t; in [0, 1], nan without an interval.
    """

    mean: float
    half_width: float
    n: int
    undefined: int = 0
    p_value: float = field(default=math.nan, compare=False)

    @classmethod
    def of(cls, values: Sequence[float], overlap: float = 0.0, sampling: Sampling | None = None) -> "Estimate":
        """Estimate the mean from one value per seed; S² is their variance.

        Seeds share test photographs, whether they share one split or each draw their own, so their values are
        correlated and S²/n does not show how the choice of the photographs matters. Where `sampling` is known, the
        variance of the mean is V = error² + max(0, S²/n − both), with both = (error_of_one² − error²)/(n − 1). Seeds
        and photographs are crossed samples: error² contains the photographs' effect on all seeds and 1/n of their
        separate effect on each seed. S²/n contains the latter again, so `both` subtracts it once (the analysis of
        variance of crossed random effects: Searle, Casella & McCulloch 1992, Variance Components, chapter 4; Owen
        2007, The pigeonhole bootstrap, Annals of Applied Statistics 1). Its degrees of freedom are Satterthwaite's,
        V² / ((V − error²)²/(n − 1) + error⁴/(photographs − 1)). From `MANY_SPLITS` splits on, `both` stays in: it is
        small then, and so is S²/n, while the splits share training photographs, which neither variance shows.

        Where it is not known, seeds with splits of their own get the corrected resampled t, S² (1/n + overlap) with
        n − 1 degrees of freedom (Nadeau & Bengio 2003, Inference for the Generalization Error, Machine Learning 52),
        and seeds of one split Student's t. Simulated in the experiments' own sizes (experiments/coverage), V covers
        92 to 99 % of differences, the resampled t 98 to 100 % at up to three times the width needed, and Student's t on
        one split 44 to 82 %.

        Args:
            values: One per seed.
            overlap: ρ/(1 − ρ) ≥ 0, where ρ is the share of the photographs that a split tests on; 0 if all seeds
                share one split, which gives the ordinary Student t.
            sampling: Sampling error of the mean of these values, if known.
        """
        n, undefined = len(values), sum(not math.isfinite(value) for value in values)
        if n == 0 or undefined:
            return cls(math.nan, math.nan, n, undefined)
        middle = mean(values)
        if n == 1:
            return cls(middle, math.nan, n)
        seeds = variance(values) / n
        error, freedom = math.sqrt(seeds * (1 + n * overlap)), n - 1.0
        if sampling and sampling.error > 0:
            error, freedom = _over_both(seeds, n, sampling, many=overlap > 0 and n >= MANY_SPLITS)
        half_width = error * float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
        return cls(middle, half_width, n, p_value=_p_value(middle, error, freedom))

    def text(self, signed: bool = False) -> str:
        """Print as ".812 ± .011", ".812" for one seed, "nan (1 of 3)" with undefined values, "–" without values."""
        if self.undefined:
            return f"nan ({self.undefined} of {self.n})"
        if self.n == 0:
            return "–"
        return number(self.mean, signed) + (f" ± {self.spread}" if self.spread else "")

    @property
    def spread(self) -> str:
        """The half-width as printed: ".011", "<.001" if it rounds to zero without being zero, "" for one seed."""
        if math.isnan(self.half_width):
            return ""
        return "<.001" if 0 < self.half_width < 0.0005 else number(self.half_width)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the probability of any false positive below `LEVEL` is at most `LEVEL`.

    Args:
        p_values: In [0, 1]; nan if there is nothing to test.

    Returns:
        The adjusted p-values in the same order, in [0, 1]; nan stays nan and does not count as a comparison.
        Source: Holm 1979, A Simple Sequentially Rejective Multiple Test Procedure.
    """
    ordered = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for smaller, (p, place) in enumerate(ordered):
        largest = max(largest, min(1.0, p * (len(ordered) - smaller)))
        adjusted[place] = largest
    return adjusted


def _over_both(seeds: float, n: int, sampling: Sampling, many: bool) -> tuple[float, float]:
    """Standard error and degrees of freedom over seeds and photographs, given the mean's variance over seeds."""
    photographs = sampling.error**2
    counted_twice = 0.0 if many else (sampling.error_of_one**2 - photographs) / (n - 1)
    rest = max(0.0, seeds - max(0.0, counted_twice))
    both = photographs + rest
    return math.sqrt(both), both**2 / (rest**2 / (n - 1) + photographs**2 / (sampling.photographs - 1))


def _p_value(middle: float, error: float, freedom: float) -> float:
    if error == 0:
        return 0.0 if middle else 1.0
    return float(2 * stdtr(freedom, -abs(middle / error)))
