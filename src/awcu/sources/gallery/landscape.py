"""Landscape of the gallery: a lone tree on a meadow before hills."""

import numpy as np

from awcu.sources.gallery.layers import Brief, Layers
from awcu.sources.gallery.sky import Mood, draw_mood, paint_hills, paint_sky
from awcu.sources.gallery.texture import (
    Colours,
    Field,
    blur,
    hexcolour,
    mix,
    noise,
    plane_noise,
    ramp,
    relief,
    skyline,
    solids,
    vary,
)


def paint_landscape(brief: Brief) -> Layers:
    """Landscape with a horizon: sky, ridges, meadow and a lone tree with its shadow."""
    canvas, rng = brief.canvas, brief.rng
    against = "Silhouettes" in brief.styles
    mood = draw_mood(rng, ("dusk", "golden") if against else ("noon", "golden", "dusk", "dawn", "overcast"))
    horizon = canvas.bottom * rng.uniform(0.5, 0.68)
    sun = (
        canvas.right * rng.uniform(0.1, 0.9),
        horizon * (rng.uniform(0.75, 0.95) if against else rng.uniform(0.15, 0.8)),
    )
    sun_left = sun[0] < brief.subject_x
    sky = paint_sky(brief, mood, horizon, sun)
    far = paint_hills(brief, mood, sky, horizon, sun_left, 0.16 if against else rng.uniform(0.1, 0.42))
    ground = canvas.below(horizon + 0.004 * skyline(rng, canvas, 20, 3))
    picture = mix(far, paint_meadow(brief, mood, horizon, sun_left), ground)
    if rng.random() < 0.6:
        picture = _forest(brief, mood, picture, horizon)
    base = (brief.subject_x, horizon + rng.uniform(0.08, 0.2) * canvas.bottom)
    size = rng.uniform(0.42, 0.6)
    shadow = canvas.glow(base[0] + (0.14 if sun_left else -0.14) * size, base[1] + 0.01, 0.035 * size / 0.5, 4.5)
    picture = picture * (1 - 0.6 * shadow[..., None])
    tree, alpha = paint_tree(brief, mood, base, size, sun_left)
    depth = np.where(canvas.y > horizon, np.abs(base[1] - canvas.y) / 0.5, 1.0).astype(np.float32)
    regions = {"sky": 1 - ground, "ground": ground}
    return Layers(picture, tree, alpha, np.clip(depth, 0, 1), horizon, sun, regions)


def paint_meadow(brief: Brief, mood: Mood, horizon: float, sun_left: bool) -> Colours:
    """Ground from the horizon to the lower edge: fields far away, single blades of grass near by."""
    canvas, rng = brief.canvas, brief.rng
    pairs = [("4a5633", "98a060"), ("6b5a36", "c4ab6c"), ("43543a", "8a9a6a"), ("57503e", "a49370")]
    dark, pale = (vary(rng, hexcolour(code), 0.12) for code in pairs[rng.integers(len(pairs))])
    near = ramp(0.0, canvas.bottom - horizon, canvas.y - horizon)
    swell = relief(blur(plane_noise(rng, canvas, horizon, 3.0, 1.4), 1.0), 3.0, (-1.0 if sun_left else 1.0, -0.5, 1.0))
    patches = plane_noise(rng, canvas, horizon, 6.0, 2.2)
    blades = noise(rng, (canvas.height, canvas.width), 34, 3, 0.8, 0.35) * near
    share = np.clip(0.45 + 0.2 * patches + 0.22 * blades + 0.3 * (swell - 0.6), 0, 1).astype(np.float32)
    ground = mix(dark * 0.8, pale, share) * (mood.ambient * 0.55 + mood.sun * (0.35 + 0.8 * swell[..., None]))
    if rng.random() < 0.5:
        bend = canvas.right * rng.uniform(0.3, 0.7) + 0.5 * (near - 0.2) * rng.normal(0, 0.8) + 0.06 * np.sin(near * 7)
        path = ramp(1.15, 0.85, np.abs(canvas.x - bend) / (0.012 + 0.14 * near) + 0.12 * blades)
        ground = mix(
            ground,
            hexcolour("a48f6e") * (mood.ambient * 0.5 + mood.sun) * (0.8 + 0.12 * patches[..., None]),
            path * 0.8,
        )
    return mix(ground, mood.low * 0.8, 0.5 * ramp(0.16, 0.0, canvas.y - horizon))


