"""Maps judged by hand-made masks and causes, resampling against OpenCV, and causes located in gallery pictures."""

import math

import cv2
import numpy as np
import pytest
from scipy.stats import spearmanr

from awcu.datasets.gallery.plan import CAUSES, draw_plan
from awcu.datasets.gallery.sample import render_plan
from awcu.errors import MapError
from awcu.metrics.localization import (
    Average,
    area_share,
    auroc_inside,
    energy_inside,
    iou_at_area,
    located,
    pointing_game,
    rank_correlation,
    summary,
)

NAN = math.nan
MASK = np.array([[True, True, False], [False, False, False]])
MAP = np.array([[3.0, -1.0, 2.0], [1.0, 0.0, -5.0]])
OF_MASKS = (pointing_game, energy_inside, area_share, iou_at_area, auroc_inside)


class TestAgainstMask:
    def test_by_hand(self):
        assert pointing_game(MAP, MASK) == 1
        assert energy_inside(MAP, MASK) == pytest.approx(3 / 6)
        assert area_share(MAP, MASK) == pytest.approx(2 / 6)
        assert iou_at_area(MAP, MASK) == pytest.approx(1 / 3)  # the two highest, 3 and 2, share one with the mask
        assert auroc_inside(MAP, MASK) == pytest.approx(5 / 8)  # 3 beats all four outside, -1 only -5

    def test_maximum_outside(self):
        assert pointing_game(-MAP, MASK) == 0

    def test_ties_count_by_share(self):
        level = np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
        assert pointing_game(level, MASK) == pytest.approx(1 / 4)
        # Two of four ones are taken, so the one in the mask by half; then overlap / (2 + 2 − overlap).
        assert iou_at_area(level, MASK) == pytest.approx(0.5 / 3.5)

    def test_a_constant_map_is_at_chance(self):
        constant = np.full((2, 3), 0.7)
        assert pointing_game(constant, MASK) == energy_inside(constant, MASK) == pytest.approx(area_share(MAP, MASK))

    def test_iou_by_brute_force(self):
        rng = np.random.default_rng(0)
        for _ in range(20):
            values, mask = rng.normal(size=(6, 5)), rng.random((6, 5)) < 0.3
            chosen = set(np.argsort(-values.ravel())[: mask.sum()].tolist())
            meant = set(np.flatnonzero(mask).tolist())
            assert iou_at_area(values, mask) == pytest.approx(len(chosen & meant) / len(chosen | meant))

    def test_a_perfect_map(self):
        assert [metric(MASK.astype(float), MASK) for metric in (pointing_game, energy_inside, iou_at_area)] == [1, 1, 1]

    def test_what_was_not_seen_counts_nowhere(self):
        values = np.array([[NAN, -1.0, 2.0], [1.0, 0.0, NAN]])
        assert pointing_game(values, MASK) == 0
        assert energy_inside(values, MASK) == 0
        assert area_share(values, MASK) == pytest.approx(1 / 4)
        assert iou_at_area(values, MASK) == 0
        assert iou_at_area(np.array([[NAN, 3.0, 2.0], [1.0, 0.0, NAN]]), MASK) == 1

    @pytest.mark.parametrize("metric", OF_MASKS)
    def test_nothing_to_find(self, metric):
        assert math.isnan(metric(MAP, np.zeros((2, 3), bool)))
        assert math.isnan(metric(np.where(MASK, NAN, MAP), MASK))
        assert math.isnan(metric(np.full((2, 3), NAN), MASK))

    def test_nothing_positive(self):
        assert math.isnan(energy_inside(-np.abs(MAP), MASK))

    @pytest.mark.parametrize("metric", OF_MASKS)
    def test_refused(self, metric):
        with pytest.raises(MapError, match=r"mask of shape \(2, 3\) and type float64"):
            metric(MAP, MASK.astype(float))
        with pytest.raises(MapError, match=r"mask of shape \(1, 2, 3\)"):
            metric(MAP, MASK[None])
        with pytest.raises(MapError, match=r"map of shape \(1, 2, 3\)"):
            metric(MAP[None], MASK)
        with pytest.raises(MapError, match="infinite"):
            metric(np.where(MASK, np.inf, MAP), MASK)


