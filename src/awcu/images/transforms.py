"""Transforms from a photograph to the normalised tensor that the network takes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from awcu.bounds import MAX_SIZE
from awcu.errors import ImageError

if TYPE_CHECKING:
    import albumentations as A
    from torch import Tensor

Aspect = Literal["warp", "letterbox", "crop", "keep"]
Frame = tuple[int, int]
"""Height and width in pixels of what the network sees."""
Pixels = NDArray[np.uint8]

CELL = 32
"""Pixels of a map's cell in nearly all backbones: the sides of a kept frame are multiples of it."""
LONGEST = 4
"""Largest ratio of long to short side of a kept frame; beyond it, rounding to cells would warp the photograph."""


@dataclass(frozen=True)
class Preparation:
    """RGB `(H, W, 3)` uint8 → normalised tensor `(3, h, w)`.

    Without the last three arguments, the augmentations, it is deterministic; validation, test and prediction use that.

    Attributes:
        size: Pixels of the square's side; of a kept frame, the root of its area.
        aspect: "warp" keeps the whole frame and changes its proportions; "letterbox" keeps both and pads with
            grey; "crop" keeps the proportions and crops the long side; "keep" has no square: the whole frame, as many
            pixels, in its own proportions up to the rounding of its sides to multiples of `CELL`.
        mean: Per channel, in [0, 1].
        std: Per channel, in [0, 1].
        flip: Mirror half of the photographs; a mirrored photograph keeps its rating.
        random_crop: Crop to between 60 % and 100 % of the area. Changes the composition that was rated.
        color: Vary brightness, contrast, saturation and hue. Changes the light that was rated.

    Raises:
        ImageError: `aspect` is unknown, or `size` is above `MAX_SIZE`.
    """

    size: int
    aspect: Aspect
    mean: Sequence[float]
    std: Sequence[float]
    flip: bool = False
    random_crop: bool = False
    color: bool = False

    def __post_init__(self) -> None:
        if self.aspect not in get_args(Aspect):
            raise ImageError(f"images.aspect={self.aspect!r} is none of {', '.join(get_args(Aspect))}")
        if self.size > MAX_SIZE:
            raise ImageError(f"images.size={self.size} is above {MAX_SIZE} pixels; choose a smaller one")

    def frame(self, height: int, width: int) -> Frame:
        """Height and width of what the network sees of a photograph of this height and width.

        Raises:
            ImageError: A photograph too small or too long for its frame to be kept.
        """
        if self.aspect != "keep":
            return self.size, self.size
        if min(height, width) < CELL:
            raise ImageError(
                f"{width}×{height} pixels, a side shorter than one cell of {CELL}: too small to judge; "
                f"use a larger copy"
            )
        if max(height, width) > LONGEST * min(height, width):
            raise ImageError(
                f"{width}×{height} pixels, one side more than {LONGEST} times the other: its frame cannot be kept; "
                f"crop it, or train with images.aspect=warp"
            )
        scale = self.size / (height * width) ** 0.5
        high, wide = (CELL * max(1, round(side * scale / CELL)) for side in (height, width))
        return high, wide

    def __call__(self, pixels: Pixels, frame: Frame | None = None, seed: int = 0) -> "Tensor":
        """The normalised tensor `(3, h, w)` of a photograph.

        Args:
            pixels: `(H, W, 3)` RGB.
            frame: The height and width wanted; None for the photograph's own `frame`.
            seed: Seeds the augmentations.

        Raises:
            ImageError: As `frame`.
        """
        return self.normalised(self.seen(pixels, frame, seed))

    def seen(self, pixels: Pixels, frame: Frame | None = None, seed: int = 0) -> Pixels:
        """What `__call__` normalises: the photograph in its frame, `(h, w, 3)` RGB; the same arguments and errors."""
        frame = self.frame(*pixels.shape[:2]) if frame is None else frame
        if not (self.flip or self.random_crop or self.color):
            return _fitted(self, frame, pixels)
        augment = _augmentation(self, frame)
        augment.set_random_seed(seed)
        augmented: Pixels = augment(image=pixels)["image"]
        return augmented

    def mirrors(self, seed: int) -> bool:
        """Whether `seen` mirrors a photograph under this seed."""
        left_is_black = np.array([[[0] * 3, [255] * 3]], np.uint8)
        return bool(replace(self, aspect="warp").seen(left_is_black, (1, 2), seed)[0, 0, 0])

    def normalised(self, pixels: Pixels) -> "Tensor":
        """Pixels `(h, w, 3)` as the network takes them, `(3, h, w)`."""
        # Imported here, since torch takes seconds and only decoding needs none of it.
        import torch

        mean, std = (255 * torch.tensor(values, dtype=torch.float32) for values in (self.mean, self.std))
        # A decoded photograph that has the size wanted is read-only, and torch warns of those.
        return torch.from_numpy(np.require(pixels, requirements="W")).float().sub_(mean).mul_(1 / std).permute(2, 0, 1)

    def __hash__(self) -> int:
        # Mean and standard deviation may be lists, as JSON and YAML give them.
        return hash((self.size, self.aspect, tuple(self.mean), tuple(self.std)))


def _fitted(preparation: Preparation, frame: Frame, pixels: Pixels, **_: Any) -> Pixels:
    """The photograph in its frame `(h, w, 3)`; albumentations passes further keywords."""
    (height, width), (high, wide) = pixels.shape[:2], frame
    if preparation.aspect in ("warp", "keep"):
        return _resized(pixels, high, wide)
    sides = max(height, width) if preparation.aspect == "letterbox" else min(height, width)
    resized = _resized(pixels, *(max(1, round(side * preparation.size / sides)) for side in (height, width)))
    down, right = abs(high - resized.shape[0]), abs(wide - resized.shape[1])
    top, left = down // 2, right // 2
    if preparation.aspect == "crop":
        return resized[top : top + high, left : left + wide]
    grey = [round(255 * level) for level in preparation.mean]
    edges = top, down - top, left, right - left
    return np.asarray(cv2.copyMakeBorder(resized, *edges, cv2.BORDER_CONSTANT, value=grey), np.uint8)


def _resized(pixels: Pixels, height: int, width: int) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


@cache
def _augmentation(preparation: Preparation, frame: Frame) -> "A.Compose":
    import albumentations as A

    proportion = (frame[1] / frame[0],) * 2 if preparation.aspect == "keep" else (3 / 4, 4 / 3)
    crop = A.RandomResizedCrop(frame, scale=(0.6, 1.0), ratio=proportion, interpolation=cv2.INTER_AREA)
    first = crop if preparation.random_crop else A.Lambda(image=partial(_fitted, preparation, frame), name="fit")
    chosen = [
        (preparation.flip, A.HorizontalFlip(p=0.5)),
        (preparation.color, A.ColorJitter(brightness=0.1, contrast=0.1, saturation=0.1, hue=0.02)),
    ]
    return A.Compose([first, *(augmentation for wanted, augmentation in chosen if wanted)])