def _forest(brief: Brief, mood: Mood, picture: Colours, horizon: float) -> Colours:
    """The edge of a far wood where the meadow ends, broken by clearings."""
    canvas, rng = brief.canvas, brief.rng
    tops = 0.012 * skyline(rng, canvas, 70, 3, 0.7) + 0.02 * skyline(rng, canvas, 5, 3)
    foot = horizon + 0.012
    wood = canvas.below(foot - np.maximum(tops + 0.018, 0)) * (1 - canvas.below(foot))
    mottle = 1 + 0.25 * noise(rng, wood.shape, 60, 2, 0.7)[..., None]
    leaves = hexcolour("3c4a2e") * (mood.ambient * 0.7 + mood.sun * 0.5) * mottle
    return mix(picture, mix(leaves, mood.low * 0.9, 0.3), wood)


def _trunk(brief: Brief, x: float, y: float, size: float, lean: float) -> Field:
    canvas, rng = brief.canvas, brief.rng
    foot = [(x - 0.035 * size, y), (x + 0.04 * size, y)]
    top = [(x + lean + 0.015 * size, y - 0.6 * size), (x + lean - 0.015 * size, y - 0.6 * size)]
    trunk = canvas.polygon(foot + top)
    for _ in range(8):
        side, start = rng.uniform(-0.2, 0.2) * size, rng.uniform(0.25, 0.45) * size
        branch = [(x + lean * 0.6, y - start), (x + side, y - start - 0.2 * size)]
        trunk = np.maximum(trunk, canvas.line(branch, 0.014 * size))
    return trunk


def _crown(brief: Brief, x: float, y: float, size: float) -> Field:
    """Height in pixels of the clumps of leaves of a broad tree or a pine standing at (x, y); nan outside."""
    rng = brief.rng
    pine = rng.random() < 0.35
    clumps = []
    for _ in range(320):
        up, across = rng.uniform(0, 1), float(np.clip(rng.normal(0, 0.5), -1, 1))
        half = 0.3 * (1 - up) + 0.02 if pine else 0.34 * max(0.05, 1 - (2 * up - 0.9) ** 2) ** 0.5
        radius = size * rng.uniform(0.018, 0.05) * (0.8 if pine else 1.0)
        rise = 0.2 + 0.8 * up if pine else 0.34 + 0.6 * up
        near = 0.1 * size * rng.uniform(-1, 1)
        clumps.append((x + across * half * size, y - rise * size, near, radius * 1.3, radius, radius))
    return solids(brief.canvas, clumps)


def paint_tree(
    brief: Brief, mood: Mood, base: tuple[float, float], size: float, sun_left: bool
) -> tuple[Colours, Field]:
    """A lone tree standing at `base`, `size` short sides tall: colours (H, W, 3) and cover (H, W)."""
    rng, (x, y) = brief.rng, base
    lean = rng.normal(0, 0.03) * size
    trunk = _trunk(brief, x, y, size, lean)
    height = _crown(brief, x + lean, y, size)
    leaves = noise(rng, trunk.shape, 45, 3, 0.8)
    inside = blur(np.isfinite(height).astype(np.float32), 0.8)
    crown = ramp(0.35, 0.75, inside + 0.3 * leaves) * ramp(0.05, 0.3, inside)
    mound = np.nan_to_num(height, nan=0.0)
    surface = blur(mound, 0.7) * 0.3 + blur(mound, 2.5) + 1.2 * leaves
    lit = relief(surface, 0.6, (-0.9 if sun_left else 0.9, -0.8, 0.6))
    leaf = vary(rng, hexcolour(str(rng.choice(["4a5f30", "5c6a34", "8a6030", "3d5238"]))), 0.15)
    foliage = leaf * (mood.ambient * 0.8 + mood.sun * 1.5 * lit[..., None])
    bark = hexcolour("4a3a2c") * (mood.ambient * 0.5 + mood.sun * 0.5) * (1 + 0.2 * leaves[..., None])
    return mix(bark, foliage, crown), np.maximum(trunk, crown)
