"""From a plan to a picture: paint the scene, expose it, spoil it, develop it, and keep the truth about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from awcu.datasets.gallery import causes, styles
from awcu.datasets.gallery.figures import paint_bust
from awcu.datasets.gallery.landscape import paint_landscape, paint_water
from awcu.datasets.gallery.night import paint_night
from awcu.datasets.gallery.plan import STYLES, Plan, draw_plan, stream
from awcu.datasets.gallery.still_life import paint_flower, paint_still_life
from awcu.datasets.gallery.street import paint_street
from awcu.datasets.gallery.texture import Brief, Canvas, Field, Layers
from awcu.errors import GalleryError

SCENES: Mapping[str, Callable[[Brief], Layers]] = {
    "landscape": paint_landscape,
    "water": paint_water,
    "street": paint_street,
    "night": paint_night,
    "still_life": paint_still_life,
    "flower": paint_flower,
    "bust": paint_bust,
}
SHORTEST = 64  # pixels; a smaller picture has no room for the noise octaves and the flaws
# What the whole frame is worth to a crop, in rating points: a cut must gain more than it loses in area.
AREA_WORTH = 0.8


@dataclass(frozen=True, eq=False)
class Sample:
    """One rendered picture with its truth.

    Attributes:
        image: `(H, W, 3)` RGB.
        scene: Kind of scene.
        votes: `(10,)` counts of the ratings 1..10.
        attributes: `(14,)` 0 or 1, in the order of `STYLES`.
        style_masks: `(14, H, W)` where each style is visible; all False for an absent one.
        cause_map: `(H, W)` rating points per pixel, positive for good causes; it sums to `visible_quality`.
        quality: Latent quality in rating points: 5.38 + visible part − its mean over pictures + context.
        visible_quality: Sum of the causes' contributions.
        context: The part of quality that raters reward but no pixel shows.
        crop: x0, y0, x1, y1 in pixels, with exclusive ends, of the box that best removes the located flaws.
    """

    image: NDArray[np.uint8]
    scene: str
    votes: NDArray[np.int64]
    attributes: NDArray[np.int64]
    style_masks: NDArray[np.bool_]
    cause_map: NDArray[np.float32]
    quality: float
    visible_quality: float
    context: float
    crop: tuple[int, int, int, int]


def render(seed: int, index: int, short_side: int = 224) -> Sample:
    """Picture `index` of the gallery with this `seed`: the same bytes whenever and wherever it is rendered.

    Raises:
        GalleryError: `seed` or `index` is negative, or `short_side` is less than 64 pixels.
    """
    return render_plan(draw_plan(seed, index), short_side)


def render_plan(plan: Plan, short_side: int = 224) -> Sample:
    """The picture of a plan; leaving out a cause changes nothing else in the picture.

    Raises:
        GalleryError: `short_side` is less than 64 pixels.
    """
    if short_side < SHORTEST:
        raise GalleryError(f"short_side {short_side}: pictures need at least {SHORTEST} pixels; ask for more")
    wide, high = plan.aspect
    shorter = min(wide, high)
    canvas = Canvas(round(short_side * high / shorter), round(short_side * wide / shorter))
    brief = Brief(canvas, stream(plan.seed, plan.index, "scene"), plan.subject_x * canvas.right, plan.styles)
    layers, regions = causes.arrange(plan, canvas, SCENES[plan.scene](brief))
    light, masks = styles.expose(plan, layers)
    light, flaws = causes.spoil(plan, canvas, light)
    exposure = float(stream(plan.seed, plan.index, "exposure").uniform(0.85, 1.1))
    picture = causes.harmonise(plan, styles.film(light, exposure))
    picture, toned = styles.tone(plan, styles.finish(plan, picture, canvas), layers.alpha)
    shape = (canvas.height, canvas.width)
    maps = causes.evidence(plan, regions | flaws, shape)
    # No crop can level a horizon, so a tilt is no reason to cut.
    removable = sum((field for name, field in maps.items() if name != "tilt"), np.zeros(shape, np.float32))
    return Sample(
        image=np.rint(picture * 255).astype(np.uint8),
        scene=plan.scene,
        votes=plan.votes,
        attributes=np.array([name in plan.styles for name in STYLES], np.int64),
        style_masks=_stack(masks | toned, shape),
        cause_map=sum(maps.values(), np.zeros(shape, np.float32)),
        quality=plan.quality,
        visible_quality=plan.visible_quality,
        context=plan.context,
        crop=best_crop(removable),
    )


def _stack(masks: Mapping[str, Field], shape: tuple[int, int]) -> NDArray[np.bool_]:
    absent = np.zeros(shape, np.float32)
    return np.stack([masks.get(name, absent) > 0.5 for name in STYLES])


def best_crop(cause_map: Field) -> tuple[int, int, int, int]:
    """The box with the picture's own aspect that is worth most, as x0, y0, x1, y1 with exclusive ends.

    A box is worth the sum of `cause_map` (H, W) inside it plus `AREA_WORTH` times its share of the area. Sides from
    a half to the whole, in steps of a twentieth, are tried at 21 x 21 places. Without flaws it is the whole frame.
    """
    height, width = cause_map.shape
    total = cv2.integral(cause_map.astype(np.float64))
    best, box = -np.inf, (0, 0, width, height)
    for side in np.linspace(1.0, 0.5, 11):
        high, wide = round(height * side), round(width * side)
        top = np.unique(np.rint(np.linspace(0, height - high, 21)).astype(int))[:, None]
        left = np.unique(np.rint(np.linspace(0, width - wide, 21)).astype(int))[None, :]
        inside = total[top + high, left + wide] - total[top, left + wide] - total[top + high, left] + total[top, left]
        worth = inside + AREA_WORTH * high * wide / (height * width)
        row, column = np.unravel_index(np.argmax(worth), worth.shape)
        if worth[row, column] > best + 1e-9:
            best = float(worth[row, column])
            x0, y0 = int(left[0, column]), int(top[row, 0])
            box = (x0, y0, x0 + wide, y0 + high)
    return box
