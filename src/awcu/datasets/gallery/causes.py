"""Good and bad reasons for a rating, painted into the picture; each returns the region where it is visible."""

from dataclasses import replace

import cv2
import numpy as np

from awcu.datasets.gallery.plan import CAUSES, Plan, stream
from awcu.datasets.gallery.styles import luminance
from awcu.datasets.gallery.texture import (
    Canvas,
    Colours,
    Field,
    Layers,
    blur,
    hexcolour,
    mix,
    move,
    noise,
    ramp,
    shade,
    single,
    solids,
    streak,
)

Regions = dict[str, Field]


def arrange(plan: Plan, canvas: Canvas, layers: Layers) -> tuple[Layers, Regions]:
    """Add the causes that depend on the light and on how the camera is held; returns the scene and their regions."""
    regions: Regions = {}
    if "light" in plan.causes:
        regions["light"] = _clean_light(plan, canvas, layers)
    if "rim" in plan.causes:
        regions["rim"] = _rim_light(plan, canvas, layers)
    if "tilt" in plan.causes:
        layers, moved = _tilt(plan, canvas, layers, list(regions.values()))
        regions = dict(zip(regions, moved, strict=True))
        regions["tilt"] = _horizon_band(canvas, layers)
    for name in ("thirds", "cut_subject"):
        if name in plan.causes:
            regions[name] = layers.alpha
    return layers, regions


def _clean_light(plan: Plan, canvas: Canvas, layers: Layers) -> Field:
    """Warm beams of light that brighten what they meet."""
    rng = stream(plan.seed, plan.index, "light")
    side = 1.0 if layers.light[0] > canvas.right / 2 else -1.0
    x, y = canvas.right * (0.5 + 0.62 * side), -0.3
    angle = np.arctan2(canvas.y - y, (canvas.x - x) * -side)
    row = cv2.GaussianBlur(rng.standard_normal((1, 256)).astype(np.float32), (0, 0), 5)
    row = row / (row.std() + 1e-6)
    beams = cv2.remap(row, (np.clip(angle, 0, 1.6) * 150).astype(np.float32), np.zeros_like(angle), cv2.INTER_LINEAR)
    reach = np.exp(-(((angle - 0.75) / 0.42) ** 2)) * ramp(
        1.9 * canvas.bottom, 0.3, np.hypot(canvas.x - x, canvas.y - y)
    )
    region = (reach * (0.75 + 0.3 * np.clip(beams, -1.5, 1.5))).astype(np.float32)
    power, warm = plan.causes["light"], hexcolour("ffc884")
    lift = 1 + 1.5 * power * region[..., None] * warm
    layers.background = (layers.background * lift + 0.34 * power * region[..., None] * warm).astype(np.float32)
    layers.subject = (layers.subject * lift + 0.2 * power * region[..., None] * warm).astype(np.float32)
    return single(region)


def _rim_light(plan: Plan, canvas: Canvas, layers: Layers) -> Field:
    """A bright edge around the subject and a darker background behind it, so that it stands out."""
    power = plan.causes["rim"]
    width = 0.01 * canvas.short
    from_left = layers.light[0] < plan.subject_x * canvas.right
    behind = move(layers.alpha, width if from_left else -width, 0.8 * width)
    edge = layers.alpha * np.clip(1.05 - blur(behind, 0.5), 0, 1)
    halo = blur(layers.alpha, 0.07 * canvas.short)
    layers.subject = (layers.subject * 1.12 + 1.7 * power * edge[..., None] * hexcolour("ffdca8")).astype(np.float32)
    layers.background = (layers.background * (1 - 0.66 * power * np.sqrt(np.clip(halo, 0, 1)))[..., None]).astype(
        np.float32
    )
    return single(np.maximum(layers.alpha, 0.6 * halo))


