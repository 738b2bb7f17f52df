"""Simulated raters against AVA's published moments, scikit-learn's ridge regression and what context must mean."""

from dataclasses import fields

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from awcu.errors import SimulationError
from awcu.ratings.rater_model import RIDGE, simulate

N, CHANNELS = 3000, 20
MANY = 20_000
"""Votes that leave next to no noise in a mean score."""


@pytest.fixture(scope="module")
def real(make_ratings):
    """Photographs, of which the first channel and noise make the real scores."""
    return photographs(make_ratings, N, CHANNELS)


def photographs(make_ratings, n, channels):
    random = np.random.default_rng(0)
    features = (random.normal(size=(n, channels)) * np.geomspace(3, 0.3, channels) + 1).astype(np.float32)
    scores = (3.1 + 0.2 * features[:, 0] + random.normal(0, 0.4, n)).clip(1, 5)
    ids = np.array([f"p{row:04d}" for row in range(n)])
    attributes = random.choice([0, 1, np.nan], (n, 2))
    ratings = make_ratings(
        mean_score=scores, image_ids=ids, image_paths=np.char.add("images/", ids), attributes=attributes,
        split=random.choice(["train", "val", "test"], n), attribute_names=("a", "b"), vote_sd=np.full(n, 0.5),
    )  # fmt: skip
    return ratings, features


def explained(features, values):
    """R² of the best linear function of the features."""
    return LinearRegression().fit(features, values).score(features, values)


@pytest.mark.parametrize("context", [0, 0.5, 1])
def test_many_votes_have_the_moments_of_ava(real, context):
    made = simulate(*real, votes=500, context=context)
    assert made.mean_score.mean() == pytest.approx(5.38, abs=0.04)
    assert made.mean_score.std() == pytest.approx(0.73, abs=0.03)
    assert made.vote_sd.mean() == pytest.approx(1.43, abs=0.02)


def test_few_votes_add_the_error_of_a_mean(real):
    made = simulate(*real, votes=4, context=0.5)
    assert made.mean_score.std() == pytest.approx(np.sqrt(0.73**2 + 1.43**2 / 4), abs=0.03)


@pytest.mark.parametrize(("context", "share"), [(0, 1), (0.3, 0.7), (0.6, 0.4), (1, 0)])
def test_context_is_the_share_of_quality_that_no_feature_explains(real, context, share):
    made = simulate(*real, votes=MANY, context=context)
    assert explained(real[1], made.mean_score) == pytest.approx(share, abs=0.04 if context else 0.002)


@pytest.mark.parametrize(("n", "channels"), [(N, CHANNELS), (60, 200)])
def test_what_is_visible_is_what_ridge_regression_tells_of_the_real_scores(make_ratings, n, channels):
    ratings, features = photographs(make_ratings, n, channels)
    told = Ridge(alpha=RIDGE).fit(features, ratings.mean_score).predict(features)
    told = 5.38 + 0.73 * (told - told.mean()) / told.std()
    # The ends of the scale bend what lies near them.
    inner = np.abs(told - 5.38) < 1
    made = simulate(ratings, features, votes=MANY, context=0)
    np.testing.assert_allclose(made.mean_score[inner], told[inner], atol=0.07)


def test_the_unseen_is_the_same_for_any_number_of_votes_and_another_for_another_seed(real):
    def means(votes, seed):
        return simulate(*real, votes=votes, context=1, seed=seed).mean_score

    assert np.corrcoef(means(MANY, 0), means(500, 0))[0, 1] > 0.99
    assert abs(np.corrcoef(means(MANY, 0), means(MANY, 1))[0, 1]) < 0.1
    np.testing.assert_array_equal(means(500, 3), means(500, 3))


def test_the_votes_are_drawn_anew_by_the_seed_where_the_quality_is_the_same(real):
    first, other = (simulate(*real, votes=200, context=0, seed=seed) for seed in (0, 1))
    assert (first.votes != other.votes).any(axis=1).mean() > 0.99
    assert np.corrcoef(first.mean_score, other.mean_score)[0, 1] > 0.95


def test_only_the_ratings_are_others(real):
    ratings, features = real
    made = simulate(ratings, features, votes=7, context=0.2)
    assert made.name == "made, simulated ratings"
    assert made.scale.tolist() == list(range(1, 11))
    assert made.midpoint == 5
    assert made.votes.shape == (N, 10)
    assert (made.votes.sum(1) == 7).all()
    np.testing.assert_allclose(made.mean_score, made.votes @ np.arange(1, 11) / 7)
    np.testing.assert_array_equal(made.vote_count, 7)
    assert made.vote_sd.max() > 1, "of the simulated votes, not the half point that the real ratings name"
    assert made.fingerprint != ratings.fingerprint
    assert made.split_fingerprint == ratings.split_fingerprint
    changed = {"name", "scale", "midpoint", "votes", "vote_sd", "vote_count", "mean_score"}
    for name in {field.name for field in fields(ratings)} - changed:
        np.testing.assert_array_equal(getattr(made, name), getattr(ratings, name), name)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"votes": 0}, r"simulate\.votes=0 must be ≥ 1; null leaves the real ratings"),
        ({"votes": -3}, r"simulate\.votes=-3 must be ≥ 1"),
        ({"context": -0.1}, r"simulate\.context=-0\.1 is a share of variance; give one in \[0, 1\]"),
        ({"context": 1.5}, r"simulate\.context=1\.5 is a share of variance"),
        ({"context": np.nan}, r"simulate\.context=nan is a share of variance"),
    ],
)
def test_an_impossible_rater_model_is_refused(real, settings, message):
    with pytest.raises(SimulationError, match=message):
        simulate(*real, **{"votes": 10, "context": 0.5} | settings)


def test_features_that_tell_nothing_are_refused(real):
    ratings, features = real
    with pytest.raises(SimulationError, match="use another backbone"):
        simulate(ratings, np.ones_like(features), votes=10, context=0.5)
