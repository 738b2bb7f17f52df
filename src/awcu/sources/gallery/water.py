"""Water of the gallery: a boat before a far shore, both mirrored."""

import cv2
import numpy as np

from awcu.sources.gallery.layers import Brief, Layers
from awcu.sources.gallery.sky import Mood, draw_mood, paint_hills, paint_sky
from awcu.sources.gallery.texture import (
    Canvas,
    Colours,
    Field,
    blur,
    hexcolour,
    mix,
    noise,
    plane_noise,
    ramp,
    single,
    vary,
)


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
