"""The 14 AVA photographic styles as a camera and a darkroom make them, each with a mask of where it is visible."""

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from awcu.datasets.gallery.plan import Plan, stream
from awcu.datasets.gallery.texture import (
    Canvas,
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
)

Masks = dict[str, Field]
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def luminance(picture: Colours) -> Field:
    """Brightness of each pixel, (H, W)."""
    return (picture @ LUMA).astype(np.float32)


def over(layers: Layers) -> Colours:
    """The subject composited over its background, everything sharp, (H, W, 3)."""
    return mix(layers.background, layers.subject, layers.alpha)


def expose(plan: Plan, layers: Layers) -> tuple[Colours, Masks]:
    """The picture in linear light as lens and shutter record it, and the masks of the styles they create."""
    masks = {name: mask for name, mask in _content_masks(layers).items() if name in plan.styles}
    picture = over(layers)
    if "Silhouettes" in plan.styles:
        layers.subject = layers.subject * 0.04
        ground = layers.regions.get("ground", np.zeros_like(layers.alpha))
        layers.background = layers.background * (1 - 0.8 * ground[..., None])
        picture = over(layers)
    if "Shallow_DOF" in plan.styles:
        picture, masks["Shallow_DOF"] = _shallow(layers, 0.042 * min(layers.alpha.shape))
    if "Motion_Blur" in plan.styles:
        picture, masks["Motion_Blur"] = _motion(plan, layers)
    if "Soft_Focus" in plan.styles:
        picture, masks["Soft_Focus"] = _soft_focus(picture)
    return picture, masks


def _content_masks(layers: Layers) -> Masks:
    regions, alpha = layers.regions, layers.alpha
    flowing = regions.get("trails", regions.get("water", regions.get("sky", alpha)))
    return {
        "Light_On_White": 1 - alpha,
        "Long_Exposure": flowing * (1 - alpha),
        "Macro": alpha,
        "Rule_of_Thirds": alpha,
        "Silhouettes": np.maximum(alpha, regions.get("ground", alpha)),
        "Vanishing_Point": regions.get("converging", alpha),
    }


def _shallow(layers: Layers, radius: float) -> tuple[Colours, Field]:
    """Background blur that grows with the distance from the plane of focus; the subject stays sharp."""
    near, far = blur(layers.background, 0.45 * radius), blur(layers.background, radius)
    soft = mix(layers.background, near, np.clip(layers.depth * 4, 0, 1))
    soft = mix(soft, far, np.clip(layers.depth * 2 - 0.5, 0, 1))
    return mix(soft, layers.subject, layers.alpha), (layers.depth > 0.3) * (1 - layers.alpha)


def _motion(plan: Plan, layers: Layers) -> tuple[Colours, Field]:
    """Either the subject rushes through a still scene, or the camera follows it past a streaked background."""
    rng = stream(plan.seed, plan.index, "motion")
    length, angle = min(layers.alpha.shape) * rng.uniform(0.14, 0.2), rng.uniform(-4, 4)
    if rng.random() < 0.5:
        return mix(streak(layers.background, length, angle), layers.subject, layers.alpha), 1 - layers.alpha
    smeared = streak(layers.subject * layers.alpha[..., None], length * 1.3, angle)
    cover = streak(layers.alpha, length * 1.3, angle)
    return (layers.background * (1 - cover[..., None]) + smeared).astype(np.float32), ramp(0.05, 0.4, cover)


def _soft_focus(picture: Colours) -> tuple[Colours, Field]:
    """Glow of a soft-focus lens: a sharp picture under a wide, bright blur."""
    size = min(picture.shape[:2])
    veil = blur(np.minimum(picture, 1.5), 0.035 * size)
    bloom = blur(np.maximum(picture - 0.35, 0), 0.05 * size)
    soft = 0.4 * picture + 0.6 * veil + 0.5 * bloom + 0.02
    return soft.astype(np.float32), np.ones(picture.shape[:2], np.float32)


def film(picture: Colours, exposure: float) -> Colours:
    """Linear light mapped to display values in [0, 1] by a filmic curve with a soft shoulder."""
    light = np.maximum(picture * exposure, 0)
    curve = (light * (2.51 * light + 0.03)) / (light * (2.43 * light + 0.59) + 0.14)
    return single(np.clip(curve, 0, 1) ** np.float32(1 / 2.2))


