"""Boxes on a photograph: (left, top, right, bottom) in pixels, right and bottom exclusive."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from awcu.errors import BoxError

Floats = NDArray[np.float64]


class Box(NamedTuple):
    """Pixels of the upright photograph; `right` and `bottom` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top


def inside(boxes: ArrayLike, size: tuple[int, int]) -> Floats:
    """Check that boxes `(M, 4)` lie inside the photograph, and return them.

    Args:
        boxes: Four numbers each.
        size: Height and width of the photograph in pixels.

    Raises:
        BoxError: A box is empty, reaches beyond the photograph, or is not four numbers.
    """
    found, (height, width) = _boxes(boxes), size
    left, top, right, bottom = found.T
    outside = (left < 0) | (top < 0) | (right > width) | (bottom > height)
    if outside.any():
        raise BoxError(
            f"box {_text(found[outside][0])} reaches beyond a photograph of {width}×{height}: give left, top, right, "
            "bottom in its pixels"
        )
    return found


def iou(box: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes, in [0, 1].

    Raises:
        BoxError: A box is empty or not four numbers.
    """
    return float(ious([box], other)[0])


def ious(boxes: ArrayLike, other: Sequence[float]) -> Floats:
    """`(M,)` intersections over union of boxes `(M, 4)` with one other.

    Raises:
        BoxError: A box is empty or not four numbers.
    """
    (left, top, right, bottom), one = _boxes(boxes).T, _boxes([other])[0]
    wide = np.minimum(right, one[2]) - np.maximum(left, one[0])
    high = np.minimum(bottom, one[3]) - np.maximum(top, one[1])
    shared = wide.clip(min=0) * high.clip(min=0)
    union = (right - left) * (bottom - top) + (one[2] - one[0]) * (one[3] - one[1]) - shared
    return np.asarray(shared / union)


def _boxes(boxes: ArrayLike) -> Floats:
    """Boxes `(M, 4)` as floats, checked not to be empty."""
    found = np.asarray(boxes, dtype=np.float64)
    if found.size == 0:
        return np.empty((0, 4))
    if found.ndim != 2 or found.shape[1] != 4:
        raise BoxError(f"boxes have shape {found.shape}, not (M, 4): give left, top, right, bottom for each")
    left, top, right, bottom = found.T
    # Written so that nan fails too.
    full = (-np.inf < left) & (left < right) & (right < np.inf) & (-np.inf < top) & (top < bottom) & (bottom < np.inf)
    if not full.all():
        raise BoxError(f"box {_text(found[~full][0])} is empty: give left < right and top < bottom, in this order")
    return found


def _text(box: Floats) -> str:
    return "(" + ", ".join(f"{edge:g}" for edge in box) + ")"
