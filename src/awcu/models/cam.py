"""Lay activation maps over their photograph."""

import cv2
import numpy as np
from numpy.typing import NDArray

from awcu.images.transforms import Aspect
from awcu.ratings.ratings import Ratings

Map = NDArray[np.float32]

FOR, AGAINST = np.array([[214, 24, 24], [24, 24, 214]], dtype=np.float32)  # red, blue
OPACITY = 0.5  # at the limit: the photograph stays recognisable


def onto_photograph(grid: Map, aspect: Aspect, shape: tuple[int, ...]) -> Map:
    """A map of the network's view `(h, w)` laid back onto a photograph of `(H, W)`; nan where it saw nothing.

    Args:
        grid: Values per cell.
        aspect: How the photograph was fitted to what the network saw (`awcu.images.transforms.Preparation`).
        shape: Height and width of the photograph in pixels.
    """
    height, width = shape[:2]
    squares = {"letterbox": (max(height, width),) * 2, "crop": (min(height, width),) * 2}
    side = squares.get(aspect, (height, width))
    # The square or frame laid over the photograph, centre on centre; its rows and columns that the photograph has.
    (rows, down), (columns, right) = (_overlap(*sizes) for sizes in zip(side, (height, width), strict=True))
    vertical, horizontal = (_interpolation(*sizes) for sizes in zip(grid.shape, side, strict=True))
    drawn_out: Map = vertical[rows] @ grid.astype(np.float32) @ horizontal[columns].T
    if aspect != "crop":
        return drawn_out
    seen = np.full((height, width), np.nan, dtype=np.float32)
    seen[down, right] = drawn_out
    return seen


def overlay(photograph: NDArray[np.uint8], values: Map, limit: float) -> NDArray[np.uint8]:
    """Signed evidence over a grey photograph: red for, blue against, clear at zero.

    Args:
        photograph: `(H, W, 3)` RGB.
        values: `(H, W)`; nan stays untinted.
        limit: The value, > 0, at which the tint is full; one for a whole set, or pictures cannot be compared.
    """
    grey = np.repeat(cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    tint, strength = _tint(values, limit)
    opacity = np.float32(OPACITY) * strength
    return np.asarray(np.round((1 - opacity) * grey + opacity * tint), dtype=np.uint8)


def layer(values: Map, limit: float) -> NDArray[np.uint8]:
    """`(H, W, 4)` RGBA: the tint by itself, opaque at the limit.

    At an opacity of `OPACITY` over a grey photograph it makes `overlay`.
    """
    tint, strength = _tint(values, limit)
    return np.asarray(np.round(np.concatenate([tint, 255 * strength], axis=2)), dtype=np.uint8)


def _tint(values: Map, limit: float) -> tuple[Map, Map]:
    """Colours `(H, W, 3)` and their strength in [0, 1], `(H, W, 1)`."""
    part = np.nan_to_num(np.clip(values / np.float32(limit), -1, 1))[..., None]
    # The root: most places of most photographs stay far below the limit, and would look like nothing.
    return np.where(part > 0, FOR, AGAINST), np.sqrt(np.abs(part))


def spread(ratings: Ratings, n: int) -> NDArray[np.int64]:
    """`(n,)` rows at even steps of rank from the highest mean score to the lowest."""
    order = np.argsort(-ratings.mean_score, kind="stable")
    return np.asarray(order[np.linspace(0, len(order) - 1, min(n, len(order))).round().astype(int)])


def _overlap(square: int, photograph: int) -> tuple[slice, slice]:
    """The part of the square's side that lies on the photograph's side, and its place; both are centred."""
    common = min(square, photograph)
    inside, on = (square - common) // 2, (photograph - common) // 2
    return slice(inside, inside + common), slice(on, on + common)


def _interpolation(cells: int, pixels: int) -> Map:
    """`(pixels, cells)` bicubic weights along one side."""
    identity = np.eye(cells, dtype=np.float32)
    return np.asarray(cv2.resize(identity, (cells, pixels), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
