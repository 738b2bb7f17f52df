"""The one AUROC and the one Spearman correlation."""

import numpy as np
from numpy.typing import NDArray

from awcu.ratings.ratings import Floats


def spearman(x: Floats, y: Floats) -> Floats:
    """Spearman's rank correlation along the first axis, `(n, …)` each; nan where all values are equal."""
    # By comparing all pairs, since there are few values and scipy.stats takes seconds to import.
    ranks = [((v[:, None] > v).sum(axis=1) + (v[:, None] == v).sum(axis=1) / 2) for v in (x, y)]
    one, two = (each - each.mean(axis=0) for each in ranks)
    with np.errstate(invalid="ignore"):
        return np.asarray((one * two).sum(axis=0) / np.sqrt((one**2).sum(axis=0) * (two**2).sum(axis=0)))


def auroc(score: Floats, high: NDArray[np.bool_]) -> Floats:
    """`(H,)` areas under the ROC curve of scores `(H, N)` for labels `(N,)`: the share of pairs ranked right.

    For many heads at once; nan where a class is missing. A tie counts half.
    """
    from scipy.stats import rankdata  # here, since it takes a second to import

    positive = int(high.sum())
    pairs = positive * (len(high) - positive)
    if pairs == 0:
        return np.full(len(score), np.nan)
    ranks = rankdata(score, axis=1)[:, high].sum(1)
    return np.asarray((ranks - positive * (positive + 1) / 2) / pairs)
