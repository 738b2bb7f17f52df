import numpy as np
import pytest
from factories import scored_photographs as scored
from scipy import stats

from awcu.tables.disagreement import disagreements


def test_by_hand():
    """Four photographs, so that shares below are 1/8, 3/8, 5/8 and 7/8."""
    found = disagreements({0: scored("abcd", [-2, 5, 1, 2], [1, 2, 4, 5])})
    assert [one.image_id for one in found] == ["b", "c", "d", "a"]
    worst, *_, best = found
    assert (worst.rating, worst.high, worst.score, worst.seeds) == (2, False, 5, (0,))
    assert (worst.rated, worst.ranked, worst.distance) == (3 / 8, 7 / 8, 1 / 2)
    assert (best.high, best.distance) == (False, 0)


def test_its_squares_are_what_srcc_sums():
    rng = np.random.default_rng(0)
    one = scored([f"p{i:03d}" for i in range(50)], rng.normal(size=50), rng.normal(3, 1, 50))
    squares = sum((50 * found.distance) ** 2 for found in disagreements({0: one}))
    assert 1 - 6 * squares / (50 * (50**2 - 1)) == pytest.approx(stats.spearmanr(one.score, one.mean_score).statistic)


def test_means_over_the_seeds_that_tested_on_it():
    """Too high by one model and too low by the other is no agreement."""
    seeds = {3: scored("ab", [1, 0], [1, 5]), 1: scored("ac", [4, 9], [1, 5]), 2: scored("ac", [7, 2], [1, 5])}
    found = {one.image_id: one for one in disagreements(seeds)}
    assert found["a"].seeds == (1, 2, 3)
    assert found["a"].score == pytest.approx((4 + 7 + 1) / 3)
    assert found["a"].rated == 1 / 4
    assert found["a"].ranked == pytest.approx((1 / 4 + 3 / 4 + 3 / 4) / 3)
    assert found["a"].distance == pytest.approx((0 + 1 / 2 + 1 / 2) / 3)
    assert found["b"].seeds == (3,)


def test_equals_share_their_rank_and_more_seeds_come_first():
    found = disagreements({0: scored("abc", [1, 1, 1], [1, 3, 5]), 1: scored("ad", [1, 1], [3, 3])})
    assert [(one.image_id, round(one.distance, 3)) for one in found] == [("c", 0.333), ("a", 0.167), ("b", 0), ("d", 0)]


def test_of_nothing_nothing():
    assert disagreements({}) == []