class TestGrids:
    """On the way to the mask's grid; `energy_inside` of one pixel after the other gives the resampled map away."""

    @staticmethod
    def drawn_out(values, shape):
        def only(y, x):
            mask = np.zeros(shape, bool)
            mask[y, x] = True
            return mask

        return np.array([[energy_inside(values, only(y, x)) for x in range(shape[1])] for y in range(shape[0])])

    @pytest.mark.parametrize(
        ("shape", "interpolation"), [((8, 12), cv2.INTER_LINEAR), ((7, 9), cv2.INTER_LINEAR), ((2, 3), cv2.INTER_AREA)]
    )
    def test_as_opencv_does(self, shape, interpolation):
        values = np.random.default_rng(1).random((4, 6))
        expected = cv2.resize(values, shape[::-1], interpolation=interpolation)
        assert self.drawn_out(values, shape) == pytest.approx(expected / expected.sum())

    def test_by_hand(self):
        """0 and 4 drawn out to four pixels are 0, 1, 3, 4."""
        assert self.drawn_out(np.array([[0.0, 4.0]]), (1, 4)) == pytest.approx(np.array([[0, 1, 3, 4]]) / 8)

    def test_nan_hides_its_own_pixels_only(self):
        values, mask = np.array([[1.0, NAN, 4.0]]), np.array([[True, False, True, False, False, False]])
        # Pixels 3 and 4 belong to the unseen cell; what is left does not mix with it.
        assert area_share(values, mask) == pytest.approx(1 / 4)
        assert energy_inside(values, mask) == pytest.approx(1 / 10)

    def test_a_cell_half_seen_is_the_mean_of_what_was_seen(self):
        values = np.array([[1.0, 3.0, NAN, 6.0, NAN, NAN]])
        assert energy_inside(values, np.array([[True, False, False]])) == pytest.approx(2 / 8)
        assert area_share(values, np.array([[True, False, False]])) == pytest.approx(1 / 2)

    def test_rounding_does_not_break_ties(self):
        mask = np.zeros((224, 336), bool)
        mask[:56] = True
        assert pointing_game(np.full((7, 11), 0.1), mask) == pytest.approx(0.25)
        assert iou_at_area(np.full((7, 11), 0.1), mask) == pytest.approx(0.25 / 1.75)


class TestRankCorrelation:
    def test_against_scipy(self):
        rng = np.random.default_rng(2)
        a, b = rng.normal(size=(5, 6)), rng.integers(0, 4, (5, 6)).astype(float)
        assert rank_correlation(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic)

    @pytest.mark.parametrize("turned", [False, True])
    def test_the_finer_is_averaged(self, turned):
        rng = np.random.default_rng(3)
        coarse, fine = rng.normal(size=(3, 4)), rng.normal(size=(9, 8))
        means = fine.reshape(3, 3, 4, 2).mean((1, 3))
        pair = (fine, coarse) if turned else (coarse, fine)
        assert rank_correlation(*pair) == pytest.approx(spearmanr(coarse.ravel(), means.ravel()).statistic)

    def test_sign(self):
        ramp = np.arange(12.0).reshape(3, 4)
        assert rank_correlation(ramp, ramp**3) == pytest.approx(1)
        assert rank_correlation(ramp, -ramp) == pytest.approx(-1)

    def test_nan_in_either_is_left_out(self):
        a, b = np.array([[1.0, 2.0, 3.0, 9.0, NAN]]), np.array([[1.0, 3.0, 2.0, NAN, 0.0]])
        assert rank_correlation(a, b) == pytest.approx(0.5)

    def test_constant_or_unseen(self):
        ramp = np.arange(6.0).reshape(2, 3)
        assert math.isnan(rank_correlation(ramp, np.ones((2, 3))))
        assert math.isnan(rank_correlation(np.full((2, 3), 0.1), ramp))
        assert math.isnan(rank_correlation(np.full((2, 3), NAN), ramp))
        # Averaging a constant over 224 / 7 cells must leave it constant.
        assert math.isnan(rank_correlation(np.arange(77.0).reshape(7, 11), np.full((224, 336), 0.1 / 224)))

    def test_even_frames_tie(self):
        """Where the cause is evenly spread but for one region, all cells outside it have one rank."""
        causes = np.full((60, 70), 0.1 / 3)
        causes[10:20, 20:30] += 1
        values = np.arange(42.0).reshape(6, 7)
        expected = np.zeros((6, 7))
        expected[1, 2] = 1
        assert rank_correlation(values, causes) == pytest.approx(spearmanr(values.ravel(), expected.ravel()).statistic)

    def test_refused(self):
        with pytest.raises(MapError, match=r"map of shape \(3,\)"):
            rank_correlation(np.ones(3), np.ones((2, 2)))
        with pytest.raises(MapError, match=r"cause map of shape \(0, 2\)"):
            rank_correlation(np.ones((2, 2)), np.ones((0, 2)))
        with pytest.raises(MapError, match="cause map with infinite"):
            rank_correlation(np.ones((2, 2)), np.full((2, 2), np.inf))


