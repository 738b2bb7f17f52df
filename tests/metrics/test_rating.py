"""Every metric against scikit-learn, SciPy or a hand, and what a blind predictor gets."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr, wasserstein_distance
from sklearn import metrics as reference

from awcu.metrics.rating import Predictions, emd, evaluate, trivial

NAN = math.nan


def predictions(score, distribution=None, attributes=None):
    n = len(score)
    return Predictions(
        torch.as_tensor(np.asarray(score)),
        torch.empty(n, 0) if distribution is None else torch.as_tensor(np.asarray(distribution)),
        torch.empty(n, 0) if attributes is None else torch.as_tensor(np.asarray(attributes)),
    )


def random_case(make_ratings, kind, n=300):
    """Ratings and scores that know something of them: ties in both, scores at the ends of what floats resolve."""
    rng = np.random.default_rng(0)
    votes = rng.multinomial(12, (0.1, 0.2, 0.3, 0.25, 0.15), n)
    votes[: n // 2] = rng.multinomial(12, (0.45, 0.2, 0.15, 0.1, 0.1), n // 2)
    ids = np.arange(n).astype(np.str_)
    ratings = make_ratings(votes, image_ids=ids, image_paths=ids)
    noisy = ratings.mean_score - 3 + rng.normal(0, 0.7, n)
    # Beyond 17 or so the float32 sigmoid is 1: a squashed score would tie where these do not.
    scores = {"plain": noisy, "tied": noisy.round(), "extreme": 50 + noisy / 10, "negative": -50 + noisy / 10}
    return ratings, scores[kind].astype(np.float32)


def references(score, high, mean_score):
    verdict = score > 0
    return {
        "accuracy": reference.accuracy_score(high, verdict),
        "balanced_accuracy": reference.balanced_accuracy_score(high, verdict),
        "auroc": reference.roc_auc_score(high, score),
        "f1": reference.f1_score(high, verdict, zero_division=0),
        "srcc": spearmanr(score, mean_score).statistic,
        "plcc": pearsonr(score.astype(np.float64), mean_score).statistic,
    }


@pytest.mark.parametrize("kind", ["plain", "tied", "extreme", "negative"])
def test_verdict_metrics_are_those_of_the_references(make_ratings, kind):
    ratings, score = random_case(make_ratings, kind)
    found = evaluate(predictions(score), ratings)
    for delta, suffix in ((0, ""), (0.5, "@0.5"), (1, "@1")):
        clear = ratings.margin >= delta
        assert 0 < ratings.high[clear].sum() < clear.sum()
        expected = references(score[clear], ratings.high[clear], ratings.mean_score[clear])
        assert {key: found[key + suffix] for key in expected} == pytest.approx(expected, abs=2e-6)
    assert len(found) == 18


def test_the_unambiguous_are_at_least_that_far_from_the_midpoint(make_ratings):
    """Margins 0, .5 and 1 on both sides; wrong only below .5, then below 1."""
    ratings = make_ratings(mean_score=[2, 2.5, 2.75, 3.25, 3.5, 4])
    found = evaluate(predictions([-1, 1, 1, -1, 1, 1]), ratings)
    assert found["accuracy"] == pytest.approx(3 / 6)
    assert found["accuracy@0.5"] == pytest.approx(3 / 4)
    assert found["accuracy@1"] == pytest.approx(1)


def test_scores_that_saturate_a_sigmoid_are_still_ranked(make_ratings):
    ratings = make_ratings(mean_score=[1, 2, 4, 5])
    assert evaluate(predictions([50.0, 51, 52, 53]), ratings)["auroc"] == 1
    assert evaluate(predictions([-50.0, -51, -52, -53]), ratings)["auroc"] == 0
    assert evaluate(predictions([50.0, 51, 50, 51]), ratings)["auroc"] == 0.5


def test_a_score_of_zero_is_low(make_ratings):
    found = evaluate(predictions([0.0, 0, 1]), make_ratings(mean_score=[1, 5, 5]))
    assert found["accuracy"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("scores", "mean_score", "undefined"),
    [
        ([-1, 0.5, 2], [4, 4.5, 5], {"balanced_accuracy", "auroc", "f1"}),
        ([-1, 0.5, 2], [1, 2, 2.5], {"balanced_accuracy", "auroc", "f1"}),
        ([1, 1, 1], [1, 2, 5], {"srcc", "plcc"}),
        ([1, 2, 3], [4, 4, 4], {"balanced_accuracy", "auroc", "f1", "srcc", "plcc"}),
        ([1], [4], {"balanced_accuracy", "auroc", "f1", "srcc", "plcc"}),
    ],
)
def test_what_is_undefined_is_nan_in_silence(make_ratings, scores, mean_score, undefined):
    found = evaluate(predictions(np.float32(scores)), make_ratings(mean_score=mean_score))
    assert {key for key in found if "@" not in key and math.isnan(found[key])} == undefined


def test_an_empty_subset_is_nan_in_silence(make_ratings):
    found = evaluate(predictions([-1.0, 1, 2]), make_ratings(mean_score=[2.6, 3.4, 3.2]))
    assert all(math.isnan(value) == ("@" in key) for key, value in found.items())


@pytest.mark.parametrize(
    ("predicted", "target", "r1", "r2"),
    [
        ([1, 0, 0], [0, 0, 1], 2 / 3, math.sqrt(2 / 3)),
        ([1, 0, 0], [0, 1, 0], 1 / 3, math.sqrt(1 / 3)),
        ([0.5, 0.5, 0], [1, 0, 0], 0.5 / 3, 0.5 / math.sqrt(3)),
        ([0.2, 0.3, 0.5], [0.2, 0.3, 0.5], 0, 0),
    ],
)
def test_earth_movers_distance_by_hand(predicted, target, r1, r2):
    for r, expected in ((1, r1), (2, r2)):
        rows = (torch.tensor([one, one], dtype=torch.float64) for one in (predicted, target))
        assert emd(*rows, r=r).tolist() == pytest.approx([expected] * 2, abs=1e-12)


def test_earth_movers_distance_is_symmetric_and_that_of_scipy():
    """SciPy's distance is in rating points: the mean over K cumulative differences is K times smaller."""
    rng = np.random.default_rng(1)
    p, q = rng.dirichlet(np.ones(10), (2, 20))
    ours = emd(torch.from_numpy(p), torch.from_numpy(q), r=1)
    torch.testing.assert_close(ours, emd(torch.from_numpy(q), torch.from_numpy(p), r=1))
    values = np.arange(10)
    for i in range(20):
        assert ours[i].item() == pytest.approx(wasserstein_distance(values, values, p[i], q[i]) / 10)


