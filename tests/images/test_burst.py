"""Sharpness, light and what is blown out, on pictures whose answer is known."""

import cv2
import numpy as np
import pytest

from awcu.datasets.gallery import render
from awcu.images.burst import BLOWN, EXPOSED, SOFTER, Measures, lacks, measure
from awcu.images.flaws import plant


@pytest.fixture(scope="module")
def picture():
    return render(0, 3, 600).image


def test_light_by_hand():
    assert measure(np.full((64, 64, 3), 255, np.uint8)).light == pytest.approx(0, abs=1e-6)
    # sRGB 188 is half of the light: ((188/255 + .055) / 1.055)^2.4 = .5029.
    assert measure(np.full((64, 64, 3), 188, np.uint8)).light == pytest.approx(np.log2(0.5029), abs=1e-3)
    green = np.zeros((64, 64, 3), np.uint8)
    green[..., 1] = 255
    assert measure(green).light == pytest.approx(np.log2(0.7152), abs=1e-4)


def test_blown_out_by_hand():
    pixels = np.full((10, 10, 3), 100, np.uint8)
    pixels[0, :, 2] = 254
    pixels[1, :5] = 253
    assert measure(pixels).blown == pytest.approx(0.1)


@pytest.mark.parametrize("width", [1, 1.5, 2.5])
def test_blur_of_any_kind_is_softer(picture, width):
    """Of a Gaussian in pixels at the measured size, which is half of the picture's; and along a line."""
    sharp = measure(picture)
    blurred = measure(cv2.GaussianBlur(picture, (0, 0), 2 * width))
    assert blurred.sharpness < sharp.sharpness - SOFTER
    assert "softer" in lacks(blurred, sharp)
    assert lacks(sharp, blurred) == []


def test_another_exposure_is_not_another_sharpness(picture):
    sharp, dark = measure(picture), measure(plant(picture, "dark", seed=0, strength=1 / 3).photograph)
    assert dark.light == pytest.approx(sharp.light - 1, abs=0.05)
    assert dark.sharpness == pytest.approx(sharp.sharpness, abs=0.2)
    assert lacks(dark, sharp) == ["darker"]


def test_a_shift_or_another_size_changes_nothing_that_counts(picture):
    sharp = measure(picture)
    height, width = picture.shape[:2]
    assert lacks(measure(picture[: -height // 20, width // 20 :]), sharp) == []
    larger = cv2.resize(picture, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    assert measure(larger).light == pytest.approx(sharp.light, abs=0.05)


def test_a_blank_frame_has_numbers():
    assert np.isfinite(measure(np.zeros((5, 7, 3), np.uint8))).all()


def test_each_difference_has_its_word_from_its_threshold_on():
    best = Measures(-1.0, -3.0, 0.1)
    assert lacks(best, best) == []
    assert lacks(best._replace(sharpness=-1 - SOFTER), best) == ["softer"]
    assert lacks(best._replace(sharpness=-1 - SOFTER + 0.01), best) == []
    assert lacks(best._replace(light=-3 - EXPOSED), best) == ["darker"]
    assert lacks(best._replace(light=-3 + EXPOSED, blown=0.1 + BLOWN), best) == ["brighter", "more blown out"]
    assert lacks(Measures(0.0, -3.1, 0.0), best) == []
