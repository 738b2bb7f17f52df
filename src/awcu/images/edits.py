"""Edits that bring one measured attribute of a photograph towards a wanted value, and change little else.

| Attribute | More | Less |
|---|---|---|
| sharpness | unsharp mask | Gaussian blur |
| noise | Gaussian noise | bilateral filter |
| lightness | exposed by up to `STOPS` EV | as much less |
| contrast | levels drawn away from their mean | towards it |
| colourfulness | colours drawn away from grey of the same luma | towards it |

What is clipped or lost does not come back: such an edit goes as far as it can.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from awcu.errors import ImageError
from awcu.images.flaws import exposed
from awcu.images.measures import measure

Pixels = NDArray[np.uint8]
Edit = Callable[[Pixels, float], Pixels]
"""Of pixels `(H, W, 3)` and an amount in [0, 1]."""

STOPS = 3.0
HALVINGS = 8  # of the amount


def brought_towards(photograph: Pixels, name: str, wanted: float) -> Pixels:
    """The photograph edited just so far that the attribute has the wanted value, or as near as the edit gets.

    Args:
        photograph: `(H, W, 3)` RGB of about the pixels that are measured, `awcu.images.measures.AREA`; it stays as it
            is.
        name: One of `EDITS`.
        wanted: In the attribute's unit.

    Raises:
        ImageError: An attribute that no edit changes, or not a photograph.
    """
    if name not in EDITS:
        raise ImageError(f"{name!r} is changed by no edit; there are edits of {', '.join(EDITS)}")

    def value(pixels: Pixels) -> float:
        return measure(pixels, [name])[name].value

    more = value(photograph) < wanted
    edit = EDITS[name][0 if more else 1]
    least, most = 0.0, 1.0
    edited = edit(photograph, most)
    for _ in range(HALVINGS):
        middle = (least + most) / 2
        tried = edit(photograph, middle)
        if (value(tried) >= wanted) == more:
            most, edited = middle, tried
        else:
            least = middle
    return edited


def _levels(values: NDArray[np.float32]) -> Pixels:
    return np.asarray(np.rint(values).clip(0, 255), np.uint8)


def _sharpened(pixels: Pixels, amount: float) -> Pixels:
    values = pixels.astype(np.float32)
    return _levels(values + 4 * amount * (values - cv2.GaussianBlur(values, (0, 0), 1.0)))


def _blurred(pixels: Pixels, amount: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), max(3 * amount**2, 0.01)), np.uint8)


def _grainy(pixels: Pixels, amount: float) -> Pixels:
    drawn = np.random.default_rng(0).standard_normal(pixels.shape, np.float32)
    return _levels(pixels + 30 * amount * drawn)


def _denoised(pixels: Pixels, amount: float) -> Pixels:
    return np.asarray(cv2.bilateralFilter(pixels, 5, 100 * amount, 1.5), np.uint8)


def _contrasted(pixels: Pixels, factor: float) -> Pixels:
    values = pixels.astype(np.float32)
    return _levels(values.mean() + factor * (values - values.mean()))


def _coloured(pixels: Pixels, factor: float) -> Pixels:
    values = pixels.astype(np.float32)
    grey = cv2.cvtColor(values, cv2.COLOR_RGB2GRAY)[..., None]
    return _levels(grey + factor * (values - grey))


EDITS: dict[str, tuple[Edit, Edit]] = {
    "sharpness": (_sharpened, _blurred),
    "noise": (_grainy, _denoised),
    "lightness": (
        lambda pixels, amount: exposed(pixels, STOPS * amount),
        lambda pixels, amount: exposed(pixels, -STOPS * amount),
    ),
    "contrast": (
        lambda pixels, amount: _contrasted(pixels, 1 + 2 * amount),
        lambda pixels, amount: _contrasted(pixels, 1 - 0.8 * amount),
    ),
    "colourfulness": (
        lambda pixels, amount: _coloured(pixels, 1 + 3 * amount),
        lambda pixels, amount: _coloured(pixels, 1 - amount),
    ),
}
