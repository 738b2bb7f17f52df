"""Transforms from a photograph to the normalised tensor that the network takes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

import cv2

if TYPE_CHECKING:
    import albumentations as A
from awcu.errors import ImageError

Aspect = Literal["warp", "letterbox", "crop"]


def preparation(
    size: int,
    aspect: Aspect,
    mean: Sequence[float],
    std: Sequence[float],
    flip: bool = False,
    random_crop: bool = False,
    color: bool = False,
) -> "A.Compose":
    """RGB `(H, W, 3)` uint8 → normalised tensor `(3, size, size)`.

    Without the last three arguments, the augmentations, it is deterministic; validation, test and prediction use that.

    Args:
        size: Side of the square in pixels.
        aspect: "warp" keeps the whole frame and changes its proportions; "letterbox" keeps both and pads with
            grey; "crop" keeps the proportions and crops the long side.
        mean: Per channel, in [0, 1].
        std: Per channel, in [0, 1].
        flip: Mirror half of the photographs; a mirrored photograph keeps its rating.
        random_crop: Crop to between 60 % and 100 % of the area. Changes the composition that was rated.
        color: Vary brightness, contrast, saturation and hue. Changes the light that was rated.

    Raises:
        ImageError: `aspect` is unknown.
    """
    # Imported here, since both import torch, which takes seconds and is not needed to decode.
    import albumentations as A
    from albumentations.pytorch import ToTensorV2

    area = cv2.INTER_AREA
    fits = {
        "warp": [A.Resize(size, size, interpolation=area)],
        "letterbox": [
            A.LongestMaxSize(size, interpolation=area),
            A.PadIfNeeded(size, size, border_mode=cv2.BORDER_CONSTANT, fill=tuple(round(255 * m) for m in mean)),
        ],
        "crop": [A.SmallestMaxSize(size, interpolation=area), A.CenterCrop(size, size)],
    }
    if aspect not in fits:
        raise ImageError(f"images.aspect={aspect!r} is none of {', '.join(get_args(Aspect))}")
    augmentations = [
        (random_crop, A.RandomResizedCrop((size, size), scale=(0.6, 1.0), interpolation=area)),
        (flip, A.HorizontalFlip(p=0.5)),
        (color, A.ColorJitter(brightness=0.1, contrast=0.1, saturation=0.1, hue=0.02)),
    ]
    chosen = [augmentation for wanted, augmentation in augmentations if wanted]
    fit = [] if random_crop else fits[aspect]
    return A.Compose([*fit, *chosen, A.Normalize(tuple(mean), tuple(std)), ToTensorV2()])