def _tilt(plan: Plan, canvas: Canvas, layers: Layers, fields: list[Field]) -> tuple[Layers, list[Field]]:
    """The scene rotated about its subject, slightly enlarged so that few corners need filling."""
    rng = stream(plan.seed, plan.index, "tilt")
    angle = float(rng.choice([-1, 1])) * 13.0 * plan.causes["tilt"]
    centre = (plan.subject_x * canvas.width, 0.55 * canvas.height)
    turn = cv2.getRotationMatrix2D(centre, angle, 1.15)

    def turned(field: Field) -> Field:
        size = (canvas.width, canvas.height)
        return np.asarray(
            cv2.warpAffine(field, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101),
            np.float32,
        )

    regions = {name: turned(region) for name, region in layers.regions.items()}
    regions["above"] = turned(1 - canvas.below(layers.horizon))
    moved = replace(
        layers, background=turned(layers.background), subject=turned(layers.subject), alpha=turned(layers.alpha),
        depth=turned(layers.depth), regions=regions,
    )  # fmt: skip
    return moved, [turned(field) for field in fields]


def _horizon_band(canvas: Canvas, layers: Layers) -> Field:
    above = layers.regions["above"]
    return ramp(0.02, 0.3, blur(above, 0.03 * canvas.short) * blur(1 - above, 0.03 * canvas.short))


def spoil(plan: Plan, canvas: Canvas, picture: Colours) -> tuple[Colours, Regions]:
    """Add the flaws that lie over the exposed picture, in linear light; returns the picture and their regions."""
    regions: Regions = {}
    for name, flaw in (
        ("smear", _smear),
        ("highlight", _highlight),
        ("edge_object", _edge_object),
        ("finger", _finger),
    ):
        if name in plan.causes:
            rng = stream(plan.seed, plan.index, name)
            picture, regions[name] = flaw(canvas, picture, plan.causes[name], rng)
    return picture, regions


def _spot(canvas: Canvas, interest: Field, rng: np.random.Generator) -> tuple[float, float]:
    """The place of greatest `interest` among ten random ones, so that a flaw stands out."""
    places = rng.uniform((0.14, 0.14), (0.86, 0.86), (10, 2)) * (canvas.width, canvas.height)
    x, y = max(places.astype(int), key=lambda place: interest[place[1], place[0]])
    return float(x / canvas.short), float(y / canvas.short)


def _smear(canvas: Canvas, picture: Colours, power: float, rng: np.random.Generator) -> tuple[Colours, Field]:
    """A greasy smear on the lens: one patch smeared sideways under a milky veil."""
    grey = luminance(np.clip(picture, 0, 1))
    busy = blur(np.abs(grey - blur(grey, 2.0)), 0.1 * canvas.short)
    radius = 0.17 + 0.08 * power
    x, y = _spot(canvas, busy, rng)
    wobble = 0.12 * noise(rng, (canvas.height, canvas.width), 3, 2)
    region = ramp(1.15, 0.8, np.hypot((canvas.x - x) / (radius * 1.25), (canvas.y - y) / radius) + wobble)
    angle = rng.uniform(0, 180)
    dragged = streak(blur(picture, 0.02 * canvas.short), 0.22 * canvas.short, angle)
    veil = dragged * 0.6 + 0.16 + 0.05 * streak(noise(rng, grey.shape, 60, 2), 0.2 * canvas.short, angle)[..., None]
    return mix(picture, np.maximum(veil, 0).astype(np.float32), region), region


def _highlight(canvas: Canvas, picture: Colours, power: float, rng: np.random.Generator) -> tuple[Colours, Field]:
    """A blown-out highlight with glare around it."""
    x, y = _spot(canvas, -blur(luminance(np.clip(picture, 0, 1)), 0.12 * canvas.short), rng)
    radius = 0.06 + 0.08 * power
    ragged = radius * (1 + 0.05 * noise(rng, (canvas.height, canvas.width), 5, 2))
    distance = np.hypot((canvas.x - x) / rng.uniform(0.9, 1.5), canvas.y - y)
    core = ramp(1.0, 0.82, distance / ragged)
    halo = np.exp(-distance / (0.7 * radius)).astype(np.float32)
    rays = 1 + 0.35 * np.sin(int(rng.integers(5, 9)) * np.arctan2(canvas.y - y, canvas.x - x) + rng.uniform(0, 6))
    burnt = picture + (9.0 * core + 2.4 * halo * rays)[..., None] * np.array([1.0, 0.97, 0.9], np.float32)
    return burnt.astype(np.float32), np.maximum(core, ramp(0.1, 0.35, halo))


