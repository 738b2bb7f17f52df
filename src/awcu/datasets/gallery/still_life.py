"""Still life of the gallery: fruit round a pot on a table by a window."""

from dataclasses import dataclass

import numpy as np

from awcu.datasets.gallery.layers import Brief, Layers
from awcu.datasets.gallery.texture import (
    Canvas,
    Colours,
    Field,
    blur,
    hexcolour,
    mix,
    noise,
    plane_noise,
    ramp,
    shade,
    single,
    solids,
    vary,
)

WHITE = np.full(3, 1.6, np.float32)  # a lit backdrop, well above the white of the paper
FRUITS = ("c8402a", "d98a2b", "a8b23a", "7a1f2e", "e0b23c", "c96a3a")
POTS = ("3f5e78", "b9a58a", "6e3b2b", "2f4a40", "d8d2c4", "8a6a8e")


@dataclass(frozen=True)
class Light:
    """A window or studio light: `way` it comes from, its colour, the fill light, and on which `side` (-1 or 1)."""

    way: tuple[float, float, float]
    sun: Colours
    ambient: Colours
    side: float

    def lamp(self, canvas: Canvas) -> tuple[float, float]:
        """Where in the picture the light comes from."""
        return canvas.right * (0.5 + 0.4 * self.side), 0.12


def key_light(brief: Brief) -> Light:
    """A window or studio light from the upper left or right."""
    side = 1.0 if brief.rng.random() < 0.5 else -1.0
    warm = hexcolour(str(brief.rng.choice(["fff0dc", "ffe2bf", "eaf2ff"]))) * brief.rng.uniform(1.15, 1.5)
    return Light((0.8 * side, -0.7, 0.75), warm, hexcolour("8a94a6") * brief.rng.uniform(0.4, 0.8), side)


def paint_backdrop(brief: Brief, light: Light) -> Colours:
    """Plastered or cloth wall with the light falling off away from the window, (H, W, 3)."""
    canvas, rng = brief.canvas, brief.rng
    if "Light_On_White" in brief.styles:
        return np.broadcast_to(WHITE, (canvas.height, canvas.width, 3)).astype(np.float32)
    wall = vary(rng, hexcolour(str(rng.choice(["5b5148", "3c4650", "6a5c50", "4d5a4e", "7d7468", "33302e"]))), 0.15)
    mottle = noise(rng, (canvas.height, canvas.width), 3, 6, 0.6)
    reach = canvas.glow(canvas.right * (0.5 + 0.45 * light.side), 0.2 * canvas.bottom, 0.55, 1.2)
    return (wall * (light.sun * (0.18 + 0.95 * reach[..., None])) * (1 + 0.13 * mottle[..., None])).astype(np.float32)


def paint_table(brief: Brief, edge: float, light: Light) -> Colours:
    """Wooden boards or cloth running away to the table's far edge, (H, W, 3)."""
    canvas, rng = brief.canvas, brief.rng
    if "Light_On_White" in brief.styles:
        return np.broadcast_to(WHITE * 0.97, (canvas.height, canvas.width, 3)).astype(np.float32)
    wood = vary(rng, hexcolour(str(rng.choice(["7a5232", "4b3324", "9a7b58", "5a4a3e"]))), 0.12)
    grain = plane_noise(rng, canvas, edge - 0.25, 14, 6.0) + 0.5 * noise(
        rng, (canvas.height, canvas.width), 30, 3, 0.7, 9
    )
    depth = canvas.y - edge + 0.25
    boards = ramp(0.03, 0.0, np.abs((depth**-1.0 * 1.2 + 0.3) % 0.5 - 0.25) - 0.0)
    reach = canvas.glow(canvas.right * (0.5 + 0.35 * light.side), edge + 0.15, 0.5, 1.6)
    tone = (0.22 + 0.85 * reach) * (1 + 0.17 * grain) * (1 - 0.45 * boards)
    return (wood * light.sun * tone[..., None]).astype(np.float32)


