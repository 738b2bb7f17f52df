"""Raw material of the gallery's scenes: coordinates, fractal noise, relief, solids, light and blur."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]  # (H, W), single precision
Colours = NDArray[np.floating[Any]]  # (H, W, 3) or (3,), linear light


@dataclass(frozen=True)
class Canvas:
    """A picture of `height` x `width` pixels; lengths are in units of the short side."""

    height: int
    width: int

    @property
    def short(self) -> int:
        """Pixels of the short side."""
        return min(self.height, self.width)

    @property
    def right(self) -> float:
        """Width in short sides."""
        return self.width / self.short

    @property
    def bottom(self) -> float:
        """Height in short sides."""
        return self.height / self.short

    @cached_property
    def x(self) -> Field:
        """Distance of each pixel from the left edge, (H, W)."""
        row = (np.arange(self.width, dtype=np.float32) + 0.5) / self.short
        return np.broadcast_to(row, (self.height, self.width))

    @cached_property
    def y(self) -> Field:
        """Distance of each pixel from the upper edge, (H, W)."""
        column = (np.arange(self.height, dtype=np.float32)[:, None] + 0.5) / self.short
        return np.broadcast_to(column, (self.height, self.width))

    def below(self, edge: Field | float) -> Field:
        """Antialiased mask of what lies under a height `edge`, a number or one value per column."""
        return single(np.clip((self.y - edge) * self.short + 0.5, 0, 1))

    def disc(self, x: float, y: float, radius: float, stretch: float = 1.0, soft: float = 0.0) -> Field:
        """Antialiased ellipse of half-height `radius` and half-width `radius * stretch`, edge width `soft`."""
        distance = np.hypot((self.x - x) / stretch, self.y - y)
        return ramp(radius + soft + 0.5 / self.short, radius - soft - 0.5 / self.short, distance)

    def glow(self, x: float, y: float, radius: float, stretch: float = 1.0) -> Field:
        """Gaussian spot of standard deviation `radius`, 1 in its middle."""
        squared = ((self.x - x) / stretch) ** 2 + (self.y - y) ** 2
        return np.exp(-squared / (2 * radius**2)).astype(np.float32)

    def polygon(self, points: Sequence[tuple[float, float]]) -> Field:
        """Antialiased filled polygon."""
        mask = np.zeros((self.height, self.width), np.uint8)
        corners = np.rint(np.array(points) * self.short * 16).astype(np.int32)
        cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, 4)
        return (mask / 255).astype(np.float32)

    def line(self, points: Sequence[tuple[float, float]], width: float) -> Field:
        """Antialiased open line of the given width."""
        mask = np.zeros((self.height, self.width), np.uint8)
        corners = np.rint(np.array(points) * self.short * 16).astype(np.int32)
        cv2.polylines(mask, [corners], False, 255, max(1, round(width * self.short)), cv2.LINE_AA, 4)
        return (mask / 255).astype(np.float32)


def hexcolour(code: str) -> Colours:
    """Linear light of an sRGB colour written as six hexadecimal digits, shape (3,)."""
    channels = np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255
    return (channels**2.2).astype(np.float32)


def vary(rng: np.random.Generator, colour: Colours, amount: float = 0.12) -> Colours:
    """The same colour, a little lighter or darker and shifted in hue."""
    return (colour * np.exp(rng.normal(0, amount, 3) * 0.5 + rng.normal(0, amount))).astype(np.float32)


def mix(first: Colours, second: Colours, share: Field | float) -> Colours:
    """`first` where `share` is 0, `second` where it is 1."""
    weight = np.asarray(share, np.float32)
    weight = weight[..., None] if weight.ndim == 2 else weight
    return single(first + (second - first) * weight)


def ramp(start: float, stop: float, value: Field) -> Field:
    """Smooth step from 0 at `start` to 1 at `stop`, in either direction."""
    share = np.clip((value - start) / (stop - start), 0, 1)
    return single(share * share * (3 - 2 * share))


def noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: float, octaves: int = 5, gain: float = 0.5,
    stretch: float = 1.0,
) -> Field:  # fmt: skip
    """Fractal noise of mean 0 and standard deviation 1 with `cells` blobs along the short side.

    Random grids of doubling fineness are enlarged with cubic interpolation and summed, each `gain` times as
    strong as the one before; `stretch` > 1 draws the blobs out horizontally.
    """
    height, width = shape
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        density = cells * 2**octave / min(shape)
        size = (min(height, round(height * density) + 3), min(width, round(width * density / stretch) + 3))
        grid = rng.standard_normal(size, dtype=np.float32)
        total += gain**octave * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    total -= total.mean()
    return single(total / (total.std() + 1e-6))


def plane_noise(
    rng: np.random.Generator,
    canvas: Canvas,
    horizon: float,
    cells: float,
    stretch: float = 1.0,
    upward: bool = False,
) -> Field:
    """Fractal noise on a level plane seen in perspective: ground below the horizon, or a cloud deck above it."""
    distance = (horizon - canvas.y) if upward else (canvas.y - horizon)
    depth = 0.3 / (np.maximum(distance, 0) + 0.04)
    sheet = noise(rng, (256, 256), cells, 6, 0.6)
    across = 128 + (canvas.x - canvas.right / 2) * depth * 100 / stretch
    along = 20 + depth * 90
    field = cv2.remap(
        sheet,
        across.astype(np.float32),
        along.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(field, np.float32) * ramp(0.0, 0.06, distance)


def skyline(rng: np.random.Generator, canvas: Canvas, cells: float, octaves: int = 6, gain: float = 0.5) -> Field:
    """One-dimensional fractal noise, a value per column, shape (W,)."""
    return single(noise(rng, (8, canvas.width), 8 * cells / canvas.width, octaves, gain)[4])


def relief(height: Field, strength: float, light: tuple[float, float, float]) -> Field:
    """Lambert light in [0, 1] on a surface whose `height` is in pixels times `strength`, lit from `light`."""
    down, across = np.gradient(height * np.float32(strength))
    x, y, z = (np.float32(part / np.linalg.norm(light)) for part in light)
    return single(np.clip((z - across * x - down * y) / np.sqrt(1 + down * down + across * across), 0, 1))


def move(image: Field, right: float, down: float) -> Field:
    """The picture shifted by whole or part pixels, its border repeated."""
    shift = np.array([[1, 0, right], [0, 1, down]], np.float32)
    size = (image.shape[1], image.shape[0])
    return single(cv2.warpAffine(image, shift, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def shade(
    height: Field,
    colour: Colours,
    light: tuple[float, float, float],
    sun: Colours,
    ambient: Colours,
    gloss: float = 0.2,
) -> Colours:
    """A surface whose `height` is in pixels, under a soft key light, fill light from above and a highlight."""
    down, across = np.gradient(height)
    facing = 1 / np.sqrt(1 + down * down + across * across)
    direction = np.array(light, np.float32) / np.float32(np.linalg.norm(light))
    halfway = (direction + np.array([0, 0, 1], np.float32)) / np.float32(np.sqrt(2 + 2 * direction[2]))

    def towards(way: Colours) -> Field:
        return single(np.clip((way[2] - across * way[0] - down * way[1]) * facing, -1, 1))

    key = np.clip((towards(direction) + 0.15) / 1.15, 0, 1)[..., None]
    fill = (0.55 + (0.3 * down + 0.15) * facing)[..., None] * ambient
    shine = np.maximum(towards(halfway), 0) ** 2
    shine = gloss * (shine * shine) ** 8
    return single(colour * (fill + key * sun) + shine[..., None] * sun)


def solids(canvas: Canvas, ellipsoids: Sequence[tuple[float, float, float, float, float, float]]) -> Field:
    """Height towards the viewer, in pixels, of a union of ellipsoids (x, y, z, rx, ry, rz); nan where none is."""
    top = np.full((canvas.height, canvas.width), -np.inf, np.float32)
    for x, y, z, rx, ry, rz in ellipsoids:
        rows = slice(max(0, int((y - ry) * canvas.short)), max(0, int((y + ry) * canvas.short) + 2))
        columns = slice(max(0, int((x - rx) * canvas.short)), max(0, int((x + rx) * canvas.short) + 2))
        inside = 1 - ((canvas.x[rows, columns] - x) / rx) ** 2 - ((canvas.y[rows, columns] - y) / ry) ** 2
        surface = np.where(inside > 0, z + rz * np.sqrt(np.maximum(inside, 0)), -np.inf)
        top[rows, columns] = np.maximum(top[rows, columns], surface)
    return np.where(np.isfinite(top), top * canvas.short, np.nan).astype(np.float32)


def single(image: object) -> Field:
    """The same numbers in single precision."""
    return np.asarray(image, np.float32)


def blur(image: Field, sigma: float) -> Field:
    """Gaussian blur of `sigma` pixels; a wide one is done at a lower resolution."""
    if sigma < 0.3:
        return image
    height, width = image.shape[:2]
    if sigma <= 6:
        return single(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101))
    factor = sigma / 3
    size = (max(4, round(width / factor)), max(4, round(height / factor)))
    small = cv2.GaussianBlur(cv2.resize(image, size, interpolation=cv2.INTER_AREA), (0, 0), 3.0)
    return single(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


def streak(image: Field, length: float, angle: float) -> Field:
    """Motion blur over `length` pixels along `angle` in degrees."""
    size = max(3, int(length) | 1)
    line = np.zeros((size, size), np.float32)
    middle, reach = size // 2, (size - 1) / 2
    dx, dy = reach * np.cos(np.radians(angle)), reach * np.sin(np.radians(angle))
    start, stop = (round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy))
    cv2.line(line, start, stop, 1.0, 1)
    return single(cv2.filter2D(image, -1, line / line.sum(), borderType=cv2.BORDER_REFLECT_101))


@dataclass
class Layers:
    """A scene in linear light before the camera sees it.

    `background` and `subject` are (H, W, 3) with 1.0 about white; `alpha` (H, W) is the subject's cover; `depth`
    (H, W) is 0 in the plane of focus and 1 far from it; `regions` names soft masks such as "sky" or "water".
    """

    background: Colours
    subject: Colours
    alpha: Field
    depth: Field
    horizon: float
    light: tuple[float, float]
    regions: dict[str, Field] = field(default_factory=dict)


@dataclass(frozen=True)
class Brief:
    """What a painter has to paint: where the subject stands (short sides from the left) and the scene's styles."""

    canvas: Canvas
    rng: np.random.Generator
    subject_x: float
    styles: frozenset[str]
