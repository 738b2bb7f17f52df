"""Half of the photographs come at random, one in ten a second time, and a restart goes on alike."""

from collections import Counter

import numpy as np
import pytest

from awcu.personal.choice import APART, Asked, next_photograph

FEATURES = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)


def asked(count, features=FEATURES, **settings):
    """The first askings, each rated at once."""
    rated = []
    for _ in range(count):
        chosen = next_photograph(features, rated, **settings)
        assert chosen is not None
        rated.append(chosen)
    return rated


@pytest.fixture(scope="module")
def two_hundred():
    return asked(200)


def test_about_one_in_ten_is_asked_again(two_hundred):
    assert 10 <= Counter(one.why for one in two_hundred)["again"] <= 30


def test_half_of_the_others_or_more_come_at_random(two_hundred):
    times = Counter(one.why for one in two_hundred)
    assert times["random"] >= 0.4 * (times["random"] + times["teaches"])


def test_again_comes_a_photograph_first_picked_at_random_once_and_no_sooner_than_eight_ratings_later(two_hundred):
    for place, one in enumerate(two_hundred):
        if one.why == "again":
            before = [
                earlier for earlier, other in enumerate(two_hundred[:place]) if other.photograph == one.photograph
            ]
            assert len(before) == 1
            assert two_hundred[before[0]].why == "random"
            assert place - before[0] >= APART


def test_no_photograph_is_new_twice(two_hundred):
    new = [one.photograph for one in two_hundred if one.why != "again"]
    assert len(set(new)) == len(new)


def test_a_restart_goes_on_alike(two_hundred):
    assert next_photograph(FEATURES, two_hundred[:57]) == two_hundred[57]


def test_another_seed_asks_about_others(two_hundred):
    assert asked(20, seed=1) != two_hundred[:20]


def test_skipped_photographs_are_not_asked_about(two_hundred):
    skipped = {one.photograph for one in two_hundred[:30]}
    assert not skipped & {one.photograph for one in asked(60, skipped=skipped)}


def test_when_all_are_rated_or_skipped_there_is_none():
    rated = [Asked(row, "random") for row in range(5)]
    assert next_photograph(FEATURES[:6], rated, skipped=[5]) is None
