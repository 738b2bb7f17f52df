import numpy as np
from scipy.stats import chisquare

from awcu.training.sampling import EpochSampler, FrameBatches, batches_by_frame, merged

FRAMES = np.array([(32, 64)] * 10 + [(64, 32)] * 5 + [(32, 32)])


def test_sampler_repeats_whole_passes_over_its_rows():
    rows = np.array([2, 5, 9])
    drawn = list(EpochSampler(rows, 7, seed=(0, 0)))
    assert len(drawn) == 7
    assert sorted(drawn[:3]) == sorted(drawn[3:6]) == [2, 5, 9]
    assert drawn == list(EpochSampler(rows, 7, seed=(0, 0)))
    assert len({tuple(EpochSampler(rows, 7, seed=(0, epoch))) for epoch in range(10)}) > 1


def test_weighted_draws_are_as_frequent_as_the_weights():
    rows, weights = np.array([2, 5, 9]), np.array([3.0, 2.0, 1.0])
    drawn = np.array(list(EpochSampler(rows, 6000, seed=(0, 0), weights=weights)))
    counts = [(drawn == row).sum() for row in rows]
    assert chisquare(counts, [3000, 2000, 1000]).pvalue > 0.01
    assert len({tuple(EpochSampler(rows, 9, seed=(0, epoch), weights=weights)) for epoch in range(5)}) == 5


def test_batches_in_proportion_to_the_photographs():
    """Of 16 photographs in batches of 4, ten and five give 2.5 and 1.25 batches, and one .25."""
    groups = range(10), range(10, 15), range(15, 16)
    drawn = [list(FrameBatches(EpochSampler(np.arange(16), 16, (0, e)), FRAMES, 4, (0, e))) for e in range(400)]
    counts = np.array([[sum(batch[0] in rows for batch in epoch) for rows in groups] for epoch in drawn])
    assert set(counts.sum(1)) == {4}
    np.testing.assert_allclose(counts.mean(0), [2.5, 1.25, 0.25], atol=0.1)
    assert set(counts[:, 0]) == {2, 3}


def test_a_rare_frame_becomes_the_nearest_that_fills_a_batch():
    shared = merged(FRAMES, np.arange(16), 5)
    np.testing.assert_array_equal(shared[:15], FRAMES[:15])
    # A square is as far from either; the first in order is (32, 64).
    assert shared[15].tolist() == [32, 64]
    assert np.unique(merged(FRAMES, np.arange(16), 100), axis=0).tolist() == [[32, 64]]
    # Only rows that are drawn count and change.
    assert merged(FRAMES, np.array([15]), 4)[15].tolist() == [32, 32]


def test_batches_by_frame_by_hand():
    frames = np.array([(2, 1), (1, 2), (2, 1), (2, 1)])
    assert batches_by_frame(frames, 2) == [[1], [0, 2], [3]]
