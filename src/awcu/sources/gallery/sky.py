"""Sky and hills of the open-air scenes, under the light of an hour."""

from dataclasses import dataclass

import numpy as np

from awcu.sources.gallery.layers import Brief
from awcu.sources.gallery.texture import (
    Colours,
    blur,
    hexcolour,
    mix,
    move,
    noise,
    plane_noise,
    ramp,
    relief,
    skyline,
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