def test_distributions_are_compared_where_both_sides_have_one(make_ratings):
    votes = np.array([[4, 0, 0], [0, 0, 2], [1, 2, 1]])
    ratings = make_ratings(votes)
    shares = [[0, 0, 1], [0, 0, 1], [0.25, 0.5, 0.25]]
    found = evaluate(predictions([-1.0, 1, 0], np.float32(shares)), ratings)
    assert found["emd_r1"] == pytest.approx(2 / 9)
    assert found["emd_r2"] == pytest.approx(math.sqrt(2 / 3) / 3)
    assert "emd_r1" not in evaluate(predictions([-1.0, 1, 0]), ratings)
    only_scores = make_ratings(mean_score=ratings.mean_score, scale=np.arange(1.0, 4), midpoint=2)
    assert "emd_r1" not in evaluate(predictions([-1.0, 1, 0], np.float32(shares)), only_scores)


def with_attributes(make_ratings, attributes, **fields):
    attributes = np.array(attributes, dtype=np.float64)
    names = tuple("abcde"[: attributes.shape[1]])
    scores = np.resize([2.0, 4.0], len(attributes))
    ids = np.arange(len(attributes)).astype(np.str_)
    fields = {"image_ids": ids, "image_paths": ids} | fields
    return make_ratings(mean_score=scores, attributes=attributes, attribute_names=names, **fields)


def test_attributes_by_average_precision_over_what_is_labelled(make_ratings):
    rng = np.random.default_rng(2)
    attributes = rng.choice([0, 1, NAN], (200, 3), p=[0.5, 0.2, 0.3])
    logits = (50 + np.nan_to_num(attributes) + rng.normal(0, 1, (200, 3))).astype(np.float32)
    logits[:, 2] = logits[:, 2].round()
    found = evaluate(predictions(np.zeros(200), attributes=logits), with_attributes(make_ratings, attributes))
    expected = {}
    for column, name in enumerate("abc"):
        known = ~np.isnan(attributes[:, column])
        expected[f"ap/{name}"] = reference.average_precision_score(attributes[known, column], logits[known, column])
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=2e-6)
    assert found["map"] == pytest.approx(np.mean(list(expected.values())), abs=2e-6)