def tone(plan: Plan, picture: Colours, alpha: Field) -> tuple[Colours, Masks]:
    """Apply the darkroom styles of the plan to the display picture; returns it and their masks."""
    whole = np.ones(picture.shape[:2], np.float32)
    rng = stream(plan.seed, plan.index, "tone")
    masks: Masks = {}
    for name, develop in TONES.items():
        if name in plan.styles:
            picture = np.clip(develop(picture, alpha, rng), 0, 1).astype(np.float32)
            masks[name] = whole
    return picture, masks


def _hdr(picture: Colours, alpha: Field, rng: np.random.Generator) -> Colours:
    """Tone mapping pushed too far: every region brought to the same brightness, hard detail, loud colours."""
    bright = luminance(picture)[..., None]
    base = blur(bright[..., 0], 0.06 * min(alpha.shape))[..., None]
    detail = bright - base
    fine = bright - blur(bright[..., 0], 1.5)[..., None]
    flat = 0.5 + 0.45 * (base - 0.5) + 1.7 * detail + 1.6 * fine
    return flat + (picture - bright) * 1.75


def _complementary(picture: Colours, alpha: Field, rng: np.random.Generator) -> Colours:
    """Subject in one hue, surroundings in the opposite one."""
    hue = float(rng.choice([30, 55, 200, 330])) + rng.uniform(-8, 8)
    tints = []
    for angle in (hue + 180, hue):
        pixel = np.array([[[angle % 360, 0.8, 1.0]]], np.float32)
        tints.append(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32))
    bright = luminance(picture)[..., None]
    tint = mix(tints[0], tints[1], alpha)
    coloured = bright + (tint - (tint @ LUMA)[..., None]) * 1.1 * np.sqrt(bright * (1.08 - bright))
    return 0.18 * picture + 0.82 * coloured


def _duotone(picture: Colours, alpha: Field, rng: np.random.Generator) -> Colours:
    """Two inks: brightness mapped from a dark ink to a pale paper; one in three is plain black and white."""
    inks = [
        ("0b0b0c", "f6f6f4"),
        ("1a0f08", "f3e2c2"),
        ("0a1630", "e6eef2"),
        ("1c0a26", "f6d9b8"),
        ("06221f", "f2ead0"),
    ]
    dark, pale = (
        hexcolour(code) ** np.float32(1 / 2.2) for code in inks[rng.choice(5, p=[0.36, 0.22, 0.16, 0.13, 0.13])]
    )
    bright = luminance(picture)
    return mix(dark, pale, np.clip(bright + 0.12 * np.sin(2 * np.pi * (bright - 0.5)) * 0.8, 0, 1).astype(np.float32))


def _grain(picture: Colours, alpha: Field, rng: np.random.Generator) -> Colours:
    """Coarse silver grain, strongest in the middle tones."""
    fine = rng.standard_normal(alpha.shape, dtype=np.float32)
    clumps = blur(rng.standard_normal(alpha.shape, dtype=np.float32), 0.8) * 2.6
    middle = 0.5 + 2.0 * luminance(picture) * (1 - luminance(picture))
    return picture + (0.095 * middle * (0.55 * fine + 0.75 * clumps))[..., None]


def _negative(picture: Colours, alpha: Field, rng: np.random.Generator) -> Colours:
    """Every value replaced by its opposite, as on undeveloped film."""
    return 1 - picture


TONES: Mapping[str, Callable[[Colours, Field, np.random.Generator], Colours]] = {
    "HDR": _hdr,
    "Complementary_Colors": _complementary,
    "Duotones": _duotone,
    "Image_Grain": _grain,
    "Negative_Image": _negative,
}


def finish(plan: Plan, picture: Colours, canvas: Canvas) -> Colours:
    """Slight vignetting and faint sensor noise."""
    rng = stream(plan.seed, plan.index, "finish")
    from_middle = np.hypot(canvas.x / canvas.right - 0.5, canvas.y / canvas.bottom - 0.5)
    shade = (
        1.0 if "Light_On_White" in plan.styles else 1 - rng.uniform(0.1, 0.3) * ramp(0.25, 0.75, from_middle)[..., None]
    )
    strength = 0.002 if "Light_On_White" in plan.styles else 0.005
    speck = strength * noise(rng, (canvas.height, canvas.width), canvas.short / 2, 1)[..., None]
    return single(np.clip(picture * shade + speck, 0, 1))
