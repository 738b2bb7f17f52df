"""The one AUROC and the one of each correlation, of one sample or of many that weigh the same values differently."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from awcu.ratings.ratings import Floats


def midranks(values: ArrayLike, times: Floats | None = None) -> Floats:
    """Midranks: how many of a sample lie below each value, ties counting half; nan if any value is nan.

    Args:
        values: `(N,)`.
        times: `(N,)` or `(B, N)`: how often each value stands in the sample, or in each of B; None for once.

    Returns:
        Of the shape of `times`.
    """
    values = np.asarray(values)
    times = np.ones(len(values)) if times is None else times
    if np.isnan(values).any():
        return np.full(times.shape, np.nan)
    _, place, sizes = np.unique(values, return_inverse=True, return_counts=True)
    starts = np.cumsum(sizes) - sizes
    equal = np.add.reduceat(times[..., np.argsort(place, kind="stable")], starts, axis=-1)
    return np.asarray((np.cumsum(equal, axis=-1) - equal / 2)[..., place])


def auroc(score: ArrayLike, high: NDArray[np.bool_], times: Floats | None = None) -> Floats:
    """The area under the ROC curve: the share of pairs of a high and a low that are ranked right, a tie counting half.

    Args:
        score: `(N,)`.
        high: `(N,)` labels.
        times: As in `midranks`.

    Returns:
        In [0, 1], `()` or `(B,)`; nan where a class is missing.
    """
    times = np.ones(len(high)) if times is None else times
    positive, negative = times @ high, times @ ~high
    # Of the sum of the ranks of the high, the pairs among themselves make up half of their square.
    right = (times * midranks(score, times)) @ high - positive**2 / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(right / (positive * negative))


def spearman(x: ArrayLike, y: ArrayLike, times: Floats | None = None) -> Floats:
    """Spearman's rank correlation.

    Args:
        x: `(N,)`.
        y: `(N,)`.
        times: As in `midranks`.

    Returns:
        In [−1, 1], `()` or `(B,)`; nan where all values of x or of y are equal.
    """
    times = np.ones(len(np.asarray(x))) if times is None else times
    return _correlation(midranks(x, times), midranks(y, times), times)


def pearson(x: ArrayLike, y: ArrayLike, times: Floats | None = None) -> Floats:
    """Pearson's correlation; arguments and result as those of `spearman`."""
    # From the first value, so that equal ones are exactly 0.
    one, two = (np.asarray(values, np.float64) - np.asarray(values)[:1] for values in (x, y))
    return _correlation(one, two, np.ones(len(one)) if times is None else times)


def _correlation(x: Floats, y: Floats, times: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        total = times.sum(axis=-1, keepdims=True)
        one, two = (values - (times * values).sum(axis=-1, keepdims=True) / total for values in (x, y))
        spread = np.sqrt((times * one**2).sum(axis=-1) * (times * two**2).sum(axis=-1))
        return np.asarray((times * one * two).sum(axis=-1) / spread)
