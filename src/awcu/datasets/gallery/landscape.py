"""Sky and hills of the open-air scenes, under the light of an hour."""

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
    move,
    noise,
    plane_noise,
    ramp,
    relief,
    single,
    skyline,
    solids,
    streak,
    vary,
)


@dataclass(frozen=True)
class Mood:
    """Light of an hour: sky overhead and at the horizon, lit and shaded cloud, sunlight, skylight."""

    zenith: Colours
    low: Colours
    lit: Colours
    shaded: Colours
    sun: Colours
    ambient: Colours
    cloud: float


MOODS = {
    "noon": ("2a66b0", "b4d3ea", "ffffff", "98a6b6", "fff3dc", "7f9cc0", 0.3),
    "golden": ("476fa6", "f8d29b", "ffe0b4", "8d7681", "ffc070", "7c7f9a", 0.2),
    "dusk": ("28345f", "f0935a", "ff9f6e", "4d3f60", "ff9550", "5d5a80", 0.1),
    "dawn": ("7488bd", "f6c3b4", "ffd7cc", "8c82a4", "ffcdb0", "8587ad", 0.2),
    "overcast": ("8391a0", "ccd3d6", "dfe3e4", "76818c", "dde0e0", "9aa5ae", -0.6),
}


def draw_mood(rng: np.random.Generator, names: tuple[str, ...]) -> Mood:
    """One of the named hours with its colours a little varied."""
    *codes, cloud = MOODS[str(rng.choice(names))]
    zenith, low, lit, shaded, sun, ambient = (vary(rng, hexcolour(str(code)), 0.08) for code in codes)
    return Mood(zenith, low, lit, shaded, sun, ambient, float(cloud) + rng.normal(0, 0.3))


def paint_sky(brief: Brief, mood: Mood, horizon: float, sun: tuple[float, float]) -> Colours:
    """Sky down to the horizon: gradient, sun with its glow, and clouds lit from the sun's side, (H, W, 3)."""
    canvas, rng = brief.canvas, brief.rng
    sky = mix(mood.zenith, mood.low, np.clip(canvas.y / horizon, 0, 1) ** 1.4)
    sky = sky + mood.sun * (0.55 * canvas.glow(*sun, 0.32) + 1.6 * canvas.glow(*sun, 0.07))[..., None]
    density = plane_noise(rng, canvas, horizon + 0.12, 3.5, 1.6, upward=True)
    wisps = noise(rng, (canvas.height, canvas.width), 5, 5, 0.55, 2.5)
    density = 0.8 * density + 0.35 * wisps
    if "Long_Exposure" in brief.styles:
        density = streak(density, 0.5 * canvas.short, 6)
        density = density / (density.std() + 1e-3)
    shifted = move(blur(density, 3.0), 4 if sun[0] < canvas.right / 2 else -4, 4)
    lit = np.clip(0.62 + 0.55 * (density - shifted), 0, 1).astype(np.float32)
    cover = ramp(mood.cloud, mood.cloud + 1.5, density) * 0.92
    return mix(sky, mix(mood.shaded, mood.lit * 1.1, lit), cover)


def paint_hills(brief: Brief, mood: Mood, picture: Colours, horizon: float, sun_left: bool, rise: float) -> Colours:
    """Ridges one behind the other, each paler towards the horizon's colour as air lies between."""
    canvas, rng = brief.canvas, brief.rng
    count = int(rng.integers(2, 5))
    rock = vary(rng, hexcolour(str(rng.choice(["5a6654", "6e6a62", "4d5c49", "71695a"]))), 0.15)
    snow = rng.random() < 0.35 and rise > 0.15
    for layer in range(count):
        nearness = (layer + 1) / count
        height = rise * (1 - 0.75 * (nearness - 1 / count))
        ridge = horizon - height * (0.45 + 0.3 * skyline(rng, canvas, 1.6 + 1.2 * layer, 7, 0.5 + 0.04 * layer))
        mask = canvas.below(np.minimum(ridge, horizon + 0.01)) * (1 - canvas.below(horizon + 0.02))
        folds = noise(rng, (canvas.height, canvas.width), 6 + 4 * layer, 5, 0.62)
        lit = relief(folds, 2.2, (-1.0 if sun_left else 1.0, -0.6, 0.8))
        colour = (
            mix(
                rock,
                hexcolour("f4f6fa"),
                ramp(0.0, 0.5, (0.45 * height + folds * 0.03 - (canvas.y - ridge) * 1.4) / height),
            )
            if snow
            else rock
        )
        colour = colour * (mood.ambient * 0.75 + mood.sun * 1.15 * lit[..., None])
        haze = (1 - nearness) * 0.72 + 0.12 + 0.25 * ramp(0, height + 0.02, canvas.y - ridge) * (1 - nearness)
        picture = mix(picture, mix(colour, mood.low * 0.95, haze), mask)
    return picture


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


