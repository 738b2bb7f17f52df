"""How far a test metric would move with other test photographs: percentile bootstrap intervals."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import DegenerateDataWarning, bootstrap, rankdata

from awcu.significance import CONFIDENCE

RESAMPLES = 2000
_CELLS = 2_000_000  # of one batch of resamples, to bound the memory

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def point_and_interval(score: Floats, high: Bools, mean_score: Floats) -> dict[str, tuple[float, float, float]]:
    """Accuracy, balanced accuracy, AUROC and SRCC of scores `(N,)`, each with the ends of its 95 % interval.

    Photographs are drawn with replacement (Efron & Tibshirani 1993, section 13.3), N at a time. Resamples without
    both classes, or of one score only, say nothing of the metrics that need them and are left out.

    Args:
        score: `(N,)`, > 0 is high; N ≥ 2.
        high: `(N,)` labels.
        mean_score: `(N,)` what SRCC ranks by.
    """
    columns = score, high, mean_score
    return {name: _interval(metric, columns) for name, metric in METRICS.items()}


def _interval(metric: Callable[..., Floats], columns: tuple[NDArray[Any], ...]) -> tuple[float, float, float]:
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        # About undefined resamples, which are left out below.
        warnings.simplefilter("ignore", DegenerateDataWarning)
        drawn = bootstrap(
            columns,
            metric,
            paired=True,
            vectorized=True,
            axis=-1,
            n_resamples=RESAMPLES,
            batch=max(1, _CELLS // len(columns[0])),
            method="percentile",
            rng=np.random.default_rng(0),
        ).bootstrap_distribution
        point = float(metric(*columns))
    known = drawn[~np.isnan(drawn)]
    if known.size == 0:
        return point, np.nan, np.nan
    low, upper = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return point, float(low), float(upper)


def _accuracy(score: Floats, high: Bools, mean_score: Floats, axis: int = -1) -> Floats:
    return np.asarray(((score > 0) == high).mean(axis))


def _balanced_accuracy(score: Floats, high: Bools, mean_score: Floats, axis: int = -1) -> Floats:
    said = score > 0
    right_high = (said & high).sum(axis) / high.sum(axis)
    right_low = (~said & ~high).sum(axis) / (~high).sum(axis)
    return np.asarray((right_high + right_low) / 2)


def _auroc(score: Floats, high: Bools, mean_score: Floats, axis: int = -1) -> Floats:
    positive = high.sum(axis)
    pairs = positive * (high.shape[axis] - positive)
    return np.asarray(((rankdata(score, axis=axis) * high).sum(axis) - positive * (positive + 1) / 2) / pairs)


def _srcc(score: Floats, high: Bools, mean_score: Floats, axis: int = -1) -> Floats:
    ranks = (rankdata(column, axis=axis) for column in (score, mean_score))
    ours, theirs = (column - column.mean(axis, keepdims=True) for column in ranks)
    spread = np.sqrt((ours**2).sum(axis) * (theirs**2).sum(axis))
    return np.asarray((ours * theirs).sum(axis) / spread)


METRICS = {"accuracy": _accuracy, "balanced_accuracy": _balanced_accuracy, "auroc": _auroc, "srcc": _srcc}
