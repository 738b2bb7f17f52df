"""What experiments/coverage computes itself, against the tables' own intervals."""

import numpy as np
import pytest
from experiments.coverage import simulate

from awcu.tables.intervals import Estimate, Sampling


@pytest.mark.parametrize("shared", [0.0, 3.0])
def test_the_interval_of_the_tables_is_the_tables_own(shared):
    """With photographs that matter little, and much."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=5)
    redrawn = values[:, None] + rng.normal(size=(5, 100)) + shared * rng.normal(size=100)
    found = simulate.intervals(values, redrawn, 0.25, 300, rng)
    sampling = Sampling(redrawn.mean(axis=0).std(ddof=1), np.sqrt(redrawn.var(axis=1, ddof=1).mean()), 300)
    for name, overlap, known in (
        ("seeds and photographs", 0.25, sampling),
        ("as in the tables", 0.25, sampling),
        ("Nadeau-Bengio", 0.25, None),
        ("Student t over seeds", 0.0, None),
    ):
        low, high = found[name]
        expected = Estimate.of(values.tolist(), overlap, known)
        assert (low + high) / 2 == pytest.approx(expected.mean)
        assert (high - low) / 2 == pytest.approx(expected.half_width)


def test_a_sample_that_counts_a_photograph_twice_has_it_twice():
    rng = np.random.default_rng(1)
    features, rating, head = rng.normal(size=(30, 3)), rng.normal(size=30), np.array([1.0, 0.5, -1.0, 0.2])
    times = np.ones((1, 30))
    times[0, 4], times[0, 5] = 2, 0
    score = features @ head[:3] + head[3]
    rows = [*range(5), 4, *range(6, 30)]
    one, other = (np.argsort(np.argsort(each))[rows] for each in (score, rating))
    found = simulate._metrics(features, rating, head, times)[:, 0]
    assert found == pytest.approx([np.corrcoef(one, other)[0, 1], ((score > 0) == (rating > 0))[rows].mean()])