def paint_water(brief: Brief) -> Layers:
    """Lake or sea under a low sun: a far shore, a boat, and both mirrored in rippled or smoothed water."""
    canvas, rng = brief.canvas, brief.rng
    against, calm = "Silhouettes" in brief.styles, "Long_Exposure" in brief.styles
    mood = draw_mood(rng, ("dusk", "golden") if against else ("golden", "dusk", "dawn", "noon", "overcast"))
    horizon = canvas.bottom * rng.uniform(0.42, 0.58)
    sun = (canvas.right * rng.uniform(0.15, 0.85), horizon * rng.uniform(0.55, 0.95))
    above = paint_sky(brief, mood, horizon, sun)
    above = paint_hills(brief, mood, above, horizon, sun[0] < brief.subject_x, rng.uniform(0.05, 0.25))
    base, size = (brief.subject_x, horizon + rng.uniform(0.1, 0.2) * canvas.bottom), rng.uniform(0.4, 0.55)
    boat, alpha = paint_boat(brief, mood, base, size)
    ripple = 0.6 * plane_noise(rng, canvas, horizon, 16.0, 1.2) + 0.7 * _wavelets(brief, horizon)
    ripple = ripple * (0.12 if calm else rng.uniform(0.5, 1.0))
    mirrored = reflect(canvas, above, horizon, ripple)
    near = ramp(0.0, canvas.bottom - horizon, canvas.y - horizon)
    deep = vary(rng, hexcolour(str(rng.choice(["16323f", "1d3a4c", "20423c"]))))
    water = mix(mirrored * 0.85, deep * (mood.ambient + 0.3), 0.2 + 0.5 * near + 0.07 * np.clip(ripple, -2, 2))
    water = blur(water, 3.0) if calm else water
    path = (
        canvas.glow(sun[0], horizon, 0.09 + 0.0, 1.0 + 0.0)
        if calm
        else np.exp(-(((canvas.x - sun[0]) / (0.04 + 0.22 * near)) ** 2))
    )
    sparkle = ramp(0.4, 1.6, ripple) if not calm else np.float32(0.25)
    water = water + mood.sun * (path * sparkle * (1.1 - 0.5 * near))[..., None]
    twin_cover, twin = _mirror(canvas, alpha, boat, base[1], ripple)
    water = mix(water, twin * 0.55 + water * 0.2, twin_cover * (0.5 if calm else 0.75))
    surface = canvas.below(horizon)
    picture = mix(above, water.astype(np.float32), surface)
    depth = np.clip(np.abs(base[1] - canvas.y) / 0.5, 0, 1) * surface + (1 - surface)
    return Layers(picture, boat, alpha, depth.astype(np.float32), horizon, sun, {"sky": 1 - surface, "water": surface})


def paint_boat(brief: Brief, mood: Mood, base: tuple[float, float], size: float) -> tuple[Colours, Field]:
    """A sailing boat on the water line `base`, `size` short sides tall: colours (H, W, 3) and cover (H, W)."""
    canvas, rng = brief.canvas, brief.rng
    x, y = base
    hull = canvas.polygon(
        [
            (x - 0.3 * size, y - 0.09 * size),
            (x + 0.36 * size, y - 0.11 * size),
            (x + 0.25 * size, y),
            (x - 0.22 * size, y),
        ]
    )
    main = canvas.polygon(
        [
            (x + 0.01 * size, y - size),
            (x + 0.13 * size, y - 0.62 * size),
            (x + 0.24 * size, y - 0.34 * size),
            (x + 0.3 * size, y - 0.15 * size),
            (x + 0.01 * size, y - 0.15 * size),
        ]
    )
    jib = canvas.polygon(
        [
            (x - 0.02 * size, y - 0.93 * size),
            (x - 0.18 * size, y - 0.5 * size),
            (x - 0.29 * size, y - 0.16 * size),
            (x - 0.03 * size, y - 0.18 * size),
        ]
    )
    mast = canvas.line([(x, y - 0.05 * size), (x, y - 1.02 * size)], 0.006)
    cloth = vary(rng, hexcolour(str(rng.choice(["f3ead8", "c8452f", "efe6d0", "d9a441"]))), 0.08)
    folds = noise(rng, (canvas.height, canvas.width), 6, 3, 0.5, 0.4)
    light = (
        mood.ambient * 0.5
        + mood.sun * (0.6 + 0.25 * np.clip((x + 0.2 * size - canvas.x) / size + 0.12 * folds, -1, 1))[..., None]
    )
    wood = vary(rng, hexcolour(str(rng.choice(["4a2f22", "2b3c52", "7a2f26"]))))
    colours = mix(
        wood * (mood.ambient * 0.7 + mood.sun * 0.5) * (0.7 + 2.5 * (y - canvas.y)[..., None]),
        cloth * light,
        np.maximum(main, jib),
    )
    colours = mix(colours, cloth * light * 0.72, jib)
    return colours.astype(np.float32), np.max([hull, main, jib, mast], axis=0)


def reflect(canvas: Canvas, above: Colours, horizon: float, ripple: Field) -> Colours:
    """The picture above the horizon mirrored below it and broken up by ripples, (H, W, 3)."""
    distance = np.maximum(canvas.y - horizon, 0)
    rows = (horizon - distance * 0.95 + ripple * 0.05 * (0.15 + distance)) * canvas.short
    columns = (canvas.x + ripple * 0.012) * canvas.short
    size = np.clip(rows, 0, horizon * canvas.short).astype(np.float32), columns.astype(np.float32)
    return cv2.remap(above, size[1], size[0], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)


def _mirror(canvas: Canvas, alpha: Field, colours: Colours, line: float, ripple: Field) -> tuple[Field, Colours]:
    rows = (2 * line - canvas.y + 0.1 * ripple * (canvas.y - line)).astype(np.float32) * canvas.short
    columns = (canvas.x + 0.03 * ripple * np.sqrt(np.maximum(canvas.y - line, 0))).astype(np.float32) * canvas.short
    both = np.dstack([colours, alpha])
    turned = cv2.remap(both, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return single(turned[..., 3] * canvas.below(line)), single(turned[..., :3])


def _wavelets(brief: Brief, horizon: float) -> Field:
    canvas, shape = brief.canvas, (brief.canvas.height, brief.canvas.width)
    near = ramp(0.0, 0.75 * (canvas.bottom - horizon), canvas.y - horizon)
    fine, coarse = noise(brief.rng, shape, 70, 2, 0.7, 6.0), noise(brief.rng, shape, 24, 3, 0.7, 5.0)
    return (fine * (1 - near) + coarse * near) * ramp(0.0, 0.03, canvas.y - horizon)
