"""Flaws planted in a known place of a photograph, or all over it: truth for maps, crops and scores.

A local flaw lies in one patch of 4 to 15 % of the frame, fully inside it; finger and distraction enter from an edge.
The same photograph, kind and seed give the same place and the same bytes, and a place does not move with the strength.

What a kind does at strength 1; less is in proportion:

| Kind | Edit |
|---|---|
| smear | light drawn out along a line as long as `SMEAR` of the shorter side |
| highlight | light added, `HIGHLIGHT` times that of white |
| blotch | exposed by `BLOTCH` EV |
| finger | skin out of focus before the lens; the strength is its opacity |
| distraction | a sharp object of a bright colour; the strength is its opacity |
| noise | Gaussian, a standard deviation of `NOISE` levels of 255 in each channel |
| blocks | compressed as JPEG, quality `JPEG[1]`; towards strength 0 it is `JPEG[0]` |
| cast | one channel exposed by +`CAST` EV, another by −`CAST` EV |
| dark, bright | exposed by `DARK`, `BRIGHT` EV |
| blur | Gaussian, a standard deviation of `BLUR` of the shorter side |
| grain | as noise, `GRAIN` levels |
| compression | as blocks |
| tilt | turned by `TILT` degrees to either side, and enlarged until the frame is full |

Light and EV are those of the sRGB curve. Noise, grain and JPEG's blocks are as fine as the pixels, so that shrinking
the photograph removes them: plant them at the size at which the photograph is judged.
"""

import difflib
import io
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from awcu.errors import ImageError

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

LOCAL: tuple[str, ...] = ("smear", "highlight", "blotch", "finger", "distraction", "noise", "blocks", "cast")
WHOLE: tuple[str, ...] = ("dark", "bright", "blur", "grain", "compression", "tilt")

SMEAR = 0.12
HIGHLIGHT = 1.0
BLOTCH = -3.0
NOISE = 60.0
JPEG = (95, 5)
CAST = 1.0
DARK = -3.0
BRIGHT = 2.5
BLUR = 0.025
GRAIN = 45.0
TILT = 12.0

SMALLEST = 32
"""Pixels of the shortest side in which a patch still has a shape."""
TRIES = 8
"""Places that are looked at before the one with the largest change is taken."""
VISIBLE = 8
"""Levels of 255 by which some channel of a pixel changes visibly."""
_AREA = (0.05, 0.14)  # of the frame; what rounding to pixels adds stays within the 4 to 15 % promised
_SKIN = ((228, 178, 146), (204, 142, 112), (150, 94, 70), (96, 58, 44))


@dataclass(frozen=True, eq=False)
class PlantedFlaw:
    """A photograph with a flaw in a known place.

    Attributes:
        kind: One of `LOCAL` or `WHOLE`.
        photograph: `(H, W, 3)` RGB; outside the mask as it was, byte for byte.
        mask: `(H, W)`, the place: every pixel that may have changed. All True for a kind of `WHOLE`.
    """

    kind: str
    photograph: Pixels
    mask: NDArray[np.bool_]


class _Patch(NamedTuple):
    """A place: rows and columns of the box around it, and in it the distance `(h, w)` from its centre, 1 at its rim."""

    rows: slice
    columns: slice
    radius: Floats


def plant(photograph: Pixels, kind: str, *, seed: int, strength: float = 1.0) -> PlantedFlaw:
    """A copy of the photograph with one flaw.

    A place where fewer than half of the pixels would change visibly at strength 1, such as a white sky for a
    highlight, is given up for another.

    Args:
        photograph: `(H, W, 3)` RGB; it stays as it is.
        kind: One of `LOCAL` or `WHOLE`.
        seed: Seeds place and edit, ≥ 0.
        strength: In (0, 1]; 1 is obvious to everyone.

    Raises:
        ImageError: Not a photograph, a side below `SMALLEST`, or an unknown kind, a strength or a seed out of range.
    """
    _check(photograph, kind, seed, strength)
    if kind in WHOLE:
        edited = _WHOLE[kind](photograph, strength, np.random.default_rng(_seed(seed, kind)))
        return PlantedFlaw(kind, edited, np.ones(photograph.shape[:2], np.bool_))
    patch, after, draw = _most_visible(photograph, kind, seed)
    if strength < 1:
        after = _blended(photograph, kind, patch, strength, draw)
    edited, mask = photograph.copy(), np.zeros(photograph.shape[:2], np.bool_)
    edited[patch.rows, patch.columns] = after
    mask[patch.rows, patch.columns] = patch.radius < 1
    return PlantedFlaw(kind, edited, mask)


