"""People of the gallery: a portrait-like bust, and the passer-by of the street scenes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from awcu.datasets.gallery.still_life import GREENS, Light, key_light, paint_backdrop, paint_bokeh
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
    ramp,
    shade,
    single,
    solids,
    vary,
)

SKINS = ("e0b094", "c98f6b", "8e5d42", "6f4a36")
STONES = ("d9d4cc", "7b6340", "b5694a")  # marble, bronze, terracotta
CLOTHS = ("2b3a55", "6a2430", "c9c2b4", "39443a", "8a6a4f", "45414a")
HAIRS = ("1d1612", "3b2416", "6a4a2c", "a08860")
COATS = ("8a2f2a", "c9a13b", "2d4a6a", "3b3a3d", "b8b0a0")
Ellipsoid = tuple[float, float, float, float, float, float]


def _torso(x: float, y: float, size: float) -> tuple[list[Ellipsoid], list[Ellipsoid]]:
    """Neck, and clothed shoulders sloping away from it, below a head of `size` at (x, y)."""
    neck: list[Ellipsoid] = [(0, 0.5, -0.12, 0.2, 0.5, 0.22), (0, 0.8, -0.15, 0.27, 0.2, 0.22)]
    cloth: list[Ellipsoid] = [
        (0, 1.38, -0.2, 0.62, 0.62, 0.42),
        (0, 0.98, -0.26, 0.5, 0.3, 0.27),
        (0, 0.82, -0.22, 0.27, 0.17, 0.22),
        (0, 2.0, -0.2, 0.95, 0.9, 0.42),
    ]
    cloth += [(side * 0.52, 1.2, -0.28, 0.4, 0.4, 0.32) for side in (-1, 1)]
    return _placed(neck, x, y, size), _placed(cloth, x, y, size)


def _face(x: float, y: float, size: float, turn: float) -> list[Ellipsoid]:
    """Skull, jaw, nose, lips, chin, brows, cheeks and ears of a head looking `turn` to the side."""
    t = 0.15 * turn
    parts: list[Ellipsoid] = [(0, -0.02, 0, 0.35, 0.46, 0.4), (0.6 * t, 0.2, 0.06, 0.26, 0.28, 0.3)]
    parts += [(1.2 * t, 0.05, 0.3, 0.035, 0.13, 0.1), (1.25 * t, 0.13, 0.33, 0.055, 0.035, 0.075)]
    parts += [(1.1 * t, 0.26, 0.28, 0.085, 0.022, 0.08), (t, 0.38, 0.2, 0.1, 0.06, 0.1)]
    for side in (-1, 1):
        parts += [
            (t + side * 0.15, -0.085, 0.24, 0.12, 0.03, 0.11),
            (0.9 * t + side * 0.17, 0.13, 0.2, 0.09, 0.09, 0.12),
        ]
        parts += [(-0.3 * t + side * 0.345, 0.05, -0.1, 0.045, 0.1, 0.06)]
    return _placed(parts, x, y, size)


def _placed(parts: Sequence[Ellipsoid], x: float, y: float, size: float) -> list[Ellipsoid]:
    return [(x + a * size, y + b * size, c * size, d * size, e * size, f * size) for a, b, c, d, e, f in parts]


def _features(canvas: Canvas, skin: Colours, x: float, y: float, size: float, turn: float) -> Colours:
    """Skin with brows, eyes and lips painted on, (H, W, 3)."""
    t = 0.15 * turn
    colours = np.broadcast_to(skin, (canvas.height, canvas.width, 3)).astype(np.float32)
    flush = canvas.glow(x + 1.1 * t * size, y + 0.25 * size, 0.028 * size, 2.6)
    colours = mix(colours, skin * np.array([0.8, 0.35, 0.4], np.float32), 0.8 * flush)
    for side in (-1, 1):
        eye = (x + (t + side * 0.145) * size, y + 0.015 * size)
        socket = canvas.glow(*eye, 0.045 * size, 1.7)
        colours = mix(colours, skin * 0.4, 0.6 * socket)
        colours = mix(colours, skin * 0.7 + 0.12, 0.6 * canvas.disc(*eye, 0.02 * size, 2.2))
        colours = mix(
            colours,
            hexcolour("14100e"),
            0.9 * canvas.disc(eye[0] + 0.1 * t * size, eye[1], 0.022 * size, 1.3),
        )
        brow = canvas.glow(eye[0], eye[1] - 0.1 * size, 0.016 * size, 4.5)
        colours = mix(colours, skin * 0.18, 0.8 * brow)
    return colours


@dataclass(frozen=True)
class Part:
    """Ellipsoids of one material: its colour, its roughness (H, W), how far it is smoothed and where it ends."""

    ellipsoids: list[Ellipsoid]
    colour: Colours
    bumps: Field | float
    smooth: float
    limit: Field | float = 1.0


def _sitter(brief: Brief, x: float, y: float, size: float, stone: bool) -> list[Part]:
    """Neck, clothes, head and hair of a bust whose head of `size` is at (x, y), from the back to the front."""
    canvas, rng = brief.canvas, brief.rng
    turn = float(rng.uniform(0.1, 0.5) * rng.choice([-1, 1]))
    kind = int(rng.integers(4))
    flesh = vary(rng, hexcolour(STONES[kind % 3] if stone else SKINS[kind]), 0.08)
    dye = flesh if stone else vary(rng, hexcolour(str(rng.choice(CLOTHS))), 0.15)
    mane = flesh * 0.9 if stone else vary(rng, hexcolour(str(rng.choice(HAIRS[: 5 - kind]))), 0.1)
    strands = noise(rng, (canvas.height, canvas.width), 26, 3, 0.7, 0.3)
    folds = blur(noise(rng, (canvas.height, canvas.width), 5, 3, 0.5, 0.4), 2.0)
    neck, cloth = _torso(x, y, size)
    crown: list[Ellipsoid] = [(-0.02 * turn, -0.2, -0.02, 0.4, 0.35, 0.4)]
    crown += [(side * 0.3, 0.0, -0.05, 0.12, 0.4, 0.2) for side in (-1, 1)]
    fringe = canvas.y < y - 0.2 * size + 2.2 / size * (canvas.x - x - 0.05 * turn * size) ** 2 + 0.012 * strands
    face = flesh if stone else _features(canvas, flesh, x, y, size, turn)
    soft = 0.03 * size * canvas.short
    return [
        Part(neck, flesh, 0.0, soft),
        Part(cloth, dye, 1.5 * folds, soft * 1.6),
        Part(_face(x, y, size, turn), face, 0.0, soft * 0.75),
        Part(_placed(crown, x, y, size), mane, 0.5 * strands, soft, single(fringe)),
    ]


def _build(canvas: Canvas, parts: list[Part], light: Light, gloss: float, reach: float) -> tuple[Colours, Field]:
    """The parts one over the other, each casting a soft shadow of width `reach` pixels on those behind it."""
    subject = np.zeros((canvas.height, canvas.width, 3), np.float32)
    alpha = subject[..., 0]
    for part in parts:
        raw = solids(canvas, part.ellipsoids)
        lowest = float(np.nanmin(raw)) if np.isfinite(raw).any() else 0.0
        surface = single(blur(np.nan_to_num(raw, nan=lowest), part.smooth) + part.bumps)
        body = shade(surface, part.colour, light.way, light.sun, light.ambient, gloss)
        cover = blur(single(np.isfinite(raw) * part.limit), 0.9)
        cast = 1 - 0.45 * blur(cover, reach)[..., None]
        subject, alpha = mix(subject * cast, body, ramp(0.1, 0.7, cover)), np.maximum(alpha, cover)
    return subject, alpha


def paint_bust(brief: Brief) -> Layers:
    """Head and shoulders under a studio light before a wall or foliage: a sitter, or marble, bronze or clay."""
    canvas, rng = brief.canvas, brief.rng
    light = key_light(brief)
    outside = rng.random() < 0.45 and "Light_On_White" not in brief.styles
    picture = paint_bokeh(brief, GREENS[rng.integers(len(GREENS))], 8) if outside else paint_backdrop(brief, light)
    if "Silhouettes" in brief.styles:
        back = canvas.glow(canvas.right / 2, 0.45 * canvas.bottom, 0.55, 1.3)
        picture = picture * 0.4 + hexcolour("f4bd84") * (0.12 + 1.1 * back[..., None])
    size = rng.uniform(0.42, 0.52) * min(1.2, canvas.bottom)
    y = canvas.bottom - rng.uniform(1.0, 1.15) * size
    stone = bool(rng.random() < 0.4)
    parts = _sitter(brief, brief.subject_x, y, size, stone)
    subject, alpha = _build(canvas, parts, light, 0.12 if stone else 0.03, 0.06 * size * canvas.short)
    depth = np.full(alpha.shape, 0.9, np.float32)
    return Layers(picture, subject, alpha, depth, canvas.bottom * 0.6, light.lamp(canvas))


def paint_passer_by(brief: Brief, base: float, tall: float, light: Light) -> tuple[Colours, Field]:
    """Someone walking, feet at height `base`, `tall` short sides tall: colours (H, W, 3) and cover (H, W)."""
    canvas, rng = brief.canvas, brief.rng
    stride = rng.uniform(0.04, 0.09)
    coat, trousers = (vary(rng, hexcolour(str(rng.choice(COATS))), 0.1) for _ in range(2))
    steps = [(side, part) for side in (-1, 1) for part in range(4)]
    legs = [(side * stride * (0.35 + 0.2 * k), -0.44 + 0.11 * k, 0.0, 0.045, 0.09, 0.05) for side, k in steps]
    shoes = [(side * stride + 0.02, -0.02, 0.0, 0.05, 0.022, 0.04) for side in (-1, 1)]
    body = [(0.0, -0.68, 0.0, 0.095, 0.17, 0.09), (0.0, -0.52, 0.0, 0.09, 0.13, 0.09)]
    body += [(side * 0.085, -0.64, 0.0, 0.035, 0.15, 0.05) for side in (-1, 1)]
    head = [(0.005, -0.925, 0.0, 0.05, 0.065, 0.055), (0.0, -0.85, 0.0, 0.03, 0.05, 0.03)]
    hair = [(0.0, -0.95, 0.01, 0.054, 0.048, 0.056)]
    dressed = (
        (legs, trousers * 0.6),
        (shoes, hexcolour("201a18")),
        (head, hexcolour("c99a7c")),
        (body, coat),
        (hair, hexcolour("2a1c14")),
    )
    soft = 0.02 * tall * canvas.short
    parts = [Part(_placed(shape, brief.subject_x, base, tall), colour, 0.0, soft) for shape, colour in dressed]
    return _build(canvas, parts, light, 0.02, 0.02 * tall * canvas.short)
