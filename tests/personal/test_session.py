"""A sitting of rating: what is shown, taken back, passed over and gone on with."""

from itertools import pairwise

import numpy as np
import pytest

from awcu.errors import ImageError, PersonalError
from awcu.personal.head import LinearScore
from awcu.personal.ratings import RatingsFile
from awcu.personal.session import Session, StaleError

N = 60
IMAGES = [f"{place:02d}.jpg" for place in range(N)]
FEATURES = np.random.default_rng(0).normal(size=(N, 8)).astype(np.float32)
PRIOR = LinearScore(np.array([0.2, 0, 0, 0, 0, 0, 0, 0]), 0.0)
TASTE = FEATURES @ np.array([1.0, -1, 0.5, 0, 0, 0, 0, 0])


def liked(image):
    """What this person gives it, by taste alone."""
    return int(np.clip(np.round(3 + TASTE[IMAGES.index(image)]), 1, 5))


class Folder:
    """Photographs of which some may be gone."""

    def __init__(self):
        self.gone = set()

    def __call__(self, image):
        if image in self.gone:
            raise ImageError(f"{image}: no such file; check the image folder")


@pytest.fixture
def folder():
    return Folder()


@pytest.fixture
def start(tmp_path, folder):
    """A sitting on the same file each time."""

    def started(images=IMAGES):
        ratings = RatingsFile(tmp_path / "ratings.csv", 5)
        return Session(images, FEATURES[: len(images)], PRIOR, ratings, folder)

    return started


def rate(session, times=1):
    """Rate what is shown as often, with time to learn between; the photographs that were shown."""
    shown = []
    for _ in range(times):
        session.prepare()
        shown.append(session.shown)
        session.rate(session.step, liked(session.shown))
    return shown


class TestRating:
    def test_what_is_shown_changes_with_each_rating(self, start):
        session = start()
        first = session.shown
        rate(session)
        assert session.shown != first
        assert (len(session.rated), session.step) == (1, 1)
        assert sum(session.ratings.rows[first].counts) == 1

    def test_what_follows_is_known_before_it_is_needed(self, start):
        session = start()
        session.prepare()
        following = session.next
        session.rate(0, 3)
        assert session.shown == following

    def test_a_rating_of_what_is_not_shown_is_refused(self, start):
        session = start()
        rate(session)
        for stale in (session.rate, lambda step, _: session.skip(step)):
            with pytest.raises(StaleError, match="rated in another window"):
                stale(0, 3)
        assert len(session.rated) == 1

    @pytest.mark.parametrize("rating", [0, 6, 4.5])
    def test_off_the_scale(self, start, rating):
        session = start()
        with pytest.raises(PersonalError, match=f"{rating} is not on the scale from 1 to 5"):
            session.rate(0, rating)
        assert len(session.rated) == session.step == 0


class TestUndo:
    def test_takes_back_one_after_another(self, start):
        session = start()
        shown = rate(session, 3)
        for one in reversed(shown):
            session.undo(session.step)
            assert session.shown == one
            assert session.was == liked(one)
        assert len(session.rated) == 0
        assert not session.can_undo
        with pytest.raises(StaleError, match="nothing to take back"):
            session.undo(session.step)

    def test_what_was_shown_comes_again_after_it(self, start):
        session = start()
        rate(session, 2)
        shown = session.shown
        session.undo(session.step)
        session.rate(session.step, 1)
        assert session.shown == shown

    def test_a_skip(self, start):
        session = start()
        skipped = session.shown
        session.skip(0)
        session.undo(1)
        assert (session.shown, session.was) == (skipped, None)

    def test_one_that_was_rated_twice_keeps_the_first(self, start):
        session = start()
        images = rate(session, 40)
        twice = max(place for place, image in enumerate(images) if images.count(image) > 1)
        for _ in range(40 - twice):
            session.undo(session.step)
        assert sum(session.ratings.rows[images[twice]].counts) == 1

    def test_of_one_that_is_gone_takes_the_rating_back_and_shows_another(self, start, folder):
        session = start()
        (first,) = rate(session)
        folder.gone.add(first)
        session.undo(session.step)
        assert session.shown != first
        assert session.was is None
        assert len(session.rated) == 0


class TestChoice:
    def test_one_in_ten_is_an_earlier_one(self, start):
        session = start()
        shown = rate(session, 50)
        again = 50 - len(set(shown))
        assert 2 <= again <= 9

    def test_none_is_rated_twice_in_a_row(self, start):
        shown = rate(start(), 50)
        assert all(one != following for one, following in pairwise(shown))

    def test_a_skipped_one_does_not_come_again(self, start):
        session = start()
        skipped = []
        while session.shown:
            skipped.append(session.shown)
            session.skip(session.step)
        assert sorted(skipped) == IMAGES
        session.undo(session.step)
        assert session.shown == skipped[-1]

    def test_it_ends_when_all_are_rated(self, start):
        session = start(images=IMAGES[:6])
        while session.shown:
            rate(session)
        assert len(session.rated) == 6


class TestGoingOn:
    def test_the_file_is_gone_on_with(self, start):
        rated = set(rate(start(), 20))
        session = start()
        assert len(session.rated) == len(rated)
        assert not session.can_undo
        fresh = rate(session, 10)
        assert sum(image in rated for image in fresh) <= 4

    def test_a_photograph_that_is_deleted_is_passed_over_and_its_rating_stays(self, start, folder):
        session = start()
        (first,) = rate(session)
        folder.gone |= {*IMAGES[::2], first} - {session.shown}
        shown = rate(session, 30)
        assert folder.gone.isdisjoint(shown)
        assert first in session.ratings.rows
        assert all("no such file" in fault for fault in session.faults.values())
        # Of another sitting, whose folder has no longer got it.
        left = [image for image in IMAGES if image not in folder.gone]
        assert first in start(images=left).ratings.rows

    def test_ratings_of_another_folder_are_refused(self, start):
        rate(start(), 2)
        with pytest.raises(PersonalError, match=r"ratings\.csv has ratings of .*, none of which is in this folder"):
            start(images=["x.jpg", "y.jpg"])
