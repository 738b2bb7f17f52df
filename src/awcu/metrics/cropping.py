"""Published metrics of cropping: boxes against annotated boxes, and rankings of crops against annotated scores.

A box is (left, top, right, bottom) in pixels, right and bottom exclusive.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from awcu.errors import BoxError
from awcu.images.boxes import inside, ious
from awcu.metrics.ranks import spearman

Floats = NDArray[np.float64]


def boundary_displacement(box: Sequence[float], truth: Sequence[float], size: tuple[int, int]) -> float:
    """Boundary displacement error (BDE), in [0, 1]: mean distance of the four edges, as shares of the frame.

    Args:
        box: The crop.
        truth: The annotated crop.
        size: Height and width of the photograph in pixels; distances along x are divided by its width, along y by
            its height.

    Raises:
        BoxError: A box that is empty or reaches out of the photograph.
    """
    return float(_displacements(inside([box], size), inside([truth], size), size)[0])


def best_of(box: Sequence[float], truths: ArrayLike, size: tuple[int, int]) -> tuple[float, float]:
    """IoU and BDE against that one of several annotated crops `(M, 4)` which overlaps most.

    Both are of the same annotated crop, as in published evaluations of FLMS (CACNet's among them), so the BDE is
    not always the smallest one. Of crops with the same IoU the nearest counts.

    Raises:
        BoxError: No annotated crop, or a box that is empty or reaches out of the photograph.
    """
    one, many = inside([box], size), inside(truths, size)
    if len(many) == 0:
        raise BoxError("no annotated crop to compare with; leave this photograph out")
    overlap, displacement = ious(many, one[0].tolist()), _displacements(many, one, size)
    best = np.lexsort((displacement, -overlap))[0]
    return float(overlap[best]), float(displacement[best])


def srcc(predicted: Sequence[ArrayLike], opinion: Sequence[ArrayLike]) -> float:
    """Mean over photographs of Spearman's correlation between predicted and annotated scores of their crops.

    Args:
        predicted: One array per photograph, one score per crop.
        opinion: The crops' mean opinion scores, likewise; crops without one are left out (GAICD marks them −2).

    Returns:
        In [−1, 1]; nan where all crops of any photograph are scored alike, since an average over the others would
        be over another set of photographs.

    Raises:
        BoxError: No photographs, scores of different crops, or a score that is no finite number.
    """
    return float(np.mean([float(spearman(scores, truth)) for scores, truth in _pairs(predicted, opinion)]))


def acc(predicted: Sequence[ArrayLike], opinion: Sequence[ArrayLike], k: int, n: int) -> float:
    """Acc K/N, in [0, 1]: how many of the `k` crops ranked first are among the `n` best, averaged over photographs.

    As defined by Zeng et al. 2019 (Reliable and Efficient Image Cropping) and computed by their code since its
    correction of July 2019; figures from before it are of another quantity. A crop is among the n best if its score
    is at least the n-th best one, so ties with that one count; of crops predicted alike the one listed first ranks
    first. Their Acc N is the mean over k = 1..4.

    Args:
        predicted: One array per photograph, one score per crop.
        opinion: The crops' mean opinion scores, likewise; crops without one are left out (GAICD marks them −2).
        k: ≥ 1.
        n: ≥ 1.

    Raises:
        BoxError: No photographs, scores of different crops, a score that is no finite number, or a photograph with
            fewer than `k` or `n` crops.
    """
    shares = []
    for place, (scores, truth) in enumerate(_pairs(predicted, opinion)):
        if not 1 <= min(k, n) <= max(k, n) <= len(scores):
            raise BoxError(
                f"Acc {k}/{n} of {len(scores)} crops of photograph {place}: each must be in 1..{len(scores)}"
            )
        first = np.argsort(-scores, kind="stable")[:k]
        shares.append(np.mean(truth[first] >= np.sort(truth)[-n]))
    return float(np.mean(shares))


def _displacements(boxes: Floats, others: Floats, size: tuple[int, int]) -> Floats:
    height, width = size
    return np.asarray((np.abs(boxes - others) / [width, height, width, height]).mean(axis=1))


def _pairs(predicted: Sequence[ArrayLike], opinion: Sequence[ArrayLike]) -> Iterator[tuple[Floats, Floats]]:
    """Predicted and annotated scores `(M,)` of each photograph's crops."""
    if not len(predicted) == len(opinion) > 0:
        raise BoxError(f"scores of {len(predicted)} photographs for {len(opinion)}: give as many, and at least one")
    for place, pair in enumerate(zip(predicted, opinion, strict=True)):
        scores, truth = (np.asarray(values, dtype=np.float64) for values in pair)
        if scores.ndim != 1 or scores.shape != truth.shape:
            raise BoxError(
                f"photograph {place} has scores of shape {scores.shape} and opinions of {truth.shape}: "
                "give one of each a crop"
            )
        if not (np.isfinite(scores).all() and np.isfinite(truth).all()):
            raise BoxError(f"photograph {place} has a score that is no finite number: leave that crop out")
        yield scores, truth
