import io

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from awcu.plots.ratings import DARK, LIGHT, bin_edges, ratings_png


@pytest.fixture
def normal(make_ratings):
    scores = np.random.default_rng(0).normal(5.4, 0.75, 2000).clip(1, 10)
    return make_ratings(mean_score=np.append(scores, [5.0, 5.0]), scale=np.arange(1.0, 11.0), midpoint=5.0)


def png(data):
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("scores", "width"),
    [
        # Freedman and Diaconis: 2 · interquartile range / ³√n.
        (np.linspace(1, 10, 1000), 0.5),  # .9, rounded down
        (np.linspace(4.9, 5.2, 1000), 0.1),  # .03, but no less than the scale over 50, which is .18
        (np.array([1.0, 1.0, 10.0, 10.0]), 1.0),  # 11.3, but no more than a fifth of the scale
    ],
)
def test_bins_are_of_round_width_with_the_midpoint_between_two(make_ratings, scores, width):
    ratings = make_ratings(mean_score=scores, scale=np.arange(1.0, 11.0), midpoint=5.0)
    edges = bin_edges(scores, ratings)
    np.testing.assert_allclose(np.diff(edges), width)
    assert 5.0 in edges
    assert edges[0] <= scores.min()
    assert edges[-1] > scores.max()


def test_every_photograph_stands_in_the_colour_of_its_class(normal, drawn):
    ratings_png(normal)
    heights = {"low": 0.0, "high": 0.0}
    for bar in drawn[0].axes[0].patches:
        heights["low" if to_hex(bar.get_facecolor()) == LIGHT.low else "high"] += bar.get_height()
    assert heights == {"low": (~normal.high).sum(), "high": normal.high.sum()}


def test_all_photographs_at_the_midpoint_are_low(make_ratings, drawn):
    ratings_png(make_ratings(mean_score=[0.5] * 3, scale=np.array([0.0, 1.0]), midpoint=0.5))
    bars = [bar for bar in drawn[0].axes[0].patches if bar.get_height()]
    assert [(bar.get_height(), to_hex(bar.get_facecolor())) for bar in bars] == [(3, LIGHT.low)]


def test_the_distances_of_the_report_are_marked(normal, drawn):
    ratings_png(normal)
    _, right = drawn[0].axes
    nearer, _, marks, high_marks, *_ = right.lines
    assert marks.get_xdata().tolist() == high_marks.get_xdata().tolist() == [0.5, 1.0]
    within = [(normal.margin < delta).mean() for delta in (0.5, 1.0)]
    np.testing.assert_allclose(marks.get_ydata(), within)
    np.testing.assert_allclose(
        high_marks.get_ydata(), [normal.high[normal.margin >= delta].mean() for delta in (0.5, 1.0)]
    )
    np.testing.assert_allclose(np.interp([0.5, 1.0], nearer.get_xdata(), nearer.get_ydata()), within, atol=0.01)
    assert f"dropped: {100 * within[0]:.0f}\u00a0% at δ = 0.5" in right.texts[0].get_text()


def test_no_share_is_drawn_of_a_few(make_ratings, drawn):
    ratings_png(make_ratings(mean_score=np.linspace(1, 5, 100), scale=np.arange(1.0, 6.0), midpoint=3.0))
    nearer, high = drawn[0].axes[1].lines[:2]
    others = 100 * (1 - nearer.get_ydata())
    np.testing.assert_array_equal(np.isnan(high.get_ydata()), others < 20)


def test_a_scale_too_short_for_the_distances_has_no_marks(make_ratings, drawn):
    ratings_png(make_ratings(mean_score=[0.1, 0.6, 0.7], scale=np.array([0.0, 1.0]), midpoint=0.4))
    right = drawn[0].axes[1]
    assert right.get_xlim() == pytest.approx((0, 0.6))
    assert right.texts[0].get_text().startswith("dropped: 100\u00a0% at δ = 0.5")
    assert "δ = 1" not in right.texts[0].get_text()


def test_a_dark_one_for_a_dark_page_and_a_lower_one_without_title(normal):
    light, dark = (np.asarray(png(ratings_png(normal, colours)).convert("RGB")) for colours in (LIGHT, DARK))
    assert light[0, 0].tolist() == [255, 255, 255]
    assert dark[0, 0].tolist() == [0x17, 0x18, 0x1A]
    assert png(ratings_png(normal, titled=False)).height < light.shape[0]


def test_a_name_in_another_script_or_in_dollars_is_drawn(make_ratings):
    ratings = make_ratings(mean_score=[2.0, 4.0], scale=np.arange(1.0, 6.0), midpoint=3.0, name="照片 $x_1$")
    assert png(ratings_png(ratings)).width > 1000
