"""What tells photographs of one series apart and can be measured: sharpness, light, and what is blown out.

Made to compare photographs of one series, where the scene is nearly the same; between scenes they say little.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 512
"""Pixels of the short side at which sharpness is measured."""
NEEDED = 2 * SIDE
"""Pixels of the short side from which a photograph is as sharp as it can be at `SIDE`."""
WHITE = 254
"""Level of 255 from which a channel is blown out."""

SOFTER = 0.5
"""Less sharpness that counts. Of 60 photographs of BIQ2021, 98 % differ by less than .3 from themselves shifted by a
tenth, zoomed by 5 %, turned by a degree or exposed by ±½ to 1 EV; blurred by a Gaussian of one pixel at `SIDE`, 98 %
lose more than .69."""
EXPOSED = 0.5
"""EV more or less that count. Of 40 photographs, shifting by a tenth changes 96 % by −.10 to +.34."""
BLOWN = 0.05
"""Share of the frame blown out beyond another's that counts; shifting by a tenth adds no more for 96 %."""

_FINE, _COARSE = 1.0, 4.0  # standard deviations, in pixels at SIDE, between which detail is coarse
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear sRGB: IEC 61966-2-1


class Measures(NamedTuple):
    """What is measured of one photograph.

    Attributes:
        sharpness: Fine detail against coarse, log₂ of the ratio of their variances; scale and contrast cancel out.
        light: Mean luminance of the frame in EV, 0 for all white.
        blown: Share of the frame where a channel is blown out, in [0, 1].
    """

    sharpness: float
    light: float
    blown: float


def measure(pixels: NDArray[np.uint8]) -> Measures:
    """Measure one photograph.

    Args:
        pixels: `(H, W, 3)` RGB, best of at least `NEEDED` pixels a side.
    """
    return Measures(_sharpness(pixels), _light(pixels), float((pixels.max(2) >= WHITE).mean()))


def lacks(other: Measures, best: Measures) -> list[str]:
    """What a photograph has less of than the best of its series, in words; nothing where no difference counts."""
    said = []
    if other.sharpness <= best.sharpness - SOFTER:
        said.append("softer")
    if abs(other.light - best.light) >= EXPOSED:
        said.append("darker" if other.light < best.light else "brighter")
    if other.blown >= best.blown + BLOWN:
        said.append("more blown out")
    return said


def _sharpness(pixels: NDArray[np.uint8]) -> float:
    # Half the size at least, since no camera's pixels are sharp at full size.
    scale = min(SIDE, max(1, min(pixels.shape[:2]) // 2)) / min(pixels.shape[:2])
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    smooth = cv2.GaussianBlur(small, (0, 0), _FINE)
    fine, coarse = small - smooth, smooth - cv2.GaussianBlur(small, (0, 0), _COARSE)
    # A blank frame has no detail of either kind; a tenth of a level is below what 8 bits hold.
    return float(np.log2((fine.var() + 0.01) / (coarse.var() + 0.01)))


def _light(pixels: NDArray[np.uint8]) -> float:
    levels = np.arange(256, dtype=np.float32) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)
    channels = np.array([linear[pixels[..., channel]].mean() for channel in range(3)])
    return float(np.log2(max(float(channels @ _LUMINANCE), 1e-4)))
