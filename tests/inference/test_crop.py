"""Every candidate against loops over the map's cells, properties of any proposal, and decisions by hand."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from awcu.errors import CropError
from awcu.images.boxes import Box, iou
from awcu.inference.crop import CropWeights, parse_aspect, propose, worth

ALL = 10**6
PLAIN = CropWeights(area=1, border=0, level=0)


def noise(h: int, w: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(h, w)).astype(np.float32)


def overlap(start: float, end: float, low: float, high: float) -> float:
    return max(0.0, min(end, high) - max(start, low))


def worth_by_loops(evidence: np.ndarray, size: tuple[int, int], box: Box, weights: CropWeights) -> float:
    """The formula of `CropWeights`, cell by cell, in pixels."""
    height, width = size
    h, w = evidence.shape
    seen = [float(value) for value in evidence.ravel() if not math.isnan(value)]
    mean = sum(seen) / len(seen)
    strip = weights.border * min(size)
    left, right = box.left + strip * (box.left > 0), box.right - strip * (box.right < width)
    top, bottom = box.top + strip * (box.top > 0), box.bottom - strip * (box.bottom < height)
    total = weights.area * box.width * box.height
    for row in range(h):
        for column in range(w):
            value = evidence[row, column] - weights.level * mean
            high, wide = (row * height / h, (row + 1) * height / h), (column * width / w, (column + 1) * width / w)
            if value < 0:
                total += value * overlap(box.left, box.right, *wide) * overlap(box.top, box.bottom, *high)
            elif value > 0:
                total += value * overlap(left, right, *wide) * overlap(top, bottom, *high)
    return total / (height * width)


def boxes_within(height: int, width: int) -> list[Box]:
    return [
        Box(left, top, right, bottom)
        for left in range(width)
        for right in range(left + 1, width + 1)
        for top in range(height)
        for bottom in range(top + 1, height + 1)
    ]


class TestEveryCandidate:
    """In so small photographs every pixel is on the lattice, so the candidates can be listed by their definition."""

    @pytest.mark.parametrize("weights", [PLAIN, CropWeights(0.3, 0.1, 0.7), CropWeights(0, 0.45, 1)], ids=str)
    @pytest.mark.parametrize("cells", [(4, 5), (6, 8), (13, 3), (1, 1)], ids=str)
    def test_free(self, weights: CropWeights, cells: tuple[int, int]) -> None:
        size, evidence = (6, 8), noise(*cells)
        if cells == (4, 5):
            evidence[1, 2] = np.nan
        found = propose(evidence, size, smallest=0.25, top=ALL, weights=weights, distinct=1)
        expected = {
            box: worth_by_loops(evidence, size, box, weights)
            for box in boxes_within(*size)
            if box.width >= 2 and box.height >= 2 and 1 / 3 <= box.width / box.height <= 3
        }
        assert {box: pytest.approx(value, abs=1e-6) for box, value in found} == expected
        assert len(found) == len(expected)
        assert found[0].worth == pytest.approx(max(expected.values()), abs=1e-6)

    @pytest.mark.parametrize(("aspect", "ratio"), [(3 / 2, 1.5), (3 / 4, 4 / 3), (1.0, 1.0)])
    def test_one_aspect(self, aspect: float, ratio: float) -> None:
        size, evidence = (7, 9), noise(5, 6)
        weights = CropWeights(0.5, 0.05, 0.5)
        longest = {3 / 2: 9, 3 / 4: 7, 1.0: 7}[aspect]
        sides = {(long, round(long / ratio)) for long in range(math.ceil(0.5 * longest), longest + 1)}
        sides = sides if aspect >= 1 else {(wide, high) for high, wide in sides}
        found = propose(evidence, size, aspect, top=ALL, weights=weights, distinct=1)
        assert {box: pytest.approx(value, abs=1e-6) for box, value in found} == {
            box: worth_by_loops(evidence, size, box, weights)
            for box in boxes_within(*size)
            if (box.width, box.height) in sides
        }

    @pytest.mark.parametrize("size", [(300, 401), (40, 30)])
    def test_given_boxes(self, size: tuple[int, int]) -> None:
        evidence, weights = noise(7, 9), CropWeights(0.4, 0.07, 0.3)
        boxes = [Box(0, 0, size[1], size[0]), Box(3, 0, 21, 27), Box(11, 5, 12, 6), Box(0, 17, 25, size[0])]
        expected = [worth_by_loops(evidence, size, box, weights) for box in boxes]
        np.testing.assert_allclose(worth(evidence, size, boxes, weights), expected, atol=1e-7)


class TestProperties:
    @settings(max_examples=120, deadline=None, derandomize=True)
    @given(
        height=st.integers(1, 500),
        width=st.integers(1, 500),
        log_aspect=st.none() | st.floats(-3, 3),
        smallest=st.floats(0.05, 1),
        corners=st.none() | st.tuples(*[st.floats(0, 0.999)] * 4),
        top=st.integers(1, 4),
        seed=st.integers(0, 99),
    )
    def test_any_proposal(self, height, width, log_aspect, smallest, corners, top, seed) -> None:
        size, aspect = (height, width), None if log_aspect is None else math.exp(log_aspect)
        keep = []
        if corners:
            xs, ys = sorted(int(share * width) for share in corners[:2]), sorted(int(s * height) for s in corners[2:])
            keep = [Box(xs[0], ys[0], xs[0] + 1, ys[0] + 1), Box(xs[1], ys[1], xs[1] + 1, ys[1] + 1)]
            hull = xs[1] + 1 - xs[0], ys[1] + 1 - ys[0]
        evidence = noise(5, 9, seed)
        room = None
        if aspect is not None:
            room = min(width, height * aspect), min(height, width / aspect)
            assume(min(room) >= 1)
            if keep and (hull[0] > room[0] + 1 or hull[1] > room[1] + 1):
                with pytest.raises(CropError, match="keep less"):
                    propose(evidence, size, aspect, smallest, keep, top)
                return
            # Within a pixel of the limit, rounding decides.
            assume(not keep or (hull[0] <= room[0] - 1 and hull[1] <= room[1] - 1))
        found = propose(evidence, size, aspect, smallest, keep, top)
        assert 1 <= len(found) <= top
        assert all(better.worth >= worse.worth - 1e-9 for better, worse in pairwise(found))
        for place, (box, _) in enumerate(found):
            assert 0 <= box.left < box.right <= width
            assert 0 <= box.top < box.bottom <= height
            assert all(isinstance(edge, int) for edge in box)
            for kept in keep:
                assert box.left <= kept.left < kept.right <= box.right
                assert box.top <= kept.top < kept.bottom <= box.bottom
            assert all(iou(box, other) <= 0.8 for other, _ in found[:place])
            if room:
                assert min(abs(box.width - aspect * box.height), abs(box.height - box.width / aspect)) <= 0.5 + 1e-9
                assert box.width >= smallest * room[0] - 1
                assert box.height >= smallest * room[1] - 1
            else:
                assert box.width >= smallest * width - 1e-6
                assert box.height >= smallest * height - 1e-6
                assert min(1 / 3, width / height) <= box.width / box.height <= max(3, width / height)

    @pytest.mark.parametrize("aspect", [None, 1.0, 16 / 9])
    def test_resolution_of_the_map_changes_nothing(self, aspect) -> None:
        coarse = noise(6, 8)
        fine = coarse.repeat(5, axis=0).repeat(3, axis=1)
        one, other = (propose(evidence, (300, 400), aspect)[0] for evidence in (coarse, fine))
        assert one.box == other.box
        assert one.worth == pytest.approx(other.worth, abs=1e-9)

    @pytest.mark.parametrize("size", [(3000, 4000), (333, 217), (1, 7), (2, 30000), (1, 1), (49, 1)], ids=str)
    def test_the_own_aspect_has_the_whole_frame(self, size) -> None:
        aspect = parse_aspect("original", size)
        found = propose(noise(4, 4), size, aspect, weights=CropWeights(area=100))
        assert found[0].box == (0, 0, size[1], size[0])

    @pytest.mark.parametrize("size", [(1, 1), (2, 30000), (30000, 2), (1, 30000), (1, 5), (2, 2), (70000, 70000)])
    @pytest.mark.parametrize("aspect", [None, 1.0])
    @pytest.mark.parametrize("smallest", [1e-9, 0.5, 1.0])
    def test_odd_photographs(self, size, aspect, smallest) -> None:
        found = propose(noise(3, 4), size, aspect, smallest, keep=[Box(0, 0, 1, 1)], top=2)
        for box, _ in found:
            assert (box.left, box.top) == (0, 0)
            assert box.right <= size[1]
            assert box.bottom <= size[0]
            if aspect:
                assert box.width == box.height

    def test_runs_agree(self) -> None:
        assert propose(noise(8, 8), (301, 299), top=5) == propose(noise(8, 8), (301, 299), top=5)


class TestDecisions:
    def test_a_flaw_worse_than_its_area_is_cut_off(self) -> None:
        """A flaw of −3 over the right quarter: 3/4 of the area without it is worth 0.75, with it 1 − 0.75."""
        flaw = np.zeros((8, 8), np.float32)
        flaw[:, 6:] = -3
        found = propose(flaw, (320, 320), weights=PLAIN)[0]
        assert found == (Box(0, 0, 240, 320), pytest.approx(0.75))
        assert worth(flaw, (320, 320), [(0, 0, 320, 320)], PLAIN)[0] == pytest.approx(0.25)

    @pytest.mark.parametrize(("area", "right"), [(2.9, 240), (3.1, 320)])
    def test_area_is_where_a_flaw_may_stay(self, area: float, right: int) -> None:
        flaw = np.zeros((8, 8), np.float32)
        flaw[:, 6:] = -3
        assert propose(flaw, (320, 320), weights=CropWeights(area, 0, 0))[0].box == (0, 0, right, 320)

    def test_poor_throughout(self) -> None:
        poor = np.full((6, 6), -3, np.float32)
        smallest = propose(poor, (320, 320), weights=CropWeights(1, 0, level=0))[0].box
        assert smallest == (80, 80, 240, 240)
        assert propose(poor, (320, 320), weights=CropWeights(1, 0, level=1))[0].box == (0, 0, 320, 320)

    def test_edges_keep_clear_of_what_is_good(self) -> None:
        """Cut beside the good column at 4/8, a strip of a tenth of its 1/8 counts as lost, so the edge moves out."""
        evidence = np.zeros((8, 8), np.float32)
        evidence[:, 4], evidence[:, 5:] = 4, -0.5
        close = propose(evidence, (320, 320), weights=CropWeights(0.1, 0, 0))[0].box
        clear = propose(evidence, (320, 320), weights=CropWeights(0.1, 0.05, 0))[0].box
        assert (close.right, clear.right) == (200, 220)
        cut = worth(evidence, (320, 320), [close], CropWeights(0.1, 0.05, 0))[0]
        assert cut == pytest.approx(4 * (200 - 160 - 16) / 320 + 0.1 * 200 / 320)

    def test_edges_of_the_frame_cut_nothing(self) -> None:
        good = np.ones((4, 4), np.float32)
        assert worth(good, (40, 40), [(0, 0, 40, 40)], CropWeights(1, 0.4, 0))[0] == pytest.approx(2)

    def test_nothing_seen_is_evidence_neither_way(self) -> None:
        evidence = np.full((4, 6), np.nan, np.float32)
        assert propose(evidence, (40, 60))[0] == (Box(0, 0, 60, 40), pytest.approx(CropWeights().area))
        evidence[:, 1:5] = noise(4, 4)
        mean = float(np.nanmean(evidence))
        known = np.nan_to_num(evidence, nan=0.5 * mean)  # which the level takes away
        expected = worth_by_loops(known - 0.5 * mean, (40, 60), Box(7, 0, 60, 40), CropWeights(1, 0.02, 0))
        assert worth(evidence, (40, 60), [(7, 0, 60, 40)], CropWeights(1, 0.02, 0.5))[0] == pytest.approx(expected)

    def test_ties_go_to_the_largest_then_the_most_central(self) -> None:
        nothing = np.zeros((3, 4), np.float32)
        assert propose(nothing, (300, 400), weights=CropWeights(0, 0, 0))[0].box == (0, 0, 400, 300)
        assert propose(nothing, (300, 400), 1.0)[0].box == (50, 0, 350, 300)
        # No place is in the middle: of the two next to it the left one.
        assert propose(nothing, (4, 5), 1.0)[0].box == (0, 0, 4, 4)

    @pytest.mark.parametrize(
        ("size", "aspect", "box"),
        [((1000, 3000), 16 / 9, (611, 0, 2389, 1000)), ((3000, 1000), 9 / 16, (0, 611, 1000, 2389))],
    )
    def test_the_largest_box_of_an_aspect(self, size, aspect: float, box) -> None:
        """1000 · 16/9 is 1777.8, so 1778."""
        assert propose(np.zeros((3, 3), np.float32), size, aspect)[0].box == box

    def test_no_slivers_but_for_slivers(self) -> None:
        column = np.full((8, 8), -9, np.float32)
        column[:, 3] = 9
        narrow = propose(column, (320, 320), smallest=0.05, weights=PLAIN)[0].box
        assert narrow.height <= 3 * narrow.width
        assert propose(column, (320, 40), smallest=0.05, weights=PLAIN)[0].box == (15, 140, 20, 180)

    def test_distinct_crops_by_greedy_choice(self) -> None:
        evidence, size = noise(5, 5), (10, 10)
        everything = propose(evidence, size, smallest=0.3, top=ALL, distinct=1)
        taken: list[Box] = []
        for box, _ in everything:
            if all(iou(box, other) <= 0.3 for other in taken):
                taken.append(box)
        assert [box for box, _ in propose(evidence, size, smallest=0.3, top=ALL, distinct=0.3)] == taken
        assert [box for box, _ in propose(evidence, size, smallest=0.3, top=3, distinct=0.3)] == taken[:3]

    def test_what_is_kept_may_lie_between_the_places(self) -> None:
        """The only square that contains it begins at pixel 1, which no lattice of a few dozen places has."""
        keep = [Box(1, 3, 2, 4), Box(1000, 900, 1001, 901)]
        assert propose(noise(4, 5), (1000, 5000), 1.0, keep=keep)[0].box == (1, 0, 1001, 1000)

    def test_keep_overrules_evidence(self) -> None:
        flaw = np.zeros((8, 8), np.float32)
        flaw[:, 6:] = -3
        assert propose(flaw, (320, 320), keep=[Box(303, 7, 304, 9)], weights=PLAIN)[0].box.right == 304


@pytest.mark.parametrize(
    ("text", "aspect"),
    [
        ("free", None),
        ("original", 4000 / 3000),
        (" Original ", 4000 / 3000),
        ("16:9", 16 / 9),
        ("1:1", 1),
        ("2.39:1", 2.39),
        ("1:20", 0.05),
        ("20:1", 20),
    ],
)
def test_parse_aspect(text: str, aspect: float | None) -> None:
    assert parse_aspect(text, (3000, 4000)) == aspect


@pytest.mark.parametrize(
    "text", ["", "wide", "16x9", "16/9", "1.5", "-16:9", "16:9:1", "inf:1", "nan:1", "1e1:1", "٣:٢"]
)
def test_no_aspect(text: str) -> None:
    with pytest.raises(CropError, match="give width:height such as 16:9"):
        parse_aspect(text, (3000, 4000))


@pytest.mark.parametrize("text", ["0:1", "1:0", "0:0", "20.1:1", "1:21", f"{'9' * 400}:1", f"{'9' * 400}:{'9' * 400}"])
def test_too_extreme_an_aspect(text: str) -> None:
    with pytest.raises(CropError, match="by a factor of 20 at most"):
        parse_aspect(text, (3000, 4000))


@pytest.mark.parametrize("size", [(0, 10), (10, 0), (-1, 10)])
def test_no_photograph(size: tuple[int, int]) -> None:
    with pytest.raises(CropError, match="has no pixel to crop"):
        parse_aspect("original", size)
    with pytest.raises(CropError, match="has no pixel to crop"):
        propose(noise(2, 2), size)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"area": -0.1}, "area=-0.1 is not a weight"),
        ({"area": math.inf}, "area=inf is not a weight"),
        ({"area": math.nan}, "area=nan is not a weight"),
        ({"border": 0.5}, "border=0.5 is not a width"),
        ({"border": math.nan}, "border=nan is not a width"),
        ({"level": 1.1}, "level=1.1 is not a share"),
        ({"level": math.nan}, "level=nan is not a share"),
    ],
)
def test_impossible_weights(values: dict[str, float], match: str) -> None:
    with pytest.raises(CropError, match=match):
        CropWeights(**values)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"smallest": 0.0}, r"smallest=0.0, distinct=0.8, top=1: give shares"),
        ({"smallest": 1.1}, "smallest=1.1"),
        ({"smallest": math.nan}, "smallest=nan"),
        ({"distinct": -0.1}, "distinct=-0.1"),
        ({"top": 0}, "top=0"),
        ({"aspect": 0.0}, "aspect 0.0 is not width over height"),
        ({"aspect": math.nan}, "aspect nan is not width over height"),
        ({"aspect": math.inf}, "aspect inf is not width over height"),
        ({"aspect": 31.0}, r"aspect 31 needs 31 pixels along the longer side, but"),
        ({"aspect": 5e-324}, r"photograph of 30×20 has 20: choose a less extreme aspect, or free"),
        ({"keep": [Box(0, 0, 31, 5)]}, r"box \(0, 0, 31, 5\) reaches beyond a photograph of 30×20"),
        ({"keep": [Box(5, 5, 5, 9)]}, r"box \(5, 5, 5, 9\) is empty"),
        ({"keep": [Box(0, 0, 1, 1), Box(20, 0, 21, 1)], "aspect": 1.0}, r"no crop of aspect 1 within 30×20 contains"),
        ({"evidence": np.zeros((0, 4), np.float32)}, r"evidence of shape \(0, 4\) is not a map"),
        ({"evidence": np.zeros(4, np.float32)}, r"evidence of shape \(4,\) is not a map"),
        ({"evidence": np.full((2, 2), np.inf, np.float32)}, "give .* of finite numbers or nan"),
    ],
    ids=str,
)
def test_impossible_arguments(arguments, match: str) -> None:
    with pytest.raises(CropError, match=match):
        propose(**{"evidence": noise(2, 3), "size": (20, 30)} | arguments)


def test_given_boxes_must_lie_in_the_photograph() -> None:
    with pytest.raises(CropError, match=r"box \(-1, 0, 5, 5\) reaches beyond"):
        worth(noise(2, 3), (20, 30), [(-1, 0, 5, 5)])