def _vase(canvas: Canvas, rng: np.random.Generator, x: float, base: float, tall: float) -> Field:
    """Height in pixels of a turned pot standing at (x, base); nan outside."""
    up = (base - canvas.y) / tall
    belly, neck, where = rng.uniform(0.26, 0.36), rng.uniform(0.08, 0.14), rng.uniform(0.3, 0.45)
    radius = neck + (belly - neck) * np.exp(-(((up - where) / 0.27) ** 2)) + 0.06 * ramp(0.85, 1.0, up)
    radius = radius * tall * np.sqrt(np.clip(up / 0.03, 0, 1))
    inside = (np.abs(canvas.x - x) < radius) & (up < 1) & (up > 0)
    depth = np.sqrt(np.maximum(radius**2 - (canvas.x - x) ** 2, 0)) * canvas.short
    return np.where(inside, depth, np.nan).astype(np.float32)


@dataclass(frozen=True)
class Thing:
    """Something on the table: where it stands, its `dome` towards the viewer (H, W; nan outside), and its size."""

    base: float
    dome: Field
    colour: Colours
    radius: float


def _things(brief: Brief, edge: float) -> list[Thing]:
    """A pot and a few fruits round it, those standing nearer last."""
    canvas, rng = brief.canvas, brief.rng
    base, tall = edge + rng.uniform(0.1, 0.16), rng.uniform(0.5, 0.62)
    pot = _vase(canvas, rng, brief.subject_x, base, tall)
    things = [Thing(base, pot, hexcolour(str(rng.choice(POTS))), tall * 0.3)]
    for place in range(int(rng.integers(2, 5))):
        radius = rng.uniform(0.08, 0.125)
        x = brief.subject_x + (-1) ** place * rng.uniform(0.14, 0.34)
        base = edge + rng.uniform(0.14, 0.32)
        dome = solids(canvas, [(x, base - radius * 0.94, 0, radius * 1.04, radius * 0.96, radius)])
        things.append(Thing(base, dome, vary(rng, hexcolour(str(rng.choice(FRUITS))), 0.15), radius))
    return sorted(things, key=lambda thing: thing.base)


def _cast_shadow(canvas: Canvas, thing: Thing, side: float) -> Field:
    """Shadow on the table: long and soft away from the window, dark where the thing touches it."""
    inside = np.isfinite(thing.dome)
    x = float((canvas.x * inside).sum() / max(inside.sum(), 1))
    radius, base = thing.radius, thing.base
    far = 0.62 * canvas.glow(x - side * radius * 0.9, base - radius * 0.08, radius * 0.24, 4.2)
    return single(np.maximum(far, 0.75 * canvas.glow(x, base - radius * 0.06, radius * 0.13, 6.0)))


def _lit(canvas: Canvas, thing: Thing, skin: Field, light: Light) -> Colours:
    """The thing's surface under the window, darker towards the table, (H, W, 3)."""
    height = thing.base - canvas.y
    streaks = 0.07 * skin + 0.25 * ramp(0, 1, height / (2 * thing.radius) + 0.4 * skin) - 0.1
    surface = blur(np.nan_to_num(thing.dome, nan=0.0), 1.0) + 0.04 * skin
    body = shade(surface, thing.colour * np.exp(streaks)[..., None], light.way, light.sun, light.ambient, 0.35)
    return single(body * (0.55 + 0.45 * ramp(0.0, thing.radius * 0.8, height))[..., None])


def paint_still_life(brief: Brief) -> Layers:
    """Fruit round a pot on a table by a window, with soft shadows."""
    canvas, rng = brief.canvas, brief.rng
    light = key_light(brief)
    edge = canvas.bottom * rng.uniform(0.5, 0.62)
    table = paint_table(brief, edge, light)
    picture = mix(paint_backdrop(brief, light), table, blur(canvas.below(edge), 1.2))
    subject, alpha = np.zeros_like(picture), np.zeros((canvas.height, canvas.width), np.float32)
    skin = noise(rng, alpha.shape, 20, 4, 0.7)
    for thing in _things(brief, edge):
        lit = 1 - _cast_shadow(canvas, thing, light.side)[..., None]
        picture, subject = picture * lit, subject * lit
        cover = blur(np.isfinite(thing.dome).astype(np.float32), 0.6)
        subject = mix(subject, _lit(canvas, thing, skin, light), ramp(0.0, 0.6, cover))
        alpha = np.maximum(alpha, cover)
    depth = np.where(canvas.y > edge, np.abs(canvas.y - edge - 0.18) / 0.4, 1.0)
    return Layers(picture, subject, alpha, single(np.clip(depth, 0, 1)), edge, light.lamp(canvas))
