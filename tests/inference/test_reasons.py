"""Reasons under scores made by hand: what is named, what is not, and where."""

import cv2
import numpy as np
import pytest

from awcu.images.edits import EDITS
from awcu.images.measures import measure
from awcu.inference.reasons import BATCH, LEAST_CHANGE, MOST, candidates, reasons, usual_of
from awcu.models.usual import PLACES, End, Usual

SIDE = 256
HOLDS, FAILS = End(-0.6, 0.1, -0.4, 0.1), End(-0.6, 0.1, -0.1, 0.2)


def scene(sigma=0.0):
    rng = np.random.default_rng(0)
    picture = np.full((SIDE, SIDE, 3), 120, np.uint8)
    for _ in range(25):
        centre, size = rng.integers(0, SIDE, 2).tolist(), int(rng.integers(10, 30))
        cv2.circle(picture, centre, size, rng.integers(30, 225, 3).tolist(), -1)
    return cv2.GaussianBlur(picture, (0, 0), sigma) if sigma else picture


def among(name, place, low=HOLDS, high=HOLDS, photograph=None):
    """What is usual, so that a photograph lies at this share of it; the soft scene by default."""
    value = measure(scene(2.0) if photograph is None else photograph)[name].value
    quantiles = np.interp(np.linspace(0, 1, PLACES), [0, place, 1], [0.7 * value, value, 1.4 * value + 0.001])
    return Usual(name, tuple(quantiles.tolist()), low, high)


def by(name, slope):
    """A model's scores that follow one measure."""

    def scores(copies):
        return [slope * measure(copy)[name].value for copy in copies]

    return scores


def unasked(copies):
    raise AssertionError("no copy need be judged")


SOFT = among("sharpness", 0.05)


def test_a_soft_photograph_is_named_soft():
    (reason,) = reasons(scene(2.0), [SOFT], 1.0, by("sharpness", 50.0))
    assert (reason.name, reason.high, reason.gap) == ("sharpness", False, -0.6)
    assert reason.share_below == pytest.approx(0.05, abs=0.01)
    assert reason.change > LEAST_CHANGE


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_what_is_usual_is_no_reason(place):
    assert reasons(scene(2.0), [among("sharpness", place)], 1.0, unasked) == ()


@pytest.mark.parametrize("end", [FAILS, None])
def test_what_does_not_go_with_the_score_is_no_reason(end):
    assert reasons(scene(2.0), [among("sharpness", 0.05, low=end)], 1.0, unasked) == ()


@pytest.mark.parametrize("slope", [-50.0, 0.0])
def test_what_changes_nothing_when_taken_away_is_no_reason(slope):
    assert reasons(scene(2.0), [SOFT], 1.0, by("sharpness", slope)) == ()


def test_a_change_counts_in_standard_deviations_of_the_score():
    change = reasons(scene(2.0), [SOFT], 1.0, by("sharpness", 50.0))[0].change
    assert reasons(scene(2.0), [SOFT], 0.9 * change / LEAST_CHANGE, by("sharpness", 50.0))
    assert not reasons(scene(2.0), [SOFT], 1.1 * change / LEAST_CHANGE, by("sharpness", 50.0))


def test_an_attribute_that_no_edit_changes_is_no_reason():
    assert candidates(scene(2.0), [among("third", 0.05)]) == []


def test_what_speaks_for_the_photograph_is_a_reason_too():
    """Much of what goes with a higher score; the copy with less of it scores lower."""
    sharp = among("sharpness", 0.95, high=End(0.5, 0.1, 0.3, 0.1), photograph=scene())
    (reason,) = reasons(scene(), [sharp], 1.0, by("sharpness", 50.0))
    assert reason.high
    assert reason.change < -LEAST_CHANGE


def test_the_widest_gap_comes_first_and_no_more_than_three():
    names = ("contrast", "sharpness", "lightness", "colourfulness")
    usual = [among(name, 0.05, low=End(-0.1 * n, 0.01, -0.1, 0.01)) for n, name in enumerate(names, 1)]

    def scores(copies):
        return [0.0] + [1.0] * (len(copies) - 1)

    found = reasons(scene(2.0), usual, 1.0, scores)
    assert [one.name for one in found] == ["colourfulness", "lightness", "sharpness"]
    assert len(found) == MOST


def test_places_are_highest_where_the_photograph_departs_most():
    """Soft in the left half alone."""
    photograph = scene()
    photograph[:, : SIDE // 2] = scene(3.0)[:, : SIDE // 2]
    soft, light = candidates(
        photograph,
        [among("sharpness", 0.05, photograph=photograph), among("lightness", 0.95, photograph=photograph)],
    )
    assert soft.places[:, : SIDE // 2].mean() > soft.places[:, SIDE // 2 :].mean()
    lightest = np.unravel_index(light.places.argmax(), light.places.shape)
    assert photograph[lightest].mean() > photograph.mean()


def test_what_is_so_all_over_the_frame_has_no_place():
    grey = np.full((SIDE, SIDE, 3), 200, np.uint8)
    (light,) = candidates(grey, [among("lightness", 0.95, photograph=grey)])
    assert light.places is None


def test_what_is_usual_is_measured_on_photographs_in_batches():
    """Grey frames of levels 20 to 119; the score is the level, which is the lightness."""
    sizes = []

    def scores(batch):
        sizes.append(len(batch))
        return [float(one.mean()) for one in batch]

    found = usual_of((np.full((64, 64, 3), 20 + level, np.uint8) for level in range(100)), scores)
    assert tuple(one.name for one in found) == tuple(EDITS)
    assert (sum(sizes), max(sizes)) == (100, BATCH)
    light = {one.name: one for one in found}["lightness"]
    ends = [measure(np.full((64, 64, 3), level, np.uint8))["lightness"].value for level in (20, 119)]
    assert [light.quantiles[0], light.quantiles[-1]] == pytest.approx(ends, rel=1e-3)
    # The lowest 15 lie 15/2 + 70/2 levels below the mean of those between.
    assert light.low.gap == pytest.approx(-42.5, abs=0.01)
