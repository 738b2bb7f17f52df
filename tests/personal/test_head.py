"""One person's head is ridge regression towards everyone's, and each held-out prediction is that of a refit."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from awcu.errors import PersonalError
from awcu.personal.head import FOR_EVERYONE, FOR_MIDPOINT, LinearScore, fit


def drawn(k, d=6, seed=0):
    """Features off the origin, ratings, weights and a prior."""
    rng = np.random.default_rng(seed)
    prior = LinearScore(rng.normal(size=d) / 2, 0.3)
    return rng.normal(size=(k, d)) + 2, rng.normal(size=k) * 1.5, rng.uniform(0.5, 2, k), prior


def refit(features, ratings, weight, prior, penalty, rows):
    """The head by scikit-learn: columns scaled so that one penalty of 1 is the three of them, no intercept.

    Returns what it says of all photographs, and its bias.
    """
    centred = features - features.mean(0)
    everyone = prior.of(features) - prior.of(features).mean()
    scale = np.sqrt(penalty * np.square(centred).sum(1).mean())
    ones = np.full(len(features), FOR_MIDPOINT**-0.5)
    columns = np.column_stack([centred / scale, everyone / np.sqrt(FOR_EVERYONE * everyone.var()), ones])
    # Towards a share of one: what is left of the ratings beyond it is drawn to zero.
    ridge = Ridge(1.0, fit_intercept=False, solver="svd")
    ridge.fit(columns[rows], (ratings - everyone)[rows], weight[rows] / weight.mean())
    return ridge.predict(columns) + everyone, ridge.coef_[-1] * ones[0]


@pytest.mark.parametrize("penalty", [0.1, 3.0])
def test_scores_and_held_out_predictions_are_those_of_a_refit_by_scikit_learn(penalty):
    features, ratings, weight, prior = drawn(9)
    found = fit(features, ratings, prior, weight, np.array([penalty]))
    whole, _ = refit(features, ratings, weight, prior, penalty, np.arange(9))
    assert found.score.of(features) == pytest.approx(whole)
    for row in range(9):
        said, bias = refit(features, ratings, weight, prior, penalty, np.delete(np.arange(9), row))
        assert found.held_out[row] == pytest.approx(said[row])
        assert found.ordering[row] == pytest.approx(said[row] - bias)


def test_the_penalty_is_the_one_with_the_smallest_weighted_leave_one_out_error():
    features, ratings, weight, prior = drawn(12, seed=3)
    errors = {}
    for penalty in (0.1, 1.0, 10.0, 100.0):
        held_out = fit(features, ratings, prior, weight, np.array([penalty])).held_out
        errors[penalty] = np.average(np.square(ratings - held_out), weights=weight)
    assert len(set(np.round(list(errors.values()), 6))) == 4
    assert fit(features, ratings, prior, weight, np.array(list(errors))).penalty == min(errors, key=errors.get)


def test_one_rating_by_hand():
    # Everyone's head keeps its share, and the bias goes half of the way from the midpoint to the rating.
    found = fit(np.array([[2.0, 5.0]]), np.array([1.0]), LinearScore(np.array([1.0, 0.0]), -7.0))
    assert found.share == 1
    assert found.score.of(np.array([[2.0, 5.0], [4.0, 0.0]])) == pytest.approx([0.5, 2.5])
    assert found.held_out == pytest.approx([0.0])


def test_two_ratings_by_hand():
    # Scores of −1 and 1 about their mean, ratings of −3 and 3: (2 · 3 + 20 · 1) / (2 + 20) of everyone's head.
    prior = LinearScore(np.array([1.0, 0.0]), 0.0)
    found = fit(np.array([[-1.0, 0.0], [1.0, 0.0]]), np.array([-3.0, 3.0]), prior, penalties=np.array([np.inf]))
    assert found.share == pytest.approx(26 / 22)
    assert found.score.bias == pytest.approx(0)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_few_ratings_or_equal_ones_give_finite_scores(k):
    features, ratings, _, prior = drawn(k)
    for answers in (ratings, np.ones(k)):
        found = fit(features, answers, prior)
        assert np.isfinite([*found.score.weight, found.score.bias, *found.held_out, *found.ordering]).all()


def test_a_rating_that_counts_less_is_followed_less():
    features, ratings, _, prior = drawn(8)
    errors = []
    for count in (0.1, 1.0, 10.0):
        weight = np.r_[count, np.ones(7)]
        said = fit(features, ratings, prior, weight, np.array([1.0])).score.of(features)
        errors.append(abs(said[0] - ratings[0]))
    assert errors == sorted(errors, reverse=True)


def test_everyones_head_is_left_where_it_is_of_something_else():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 5))
    ratings = features @ np.array([0.0, 1.0, 0.0, 0.0, 0.0])
    everyone = LinearScore(np.array([5.0, 0.0, 0.0, 0.0, 0.0]), 0.0)
    stays, leaves = (fit(features[:k], ratings[:k], everyone, penalties=np.array([1.0])).share for k in (10, 60))
    # Sixty ratings against twenty leave a quarter of what they are drawn to.
    assert stays > 0.5
    assert abs(leaves) < 0.1


def test_a_taste_that_differs_from_everyones_is_learned():
    rng = np.random.default_rng(0)
    features, taste = rng.normal(size=(200, 5)), np.array([0.0, 2.0, 0.0, 0.0, 0.0])
    everyone = LinearScore(np.array([1.0, 0.0, 0.0, 0.0, 0.0]), 0.0)
    found = fit(features[:100], features[:100] @ taste, everyone)
    unseen = features[100:]
    assert np.corrcoef(found.score.of(unseen), unseen @ taste)[0, 1] > 0.99


@pytest.mark.parametrize(
    ("features", "ratings", "weight", "says"),
    [
        (np.ones((0, 2)), [], [], "no ratings to learn from"),
        (np.ones((2, 2)), [1.0], [1.0], "2 photographs have 1 ratings and 1 weights"),
        (np.ones((1, 2)), [np.nan], [1.0], "not finite"),
        (np.ones((2, 2)), [1.0, 2.0], [1.0, 0.0], "weights run from 0 to 1; each must be finite and above 0"),
    ],
)
def test_input_that_has_no_head(features, ratings, weight, says):
    with pytest.raises(PersonalError, match=says):
        fit(features, np.array(ratings), LinearScore(np.zeros(2), 0.0), np.array(weight))
