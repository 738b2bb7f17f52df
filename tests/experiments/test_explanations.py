"""What experiments/explanations computes itself: edits of its own, signs, and shares over photographs."""

import cv2
import numpy as np
import pytest
from experiments.explanations import measure as experiment

from awcu.images.edits import EDITS
from awcu.images.measures import measure as measured
from awcu.inference.reasons import Reason


def scene():
    rng = np.random.default_rng(0)
    picture = np.full((256, 256, 3), 120, np.uint8)
    for _ in range(25):
        centre, size = rng.integers(0, 256, 2).tolist(), int(rng.integers(10, 30))
        cv2.circle(picture, centre, size, rng.integers(40, 215, 3).tolist(), -1)
    return (cv2.GaussianBlur(picture, (0, 0), 1) + rng.normal(0, 3, picture.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", EDITS)
def test_its_edits_give_more_and_less(name):
    more, less = (edit(scene()) for edit in experiment.OTHER[name])
    values = [measured(one, [name])[name].value for one in (less, scene(), more)]
    assert values == sorted(values)
    assert len(set(values)) == 3


@pytest.mark.parametrize("levels", [np.array([[[0, 128, 255]]], np.uint8)])
def test_black_white_and_the_middle_stay_under_a_steeper_curve(levels):
    for steepness in (5.0, -4.0):
        np.testing.assert_allclose(experiment.steepened(levels, steepness), levels, atol=1)


@pytest.mark.parametrize(
    ("high", "gap", "change", "taken", "given"),
    [
        # More of it +.2, less of it −.1. Much of what goes with a higher score: less of it takes it away.
        (True, 0.5, (0.2, -0.1), 1.0, 1.0),
        # Little of what goes with a higher score, so that the gap of having little is negative.
        (False, -0.5, (0.2, -0.1), 1.0, 1.0),
        (True, -0.5, (0.2, -0.1), 0.0, 0.0),
        (False, -0.5, (0.2, 0.1), 1.0, 0.0),
        (False, -0.5, (0.0, 0.0), 0.0, 0.0),
    ],
)
def test_signs_by_hand(high, gap, change, taken, given):
    found = experiment.checked(Reason("noise", high, 0.5, gap, 0.0), {"noise": change})
    assert (found["taken"], found["given"]) == (taken, given)


def test_shares_are_over_reasons_and_their_intervals_over_photographs():
    """Three reasons of one photograph and one of another: ¾ are true; a redraw has 0, ¾ or 1."""
    rows = [{"photograph": "a", "x": 1.0}] * 3 + [{"photograph": "b", "x": 0.0}]
    found = experiment.line("ours", "all", "taken", rows, "x")
    assert [found[name] for name in ("n", "mean", "low", "high")] == [4, 0.75, 0.0, 1.0]
