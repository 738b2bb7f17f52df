"""Still life and flowers of the gallery: fruit round a pot by a window; blooms filling the frame or in a bed."""

from dataclasses import dataclass

import cv2
import numpy as np

from awcu.datasets.gallery.texture import (
    Brief,
    Canvas,
    Colours,
    Field,
    Layers,
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
GREENS = (
    ("12200f", "4a5f2a", "b9c27a"),
    ("17251c", "3f5a44", "a9c0a0"),
    ("2a1f14", "6a5a30", "d8bf7a"),
    ("1b2416", "55642f", "e0c98a"),
)
PETALS = (
    ("f4d8e0", "c23a6b"),
    ("fff3d6", "e8a52a"),
    ("f7f2ee", "d9c6cf"),
    ("d9c2ee", "6a3fa0"),
    ("ffcf9a", "d8491f"),
    ("fbe27a", "e39a1a"),
)


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


def paint_bokeh(brief: Brief, colours: tuple[str, ...], discs: int) -> Colours:
    """Out-of-focus leaves with discs of light where the sun comes through, (H, W, 3)."""
    canvas, rng = brief.canvas, brief.rng
    shape = (canvas.height, canvas.width)
    dark, middle, bright = (vary(rng, hexcolour(code), 0.12) for code in colours)
    picture = mix(dark, middle, blur(ramp(-1.4, 1.4, noise(rng, shape, 2.2, 4)), 0.02 * canvas.short))
    picture = mix(picture, bright, 0.7 * blur(ramp(0.2, 2.4, noise(rng, shape, 3.0, 3)), 0.04 * canvas.short))
    for _ in range(discs):
        disc = canvas.disc(
            rng.uniform(0, canvas.right), rng.uniform(0, canvas.bottom), rng.uniform(0.02, 0.075), soft=0.006
        )
        picture = picture + bright * (rng.uniform(0.08, 0.45) * disc)[..., None]
    return blur(picture.astype(np.float32), 1.5)


def paint_petals(brief: Brief, x: float, y: float, radius: float, squash: float) -> tuple[Colours, Field]:
    """A composite flower head: rings of petals with veins and shadows round a domed heart of florets."""
    canvas, rng = brief.canvas, brief.rng
    tip, root = (vary(rng, hexcolour(code), 0.08) for code in PETALS[rng.integers(len(PETALS))])
    turn = np.arctan2((canvas.y - y) / squash, canvas.x - x)
    out = np.hypot(canvas.x - x, (canvas.y - y) / squash) / radius
    veins = noise(rng, (canvas.height, canvas.width), 9, 4, 0.6)
    colours, cover = np.zeros((canvas.height, canvas.width, 3), np.float32), np.zeros_like(out, np.float32)
    petals, side, spread = int(rng.integers(7, 16)), rng.uniform(-1, 1), rng.uniform(0.6, 1.25)
    for ring, reach in enumerate((1.0, 0.8, 0.58)[: int(rng.integers(2, 4))]):
        place = (turn + 0.05 * veins * out) / (2 * np.pi) * petals + 0.5 * ring + rng.uniform(0, 0.2)
        number, local = np.floor(place).astype(int) % petals, (place % 1) - 0.5
        length = reach * (1 + 0.09 * rng.standard_normal(petals, dtype=np.float32))[number]
        along = np.clip(out / length, 0, 1.2)
        width = 0.52 * np.sqrt(np.clip(1 - np.abs(2 * along**1.3 - 1) ** 2.6, 0, 1)) + 0.02
        inside = blur(ramp(1.0, 0.9, np.abs(local) / width) * ramp(1.0, 0.985, along), 0.6)
        # Clipped: the blurred edge reaches past the petal, where the curve would fall far below black.
        across = np.clip(local / width, -1, 1)
        lines = np.sin(across * 16 + 2 * veins) * 0.06 * along
        curve = 0.5 + 0.42 * (1 - across**2) + 0.25 * side * across + lines
        lit = curve * (0.55 + 0.55 * along) * (0.9 + 0.2 * rng.random(petals)[number])
        share = np.clip(along * spread - 0.2 + 0.1 * veins, 0, 1)
        petal = mix(root, tip, share) * (1.3 * lit)[..., None]
        shadow = blur(inside, 0.05 * radius * canvas.short)[..., None]
        colours = mix(colours * (1 - 0.5 * shadow), petal, inside)
        cover = np.maximum(cover, inside)
    heart_size = rng.uniform(0.2, 0.3)
    heart = ramp(heart_size, heart_size - 0.02, out)
    bumps = noise(rng, (canvas.height, canvas.width), 2.6 / (radius * 0.1), 2, 0.8)
    dome = np.sqrt(np.clip(1 - (out / heart_size) ** 2, 0, 1)) * heart_size * radius * canvas.short
    florets = shade(
        (0.6 * dome + 1.1 * bumps).astype(np.float32),
        vary(rng, hexcolour("d9a520"), 0.15),
        (-0.5, -0.7, 0.9),
        WHITE * 0.8,
        WHITE * 0.3,
        0.1,
    )
    rim = blur(heart, 0.04 * radius * canvas.short)[..., None]
    return mix(colours * (1 - 0.45 * rim), florets * (0.75 + 0.12 * bumps)[..., None], heart), np.maximum(cover, heart)


def _scatter(brief: Brief, picture: Colours, flower: tuple[Colours, Field], origin: tuple[float, float]) -> Colours:
    """Smaller copies of a flower head in the bed around, a little out of focus."""
    canvas, rng = brief.canvas, brief.rng
    head = np.dstack([flower[0] * flower[1][..., None], flower[1]])
    for _ in range(int(rng.integers(4, 9))):
        scale, away = rng.uniform(0.35, 0.8), rng.uniform((0, 0.3), (canvas.right, canvas.bottom))
        turn = cv2.getRotationMatrix2D((origin[0] * canvas.short, origin[1] * canvas.short), rng.uniform(0, 360), scale)
        turn[:, 2] = turn[:, 2] + (away - origin) * canvas.short
        copy = blur(
            cv2.warpAffine(head, turn, (canvas.width, canvas.height)).astype(np.float32),
            0.5 + 1.2 * (1 - scale),
        )
        picture = picture * (1 - copy[..., 3:]) + copy[..., :3] * (0.5 + 0.5 * scale)
    return picture


def paint_flower(brief: Brief) -> Layers:
    """A flower on its stem before foliage out of focus: frame-filling as a macro, smaller in a bed otherwise."""
    canvas, rng = brief.canvas, brief.rng
    macro = "Macro" in brief.styles
    picture = paint_bokeh(brief, GREENS[rng.integers(len(GREENS))], int(rng.integers(3, 14)))
    if not macro:
        blades = noise(rng, (canvas.height, canvas.width), 16, 3, 0.8, 0.22) * ramp(0.2, 1.0, canvas.y)
        picture = picture * np.exp(0.28 * blades)[..., None]
    radius = rng.uniform(0.36, 0.46) if macro else rng.uniform(0.17, 0.22)
    x, y = brief.subject_x, canvas.bottom * rng.uniform(0.42, 0.54)
    bend = rng.normal(0, 0.12)
    curve = [(x + bend * t**2, y + t * (canvas.bottom - y + 0.1)) for t in np.linspace(0, 1, 9)]
    stem = canvas.line(curve, 0.07 * radius / 0.4)
    round_light = (1.2 - np.abs(canvas.x - x - 0.01) * 8)[..., None]
    green = vary(rng, hexcolour("56702f"), 0.15) * np.clip(round_light, 0.3, 1.2)
    squash = rng.uniform(0.72, 1.0)
    if not macro:
        picture = _scatter(brief, picture, paint_petals(brief, x, y, radius, squash), (x, y))
    colours, cover = paint_petals(brief, x, y, radius, squash)
    alpha = np.maximum(stem, cover)
    subject = mix(green.astype(np.float32), colours, cover)
    depth = np.full((canvas.height, canvas.width), 0.9, np.float32)
    return Layers(picture, subject, alpha, depth, canvas.bottom * 0.6, (canvas.right * 0.5, 0.0), {"flower": cover})
