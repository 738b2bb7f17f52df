"""Streets of the gallery, seen along their length or across to a house front."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from awcu.datasets.gallery.figures import paint_passer_by
from awcu.datasets.gallery.landscape import Mood, draw_mood, paint_sky
from awcu.datasets.gallery.still_life import Light
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
    single,
    vary,
)

PLASTERS = ("c9a27a", "b8b0a2", "9a5a48", "d3b98c", "8f9a98", "a8785a", "cfc4b0")


def paint_street(brief: Brief) -> Layers:
    """A street: along its length with every line running to one point, or across to a house front."""
    return _along(brief) if "Vanishing_Point" in brief.styles else _across(brief)


@dataclass(frozen=True)
class Corridor:
    """A street along its length, eye height and half-width in short sides, seen from its middle."""

    canvas: Canvas
    point: tuple[float, float]
    half: float
    eye: float

    @cached_property
    def road(self) -> Field:
        """1 where the ground is seen, 0 where a wall or the sky is, (H, W)."""
        aside = np.abs(self.canvas.x - self.point[0])
        return single((self.canvas.y - self.point[1]) / self.eye > aside / self.half)

    @cached_property
    def far(self) -> Field:
        """Distance of what is seen in each pixel, (H, W)."""
        aside = np.maximum(np.abs(self.canvas.x - self.point[0]), 1e-3)
        down = np.maximum(self.canvas.y - self.point[1], 1e-3)
        return single(np.where(self.road > 0, self.eye / down, self.half / aside))


def _along(brief: Brief) -> Layers:
    small, rng = brief.canvas, brief.rng
    canvas = Canvas(small.height * 5 // 4, small.width * 5 // 4)  # oversampled: far windows are finer than a pixel
    mood = draw_mood(rng, ("noon", "golden", "overcast", "dawn"))
    vx, vy = canvas.right * rng.uniform(0.36, 0.64), canvas.bottom * rng.uniform(0.42, 0.58)
    street = Corridor(canvas, (vx, vy), rng.uniform(0.34, 0.5), 0.2)
    sky = paint_sky(Brief(canvas, rng, vx, brief.styles), mood, vy + 0.1, (vx + rng.normal(0, 0.1), vy - 0.1))
    walls, cover = _walls(street, mood, rng)
    picture = mix(mix(sky, walls, cover), _road(street, mood, rng), street.road)
    haze = 0.9 * (1 - np.exp(-np.maximum(street.far - 1.2, 0) / 7)) * np.maximum(cover, street.road)
    picture = mix(picture, mood.low * 0.95, haze)
    picture = single(cv2.resize(picture, (small.width, small.height), interpolation=cv2.INTER_AREA))
    walker = Brief(small, rng, vx + rng.normal(0, 0.08), brief.styles)
    feet = vy + rng.uniform(0.16, 0.28)
    light = Light((0.4, -0.6, 0.7), mood.sun, mood.ambient, 1.0)
    subject, alpha = paint_passer_by(walker, feet, (feet - vy) * 1.05, light)
    picture = picture * (1 - 0.6 * small.glow(walker.subject_x, feet, 0.012, 3.5)[..., None])
    away = np.hypot(small.x - vx, small.y - vy)
    depth = np.clip(np.abs(away - 0.2), 0, 1)
    return Layers(picture, subject, alpha, depth, vy, (vx, vy - 0.1), {"converging": ramp(0.5, 0.2, away)})


def _walls(street: Corridor, mood: Mood, rng: np.random.Generator) -> tuple[Colours, Field]:
    """House fronts on both sides, one in the sun, (H, W, 3), and where they stand before the sky, (H, W)."""
    far, (vx, vy) = street.far, street.point
    right = street.canvas.x > vx
    along, up = far * 1.6 + right * 3.3, (street.eye - (street.canvas.y - vy) * far) / 0.26
    house = np.floor(along / 2.2).astype(int) % 16 + right * 16
    roof = rng.uniform(2.2, 4.4, 32).astype(np.float32)[house]
    plaster = np.stack([vary(rng, hexcolour(str(rng.choice(PLASTERS))), 0.15) for _ in range(32)])[house]
    glass, shading = _wall_texture(single(along), single(up), rng, ramp(9, 3, far))
    lit_side = right == (rng.random() < 0.5)
    sunlit = lit_side * ramp(0.2, 0.5, up - rng.uniform(0.2, 1.2) + 0.12 * np.floor(along))
    walls: Colours = plaster * (shading * 0.9)[..., None] * (mood.ambient * 0.65 + mood.sun * 0.95 * sunlit[..., None])
    pane = mix(hexcolour("1a222b"), mood.low * 0.7, single(0.25 + 0.5 * (np.sin(along * 9) > 0.4)))
    return mix(walls, pane, glass), ramp(-0.02, 0.02, roof - up)


def _road(street: Corridor, mood: Mood, rng: np.random.Generator) -> Colours:
    """Asphalt between pavements, half in the shade, (H, W, 3)."""
    canvas, far, (vx, vy) = street.canvas, street.far, street.point
    across = (canvas.x - vx) * far / street.half
    stones = plane_noise(rng, canvas, vy, 30.0) + 0.8 * plane_noise(rng, canvas, vy, 5.0)
    asphalt = vary(rng, hexcolour(str(rng.choice(["5a5a5c", "6b6258", "4c5057"]))), 0.1)
    pavement = ramp(0.6, 0.62, np.abs(across))
    surface: Colours = mix(asphalt, asphalt * 1.7, pavement) * (1 + 0.14 * stones)[..., None]
    kerb = ramp(0.03, 0.01, np.abs(np.abs(across) - 0.61))
    dash = ramp(0.03, 0.02, np.abs(across)) * ((far * 1.5) % 1.0 < 0.5)
    joints = pavement * ramp(0.08, 0.03, (far * 4) % 1.0) * ramp(3.0, 1.0, far)
    surface = mix(surface, hexcolour("e8e4d6"), 0.75 * dash * ramp(7, 2, far))
    surface = surface * (1 - 0.4 * kerb - 0.3 * joints)[..., None]
    sunny = ramp(-0.1, 0.1, across + 0.2 * np.sin(far * 2.1))
    return single(surface * (mood.ambient * 0.75 + mood.sun * (0.25 + 0.6 * sunny[..., None])))


def _wall_texture(u: Field, v: Field, seed: np.random.Generator, fade: Field) -> tuple[Field, Field]:
    """Windows (glass cover) and the wall's shade at `u` along and `v` up it, both in storeys; fine detail fades."""
    column, storey = u % 0.8 / 0.8, v % 1.0
    glass = ramp(0.28, 0.31, column) * ramp(0.72, 0.69, column) * ramp(0.25, 0.28, storey) * ramp(0.82, 0.79, storey)
    frame = ramp(0.23, 0.25, column) * ramp(0.77, 0.75, column) * ramp(0.18, 0.2, storey) * ramp(0.87, 0.85, storey)
    cross = ramp(0.03, 0.015, np.abs(column - 0.5)) + ramp(0.03, 0.015, np.abs(storey - 0.55))
    glass = glass * (1 - 0.8 * np.clip(cross, 0, 1)) * (v > 0.05)
    ledge = ramp(0.06, 0.03, np.abs(storey - 0.04))
    sheet = noise(seed, (256, 256), 5, 6, 0.65)
    stains = cv2.remap(
        sheet,
        (u * 60 % 510).astype(np.float32),
        (v * 60 % 510).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    return glass * fade, (1 + (0.1 * stains + 0.35 * frame * (1 - glass) - 0.25 * ledge) * fade).astype(np.float32)


def _across(brief: Brief) -> Layers:
    canvas, rng = brief.canvas, brief.rng
    mood = draw_mood(rng, ("noon", "golden", "overcast"))
    kerb = canvas.bottom * rng.uniform(0.72, 0.8)
    slope, foot = rng.uniform(-0.9, 0.9), rng.uniform(-0.1, 0.4)
    edge = canvas.y - foot - slope * (canvas.x - canvas.right / 2) * 0.6 + 0.02 * np.sin(canvas.x * 9)
    light = mood.ambient * 0.6 + mood.sun * (0.15 + 0.75 * ramp(-0.02, 0.02, edge)[..., None])
    picture = mix(_front(brief, mood, kerb, light), _pavement(brief, kerb) * light, canvas.below(kerb))
    picture = picture * (1 - 0.4 * np.exp(-np.abs(canvas.y - kerb) / 0.02))[..., None]
    if "Motion_Blur" in brief.styles or rng.random() < 0.4:
        base, width = kerb + rng.uniform(0.12, 0.17), 18
        subject, alpha = _car(brief, base, rng.uniform(0.2, 0.26), mood)
    else:
        base, width = kerb + rng.uniform(0.06, 0.12), 5
        sun = Light((-slope, -0.6, 0.7), mood.sun, mood.ambient, -slope)
        subject, alpha = paint_passer_by(brief, base, rng.uniform(0.46, 0.6), sun)
    picture = picture * (1 - 0.65 * canvas.glow(brief.subject_x, base, 0.012, width)[..., None])
    depth = single(np.where(canvas.y > kerb, 0.5 * np.abs(canvas.y - base), 0.85))
    return Layers(single(picture), subject, alpha, depth, kerb, (canvas.right * 0.5, 0.0))


def _front(brief: Brief, mood: Mood, kerb: float, light: Colours) -> Colours:
    """House front of brick or plaster with its windows, (H, W, 3)."""
    canvas, rng = brief.canvas, brief.rng
    scale = rng.uniform(0.38, 0.5)
    u, v = single(canvas.x / scale + rng.uniform(0, 1)), single((kerb - canvas.y) / scale)
    glass, shading = _wall_texture(u, v, rng, np.ones_like(u))
    wall = vary(rng, hexcolour(str(rng.choice(PLASTERS))), 0.15)
    bricks = _bricks(u, v, rng) if rng.random() < 0.5 else np.zeros_like(u)
    front = wall * (shading * (1 + bricks) * 0.85)[..., None] * light
    blinds = np.sin(np.floor(u / 0.8) * 7.3 + np.floor(v) * 3.7) > 0.2
    pane = mix(hexcolour("161d26"), mood.low * 0.6, single(0.15 + 0.6 * blinds * ramp(0.2, 0.8, v % 1.0)))
    return mix(front, pane, glass)


def _pavement(brief: Brief, kerb: float) -> Colours:
    canvas, rng = brief.canvas, brief.rng
    grit = 0.13 * plane_noise(rng, canvas, kerb - 0.25, 25, 1.5)
    gutter = 0.25 * ramp(0.012, 0.004, np.abs(canvas.y - kerb - 0.07))
    return single(vary(rng, hexcolour("77736c"), 0.1) * (1 + grit - gutter)[..., None])


def _bricks(u: Field, v: Field, rng: np.random.Generator) -> Field:
    row = np.floor(v * 16)
    column = u * 6 + 0.5 * (row % 2)
    joint = np.maximum(ramp(0.84, 0.92, v * 16 % 1.0), ramp(0.94, 0.98, column % 1.0))
    tones = rng.normal(0, 0.14, (64, 64))[row.astype(int) % 64, np.floor(column).astype(int) % 64]
    return single(tones * (1 - joint) + 0.22 * joint)


def _car(brief: Brief, base: float, tall: float, mood: Mood) -> tuple[Colours, Field]:
    """A small car seen from the side: colours (H, W, 3) and cover (H, W)."""
    canvas, rng, x = brief.canvas, brief.rng, brief.subject_x
    outline = [
        (-1.5, -0.22),
        (-1.52, -0.52),
        (-1.3, -0.6),
        (-0.75, -0.64),
        (-0.38, -0.97),
        (0.5, -1.0),
        (0.98, -0.66),
        (1.42, -0.58),
        (1.52, -0.4),
        (1.5, -0.2),
    ]
    window = [(-0.62, -0.64), (-0.32, -0.91), (0.46, -0.93), (0.82, -0.64)]
    body = blur(canvas.polygon([(x + a * tall, base + b * tall) for a, b in outline]), 0.7)
    glass = canvas.polygon([(x + a * tall, base + b * tall) for a, b in window])
    glass = glass * (
        1
        - canvas.polygon(
            [(x + a * tall, base + b * tall) for a, b in [(0.03, -0.62), (0.03, -0.95), (0.09, -0.95), (0.09, -0.62)]]
        )
    )
    paint = vary(rng, hexcolour(str(rng.choice(["b3261e", "2456a0", "2f4a3a", "d9a520"]))), 0.1)
    up = (base - canvas.y) / tall
    sheen = 0.45 + 0.5 * ramp(0.15, 0.6, up) + 0.5 * ramp(0.05, 0.0, np.abs(up - 0.56)) + 0.35 * ramp(0.8, 1.0, up)
    colours = paint * (mood.ambient * 0.6 + mood.sun * 0.8) * sheen[..., None]
    colours = mix(
        colours.astype(np.float32),
        mix(hexcolour("10151c"), mood.low * 0.8, ramp(0.6, 1.0, up + 0.3 * (canvas.x - x))),
        glass,
    )
    wheels = np.zeros_like(body)
    for place in (-0.92, 0.94):
        wheel = canvas.disc(x + place * tall, base - 0.2 * tall, 0.21 * tall)
        hub = canvas.disc(x + place * tall, base - 0.2 * tall, 0.11 * tall)
        colours = mix(mix(colours, hexcolour("17171a"), wheel), hexcolour("a8a8ac"), hub * 0.8)
        wheels = np.maximum(wheels, wheel)
    return colours, np.maximum(body, wheels)
