"""Edits reach the value that is wanted where they can, by no more than it takes."""

import cv2
import numpy as np
import pytest

from awcu.errors import ImageError
from awcu.images.edits import EDITS, brought_towards
from awcu.images.measures import measure

SIDE = 256
AIMS = {"sharpness": 0.05, "noise": 0.3, "lightness": 1.0, "contrast": 0.5, "colourfulness": 1.0}
"""How near an edit must get, in each attribute's unit."""


def scene(seed=0):
    """Coloured shapes, a little soft, on a slope of light, with fine grain."""
    rng = np.random.default_rng(seed)
    picture = np.repeat(np.linspace(80, 170, SIDE)[None, :, None].repeat(SIDE, axis=0), 3, axis=2)
    for _ in range(25):
        centre, size = rng.integers(0, SIDE, 2).tolist(), int(rng.integers(10, 30))
        cv2.circle(picture, centre, size, rng.integers(60, 200, 3).tolist(), -1)
    return (cv2.GaussianBlur(picture, (0, 0), 0.8) + rng.normal(0, 3, picture.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_the_wanted_value_is_reached(name, factor):
    photograph = scene()
    wanted = factor * measure(photograph)[name].value
    edited = brought_towards(photograph, name, wanted)
    assert (edited.shape, edited.dtype) == (photograph.shape, np.uint8)
    assert measure(edited)[name].value == pytest.approx(wanted, abs=AIMS[name])


@pytest.mark.parametrize("name", EDITS)
def test_a_value_out_of_reach_is_approached(name):
    before = measure(scene())[name].value
    assert measure(brought_towards(scene(), name, -1e9))[name].value < before
    assert measure(brought_towards(scene(), name, 1e9))[name].value > before


@pytest.mark.parametrize("name", EDITS)
def test_a_photograph_that_is_there_already_hardly_changes(name):
    photograph = scene()
    edited = brought_towards(photograph, name, measure(photograph)[name].value)
    assert np.abs(edited.astype(int) - photograph).mean() < 2


def test_the_photograph_stays_and_the_edit_is_the_same_every_time():
    photograph = scene()
    first, second = (brought_towards(photograph, "noise", 9.0) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(photograph, scene())


def test_exposure_by_hand():
    """Level 59 is L* 24.7, luminance .0437; three EV up it is .350: L* 65.7, and no edit goes further."""
    grey = np.full((SIDE, SIDE, 3), 59, np.uint8)
    assert measure(brought_towards(grey, "lightness", 100))["lightness"].value == pytest.approx(65.7, abs=0.2)


def test_an_attribute_without_an_edit_is_refused():
    with pytest.raises(ImageError, match="'third' is changed by no edit; there are edits of sharpness"):
        brought_towards(scene(), "third", 1.0)
