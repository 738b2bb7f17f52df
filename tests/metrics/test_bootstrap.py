"""Points against the metrics of the record and scikit-learn; intervals by definition."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from awcu.metrics.bootstrap import METRICS, mean_and_interval, point_and_interval
from awcu.metrics.rating import Predictions, evaluate

FOREIGN = {
    "accuracy": lambda score, high, mean: accuracy_score(high, score > 0),
    "balanced_accuracy": lambda score, high, mean: balanced_accuracy_score(high, score > 0),
    "auroc": lambda score, high, mean: roc_auc_score(high, score),
    "srcc": lambda score, high, mean: stats.spearmanr(score, mean).statistic,
    "plcc": lambda score, high, mean: stats.pearsonr(score, mean).statistic,
}


def drawn(n, ties=False, seed=0):
    rng = np.random.default_rng(seed)
    mean = rng.uniform(1, 5, n)
    score = mean - 3 + rng.normal(0, 1, n)
    return (score.round() if ties else score), mean > 3, mean.round(1) if ties else mean


@pytest.mark.parametrize("ties", [False, True])
def test_points_are_the_metrics_of_others(ties):
    columns = drawn(60, ties)
    found = point_and_interval(*columns)
    assert list(found) == list(METRICS) == list(FOREIGN)
    for name, (point, low, high) in found.items():
        assert point == pytest.approx(FOREIGN[name](*columns))
        assert low < point < high


def test_points_are_those_of_the_record(make_ratings):
    score, _, mean = drawn(40)
    ratings = make_ratings(mean_score=mean, scale=np.array([1.0, 5.0]), midpoint=3.0)
    nothing = torch.empty(40, 0)
    recorded = evaluate(Predictions(torch.from_numpy(score), nothing, nothing), ratings)
    for name, (point, _, _) in point_and_interval(score, ratings.high, mean).items():
        assert point == pytest.approx(recorded[name], abs=1e-6)


@pytest.mark.parametrize("name", FOREIGN)
def test_intervals_are_quantiles_over_photographs_drawn_together(name):
    """Score, label and rating of a photograph stay together; drawn apart, the areas would lie about .5."""
    columns = drawn(60, seed=1)
    rng = np.random.default_rng(5)
    rows = (rng.integers(0, 60, 60) for _ in range(500))
    values = [FOREIGN[name](*(column[row] for column in columns)) for row in rows]
    low, high = np.quantile(values, [0.025, 0.975])
    _, found_low, found_high = point_and_interval(*columns)[name]
    assert (found_low, found_high) == pytest.approx((low, high), abs=0.03)


def test_more_photographs_make_it_narrower_and_it_repeats():
    few, many = (point_and_interval(*drawn(n))["accuracy"] for n in (50, 800))
    assert many[2] - many[1] == pytest.approx((few[2] - few[1]) / 4, rel=0.3)
    assert point_and_interval(*drawn(50))["accuracy"] == few


def test_resamples_that_lack_a_class_are_left_out():
    """Of four photographs, one resample in eight has one class only."""
    score, mean = np.array([1.0, 2.0, -1.0, 3.0]), np.array([4.0, 5.0, 1.0, 2.0])
    found = point_and_interval(score, mean > 3, mean)
    assert all(math.isfinite(value) for values in found.values() for value in values)
    assert found["auroc"] == (0.5, 0.0, 1.0)


def test_what_is_undefined_has_no_interval():
    found = point_and_interval(np.array([1.0, 1.0, 1.0]), np.array([True] * 3), np.array([4.0, 5.0, 4.5]))
    assert found["accuracy"] == (1, 1, 1)
    assert all(math.isnan(value) for name in ("balanced_accuracy", "auroc", "srcc") for value in found[name])


def test_photographs_keep_their_values():
    """Three values of one photograph and one of another: ¾ are 1; a redraw has 0, ¾ or 1."""
    assert mean_and_interval(np.array([3.0, 0.0]), np.array([3.0, 1.0])) == (0.75, 0, 1)
    assert mean_and_interval(np.array([0.0, 1.0])) == (0.5, 0, 1)
    assert np.isnan(mean_and_interval(np.array([]))).all()
