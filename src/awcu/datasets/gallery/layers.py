"""What a scene painter passes to the camera: background, subject and masks."""

from dataclasses import dataclass, field

import numpy as np

from awcu.datasets.gallery.texture import Canvas, Colours, Field


@dataclass
class Layers:
    """A scene in linear light before the camera sees it.

    `background` and `subject` are (H, W, 3), where 1.0 is about white; `alpha` (H, W) is the subject's opacity; `depth`
    (H, W) is 0 in the plane of focus and 1 far from it; `regions` holds soft masks such as "sky" or "water".
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
    """A painter's task: the subject's position (in short sides from the left) and the scene's styles."""

    canvas: Canvas
    rng: np.random.Generator
    subject_x: float
    styles: frozenset[str]
