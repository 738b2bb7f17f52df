"""What a scene painter hands to the camera: background, subject and where things are."""

from dataclasses import dataclass, field

import numpy as np

from awcu.datasets.gallery.texture import Canvas, Colours, Field


@dataclass
class Layers:
    """A scene in linear light before the camera sees it.

    `background` and `subject` are (H, W, 3) with 1.0 about white; `alpha` (H, W) is the subject's cover; `depth`
    (H, W) is 0 in the plane of focus and 1 far from it; `regions` names soft masks such as "sky" or "water".
    """

    background: Colours
    subject: Colours
    alpha: Field
    depth: Field
    horizon: float
    light: tuple[float, float]
    regions: dict[str, Field] = field(default_factory=dict)


@dataclass(frozen=True)
class Brief:
    """What a painter has to paint: where the subject stands (short sides from the left) and the scene's styles."""

    canvas: Canvas
    rng: np.random.Generator
    subject_x: float
    styles: frozenset[str]
