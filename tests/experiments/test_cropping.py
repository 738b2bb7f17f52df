"""What experiments/cropping computes itself: the smallest box, the fit, and its averages over photographs."""

import importlib
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from awcu.datasets.cropping.crop_set import CropSet
from awcu.images.boxes import Box
from awcu.inference.crop import CropWeights, worth

FOLDER = Path(__file__).parents[2] / "experiments" / "cropping"
SIZE = (40, 60)


@pytest.fixture(scope="module")
def scripts():
    """Its modules by name; forgotten afterwards, since another experiment has modules of the same names."""
    names = ("methods", "fit", "measure")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        yield {name: importlib.import_module(name) for name in names}
        for name in names:
            del sys.modules[name]


@pytest.fixture
def crop_set(tmp_path):
    """Two photographs of 60×40, one left whole and one cut to its left upper quarter."""

    def build(boxes=([[0, 0, 60, 40]], [[0, 0, 30, 20]]), scores=None, name="tiny"):
        paths = [tmp_path / f"{place}.png" for place in range(len(boxes))]
        for path in paths:
            Image.new("RGB", (60, 40)).save(path)
        return CropSet(
            name=name,
            image_ids=np.array([path.name for path in paths]),
            image_paths=np.array([str(path) for path in paths]),
            boxes=tuple(np.array(each) for each in boxes),
            scores=scores,
            split=np.array(["test"] * len(boxes)),
        )

    return build


def measured(scripts, crop_set, name):
    shown, sizes = scripts["measure"]._sized(crop_set)
    return scripts["measure"]._measured(None, scripts["methods"].METHODS[name], None, shown, sizes).means()


def test_candidates_have_the_photographs_aspect_and_come_largest_first(scripts):
    left, top, right, bottom = scripts["methods"].candidates(SIZE).T
    areas = (right - left) * (bottom - top)
    assert (left[0], top[0], right[0], bottom[0]) == (0, 0, 60, 40)
    assert all(one >= other for one, other in pairwise(areas.tolist()))
    assert areas.min() == 30 * 20
    assert min(left.min(), top.min()) == 0
    assert (right.max(), bottom.max()) == (60, 40)
    # To half a pixel along either side.
    assert np.abs((right - left) - 1.5 * (bottom - top)).max() <= 1.25


def test_the_smallest_box_holds_the_share(scripts):
    methods = scripts["methods"]
    values = np.zeros((4, 6), dtype=np.float32)
    values[0, :2] = 1
    values[3, 5] = 0.25  # a ninth of all
    shares = methods.held(values, SIZE)
    assert methods.smallest_holding(shares, SIZE, 0.88).tolist() == [0, 0, 30, 20]
    assert methods.smallest_holding(shares, SIZE, 1.0).tolist() == [0, 0, 60, 40]


def test_what_is_negative_or_unknown_holds_nothing(scripts):
    methods = scripts["methods"]
    values = np.array([[1, -5, np.nan], [1, -5, np.nan]], dtype=np.float32)
    shares = methods.held(values, SIZE)
    assert shares[0] == pytest.approx(1)
    left = methods.candidates(SIZE)[:, 0]
    assert (shares[left >= 20] == 0).all()


def test_a_map_without_anything_positive_leaves_the_photograph_whole(scripts):
    methods = scripts["methods"]
    shares = methods.held(-np.ones((4, 6), dtype=np.float32), SIZE)
    assert methods.smallest_holding(shares, SIZE, 0.5).tolist() == [0, 0, 60, 40]


def test_the_fit_finds_the_box_that_is_worth_most_with_those_weights(scripts):
    methods, fit = scripts["methods"], scripts["fit"]
    values = np.random.default_rng(3).normal(size=(4, 6)).astype(np.float32)
    boxes = methods.candidates(SIZE)
    # Every box its own number, so that the fit says which one it took.
    taken = dict(fit._weighted(values, SIZE, np.arange(len(boxes)) / len(boxes)))
    for point in [(0, 0, 0), (0.5, 0.02, 0.5), (2, 0.1, 1)]:
        best = np.argmax(worth(values, SIZE, boxes, CropWeights(*point)))
        assert taken[point] == best / len(boxes)


def test_the_first_of_the_best_lines_is_used(scripts, tmp_path):
    path = tmp_path / "fit.csv"
    path.write_text(
        "method,area,border,level,share,iou\na,1,0,0.5,,0.7\na,2,0.1,1,,0.8\na,3,0,0,,0.8\nb,,,,0.9,0.6\n",
        encoding="utf-8",
    )
    found = scripts["methods"].read_fit(path)
    assert found["a"].weights == CropWeights(2, 0.1, 1)
    assert found["b"].share == 0.9


def test_photographs_to_cut_and_to_leave_are_told_apart(scripts, crop_set):
    found = measured(scripts, crop_set(), "whole")
    assert found["test/iou"] == pytest.approx((1 + 1 / 4) / 2)
    assert found["test/iou_cut"] == pytest.approx(1 / 4)
    assert found["test/iou_whole"] == 1
    assert found["test/bde_cut"] == pytest.approx((0 + 0 + 1 / 2 + 1 / 2) / 4)
    assert found["test/cut"] == 0.5
    assert found["test/left_wrongly"] == found["test/left_rightly"] == 1


def test_a_centred_crop_leaves_nothing_whole(scripts, crop_set):
    methods = scripts["methods"]
    assert methods.METHODS["centre_80"].box(None, Path(), SIZE, None) == Box(6, 4, 54, 36)
    found = measured(scripts, crop_set(), "centre_80")
    assert found["test/left_wrongly"] == found["test/left_rightly"] == 0
    assert found["test/area"] == pytest.approx(0.64)
    assert found["test/iou_whole"] == pytest.approx(0.64)


def test_where_nothing_is_to_be_left_the_share_is_undefined(scripts, crop_set):
    found = measured(scripts, crop_set(([[0, 0, 30, 20]],)), "whole")
    assert np.isnan(found["test/left_rightly"])


def test_each_annotator_has_figures_of_his_own(scripts, crop_set):
    boxes = [[0, 0, 60, 40], [0, 0, 30, 20], [0, 0, 60, 20]]
    found = measured(scripts, crop_set((boxes,), name="cuhk_icd"), "whole")
    assert [found[f"test/annotator_{number}/iou"] for number in (1, 2, 3)] == [1, 0.25, 0.5]


def test_scored_boxes_are_ranked_and_the_whole_frame_ranks_by_size(scripts, crop_set):
    boxes = [[0, 0, 60 - 2 * step, 40] for step in range(12)]
    found = measured(scripts, crop_set((boxes,), scores=(np.linspace(5, 1, 12),)), "whole")
    assert found == {"test/srcc": pytest.approx(1), "test/acc5": 1, "test/acc10": 1}
