"""Boxes by hand and by counting pixels; GAICD's metrics by hand, by definition and against scipy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from awcu.errors import BoxError
from awcu.images.boxes import iou, ious
from awcu.metrics.cropping import acc, best_of, boundary_displacement, srcc

SIDE = 8


@st.composite
def boxes(draw) -> tuple[int, int, int, int]:
    edge = st.integers(0, SIDE)
    left, right = sorted(draw(st.lists(edge, min_size=2, max_size=2, unique=True)))
    top, bottom = sorted(draw(st.lists(edge, min_size=2, max_size=2, unique=True)))
    return left, top, right, bottom


def pixels(box: tuple[int, int, int, int]) -> set[tuple[int, int]]:
    left, top, right, bottom = box
    return {(x, y) for x in range(left, right) for y in range(top, bottom)}


class TestIou:
    @pytest.mark.parametrize(
        ("box", "other", "expected"),
        [
            ((0, 0, 4, 2), (0, 0, 4, 2), 1),
            ((0, 0, 4, 2), (2, 0, 6, 2), 4 / 12),  # 2×2 shared of 8 + 8 − 4
            ((0, 0, 4, 2), (1, 1, 2, 2), 1 / 8),
            ((0, 0, 4, 2), (4, 0, 8, 2), 0),  # side by side
            ((0, 0, 1, 1), (5, 5, 6, 6), 0),  # apart along both, where a product of two negatives would count
            ((0.5, 0, 1.5, 1), (0, 0, 1, 1), 0.5 / 1.5),
        ],
    )
    def test_by_hand(self, box, other, expected: float) -> None:
        assert iou(box, other) == pytest.approx(expected)
        assert iou(other, box) == pytest.approx(expected)

    @given(st.lists(boxes(), min_size=1, max_size=4), boxes())
    def test_by_counting_pixels(self, many, other) -> None:
        expected = [len(pixels(box) & pixels(other)) / len(pixels(box) | pixels(other)) for box in many]
        np.testing.assert_allclose(ious(many, other), expected)

    def test_of_none(self) -> None:
        assert ious([], (0, 0, 1, 1)).shape == (0,)

    @pytest.mark.parametrize("empty", [(3, 0, 3, 2), (0, 2, 4, 1), (0, 0, math.nan, 1), (0, 0, math.inf, 1)])
    def test_empty(self, empty) -> None:
        with pytest.raises(BoxError, match=r"is empty: give left < right"):
            iou((0, 0, 1, 1), empty)
        with pytest.raises(BoxError, match=r"is empty: give left < right"):
            ious([(0, 0, 1, 1), empty], (0, 0, 1, 1))

    @pytest.mark.parametrize("wrong", [[(0, 0, 1)], (0, 0, 1, 1)])
    def test_not_four_numbers(self, wrong) -> None:
        with pytest.raises(BoxError, match="boxes have shape"):
            ious(wrong, (0, 0, 1, 1))


class TestDisplacement:
    def test_by_hand(self) -> None:
        """Left .1 and right .2 of the width 100, top .1 and bottom 0 of the height 50."""
        assert boundary_displacement((10, 5, 80, 50), (0, 0, 100, 50), (50, 100)) == pytest.approx(
            (0.1 + 0.2 + 0.1) / 4
        )

    def test_of_itself(self) -> None:
        assert boundary_displacement((1, 2, 3, 4), (1, 2, 3, 4), (9, 9)) == 0

    @pytest.mark.parametrize("outside", [(-1, 0, 5, 5), (0, -1, 5, 5), (0, 0, 101, 5), (0, 0, 5, 51)])
    def test_outside(self, outside) -> None:
        for pair in [(outside, (0, 0, 5, 5)), ((0, 0, 5, 5), outside)]:
            with pytest.raises(BoxError, match="reaches beyond a photograph of 100×50"):
                boundary_displacement(*pair, (50, 100))

    def test_the_annotated_crop_that_overlaps_most(self) -> None:
        """The second overlaps most, .5 against .4, though the edges of the first lie nearer: .15 against .125."""
        box, size = (0, 0, 50, 100), (100, 100)
        truths = [(0, 0, 20, 100), (0, 0, 100, 100)]
        assert best_of(box, truths, size) == pytest.approx((0.5, 0.125))
        assert boundary_displacement(box, truths[0], size) == pytest.approx(0.075)

    def test_of_equal_overlaps_the_nearest(self) -> None:
        truths = [(90, 90, 100, 100), (20, 20, 30, 30), (60, 60, 70, 70)]
        assert best_of((0, 0, 10, 10), truths, (100, 100)) == pytest.approx((0, 0.2))

    def test_no_annotated_crop(self) -> None:
        with pytest.raises(BoxError, match="leave this photograph out"):
            best_of((0, 0, 1, 1), [], (5, 5))


PREDICTED = [[0.9, 0.1, 0.5, 0.3], [1.0, 2.0, 3.0]]
OPINION = [[4.0, 1.0, 2.0, 3.0], [1.0, 3.0, 2.0]]


class TestSrcc:
    def test_by_hand(self) -> None:
        """1 − 6 Σd² / (n³ − n): ranks 4 1 3 2 and 4 1 2 3 differ by 1 twice, ranks 1 2 3 and 1 3 2 likewise."""
        assert srcc(PREDICTED, OPINION) == pytest.approx(((1 - 12 / 60) + (1 - 12 / 24)) / 2)

    def test_against_scipy(self) -> None:
        rng = np.random.default_rng(0)
        predicted, opinion = ([rng.integers(0, 9, n) for n in (12, 90, 7)] for _ in range(2))
        expected = np.mean([spearmanr(*pair).statistic for pair in zip(predicted, opinion, strict=True)])
        assert srcc(predicted, opinion) == pytest.approx(expected)

    def test_undefined_is_never_averaged_away(self) -> None:
        assert math.isnan(srcc([*PREDICTED, [1, 1]], [*OPINION, [1, 2]]))


class TestAcc:
    def test_by_hand(self) -> None:
        """Ranked first: opinions 4, 2 of the first photograph (its best two: 4, 3) and 2, 3 of the second (3, 2)."""
        assert acc(PREDICTED, OPINION, 1, 1) == pytest.approx((1 + 0) / 2)
        assert acc(PREDICTED, OPINION, 2, 2) == pytest.approx((1 / 2 + 1) / 2)
        assert acc(PREDICTED, OPINION, 1, 2) == 1
        assert acc(PREDICTED, OPINION, 3, 2) == pytest.approx((2 / 3 + 2 / 3) / 2)

    def test_more_crops_can_be_better(self) -> None:
        """Ranks 1, 10, 2, 4 come first: 1/2 of two and 2/3 of three are among the five best."""
        ranks = np.array([1, 10, 2, 4, 3, 5, 6, 7, 8, 9, 11])
        predicted, opinion = [-np.arange(11.0)], [-ranks]
        assert [acc(predicted, opinion, k, 5) for k in (1, 2, 3, 4)] == pytest.approx([1, 1 / 2, 2 / 3, 3 / 4])

    def test_ties_with_the_last_of_the_best_count(self) -> None:
        assert acc([[0, 0, 9]], [[5, 4, 4]], 1, 2) == 1

    def test_of_crops_predicted_alike_the_first_ranks_first(self) -> None:
        assert acc([[1, 1, 1]], [[3, 2, 1]], 1, 1) == 1
        assert acc([[1, 1, 1]], [[1, 2, 3]], 1, 1) == 0

    @pytest.mark.parametrize(
        ("k", "n", "crops"),
        [(0, 1, "4 crops of photograph 0"), (1, 0, "4 crops of photograph 0"), (4, 1, "3 crops of photograph 1")],
    )
    def test_too_few_crops(self, k: int, n: int, crops: str) -> None:
        with pytest.raises(BoxError, match=rf"Acc {k}/{n} of {crops}: each must be in 1"):
            acc(PREDICTED, OPINION, k, n)

    def test_too_few_crops_for_the_best(self) -> None:
        with pytest.raises(BoxError, match="Acc 1/4 of 3 crops of photograph 1"):
            acc(PREDICTED, OPINION, 1, 4)


@pytest.mark.parametrize(
    ("predicted", "opinion", "match"),
    [
        ([], [], "scores of 0 photographs for 0"),
        ([[1, 2]], [[1, 2], [1, 2]], "scores of 1 photographs for 2"),
        ([[1, 2]], [[1, 2, 3]], r"photograph 0 has scores of shape \(2,\) and opinions of \(3,\)"),
        ([[[1, 2]]], [[[1, 2]]], r"give one of each a crop"),
        ([[1, 2], [1, math.nan]], [[1, 2], [1, 2]], "photograph 1 has a score that is no finite number"),
        ([[1, 2]], [[1, math.inf]], "leave that crop out"),
    ],
)
def test_scores_that_do_not_belong_together(predicted, opinion, match: str) -> None:
    with pytest.raises(BoxError, match=match):
        srcc(predicted, opinion)
    with pytest.raises(BoxError, match=match):
        acc(predicted, opinion, 1, 1)
