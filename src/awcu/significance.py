"""What a few seeds can tell: means with intervals, p-values, and Holm's correction for many comparisons."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95
LEVEL = 0.05
"""An adjusted p-value below this is called significant."""


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and the half-width of its 95 % interval.

    Attributes:
        mean: nan without values, or where any value is undefined.
        half_width: nan for fewer than two values, or where any value is undefined.
        n: Number of values, undefined ones included.
        undefined: How many of them are nan or infinite.
    """

    mean: float
    half_width: float
    n: int
    undefined: int = 0

    @classmethod
    def of(cls, values: Sequence[float], overlap: float = 0.0) -> "Estimate":
        """Estimate from one value a seed, with n − 1 degrees of freedom.

        Seeds that split the same photographs anew share test photographs, so their values are correlated and
        S²/n is too small a variance of the mean. The corrected resampled t takes S² (1/n + overlap) instead
        (Nadeau & Bengio 2003, Inference for the Generalization Error, Machine Learning 52).

        Args:
            values: One a seed.
            overlap: ρ/(1 − ρ) ≥ 0, where ρ is the share of the photographs that a split tests on; 0 where all
                seeds have one split, which is the plain Student t.
        """
        n, undefined = len(values), sum(not math.isfinite(value) for value in values)
        if n == 0 or undefined:
            return cls(math.nan, math.nan, n, undefined)
        half_width = math.nan
        if n > 1:
            half_width = _quantile(n) * stdev(values) * math.sqrt(1 / n + overlap)
        return cls(mean(values), half_width, n)

    @property
    def p_value(self) -> float:
        """Two-sided, of a true mean of zero, from the t of the interval; in [0, 1], nan without an interval."""
        if math.isnan(self.half_width):
            return math.nan
        if self.half_width == 0:
            return 0.0 if self.mean else 1.0
        t = abs(self.mean) / self.half_width * _quantile(self.n)
        return float(2 * stdtr(self.n - 1, -t))

    def text(self, signed: bool = False) -> str:
        """Print as ".812 ± .011", "nan (1 of 3)" with undefined values, "–" without values."""
        if self.undefined:
            return f"nan ({self.undefined} of {self.n})"
        return "–" if self.n == 0 else f"{number(self.mean, signed)} ± {self.spread}"

    @property
    def spread(self) -> str:
        """The half-width as printed: ".011", "<.001" where it only rounds to zero, "–" from one seed."""
        if math.isnan(self.half_width):
            return "–"
        return "<.001" if 0 < self.half_width < 0.0005 else number(self.half_width)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that below `LEVEL` any false positive among them is as rare as `LEVEL`.

    Args:
        p_values: In [0, 1]; nan where there was nothing to test.

    Returns:
        The adjusted ones in the same order, in [0, 1]; nan stays nan and does not count as a comparison.
        Source: Holm 1979, A Simple Sequentially Rejective Multiple Test Procedure.
    """
    ordered = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for smaller, (p, place) in enumerate(ordered):
        largest = max(largest, min(1.0, p * (len(ordered) - smaller)))
        adjusted[place] = largest
    return adjusted


def number(value: float, signed: bool = False, decimals: int = 3) -> str:
    """Fixed decimals, no zero before the point, a true minus sign; what rounds to zero has no sign."""
    text = f"{abs(value):.{decimals}f}".removeprefix("0")
    sign = "" if text == "nan" or not text.strip(".0") else "−" if value < 0 else "+" if signed else ""
    return sign + text


def _quantile(n: int) -> float:
    return float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
