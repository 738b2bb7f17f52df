"""What experiments/personal computes itself: a crowd without one person, and its scores without one photograph."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge

MEASURE = runpy.run_path(str(Path(__file__).parents[2] / "experiments" / "personal" / "measure.py"))


@pytest.fixture(scope="module")
def crowd():
    """Twenty people who rated some of fifty photographs, of which the first forty are learned from."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(50, 4))
    ratings = (features @ np.ones(4) + rng.normal(size=(20, 50))).round()
    ratings[rng.random(ratings.shape) < 0.2] = np.nan
    return MEASURE["Crowd"](features, ratings, np.arange(40))


def refit(crowd, person, rows):
    """The head by scikit-learn at one of the penalties tried, without the person and on these rows alone."""
    others = np.delete(crowd.ratings, person, axis=0)
    centred = crowd.features[:40] - crowd.features[:40].mean(0)
    unit = np.square(centred).sum() / 40
    mean = np.nanmean(others, axis=0)
    found = [Ridge(one * unit).fit(crowd.features[rows], mean[rows]) for one in np.logspace(-3, 2, 21)]
    return np.array([one.predict(crowd.features) for one in found])


def test_a_person_is_left_out_of_the_crowd(crowd):
    scores = crowd.head(3).of(crowd.features)
    assert np.abs(refit(crowd, 3, np.arange(40)) - scores).max(axis=1).min() < 1e-8


def test_unseen_photographs_do_not_change_it(crowd):
    changed = crowd.ratings.copy()
    changed[:, 40:] = 3
    other = MEASURE["Crowd"](crowd.features, changed, np.arange(40))
    assert other.head(3).weight == pytest.approx(crowd.head(3).weight)


def test_a_cross_fitted_score_is_that_of_a_head_without_the_photograph(crowd):
    said = crowd.cross_fitted(3)
    for row in (0, 17):
        without = refit(crowd, 3, np.delete(np.arange(40), row))[:, row]
        assert np.abs(without - said[row]).min() < 1e-6
    assert said[40:] == pytest.approx(crowd.head(3).of(crowd.features)[40:])


def test_everyone_is_tested_on_photographs_that_neither_the_crowd_nor_the_person_learned_from(crowd):
    for person in MEASURE["people"](crowd.features, crowd.ratings, tested=2):
        assert not set(person.pool) & set(person.unseen)
        assert not set(person.crowd.learned) & set(person.unseen)
        assert set(person.pool) <= set(person.crowd.learned)
        assert not np.isnan(person.ratings[[*person.pool, *person.unseen]]).any()
