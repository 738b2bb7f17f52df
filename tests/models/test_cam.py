import numpy as np
import pytest

from awcu.models.cam import OPACITY, layer, onto_photograph, overlay, spread


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


def test_under_the_fullest_tint_the_photograph_is_seen():
    """Black and white beside each other differ by half of what they did."""
    photograph = np.array([[[0, 0, 0], [255, 255, 255]]], dtype=np.uint8)
    black, white = overlay(photograph, np.full((1, 2), 9, dtype=np.float32), limit=1.0)[0].astype(int)
    assert (white - black >= 127).all()


def test_a_layer_over_the_grey_photograph_is_the_overlay():
    random = np.random.default_rng(0)
    photograph = np.repeat(random.integers(0, 256, (6, 8, 1), dtype=np.uint8), 3, axis=2)
    values = random.normal(0, 1, (6, 8)).astype(np.float32)
    values[0, 0] = np.nan
    tint = layer(values, 1.5)
    assert tint.shape == (6, 8, 4)
    opacity = OPACITY * tint[..., 3:] / 255
    laid = (1 - opacity) * photograph + opacity * tint[..., :3]
    # Opacity comes in steps of 1/255.
    np.testing.assert_allclose(laid, overlay(photograph, values, 1.5), atol=1.2)
    assert tint[0, 0, 3] == 0
    assert (tint[np.abs(values) > 1.5, 3] == 255).all()


def test_spread_goes_from_the_best_to_the_worst(make_ratings):
    ratings = make_ratings(mean_score=[2, 5, 1, 4, 3])
    assert spread(ratings, 3).tolist() == [1, 4, 2]
    assert spread(ratings, 99).tolist() == [1, 3, 4, 0, 2]
