"""Attributes measured from a photograph's pixels: each a number and, where a place makes sense, a map.

All are measured on a copy of `AREA` pixels, so that the numbers of large and small files compare. What is finer than
that copy, such as the grain of a large file, is not seen; nor does the model see it.

| Attribute | What it is | Unit |
|---|---|---|
| sharpness | how much of its steps a photograph loses when blurred (Crete et al. 2007, one minus their blur) | 0..1 |
| depth | how much sharper its sharpest parts are than its softest | 0..1 |
| lightness | mean CIELAB lightness | 0..100 |
| shadows, lights | share of pixels that are black, white to within `CLIPPED` levels | 0..1 |
| contrast | standard deviation of the lightness (Peli 1990) | 0..50 |
| colourfulness | spread and mean of the opponent colours (Hasler & Süsstrunk 2003) | 0..190 |
| noise | what a mask blind to steps and slopes finds (Immerkær 1996), where the frame is quietest | levels of 255 |
| symmetry | correlation of the lightness with its mirror image | −1..1 |
| third | how near what stands out most (Hou & Zhang 2007) lies to a crossing of thirds | 0..1 |

A horizon's tilt is left out: without a model of the scene, slopes, roofs and shores are taken for one.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from awcu.errors import ImageError

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

AREA = 256 * 256
"""Pixels of the copy that is measured."""
MEASURES: tuple[str, ...] = (
    "sharpness", "depth", "lightness", "shadows", "lights", "contrast", "colourfulness", "noise", "symmetry", "third",
)  # fmt: skip
CLIPPED = 5

_BLUR = 5  # pixels; Crete et al. take 9 on photographs of about 500
_ROUNDING = 0.5  # of lightness: steps of one level of 255 are no edges
_WINDOW = 8  # windows along the root of the area, over which a map averages
_PRIOR = 0.25  # of a window's share of all steps: without any, a place is as sharp as the whole
_STANDS_OUT = 64  # pixels a side: Hou & Zhang's scale


class Measured(NamedTuple):
    """One attribute of a photograph.

    Attributes:
        value: Of the whole photograph.
        places: `(h, w)` the same at each place of the measured copy; None where that makes no sense.
    """

    value: float
    places: Floats | None = None


def measure(photograph: Pixels, names: Sequence[str] = MEASURES) -> dict[str, Measured]:
    """Attributes of a photograph `(H, W, 3)` RGB, upright, by name; all of `MEASURES` take about 20 ms.

    Raises:
        ImageError: Not a photograph.
    """
    pixels = at_measured_size(photograph)
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lightness = np.asarray(lab[..., 0], np.float32, order="C")
    return {name: _BY_NAME[name](pixels, lightness) for name in names}


def at_measured_size(photograph: Pixels) -> Pixels:
    """The copy of `AREA` pixels, in the photograph's proportions.

    Raises:
        ImageError: Not a photograph.
    """
    if photograph.dtype != np.uint8 or photograph.ndim != 3 or photograph.shape[2] != 3 or photograph.size == 0:
        raise ImageError(
            f"an array of shape {photograph.shape} and type {photograph.dtype} cannot be measured; give (H, W, 3) RGB, "
            f"uint8"
        )
    height, width = photograph.shape[:2]
    scale = math.sqrt(AREA / (height * width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(photograph, size, interpolation=how), np.uint8)


def _shadows(pixels: Pixels, lightness: Floats) -> Measured:
    return _mean((pixels.max(axis=2) <= CLIPPED).astype(np.float32))


def _lights(pixels: Pixels, lightness: Floats) -> Measured:
    return _mean((pixels.min(axis=2) >= 255 - CLIPPED).astype(np.float32))


def _mean(values: Floats) -> Measured:
    return Measured(float(values.mean()), _averaged(values))


def _averaged(values: Floats) -> Floats:
    """The mean around each place, over the part of the window that lies in the frame."""
    side = round(math.sqrt(values.size) / _WINDOW) | 1
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)


def _sharpness(pixels: Pixels, lightness: Floats) -> Measured:
    before, lost = np.zeros_like(lightness), np.zeros_like(lightness)
    for axis, kernel in ((0, (1, _BLUR)), (1, (_BLUR, 1))):
        step = _steps(lightness, axis)
        before += np.maximum(step - _ROUNDING, 0)
        blurred = np.asarray(cv2.blur(lightness, kernel, borderType=cv2.BORDER_REPLICATE), np.float32)
        lost += np.maximum(step - _steps(blurred, axis) - _ROUNDING, 0)
    if not lost.any():
        return Measured(0.0, np.zeros_like(lightness))
    value = float(lost.sum() / before.sum())
    usual = _PRIOR * float(before.mean())
    places = (_averaged(lost) + usual * value) / (_averaged(before) + usual)
    return Measured(value, places)


def _depth(pixels: Pixels, lightness: Floats) -> Measured:
    places = _sharpness(pixels, lightness).places
    assert places is not None
    softest, sharpest = np.quantile(places, [0.05, 0.95])
    return Measured(float(sharpest - softest))


def _steps(lightness: Floats, axis: int) -> Floats:
    """Absolute difference from the pixel before, 0 in the first row or column."""
    return np.abs(np.diff(lightness, axis=axis, prepend=lightness.take([0], axis)))


def _contrast(pixels: Pixels, lightness: Floats) -> Measured:
    return Measured(float(lightness.std()), _spread(lightness, _averaged(lightness)))


def _spread(values: Floats, means: Floats) -> Floats:
    """Standard deviation around each place."""
    return np.asarray(np.sqrt(np.maximum(_averaged(values**2) - means**2, 0)), np.float32)


def _colourfulness(pixels: Pixels, lightness: Floats) -> Measured:
    red, green, blue = (pixels[..., channel].astype(np.float32) for channel in range(3))
    opponents = [np.asarray(one, np.float32) for one in (red - green, (red + green) / 2 - blue)]
    means = [float(one.mean()) for one in opponents]
    value = math.hypot(*(float(one.std()) for one in opponents)) + 0.3 * math.hypot(*means)
    around = [_averaged(one) for one in opponents]
    spreads = [_spread(one, mean) for one, mean in zip(opponents, around, strict=True)]
    return Measured(value, np.asarray(np.hypot(*spreads) + 0.3 * np.hypot(*around), np.float32))


_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def _noise(pixels: Pixels, lightness: Floats) -> Measured:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    # The mask's answer to noise of standard deviation 1 has the mean absolute value 6 √(2/π).
    found = np.abs(cv2.filter2D(grey, cv2.CV_32F, _MASK)) * np.float32(math.sqrt(math.pi / 2) / 6)
    places = _averaged(found)
    return Measured(float(np.quantile(places, 0.125)), places)


def _symmetry(pixels: Pixels, lightness: Floats) -> Measured:
    height, width = (max(2, side // 8) for side in lightness.shape)
    small = cv2.resize(lightness, (width, height), interpolation=cv2.INTER_AREA)
    centred = small - small.mean()
    power = float((centred**2).sum())
    if power < 1e-3 * small.size:  # a plain colour
        return Measured(1.0)
    return Measured(float((centred * centred[:, ::-1]).sum()) / power)


def _third(pixels: Pixels, lightness: Floats) -> Measured:
    row, column = np.unravel_index(int(salience(lightness).argmax()), (_STANDS_OUT, _STANDS_OUT))
    # From a crossing of thirds, a corner of the frame is the farthest place.
    distances = (min(abs((int(place) + 0.5) / _STANDS_OUT - third / 3) for third in (1, 2)) for place in (row, column))
    return Measured(1 - math.hypot(*distances) / (math.sqrt(2) / 3))


def salience(lightness: Floats) -> Floats:
    """`(64, 64)` what stands out in a frame `(H, W)`: the spectral residual (Hou & Zhang 2007)."""
    small = cv2.resize(lightness, (_STANDS_OUT, _STANDS_OUT), interpolation=cv2.INTER_AREA)
    spectrum = np.fft.fft2(small)
    amplitude = np.log(np.abs(spectrum) + 1e-6).astype(np.float32)
    residual = amplitude - cv2.blur(amplitude, (3, 3), borderType=cv2.BORDER_REFLECT)
    found = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    return np.asarray(cv2.GaussianBlur(found.astype(np.float32), (0, 0), 2.5), np.float32)


_BY_NAME: dict[str, Callable[[Pixels, Floats], Measured]] = {
    "sharpness": _sharpness,
    "depth": _depth,
    "lightness": lambda pixels, lightness: _mean(lightness),
    "shadows": _shadows,
    "lights": _lights,
    "contrast": _contrast,
    "colourfulness": _colourfulness,
    "noise": _noise,
    "symmetry": _symmetry,
    "third": _third,
}