def _check(photograph: Pixels, kind: str, seed: int, strength: float) -> None:
    if kind not in LOCAL + WHOLE:
        near = difflib.get_close_matches(kind, LOCAL + WHOLE, n=3, cutoff=0.4) or LOCAL + WHOLE
        raise ImageError(f"{kind!r} is no kind of flaw; nearest: {', '.join(near)}")
    if photograph.dtype != np.uint8 or photograph.ndim != 3 or photograph.shape[2] != 3:
        raise ImageError(
            f"a photograph of shape {photograph.shape} and type {photograph.dtype}: flaws are planted in (H, W, 3) "
            f"uint8; decode it first"
        )
    height, width = photograph.shape[:2]
    if min(height, width) < SMALLEST:
        raise ImageError(f"{width}×{height} pixels, a side below {SMALLEST}: no place for a flaw; use a larger copy")
    if not 0 < strength <= 1:
        raise ImageError(f"strength={strength}: give a number above 0 and at most 1, which is obvious to everyone")
    if seed < 0:
        raise ImageError(f"seed={seed}: give an integer ≥ 0")


def _most_visible(photograph: Pixels, kind: str, seed: int) -> tuple[_Patch, Pixels, list[int]]:
    """The first place with half of its pixels changed, or else the one with most; its edit at full strength; its seed.

    Places are judged at full strength, so that they are the same at any other.
    """
    most, found = -1.0, None
    for attempt in range(TRIES):
        draw = [*_seed(seed, kind), attempt]
        patch = _place(photograph, kind, draw)
        after = _blended(photograph, kind, patch, 1.0, draw)
        change = cv2.absdiff(after, photograph[patch.rows, patch.columns]).max(axis=2) >= VISIBLE
        share = np.count_nonzero(change) / np.count_nonzero(patch.radius < 1)
        if share > most:
            most, found = share, (patch, after, draw)
        if share >= 0.5:
            break
    assert found is not None
    return found


def _seed(seed: int, kind: str) -> list[int]:
    return [seed, zlib.crc32(kind.encode())]


def _blended(photograph: Pixels, kind: str, patch: _Patch, strength: float, draw: list[int]) -> Pixels:
    """The box around a patch after the edit, which sets in between its rim and its core."""
    edit, soft = _EDITS[kind]
    before = photograph[patch.rows, patch.columns].astype(np.float32)
    opacity = ((1 - patch.radius) / soft).clip(0, 1)
    if kind in _AT_EDGE:
        opacity *= strength
    edited = edit(photograph, patch, strength, np.random.default_rng([*draw, 1]))
    return _levels(before + opacity[..., None] * (edited - before))


def _place(photograph: Pixels, kind: str, draw: list[int]) -> _Patch:
    rng = np.random.default_rng([*draw, 0])
    return _entering(photograph, rng, slim=kind == "finger") if kind in _AT_EDGE else _inside(photograph, rng)


def _inside(photograph: Pixels, rng: np.random.Generator) -> _Patch:
    """An ellipse or a rounded patch, fully inside."""
    area, ratio, angle = rng.uniform(*_AREA), 2 ** rng.uniform(-1, 1), rng.uniform(0, math.pi)
    power = _power(rng)
    axes = _axes(area, ratio, power)
    reach = _reach(axes, angle, power)
    centre = [rng.uniform(half, 1 - half) for half in reach]
    return _patch(photograph, centre, axes, angle, power)


def _entering(photograph: Pixels, rng: np.random.Generator, slim: bool) -> _Patch:
    """A shape centred on an edge, so that half of it is inside, however it is turned."""
    area, side = rng.uniform(*_AREA), rng.integers(4)
    ratio = rng.uniform(1.5, 2.5) if slim else rng.uniform(0.8, 1.25)
    power = 2 if slim else _power(rng)
    angle = (0 if side < 2 else math.pi / 2) + rng.uniform(-math.pi / 6, math.pi / 6)
    axes = _axes(2 * area, ratio, power)
    reach = _reach(axes, angle, power)
    centre = [0.0, 0.0]
    along = 1 if side < 2 else 0
    centre[along], centre[1 - along] = rng.uniform(reach[along], 1 - reach[along]), float(side % 2)
    return _patch(photograph, centre, axes, angle, power)


