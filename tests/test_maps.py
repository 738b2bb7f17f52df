import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image

from awcu.maps import explain, onto_photograph, overlay, sheet, spread
from awcu.task import AestheticTask


@pytest.fixture
def task(ratings):
    pl.seed_everything(0, verbose=False)
    task = AestheticTask(
        network={"backbone": "test_resnet", "image_size": 64},
        scale=ratings.scale.tolist(),
        midpoint=ratings.midpoint,
        attribute_names=list(ratings.attribute_names),
        preparation={"size": 64, "aspect": "warp", "mean": [0.5] * 3, "std": [0.25] * 3},
    )
    for head in (task.net.aesthetic_head, task.net.attribute_head):
        torch.nn.init.normal_(head.weight)
        torch.nn.init.normal_(head.bias)
    return task


def test_maps_are_on_the_photograph_and_add_up_to_the_score(task, ratings):
    rows = np.array([5, 2])
    explanations = explain(task, ratings, rows)
    assert len(explanations) == 2
    for explanation in explanations:
        assert explanation.photograph.shape == (40, 48, 3)
        assert explanation.aesthetic.shape == (40, 48)
        # Bicubic enlargement keeps the mean of the grid but for its rim.
        assert float(explanation.aesthetic.mean()) == pytest.approx(
            explanation.score, abs=0.15 * float(np.ptp(explanation.aesthetic))
        )
        assert list(explanation.attributes) == ["indoors", "outdoors"]
        assert set(explanation.attribute_logits) == {"indoors", "outdoors"}


def test_explanation_belongs_to_its_row(task, ratings):
    together = explain(task, ratings, np.array([5, 2]))
    alone = explain(task, ratings, np.array([2]))
    assert together[1].score == pytest.approx(alone[0].score, rel=1e-5)


def test_warp_stretches_over_the_whole_photograph():
    grid = np.array([[0, 1]], dtype=np.float32)
    values = onto_photograph(grid, "warp", (4, 10))
    assert values.shape == (4, 10)
    assert values[:, 0].max() <= 0.05
    assert values[:, -1].min() >= 0.95


@pytest.mark.parametrize("shape", [(20, 30), (30, 20)])
def test_letterbox_leaves_the_padding_out(shape):
    grid = np.zeros((30, 30), dtype=np.float32)
    top, left = (30 - shape[0]) // 2, (30 - shape[1]) // 2
    grid[top : top + shape[0], left : left + shape[1]] = 1
    values = onto_photograph(grid, "letterbox", shape)
    assert values.shape == shape
    assert (values == 1).all()


def test_crop_says_nothing_where_nothing_was_seen():
    values = onto_photograph(np.ones((2, 2), dtype=np.float32), "crop", (10, 30))
    assert np.isnan(values[:, :10]).all()
    assert np.isnan(values[:, 20:]).all()
    np.testing.assert_allclose(values[:, 10:20], 1)


def test_overlay_is_red_for_blue_against_and_grey_at_zero():
    photograph = np.full((1, 4, 3), 100, dtype=np.uint8)
    tinted = overlay(photograph, np.array([[2, -2, 0, np.nan]], dtype=np.float32), limit=1.0)
    red, blue, zero, unseen = tinted[0].astype(int)
    assert red[0] > red[1] == red[2]
    assert blue[2] > blue[0] == blue[1]
    assert zero.tolist() == unseen.tolist() == [100, 100, 100]


def test_spread_goes_from_the_best_to_the_worst(make_ratings):
    ratings = make_ratings(mean_score=[2, 5, 1, 4, 3])
    assert spread(ratings, 3).tolist() == [1, 4, 2]
    assert spread(ratings, 99).tolist() == [1, 3, 4, 0, 2]


def test_sheet_has_a_row_a_photograph_and_a_column_a_map(task, ratings, tmp_path):
    explanations = explain(task, ratings, np.array([0, 1]))
    causes = [explanation.aesthetic for explanation in explanations]
    sizes = []
    for name, attributes, known in (("one", 0, ()), ("two", 2, ()), ("three", 2, causes)):
        sheet(explanations, ["a", "b"], tmp_path / "new" / f"{name}.png", attributes, known)
        with Image.open(tmp_path / "new" / f"{name}.png") as picture:
            sizes.append(picture.size)
    widths, heights = zip(*sizes, strict=True)
    assert [round(width / 110 / 2.7) for width in widths] == [2, 4, 5]
    assert len(set(heights)) == 1
