"""One photograph in ten comes a second time, and a restart goes on alike."""

import pytest

from awcu.personal.choice import APART, next_photograph

N = 300


def asked(count, **settings):
    """The first askings, each rated at once."""
    rated = []
    for _ in range(count):
        row = next_photograph(N, rated, **settings)
        assert row is not None
        rated.append(row)
    return rated


@pytest.fixture(scope="module")
def two_hundred():
    return asked(200)


def test_about_one_in_ten_is_asked_again(two_hundred):
    assert 10 <= 200 - len(set(two_hundred)) <= 30


def test_again_comes_a_photograph_rated_once_and_no_sooner_than_eight_ratings_later(two_hundred):
    for place, row in enumerate(two_hundred):
        if row in two_hundred[:place]:
            assert two_hundred[:place].count(row) == 1
            assert place - two_hundred.index(row) >= APART


def test_a_restart_goes_on_alike(two_hundred):
    assert next_photograph(N, two_hundred[:57]) == two_hundred[57]


def test_another_seed_asks_about_others(two_hundred):
    assert asked(20, seed=1) != two_hundred[:20]


def test_skipped_photographs_are_not_asked_about(two_hundred):
    skipped = set(two_hundred[:30])
    assert not skipped & set(asked(60, skipped=skipped))


def test_when_all_are_rated_or_skipped_there_is_none():
    assert next_photograph(6, range(5), skipped=[5]) is None