def _power(rng: np.random.Generator) -> int:
    """Of a superellipse: 2, an ellipse, or 4, a rectangle with rounded corners."""
    return int(rng.choice([2, 4]))


def _axes(area: float, ratio: float, power: int) -> tuple[float, float]:
    """Half axes, the first `ratio` times the second, of a superellipse of this share of the unit square."""
    gamma = math.gamma
    product = area / (4 * gamma(1 + 1 / power) ** 2 / gamma(1 + 2 / power))
    return math.sqrt(product * ratio), math.sqrt(product / ratio)


def _reach(axes: tuple[float, float], angle: float, power: int) -> tuple[float, float]:
    """How far the turned shape reaches from its centre along x and y: the dual norm."""
    dual, (cos, sin) = power / (power - 1), (abs(math.cos(angle)), abs(math.sin(angle)))
    across = (axes[0] * cos) ** dual + (axes[1] * sin) ** dual
    down = (axes[0] * sin) ** dual + (axes[1] * cos) ** dual
    return across ** (1 / dual), down ** (1 / dual)


def _patch(photograph: Pixels, centre: list[float], axes: tuple[float, float], angle: float, power: int) -> _Patch:
    """A superellipse given in shares of the frame's sides: a long frame stretches it, and it always fits."""
    box, places = [], []
    for side, middle, half in zip(photograph.shape[1::-1], centre, _reach(axes, angle, power), strict=True):
        start, end = max(0, math.floor((middle - half) * side)), min(side, math.ceil((middle + half) * side))
        box.append(slice(start, end))
        places.append(((np.arange(start, end) + 0.5) / side - middle).astype(np.float32))
    (x, y), (cos, sin) = (places[0][None], places[1][:, None]), (math.cos(angle), math.sin(angle))
    first, second = np.square((cos * x + sin * y) / axes[0]), np.square((cos * y - sin * x) / axes[1])
    # Squares and roots alone are the same to the last bit on every machine.
    radius = first + second if power == 2 else np.sqrt(np.square(first) + np.square(second))
    return _Patch(box[1], box[0], np.sqrt(radius))


def _levels(values: Floats) -> Pixels:
    return np.asarray(np.rint(values).clip(0, 255), np.uint8)


