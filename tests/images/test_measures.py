"""Measures of pictures whose values are known by hand, and of planted flaws."""

import math

import cv2
import numpy as np
import pytest

from awcu.errors import ImageError
from awcu.images.flaws import plant
from awcu.images.measures import AREA, MEASURES, at_measured_size, measure, salience

SIDE = math.isqrt(AREA)


def grey(levels):
    """`(H, W)` levels as a photograph."""
    return np.repeat(np.asarray(levels, np.uint8)[..., None], 3, axis=2)


def stripes(period=16):
    """Vertical stripes of black and white with sharp edges."""
    return grey(np.where(np.arange(SIDE) // (period // 2) % 2, 255, 0)[None].repeat(SIDE, axis=0))


def scene(seed=0, side=SIDE):
    """Coloured shapes with sharp edges on a slope of light."""
    rng = np.random.default_rng(seed)
    picture = grey(np.linspace(60, 190, side)[None].repeat(side, axis=0))
    for _ in range(25):
        centre, size = rng.integers(0, side, 2).tolist(), int(rng.integers(side // 25, side // 8))
        cv2.circle(picture, centre, size, rng.integers(30, 225, 3).tolist(), -1)
    return picture


def values(photograph):
    return {name: one.value for name, one in measure(photograph).items()}


class TestSharpness:
    def test_of_sharp_edges_by_hand(self):
        """A step of 100 blurred over 5 pixels is steps of 20, so 80 are lost; rounding takes half of one."""
        assert values(stripes())["sharpness"] == pytest.approx((100 - 20 - 0.5) / (100 - 0.5), abs=1e-3)

    def test_of_a_slope_and_of_nothing_is_none(self):
        slope = grey(np.arange(SIDE)[None].repeat(SIDE, axis=0))
        assert values(slope)["sharpness"] < 0.02
        assert values(grey(np.full((SIDE, SIDE), 77)))["sharpness"] == 0

    def test_falls_with_blur_and_never_rises(self):
        found = [
            values(cv2.GaussianBlur(scene(), (0, 0), sigma))["sharpness"] for sigma in (0.3, 0.6, 1, 1.5, 2, 3, 5, 9)
        ]
        assert found == sorted(found, reverse=True)
        assert found[0] > 0.7
        assert found[-1] < 0.05

    def test_does_not_depend_on_exposure(self):
        half = np.asarray(scene() / 2, np.uint8)
        assert values(half)["sharpness"] == pytest.approx(values(scene())["sharpness"], abs=0.02)

    def test_is_least_where_the_photograph_was_blurred(self):
        picture = scene()
        picture[:, : SIDE // 2] = cv2.GaussianBlur(picture, (0, 0), 4)[:, : SIDE // 2]
        places = measure(picture)["sharpness"].places
        assert places.shape == (SIDE, SIDE)
        # A plain place is as sharp as the whole.
        assert places[:, : SIDE // 3].max() <= places[:, 2 * SIDE // 3 :].min() + 0.01
        assert places[:, : SIDE // 3].mean() < places[:, 2 * SIDE // 3 :].mean() - 0.2
        assert values(picture)["depth"] > values(scene())["depth"] + 0.1


class TestLight:
    def test_of_grey_by_hand(self):
        """Level 119 is L* 50.0; half black and half white have a mean and a deviation of 50."""
        found = values(grey(np.full((SIDE, SIDE), 119)))
        assert found["lightness"] == pytest.approx(50, abs=0.2)
        assert found["contrast"] == pytest.approx(0, abs=0.01)
        assert (found["shadows"], found["lights"]) == (0, 0)
        halves = values(stripes())
        assert [halves[name] for name in ("lightness", "contrast")] == pytest.approx([50, 50], abs=0.05)
        assert [halves[name] for name in ("shadows", "lights")] == pytest.approx([0.5, 0.5])

    def test_a_pure_colour_is_not_clipped(self):
        red = np.zeros((SIDE, SIDE, 3), np.uint8)
        red[..., 0] = 255
        assert [values(red)[name] for name in ("shadows", "lights")] == [0, 0]

    @pytest.mark.parametrize(("kind", "sign", "end"), [("dark", -1, "shadows"), ("bright", 1, "lights")])
    def test_follows_the_exposure(self, kind, sign, end):
        found = [values(scene())] + [
            values(plant(scene(), kind, seed=0, strength=strength).photograph) for strength in (0.2, 0.5, 1)
        ]
        light = [sign * one["lightness"] for one in found]
        assert light == sorted(light)
        clipped = [one[end] for one in found]
        assert clipped == sorted(clipped)

    def test_of_a_place(self):
        picture = scene()
        picture[:64, :64] = 0
        assert np.unravel_index(measure(picture)["lightness"].places.argmin(), (SIDE, SIDE)) < (64, 64)
        assert measure(picture)["shadows"].places[0, 0] == pytest.approx(1)


class TestColourfulness:
    def test_by_hand(self):
        """Left red, right blue: rg is 255 and 0, yb 127.5 and −255.

        Deviations 127.5 and 191.25, means 127.5 and −63.75: √(127.5² + 191.25²) + .3 √(127.5² + 63.75²).
        """
        picture = np.zeros((SIDE, SIDE, 3), np.uint8)
        picture[:, : SIDE // 2, 0] = picture[:, SIDE // 2 :, 2] = 255
        assert values(picture)["colourfulness"] == pytest.approx(229.855 + 0.3 * 142.549, abs=0.01)

    def test_of_grey_is_none(self):
        assert values(stripes())["colourfulness"] == pytest.approx(0, abs=1e-4)


class TestNoise:
    @pytest.mark.parametrize("sd", [2.0, 8.0, 20.0])
    def test_of_grey_noise_is_its_deviation(self, sd):
        drawn = np.random.default_rng(0).normal(128, sd, (SIDE, SIDE)).round().clip(0, 255)
        assert values(grey(drawn))["noise"] == pytest.approx(sd, rel=0.06)

    def test_sharp_edges_are_none(self):
        assert values(scene())["noise"] < 0.5

    def test_rises_with_grain(self):
        found = [values(plant(scene(), "grain", seed=0, strength=one).photograph)["noise"] for one in (0.05, 0.2, 0.6)]
        assert found == sorted(found)
        assert found[0] > values(scene())["noise"] + 1

    def test_is_most_where_it_was_planted(self):
        flaw = plant(scene(), "noise", seed=3)
        places = measure(flaw.photograph)["noise"].places
        assert flaw.mask[np.unravel_index(places.argmax(), places.shape)]


class TestComposition:
    def test_symmetry_by_hand(self):
        """A slope is its mirror image's opposite."""
        assert values(np.hstack([scene()[:, :128], scene()[:, 127::-1]]))["symmetry"] == pytest.approx(1, abs=0.01)
        assert values(grey(np.arange(SIDE)[None].repeat(SIDE, axis=0)))["symmetry"] == pytest.approx(-1, abs=0.02)
        assert values(grey(np.full((SIDE, SIDE), 9)))["symmetry"] == 1

    @pytest.mark.parametrize(("place", "least", "most"), [((1 / 3, 2 / 3), 0.9, 1), ((0.5, 0.5), 0.45, 0.55)])
    def test_a_dot_on_a_crossing_of_thirds(self, place, least, most):
        """From the centre, a crossing lies half as far as from a corner."""
        picture = grey(np.full((SIDE, SIDE), 90))
        cv2.circle(picture, (round(place[1] * SIDE), round(place[0] * SIDE)), 10, (250, 250, 250), -1)
        assert least <= values(picture)["third"] <= most

    def test_a_dot_stands_out(self):
        field = np.full((100, 150), 50, np.float32)
        field[60:70, 30:40] = 90
        row, column = np.unravel_index(salience(field).argmax(), (64, 64))
        assert (row / 64, column / 64) == pytest.approx((0.65, 0.23), abs=0.06)


class TestSizes:
    @pytest.mark.parametrize("shape", [(400, 600), (90, 60), (1, 300), (SIDE, SIDE)])
    def test_all_are_measured_at_one_area(self, shape):
        photograph = np.zeros((*shape, 3), np.uint8)
        copy = at_measured_size(photograph)
        if min(shape) > 1:
            assert copy.shape[0] * copy.shape[1] == pytest.approx(AREA, rel=0.01)
            assert copy.shape[1] / copy.shape[0] == pytest.approx(shape[1] / shape[0], rel=0.01)
        assert tuple(measure(photograph)) == MEASURES
        assert all(np.isfinite(one) for one in values(photograph).values())

    def test_a_larger_file_of_the_same_scene_measures_alike(self):
        large, small = values(scene(side=4 * SIDE)), values(scene(side=2 * SIDE))
        for name in ("lightness", "contrast", "colourfulness", "symmetry"):
            assert large[name] == pytest.approx(small[name], rel=0.1, abs=0.02)
        shrunk = cv2.resize(scene(side=4 * SIDE), (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_AREA)
        assert values(shrunk) == pytest.approx(large, rel=0.03, abs=0.02)

    @pytest.mark.parametrize("wrong", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3)), np.zeros((0, 9, 3), np.uint8)])
    def test_what_is_no_photograph_is_refused(self, wrong):
        with pytest.raises(ImageError, match="cannot be measured"):
            measure(wrong)
