"""What experiments/explanations/places.py computes itself: parts of the frame, chance, and other ways of naming one."""

import numpy as np
import pytest
from experiments.explanations import places

from awcu.inference.wording import third


def at(shape, *pixels):
    mask = np.zeros(shape, bool)
    for pixel in pixels:
        mask[pixel] = True
    return mask


@pytest.mark.parametrize("shape", [(9, 9), (7, 10), (256, 200)])
def test_parts_are_those_that_the_words_stand_for(shape):
    parts = places.parts_of(shape)
    for pixel in np.random.default_rng(0).integers(0, shape, (50, 2)):
        assert places.PARTS[parts[tuple(pixel)]] == third(at(shape, tuple(pixel)).astype(float))


def test_a_flaw_over_two_parts_has_its_centre_in_one():
    """Columns 1 to 3 of the middle row: two of three pixels, and the mean, are at the left."""
    mask = at((9, 9), (4, 1), (4, 2), (4, 3))
    assert places.right("at the left", mask) == {"centre": 1.0, "touches": 1.0}
    assert places.right("in the centre", mask) == {"centre": 0.0, "touches": 1.0}
    assert places.right("at the top", mask) == {"centre": 0.0, "touches": 0.0}
    chance = places.by_chance(mask)
    assert (chance["chance/centre"], chance["chance/touches"]) == (pytest.approx(1 / 9), pytest.approx(2 / 9))
    assert (chance["chance/on it"], chance["middle/touches"]) == (pytest.approx(3 / 81), 1.0)


def test_a_strong_point_has_the_peak_and_a_wide_part_the_mean():
    values = np.zeros((90, 90), np.float32)
    values[15, 15] = 10
    values[60:, 60:] = 1
    assert third(values) == "in the upper left"
    assert places.largest_mean(values) == places.averaged(1 / 3)(values) == "in the lower right"


def test_only_places_that_can_be_named_are_in_the_second_group():
    rows = [
        {"photograph": "a", "kind": "smear", "named": True, "peak after/centre": 1.0},
        {"photograph": "a", "kind": "blotch", "named": False, "peak after/centre": 0.0},
        {"photograph": "b", "kind": "smear", "named": False, "peak after/centre": 0.0},
    ]
    found = {(one["group"], one["kind"]): (one["n"], one["mean"]) for one in places.summary(rows)}
    assert found["all photographs", "all"] == (2, 0.25)
    assert found["all photographs", "smear"] == (2, 0.5)
    assert found["place named", "all"] == (1, 1.0)
    assert found["place named", "blotch"][0] == 0