def test_an_attribute_that_none_has_or_all_have_is_undefined_and_out_of_the_mean(make_ratings):
    attributes = [[1, 0, NAN, 1], [0, 0, NAN, 1], [1, NAN, NAN, 1]]
    found = evaluate(predictions([0.0] * 3, attributes=np.eye(3, 4)), with_attributes(make_ratings, attributes))
    assert found["ap/a"] == pytest.approx((1 + 2 / 3) / 2)
    assert math.isnan(found["ap/b"])
    assert math.isnan(found["ap/c"])
    assert math.isnan(found["ap/d"])
    assert found["map"] == found["ap/a"]


def test_no_attribute_with_positives_leaves_the_mean_undefined(make_ratings):
    found = evaluate(predictions([0.0] * 2, attributes=np.zeros((2, 1))), with_attributes(make_ratings, [[0], [NAN]]))
    assert math.isnan(found["map"])


def test_attributes_are_left_out_where_one_side_has_none(make_ratings):
    labelled = with_attributes(make_ratings, [[1], [0]])
    assert "map" not in evaluate(predictions([0.0, 0]), labelled)
    assert "map" not in evaluate(predictions([0.0, 0], attributes=np.zeros((2, 3))), make_ratings(mean_score=[2, 4]))


def test_a_blind_predictor_by_hand(make_ratings):
    """It has seen two low and one high photograph, whose shares average ½, ⅙, ⅓; the test set has one of three low."""
    train = make_ratings([[4, 0, 0], [1, 1, 0], [0, 0, 2]])
    assert train.high.tolist() == [False, False, True]
    test = make_ratings(
        [[2, 0, 0], [0, 0, 1], [0, 1, 3]],
        attributes=np.array([[1, 1, 0], [0, NAN, NAN], [0, 0, 0]]),
        attribute_names=("a", "b", "c"),
    )
    told = predictions([-1.0, 1, 2], np.float32(test.rating_distribution), np.float32([[3, 1, 0], [0] * 3, [1, 2, 0]]))
    found = evaluate(told, test)
    blind = trivial(train, test, found)
    assert set(blind) == set(found)
    by_hand = {
        "accuracy": 1 / 3,
        "balanced_accuracy": 0.5,
        "auroc": 0.5,
        "f1": 0,
        "srcc": 0,
        "plcc": 0,
        "auroc@0.5": 0.5,
        "accuracy@1": 1 / 2,
        # Cumulative ½, ⅔, 1 against 1, 1, 1; 0, 0, 1; 0, ¼, 1.
        "emd_r1": (5 / 6 + 7 / 6 + 11 / 12) / 9,
        "emd_r2": (math.sqrt(13 / 36) + math.sqrt(25 / 36) + math.sqrt(61 / 144)) / 3 / math.sqrt(3),
        "ap/a": 1 / 3,
        "ap/b": 1 / 2,
        "map": 5 / 12,
    }
    assert {key: blind[key] for key in by_hand} == pytest.approx(by_hand, abs=1e-6)
    assert math.isnan(blind["ap/c"])


@pytest.mark.parametrize(
    ("train", "accuracy"), [([1, 5, 5], 0.75), ([1, 1, 5], 0.25), ([1, 5], 0.25)], ids=["high", "low", "tie is low"]
)
def test_a_blind_predictor_says_the_majority_class_of_the_training_set(make_ratings, train, accuracy):
    test = make_ratings(mean_score=[1, 4, 5, 5])
    blind = trivial(make_ratings(mean_score=train), test, evaluate(predictions([-1.0, 1, 1, 1]), test))
    assert blind["accuracy"] == pytest.approx(accuracy)


def test_a_blind_predictor_has_the_metrics_of_the_model_and_no_more(make_ratings):
    ratings = make_ratings(np.array([[3, 0, 0], [0, 0, 3]]), attributes=np.eye(2), attribute_names=("a", "b"))
    found = evaluate(predictions([-1.0, 1]), ratings)
    assert set(trivial(ratings, ratings, found)) == set(found)
