"""Ends of attributes against hand values, a foreign reference of the intervals, and what they must not find."""

import numpy as np
import pytest
from scipy import stats

from awcu.models.usual import PLACES, TAIL, End, Usual, usual

N = 1000


def found(scores, **values):
    return {one.name: one for one in usual(scores, values)}


def steps(low, high):
    """Scores by the place of 0, 1, …, N − 1: of the lowest 15 %, of those between (0), of the highest 15 %."""
    return np.repeat([low, 0.0, high], [150, 700, 150])


def test_gaps_by_hand():
    one = found(steps(-0.6, 0.3), sharpness=np.arange(N, dtype=float))["sharpness"]
    assert (one.low.gap, one.high.gap) == pytest.approx((-0.6, 0.3))
    assert one.low.half_width == pytest.approx(0, abs=1e-9)
    assert one.low.holds
    assert one.high.holds


def test_quantiles_and_places_between_them():
    one = found(np.zeros(101), noise=np.arange(101.0))["noise"]
    assert one.quantiles == tuple(np.arange(0, 101, 5.0))
    assert len(one.quantiles) == PLACES
    assert [one.nearest(value) for value in (-9, 24, 25, 60, 80)] == [25, 25, 25, 60, 75]
    assert [one.share_below(value) for value in (-9, 0, 7.5, 50, 100, 400)] == pytest.approx([0, 0, 0.075, 0.5, 1, 1])


def test_the_interval_is_that_of_a_difference_of_means():
    """Welch's standard error, by NumPy, times the normal quantile for two ends of two attributes."""
    rng = np.random.default_rng(0)
    place = np.arange(N, dtype=float)
    scores = rng.normal(0, 1 + 3 * (place > 850), N)
    low = found(scores, lightness=place, noise=rng.normal(size=N))["lightness"].high
    end, between = scores[850:], scores[150:850]
    error = np.sqrt(end.var() / len(end) + between.var() / len(between))
    assert low.gap == pytest.approx(end.mean() - between.mean(), abs=1e-3)
    assert low.half_width == pytest.approx(stats.norm.ppf(1 - 0.05 / 8) * error, rel=0.01)


def test_what_goes_with_another_attribute_alone_is_no_reason():
    """The score follows noise; sharpness follows noise too, but says nothing beyond it."""
    rng = np.random.default_rng(1)
    noise = rng.normal(size=N)
    scores = -noise + rng.normal(0, 0.1, N)
    both = found(scores, noise=noise, sharpness=noise + rng.normal(0, 0.5, N))
    assert both["noise"].high.holds
    assert abs(both["sharpness"].high.gap) > both["sharpness"].high.half_width
    assert not both["sharpness"].high.holds


def test_both_ends_can_be_low():
    place = np.arange(N, dtype=float)
    one = found(steps(-0.5, -0.5) + np.random.default_rng(2).normal(0, 0.3, N), lightness=place)["lightness"]
    assert one.low.holds
    assert one.high.holds
    assert one.low.gap < 0 > one.high.gap


def test_chance_is_seldom_a_reason():
    """Of 20 sets of scores that go with nothing, about one may hold an end by chance."""
    rng = np.random.default_rng(3)
    some = [
        any(end.holds for one in usual(rng.normal(size=N), {name: rng.normal(size=N) for name in "abcde"})
            for end in (one.low, one.high))
        for _ in range(20)
    ]  # fmt: skip
    assert sum(some) <= 3


@pytest.mark.parametrize(
    ("gap", "half_width", "given", "given_half_width", "holds"),
    [
        (0.5, 0.1, 0.4, 0.1, True),
        (-0.5, 0.1, -0.4, 0.1, True),
        (0.5, 0.6, 0.4, 0.1, False),
        (0.5, 0.1, 0.1, 0.2, False),
        (0.5, 0.1, -0.4, 0.1, False),
    ],
)
def test_an_end_holds_where_both_intervals_do(gap, half_width, given, given_half_width, holds):
    assert End(gap, half_width, given, given_half_width).holds is holds


def test_too_few_photographs_say_nothing():
    assert usual(np.zeros(99), {"noise": np.arange(99.0)}) == ()


def test_equal_values_have_no_ends():
    same = found(np.random.default_rng(0).normal(size=N), noise=np.zeros(N))["noise"]
    assert (same.low, same.high) == (None, None)
    most = found(np.ones(N), noise=np.where(np.arange(N) < 1 - TAIL, 0.0, 1.0))["noise"]
    assert most.high is None
    assert isinstance(most, Usual)
