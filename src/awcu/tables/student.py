"""Student's t distribution in plain Python: a table is made in less time than scipy takes to import."""

import math
from functools import cache

_SMALLEST = 1e-300  # stands for a zero that would be divided by
_PRECISION, _MOST_STEPS = 1e-15, 1000  # a few dozen steps are enough
_LIMIT = 1e15


def two_sided_p(t: float, freedom: float) -> float:
    """How often |T| exceeds |t| under Student's t; in [0, 1].

    The regularized incomplete beta function I_x(ν/2, 1/2) at x = ν/(ν + t²) (DLMF 8.17.22, Lentz's method).

    Args:
        t: Any number, infinities included.
        freedom: ν > 0, degrees of freedom; need not be whole.
    """
    ratio, a, b = t * t / freedom, freedom / 2, 0.5
    if ratio == 0 or math.isinf(ratio):
        return 0.0 if ratio else 1.0
    x, rest = 1 / (1 + ratio), ratio / (1 + ratio)
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    front = math.exp(-a * math.log1p(ratio) + b * math.log(rest) - log_beta)
    if x < (a + 1) / (a + b + 2):
        return front * _continued_fraction(a, b, x) / a
    return 1 - front * _continued_fraction(b, a, rest) / b


@cache
def two_sided_quantile(p: float, freedom: float) -> float:
    """The t ≥ 0 that |T| exceeds with probability p in (0, 1], to the last bits, by bisection."""
    low, high = 0.0, 1.0
    while two_sided_p(high, freedom) > p and high < _LIMIT:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if two_sided_p(middle, freedom) > p else (low, middle)
    return high


def _continued_fraction(a: float, b: float, x: float) -> float:
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, _MOST_STEPS):
        half, odd = divmod(step, 2)
        if odd:
            term = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            term = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        d = 1 / (1 + term * d or _SMALLEST)
        c = 1 + term / c or _SMALLEST
        value *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return 1 / value