def _edge_object(canvas: Canvas, picture: Colours, power: float, rng: np.random.Generator) -> tuple[Colours, Field]:
    """A gaudy distraction: a plastic ball cut off by the frame."""
    radius = 0.12 + 0.09 * power
    along = rng.uniform(0.2, 0.85)
    corners = (
        (0.02, along * canvas.bottom),
        (canvas.right - 0.02, along * canvas.bottom),
        (along * canvas.right, canvas.bottom - 0.02),
    )
    x, y = corners[int(rng.choice(3, p=[0.4, 0.4, 0.2]))]
    dome = solids(canvas, [(x, y, 0, radius, radius, radius)])
    region = blur(np.isfinite(dome).astype(np.float32), 0.6)
    colour = hexcolour(str(rng.choice(["ff2fa0", "00e0ff", "ff5a00", "d4ff00"])))
    stripes = ramp(-0.1, 0.1, np.sin((canvas.x - x) / radius * 3.2 + (canvas.y - y) / radius * 5 + rng.uniform(0, 6)))
    skin = mix(colour, np.full(3, 0.95, np.float32), stripes)
    ball = shade(
        blur(np.nan_to_num(dome, nan=0.0), 1.0),
        skin,
        (-0.4, -0.8, 0.7),
        np.full(3, 1.2, np.float32),
        np.full(3, 0.7, np.float32),
        0.8,
    )
    return mix(picture, ball, region), region


def _finger(canvas: Canvas, picture: Colours, power: float, rng: np.random.Generator) -> tuple[Colours, Field]:
    """A finger in front of the lens: a blurred shape over the corner where it shows most."""
    flesh = hexcolour("b8543e") * 0.55
    corners = [(side, low) for side in (False, True) for low in (False, True)]
    rng.shuffle(corners)
    small = cv2.resize(luminance(np.clip(picture, 0, 1)), (3, 3), interpolation=cv2.INTER_AREA)
    target = float(luminance(flesh))
    side, low = max(corners, key=lambda corner: abs(float(small[2 * corner[1], 2 * corner[0]]) - target))
    x, y = (canvas.right + 0.06 if side else -0.06), (canvas.bottom + 0.04 if low else -0.04)
    radius = 0.3 + 0.12 * power
    slant = (canvas.x - x) * (0.25 if side == low else -0.25)
    region = ramp(1.2, 0.72, np.hypot((canvas.x - x) / (1.25 * radius), (canvas.y - y + slant) / radius))
    shaded = flesh * (0.75 + 0.5 * (1 - region[..., None]))
    return mix(picture, shaded, region * 0.97), region


def harmonise(plan: Plan, picture: Colours) -> Colours:
    """Colour grading with cool shadows and warm highlights over the whole frame, if the plan has it."""
    if "harmony" not in plan.causes:
        return picture
    bright = luminance(picture)[..., None]
    cool, warm = np.array([-0.16, 0.03, 0.13], np.float32), np.array([0.14, 0.03, -0.15], np.float32)
    split = cool * (1 - bright) + warm * bright
    power = plan.causes["harmony"]
    graded = bright + (picture - bright) * (1 + 0.2 * power) + 0.95 * power * split * np.sqrt(bright)
    return np.clip(graded, 0, 1).astype(np.float32)


def evidence(plan: Plan, regions: Regions, shape: tuple[int, int]) -> dict[str, Field]:
    """Each cause's contribution spread over its region: a map (H, W) that sums to weight x strength."""
    maps = {}
    for name, strength in plan.causes.items():
        region = regions.get(name)
        if region is None or region.sum() < 1:  # visible everywhere, or too small to locate
            region = np.ones(shape, np.float32)
        maps[name] = (CAUSES[name].weight * strength * region / region.sum(dtype=np.float64)).astype(np.float32)
    return maps
