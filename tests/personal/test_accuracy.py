"""What is said of a person's head: by rank correlation over the photographs rated, and no more than is known."""

import numpy as np
import pytest
from scipy import stats

from awcu.personal.accuracy import accuracy, consistency, interval, rated

RATINGS = np.arange(20.0) % 7


def test_an_interval_by_hand():
    # Fisher's z of .5 is .5493; its standard error √(1.125 / 100).
    low, high = interval(0.5, 103)
    assert (low, high) == pytest.approx((np.tanh(0.549306 - 0.207885), np.tanh(0.549306 + 0.207885)), abs=1e-5)


def test_intervals_hold_the_truth_about_95_times_in_100():
    rng, truth, held = np.random.default_rng(0), 0.5, 0
    population = 6 / np.pi * np.arcsin(truth / 2)  # Spearman's of a bivariate normal
    for _ in range(400):
        x, y = rng.multivariate_normal([0, 0], [[1, truth], [truth, 1]], 40).T
        low, high = interval(float(stats.spearmanr(x, y).statistic), 40)
        held += low <= population <= high
    assert 370 <= held <= 395


def test_of_few_photographs_nothing_is_said():
    found = accuracy(RATINGS[:9], RATINGS[:9], RATINGS[:9], [])
    assert np.isnan([found.srcc, found.low, found.high, found.general]).all()
    assert "nothing can be said yet" in found.sentence()


def test_consistency_by_hand():
    # Two ratings differ by 1, 1, 1 and 3: a variance of 12 / 4 / 2 = 1.5 within, of all ratings 6.
    ratings = np.array([-1.0, 1.0, -3.0, 3.0, -2, 2, -1, 1]) * np.sqrt(6 * 7 / 30)
    assert np.var(ratings, ddof=1) == pytest.approx(6)
    pairs = [(1.0, 2.0), (2.0, 1.0), (4.0, 5.0), (1.0, 4.0)]
    assert consistency(ratings, pairs) == pytest.approx(0.75)


@pytest.mark.parametrize("pairs", [[], [(1.0, 1.0)] * 3])
def test_of_few_photographs_rated_twice_no_consistency_is_known(pairs):
    assert np.isnan(consistency(RATINGS, pairs))


def test_answers_without_any_pattern_have_a_consistency_of_0():
    assert consistency(np.array([1.0, 7.0] * 4), [(1.0, 7.0)] * 4) == 0


def test_a_photograph_whose_answers_differ_counts_less_than_one_whose_answers_agree():
    ratings, weight = rated([[4.0], [5.0, 5.0], [3.0, 5.0], [1.0, 7.0]], width=8)
    assert ratings == pytest.approx([4, 5, 4, 4])
    # Variances of 1, 2 / 3, 4 / 3 and 20 / 3, of as many answers.
    assert weight == pytest.approx([1, 3, 1.5, 0.3])


def test_the_sentence_names_the_numbers():
    found = accuracy(np.arange(40.0), np.arange(40.0), -np.arange(40.0), [(1.0, 1.0)] * 4)
    said = found.sentence()
    assert said.startswith("After 40 ratings")
    for part in ("SRCC 1.00 ±", "yourself 1.00", "general model −1.00"):
        assert part in said
