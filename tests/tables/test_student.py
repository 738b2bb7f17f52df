"""Student's t against scipy, and in closed form where there is one."""

import math

import pytest
from scipy import stats

from awcu.tables.student import two_sided_p, two_sided_quantile

FREEDOM = (0.7, 1, 2, 3.3, 4, 9, 30.5, 388, 20_000)


@pytest.mark.parametrize("freedom", FREEDOM)
@pytest.mark.parametrize("t", [1e-6, 0.1, 0.9, 1.0, 1.1, 2.5, 7.0, 30.0])
def test_p_against_scipy(t: float, freedom: float) -> None:
    assert two_sided_p(t, freedom) == two_sided_p(-t, freedom) == pytest.approx(2 * stats.t.sf(t, freedom), rel=1e-9)


@pytest.mark.parametrize("freedom", FREEDOM)
@pytest.mark.parametrize("p", [0.5, 0.05, 0.001, 1e-9])
def test_quantile_against_scipy(p: float, freedom: float) -> None:
    assert two_sided_quantile(p, freedom) == pytest.approx(stats.t.isf(p / 2, freedom), rel=1e-9)


def test_by_hand() -> None:
    # One degree of freedom is Cauchy's distribution, and with two the p is 1 − t / √(2 + t²).
    assert two_sided_p(1.0, 1) == pytest.approx(0.5, rel=1e-14)
    assert two_sided_p(math.sqrt(12 / 7), 2) == pytest.approx(1 - math.sqrt(6 / 13), rel=1e-13)
    assert two_sided_quantile(0.05, 2) == pytest.approx(0.95 * math.sqrt(2 / (1 - 0.95**2)), rel=1e-13)
    assert (two_sided_p(0.0, 3), two_sided_p(math.inf, 3), two_sided_p(1e200, 3)) == (1.0, 0.0, 0.0)