def spread_over(region, points):
    return points * region / region.sum()


def box(rows, columns, shape=(40, 60)):
    region = np.zeros(shape)
    region[rows, columns] = 1
    return region


class TestLocated:
    EVEN = spread_over(np.ones((40, 60)), 0.5)
    LARGE, SMALL = box(slice(0, 20), slice(0, 20)), box(slice(30, 34), slice(40, 44))

    @pytest.mark.parametrize("sign", [1, -1])
    def test_a_sparse_cause_is_not_lost_beside_a_dense_one(self, sign):
        causes = self.EVEN + sign * (spread_over(self.LARGE, 0.6) + spread_over(self.SMALL, 0.6))
        assert (located(causes, sign) == (self.LARGE + self.SMALL > 0)).all()
        assert not located(causes, -sign).any()

    def test_both_signs(self):
        causes = self.EVEN + spread_over(self.LARGE, 0.6) - spread_over(self.SMALL, 0.6)
        assert (located(causes, 1) == (self.LARGE > 0)).all()
        assert (located(causes, -1) == (self.SMALL > 0)).all()

    @pytest.mark.parametrize("sign", [1, -1])
    def test_evenly_spread_is_not_located(self, sign):
        for level in (0.0, 1.0, -1.0):
            assert not located(level * self.EVEN, sign).any()
        faint = self.EVEN + spread_over(np.arange(2400.0).reshape(40, 60), 0.1)
        assert not located(faint, sign).any()

    def test_the_dark_beside_broad_light_is_no_flaw(self):
        """The median lies in the light's tail, so its far side is below the median but not bad."""
        light = spread_over(np.tile(np.linspace(0, 1, 60) ** 1.5, (40, 1)), 0.6)
        assert located(light, 1)[:, 59].all()
        assert not located(light, 1)[:, :20].any()
        assert not located(light, -1).any()

    def test_refused(self):
        with pytest.raises(MapError, match=r"sign 0: .* \+1 or -1"):
            located(self.EVEN, 0)
        with pytest.raises(MapError, match="nan: every pixel"):
            located(np.full((2, 2), NAN), 1)
        with pytest.raises(MapError, match=r"cause map of shape \(2,\)"):
            located(np.ones(2), 1)

    def test_in_gallery_pictures(self):
        """Empty exactly where the plan has no cause of that sign but harmony, which covers the frame."""
        for index in range(40):
            plan = draw_plan(0, index)
            sample = render_plan(plan, 64)
            # As the cache stores it.
            causes = (sample.cause_map * sample.cause_map.size).astype(np.float16) / np.float32(sample.cause_map.size)
            for sign in (1, -1):
                meant = any(sign * CAUSES[name].weight > 0 for name in plan.causes if name != "harmony")
                assert located(causes, sign).any() == meant, (index, sign)


class TestSummary:
    def test_by_hand(self):
        pictures = [{"iou": 0.2, "hit": 1.0}, {"iou": NAN, "hit": 0.0}, {"iou": 0.6}, {"empty": NAN}]
        found = summary(pictures)
        assert list(found) == ["iou", "hit", "empty"]
        assert found["iou"] == Average(pytest.approx(0.4), 2)
        assert found["hit"] == Average(0.5, 2)
        assert math.isnan(found["empty"].mean)
        assert found["empty"].n == 0

    def test_no_pictures(self):
        assert summary([]) == {}
