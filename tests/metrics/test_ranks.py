"""The AUROC against scikit-learn's and Spearman's correlation against SciPy's, with ties, weights and many samples."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from awcu.metrics.ranks import auroc, midranks, pearson, spearman

TIES = pytest.mark.parametrize("decimals", [0, 1, 8], ids=["many ties", "some ties", "no ties"])


def case(decimals, n=60):
    random = np.random.default_rng(0)
    high = random.random(n) < 0.3
    score = (random.normal(size=n) + high).round(decimals)
    return score, high, (score + random.normal(size=n)).round(decimals)


@TIES
def test_one_sample(decimals):
    score, high, other = case(decimals)
    np.testing.assert_array_equal(midranks(score), stats.rankdata(score) - 0.5)
    assert float(auroc(score, high)) == pytest.approx(roc_auc_score(high, score), abs=1e-12)
    assert float(spearman(score, other)) == pytest.approx(stats.spearmanr(score, other).statistic, abs=1e-12)
    assert float(pearson(score, other)) == pytest.approx(stats.pearsonr(score, other).statistic, abs=1e-12)


@TIES
def test_photographs_that_are_drawn_several_times_or_not_at_all(decimals):
    score, high, other = case(decimals)
    times = np.random.default_rng(1).integers(0, 4, (5, 60)).astype(float)
    areas, correlations = auroc(score, high, times), spearman(score, other, times)
    for row, area, correlation in zip(times.astype(int), areas, correlations, strict=True):
        each, labels, others = (np.repeat(column, row) for column in (score, high, other))
        assert area == pytest.approx(roc_auc_score(labels, each), abs=1e-12)
        assert correlation == pytest.approx(stats.spearmanr(each, others).statistic, abs=1e-12)
        assert float(pearson(score, other, row)) == pytest.approx(stats.pearsonr(each, others).statistic, abs=1e-12)


def test_weights_need_not_be_whole():
    score, high, _ = case(1)
    weights = np.random.default_rng(2).random(60)
    assert float(auroc(score, high, weights)) == pytest.approx(roc_auc_score(high, score, sample_weight=weights))


@pytest.mark.parametrize(
    ("score", "expected"), [([1, 3, 2, 4], 1), ([4, 2, 3, 1], 0), ([7, 7, 7, 7], 0.5), ([1, 2, 2, 0], 0.375)]
)
def test_areas_by_hand(score, expected):
    """Of 2 · 2 pairs: all right, all wrong, all tied; one right, one tied and two wrong."""
    assert auroc(score, np.array([False, True, False, True])) == expected


@pytest.mark.parametrize("high", [[True] * 3, [False] * 3, []])
def test_without_both_classes_there_is_no_area(high):
    assert math.isnan(auroc(np.ones(len(high)), np.array(high, dtype=bool)))


@pytest.mark.parametrize("equal", [[0.1] * 7, [1], []])
def test_of_a_constant_there_is_no_correlation(equal):
    for correlation in (spearman, pearson):
        assert math.isnan(correlation(equal, np.arange(len(equal))))
        assert math.isnan(correlation(np.arange(len(equal)), equal))


def test_what_has_no_value_has_no_rank():
    score, high = np.array([1, math.nan, 2]), np.array([False, True, True])
    assert math.isnan(auroc(score, high))
    assert np.isnan(spearman(score, [1, 2, 3], np.ones((2, 3)))).all()
