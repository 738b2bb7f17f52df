"""What experiments/maps/attributes computes itself: how a map of cells compares with a measure's own."""

import math

import numpy as np
import pytest
from experiments.maps.attributes import measure as attributes


def test_a_map_that_orders_the_cells_as_the_measure_does():
    """Four cells of 50 × 50 pixels; the top tenth of the pixels lies in the last of them."""
    places = np.kron(np.array([[1, 2], [3, 4]], np.float32), np.ones((50, 50), np.float32))
    places[80:, 80:] = 9
    grid = np.array([[0.1, 0.2], [0.3, 0.4]], np.float32)
    # 400 of 10,000 pixels exceed 4, the quantile; the map is largest from the last cell's centre: 25 × 25.
    assert attributes.compared(grid, places) == {"rho": 1.0, "points": pytest.approx(400 / 625)}
    assert attributes.compared(-grid, places) == {"rho": -1.0, "points": 0.0}


def test_a_measure_that_is_the_same_all_over_says_nothing():
    found = attributes.compared(np.eye(3, dtype=np.float32), np.ones((30, 30), np.float32))
    assert all(math.isnan(value) for value in found.values())


def test_attributes_of_a_photograph_are_averaged_first():
    rows = [
        {"backbone": "packaged", "photograph": "a", "attribute": "noise", "attam/rho": 1.0},
        {"backbone": "packaged", "photograph": "a", "attribute": "lights", "attam/rho": 0.0},
        {"backbone": "packaged", "photograph": "b", "attribute": "noise", "attam/rho": 0.0},
        {"backbone": "packaged", "photograph": "c", "attribute": "noise", "attam/rho": math.nan},
    ]
    found = {one["attribute"]: one for one in attributes.summary(rows)}
    assert (found["all"]["mean"], found["all"]["n"]) == (0.25, 2)
    assert (found["noise"]["mean"], found["noise"]["n"]) == (0.5, 2)
