"""Activation maps on the photograph they speak of."""

import cv2
import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from awcu.images import Aspect
from awcu.ratings import Ratings

Map = NDArray[np.float32]


def onto_photograph(grid: Map, aspect: Aspect, shape: tuple[int, ...]) -> Map:
    """A map of the network's square view `(h, w)` laid back onto a photograph of `(H, W)`; nan where it saw nothing.

    Args:
        grid: Values per cell.
        aspect: How the photograph was fitted to the square (`awcu.images.preparation`).
        shape: Height and width of the photograph in pixels.
    """
    height, width = shape[:2]
    if aspect == "warp":
        return _resize(grid, height, width)
    longest, shortest = max(height, width), min(height, width)
    if aspect == "letterbox":
        square = _resize(grid, longest, longest)
        top, left = (longest - height) // 2, (longest - width) // 2
        return square[top : top + height, left : left + width]
    seen = np.full((height, width), np.nan, dtype=np.float32)
    top, left = (height - shortest) // 2, (width - shortest) // 2
    seen[top : top + shortest, left : left + shortest] = _resize(grid, shortest, shortest)
    return seen


def overlay(photograph: NDArray[np.uint8], values: Map, limit: float) -> NDArray[np.uint8]:
    """Signed evidence over a grey photograph: red for, blue against, clear at zero.

    Args:
        photograph: `(H, W, 3)` RGB.
        values: `(H, W)`; nan stays untinted.
        limit: The value, > 0, at which the tint is full; one for a whole set, or pictures cannot be compared.
    """
    strength = np.nan_to_num(np.clip(values / limit, -1, 1))
    tint = 255 * colormaps["bwr"]((strength + 1) / 2)[..., :3]
    grey = np.repeat(cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    opacity = 0.75 * np.abs(strength)[..., None]
    return np.asarray(np.round((1 - opacity) * grey + opacity * tint), dtype=np.uint8)


def spread(ratings: Ratings, n: int) -> NDArray[np.int64]:
    """`(n,)` rows at even steps of rank from the highest mean score to the lowest."""
    order = np.argsort(-ratings.mean_score, kind="stable")
    return np.asarray(order[np.linspace(0, len(order) - 1, min(n, len(order))).round().astype(int)])


def _resize(grid: Map, height: int, width: int) -> Map:
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
