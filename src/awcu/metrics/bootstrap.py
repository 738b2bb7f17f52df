"""The spread of test metrics over resampled test photographs: accuracy, AUROC, SRCC and PLCC of redrawn samples."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from awcu.metrics.ranks import auroc, pearson, spearman

CONFIDENCE = 0.95
RESAMPLES = 2000
METRICS = ("accuracy", "balanced_accuracy", "auroc", "srcc", "plcc")
_CELLS = 2_000_000  # of one batch of resamples, to bound the memory

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def point_and_interval(score: Floats, high: Bools, mean_score: Floats) -> dict[str, tuple[float, float, float]]:
    """The `METRICS` of scores `(N,)`, each with the ends of its 95 % interval.

    Photographs are drawn with replacement (Efron & Tibshirani 1993, section 13.3), N at a time. Resamples without
    both classes, or of one score only, say nothing of the metrics that need them and are left out.

    Args:
        score: `(N,)`, > 0 is high; N ≥ 2.
        high: `(N,)` labels.
        mean_score: `(N,)` what SRCC and PLCC compare with.
    """
    points = sample_metrics(score, high, mean_score, np.ones((1, len(score))))
    parts = [sample_metrics(score, high, mean_score, times) for times in redraws(len(score))]
    found = {}
    for name in METRICS:
        drawn = np.concatenate([part[name] for part in parts])
        known = drawn[~np.isnan(drawn)]
        ends = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]) if known.size else (np.nan, np.nan)
        found[name] = float(points[name][0]), float(ends[0]), float(ends[1])
    return found


def mean_and_interval(sums: Floats, counts: Floats | None = None) -> tuple[float, float, float]:
    """A mean over all values, and the ends of its 95 % interval over photographs, which keep their values together.

    Args:
        sums: `(N,)` of the values of each photograph; of none everything is nan.
        counts: `(N,)` how many these are, > 0; without, one each.
    """
    if not len(sums):
        return np.nan, np.nan, np.nan
    counts = np.ones(len(sums)) if counts is None else counts
    drawn = np.concatenate([times @ sums / (times @ counts) for times in redraws(len(sums))])
    # Not from CONFIDENCE: the last bit of what is committed would differ.
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(sums.sum() / counts.sum()), float(low), float(high)


def redraws(n: int) -> Iterator[Floats]:
    """Draw counts of n photographs, in batches `(B, n)`, `RESAMPLES` rows in all; always the same."""
    rng, left, most = np.random.default_rng(0), RESAMPLES, max(1, _CELLS // n)
    while left:
        batch = min(left, most)
        yield rng.multinomial(n, np.full(n, 1 / n), size=batch).astype(np.float64)
        left -= batch


def sample_metrics(score: Floats, high: Bools, mean_score: Floats, times: Floats) -> dict[str, Floats]:
    """The `METRICS` of samples in which photograph i stands `times[b, i]` times, `(B,)` each.

    nan where a sample lacks what a metric needs: both classes, or two different scores.

    Args:
        score: `(N,)`, > 0 is high.
        high: `(N,)` labels.
        mean_score: `(N,)` what SRCC and PLCC compare with.
        times: `(B, N)` ≥ 0.
    """
    said = score > 0
    positive, negative = times @ high, times @ ~high
    with np.errstate(invalid="ignore", divide="ignore"):
        recalls = times @ (said & high) / positive, times @ (~said & ~high) / negative
    return {
        "accuracy": times @ (said == high) / (positive + negative),
        "balanced_accuracy": (recalls[0] + recalls[1]) / 2,
        "auroc": auroc(score, high, times),
        "srcc": spearman(score, mean_score, times),
        "plcc": pearson(score, mean_score, times),
    }
