"""City lights of the gallery beyond dark water."""

import numpy as np

from awcu.datasets.gallery.landscape import reflect
from awcu.datasets.gallery.texture import (
    Brief,
    Colours,
    Field,
    Layers,
    blur,
    hexcolour,
    mix,
    noise,
    ramp,
    single,
    streak,
    vary,
)


def paint_night(brief: Brief) -> Layers:
    """City lights beyond dark water: towers with lit windows, a street lamp in front, glow and reflections."""
    canvas, rng = brief.canvas, brief.rng
    horizon = canvas.bottom * rng.uniform(0.56, 0.68)
    zenith, low = (
        vary(rng, hexcolour(code), 0.15)
        for code in (("060b1c", "3a2f4a"), ("0a1024", "5a3a34"), ("0a1428", "23406a"))[rng.integers(3)]
    )
    sky = mix(zenith, low, np.clip(canvas.y / horizon, 0, 1) ** 2)
    sky = sky * (1 + 0.2 * noise(rng, (canvas.height, canvas.width), 2.5, 5, 0.55, 2))[..., None]
    moon = (rng.uniform(0.1, 0.9) * canvas.right, rng.uniform(0.1, 0.25))
    sky = sky + hexcolour("fff2d8") * (1.3 * canvas.disc(*moon, 0.035) + 0.12 * canvas.glow(*moon, 0.12))[..., None]
    above = sky.astype(np.float32)
    for nearness in (0.35, 0.7, 1.0):
        above = _towers(brief, above, horizon, nearness, low)
    above = above + hexcolour("ffb066") * (0.22 * np.exp(-np.abs(canvas.y - horizon) / 0.06))[..., None]
    calm = "Long_Exposure" in brief.styles
    ripple = (
        noise(rng, (canvas.height, canvas.width), 30, 3, 0.7, 5.0)
        * ramp(0, 0.05, canvas.y - horizon)
        * (0.3 if calm else 1.2)
    )
    glossy = reflect(canvas, above, horizon, ripple)
    glossy = streak(glossy, 0.16 * canvas.short, 90) * 0.75
    below = canvas.below(horizon)
    picture = mix(above, glossy + zenith * 0.3, below)
    regions = {"sky": 1 - below, "water": below}
    if calm:
        trails = _trails(brief, horizon)
        picture, regions["trails"] = picture + trails, np.clip(blur(trails.max(-1), 2.0) * 4, 0, 1)
    subject, alpha, lamp = _street_lamp(brief, horizon)
    picture = (
        picture + hexcolour("ffc27a") * (0.5 * canvas.glow(*lamp, 0.12) + 0.9 * canvas.glow(*lamp, 0.035))[..., None]
    )
    depth = np.full((canvas.height, canvas.width), 0.85, np.float32)
    return Layers(picture.astype(np.float32), subject, alpha, depth, horizon, lamp, regions)


def _towers(brief: Brief, picture: Colours, horizon: float, nearness: float, low: Colours) -> Colours:
    canvas, rng = brief.canvas, brief.rng
    edges = np.cumsum(rng.uniform(0.06, 0.17, 40) * (0.6 + 0.5 * nearness))
    block = np.searchsorted(edges, canvas.x[0])
    heights = rng.gamma(3.0, 0.07, 41) * (1.25 - 0.5 * nearness) + 0.05
    roof = (horizon - heights[block]).astype(np.float32)
    mask = canvas.below(roof) * (1 - canvas.below(horizon))
    tone = mix(low * 0.7, hexcolour("090b12"), nearness)
    cell = 0.02 + 0.008 * nearness
    column, storey = np.floor(canvas.x / cell).astype(int), np.floor(canvas.y / (cell * 1.2)).astype(int)
    lamps = rng.random((97, 89)) < rng.uniform(0.18, 0.4)
    warm = rng.random((97, 89))[storey % 97, column % 89]
    pane = (
        ramp(0.22, 0.3, canvas.x / cell % 1)
        * ramp(0.8, 0.7, canvas.x / cell % 1)
        * ramp(0.3, 0.4, canvas.y / (cell * 1.2) % 1)
    )
    lit = lamps[storey % 97, column % 89] * pane * mask * ramp(0.0, 0.012, canvas.y - roof)
    colour = mix(hexcolour("ffc878"), hexcolour("cfe2ff"), (warm > 0.75).astype(np.float32)) * (
        0.4 + 1.3 * warm[..., None] ** 2
    )
    glow = blur(lit.astype(np.float32), 2.5)[..., None]
    windows = colour * (lit[..., None] * (0.3 + 0.7 * nearness)) + hexcolour("ffc080") * 0.35 * glow
    return single(mix(picture, tone, mask) + windows)


def _trails(brief: Brief, horizon: float) -> Colours:
    canvas, rng = brief.canvas, brief.rng
    total = np.zeros((canvas.height, canvas.width, 3), np.float32)
    start, bend = rng.uniform(0.2, 0.8) * canvas.right, rng.normal(0, 0.5)
    steps = np.linspace(0, 1, 24)
    for lane in range(16):
        offset = (lane - 7.5) / 8 * 0.55 + rng.normal(0, 0.03)
        x = start + bend * steps * (1 - steps) * 2 + offset * (0.03 + 1.3 * steps**1.6)
        y = horizon + 0.01 + (canvas.bottom - horizon + 0.05) * steps**1.5 - 0.02 * rng.random()
        line = canvas.line(list(zip(x, y, strict=True)), rng.uniform(0.004, 0.012))
        total += line[..., None] * hexcolour("ff3a24" if offset > 0 else "ffe2b0") * rng.uniform(0.5, 1.6)
    return total + 0.6 * blur(total, 4.0)


def _street_lamp(brief: Brief, horizon: float) -> tuple[Colours, Field, tuple[float, float]]:
    canvas, x = brief.canvas, brief.subject_x
    foot, top = canvas.bottom * 0.97, horizon - brief.rng.uniform(0.2, 0.32)
    pole = canvas.line([(x, foot), (x, top)], 0.018)
    base = canvas.polygon([(x - 0.04, foot), (x + 0.04, foot), (x + 0.015, foot - 0.14), (x - 0.015, foot - 0.14)])
    head = canvas.polygon([(x - 0.03, top), (x + 0.03, top), (x + 0.048, top - 0.085), (x - 0.048, top - 0.085)])
    cap = canvas.polygon([(x - 0.058, top - 0.085), (x + 0.058, top - 0.085), (x, top - 0.13)])
    glow = hexcolour("ffd79a") * (1.2 + 1.5 * canvas.glow(x, top - 0.04, 0.025))[..., None]
    iron = hexcolour("1c1f24") * (0.8 + 2.5 * canvas.glow(x - 0.01, top, 0.12))[..., None]
    return mix(iron, glow, head).astype(np.float32), np.max([pole, base, head, cap], axis=0), (x, top - 0.04)