def _linear(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light in [0, 1] of levels of 255, by the sRGB curve."""
    value = levels / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _encoded(light: NDArray[np.float64]) -> Pixels:
    """The inverse, clipped."""
    light = light.clip(0, 1)
    value = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * value), np.uint8)


_LIGHT = _linear(np.arange(256.0))


def exposed(pixels: Pixels, stops: float) -> Pixels:
    """Pixels `(H, W, 3)` as if exposed by so many EV more, clipped."""
    return np.asarray(cv2.LUT(pixels, _encoded(_LIGHT * 2.0**stops)), np.uint8)


def _noisy(pixels: Pixels, sd: float, rng: np.random.Generator) -> Floats:
    return np.asarray(pixels + sd * rng.standard_normal(pixels.shape, np.float32), np.float32)


def _compressed(pixels: Pixels, strength: float) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=round(JPEG[0] + strength * (JPEG[1] - JPEG[0])))
    return np.array(Image.open(file))  # a copy, since asarray gives what cannot be written to


def _smear(photograph: Pixels, patch: _Patch, strength: float, rng: np.random.Generator) -> Floats:
    half = max(1, round(strength * SMEAR * min(photograph.shape[:2]) / 2))
    angle = rng.uniform(0, math.pi)
    line = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    tip = round(half * math.cos(angle)), round(half * math.sin(angle))
    cv2.line(line, (half - tip[0], half - tip[1]), (half + tip[0], half + tip[1]), 1.0)
    # Only what the box draws on is filtered, which is several times faster than the frame.
    top, left = max(0, patch.rows.start - half), max(0, patch.columns.start - half)
    around = photograph[top : patch.rows.stop + half, left : patch.columns.stop + half]
    blurred = cv2.filter2D(around, cv2.CV_32F, line / line.sum(), borderType=cv2.BORDER_REFLECT_101)
    down, right = patch.rows.start - top, patch.columns.start - left
    height, width = patch.radius.shape
    return np.asarray(blurred[down : down + height, right : right + width], np.float32)


def _highlight(photograph: Pixels, patch: _Patch, strength: float, rng: np.random.Generator) -> Pixels:
    lighter = _encoded(_LIGHT + strength * HIGHLIGHT)
    return np.asarray(cv2.LUT(photograph[patch.rows, patch.columns], lighter), np.uint8)


def _blotch(photograph: Pixels, patch: _Patch, strength: float, rng: np.random.Generator) -> Pixels:
    return exposed(photograph[patch.rows, patch.columns], strength * BLOTCH)


def _finger(photograph: Pixels, patch: _Patch, strength: float, rng: np.random.Generator) -> Floats:
    skin = np.array(_SKIN[rng.integers(len(_SKIN))], np.float32)
    return np.asarray((1 - 0.4 * patch.radius.clip(0, 1))[..., None] * skin, np.float32)


def _distraction(photograph: Pixels, patch: _Patch, strength: float, rng: np.random.Generator) -> Floats:
    hue = np.uint8(rng.integers(180))  # OpenCV counts hues in steps of 2 degrees
    colour = cv2.cvtColor(np.array([[[hue, 230, 255]]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)
    return np.asarray((1 - 0.25 * patch.radius.clip(0, 1) ** 2)[..., None] * colour, np.float32)


def _noise(photograph: Pixels, patch: _Patch, strength: float, rng: np.random.Generator) -> Floats:
    # Clipped before it is blended, as a sensor's would be.
    return _noisy(photograph[patch.rows, patch.columns], strength * NOISE, rng).clip(0, 255)


def _blocks(photograph: Pixels, patch: _Patch, strength: float, rng: np.random.Generator) -> Pixels:
    # From a corner of JPEG's grid of 16 pixels, so that its blocks lie as if the photograph were compressed.
    top, left = patch.rows.start // 16 * 16, patch.columns.start // 16 * 16
    bottom, right = (-(-side.stop // 16) * 16 for side in (patch.rows, patch.columns))
    found = _compressed(photograph[top:bottom, left:right], strength)
    return found[patch.rows.start - top :, patch.columns.start - left :][
        : patch.radius.shape[0], : patch.radius.shape[1]
    ]


def _cast(photograph: Pixels, patch: _Patch, strength: float, rng: np.random.Generator) -> Pixels:
    stops = rng.permutation([CAST, 0.0, -CAST]) * strength
    table = np.stack([_encoded(_LIGHT * 2.0**stop) for stop in stops], axis=1)[:, None]
    return np.asarray(cv2.LUT(photograph[patch.rows, patch.columns], table), np.uint8)


def _dark(photograph: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    return exposed(photograph, strength * DARK)


def _bright(photograph: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    return exposed(photograph, strength * BRIGHT)


def _blur(photograph: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    return np.asarray(cv2.GaussianBlur(photograph, (0, 0), strength * BLUR * min(photograph.shape[:2])), np.uint8)


def _grain(photograph: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    return _levels(_noisy(photograph, strength * GRAIN, rng))


def _compression(photograph: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    return _compressed(photograph, strength)


def _tilt(photograph: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    (height, width), angle = photograph.shape[:2], rng.choice([-1, 1]) * strength * TILT
    turn = math.radians(abs(angle))
    enlarged = math.cos(turn) + max(width / height, height / width) * math.sin(turn)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, enlarged)
    turned = cv2.warpAffine(photograph, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(turned, np.uint8)


_Edit = Callable[[Pixels, _Patch, float, np.random.Generator], Pixels | Floats]
_AT_EDGE = ("finger", "distraction")
_EDITS: dict[str, tuple[_Edit, float]] = {  # with the share of the radius over which it sets in
    "smear": (_smear, 0.15),
    "highlight": (_highlight, 0.5),
    "blotch": (_blotch, 0.25),
    "finger": (_finger, 0.3),
    "distraction": (_distraction, 0.05),
    "noise": (_noise, 0.1),
    "blocks": (_blocks, 0.1),
    "cast": (_cast, 0.25),
}
_WHOLE: dict[str, Callable[[Pixels, float, np.random.Generator], Pixels]] = {
    "dark": _dark,
    "bright": _bright,
    "blur": _blur,
    "grain": _grain,
    "compression": _compression,
    "tilt": _tilt,
}
