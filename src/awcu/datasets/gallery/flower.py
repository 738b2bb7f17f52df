"""Flowers of the gallery, filling the frame or standing in a bed."""

import cv2
import numpy as np

from awcu.datasets.gallery.layers import Brief, Layers
from awcu.datasets.gallery.still_life import WHITE
from awcu.datasets.gallery.texture import Colours, Field, blur, hexcolour, mix, noise, ramp, shade, vary

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
