"""Photographs from disk to network input: strict decoding, aspect handling, augmentation."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import albumentations as A
import cv2
import numpy as np
from albumentations.pytorch import ToTensorV2
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

Aspect = Literal["warp", "letterbox", "crop"]

MAX_PIXELS = 200_000_000
"""Above any camera's; a file that declares more is refused before a pixel is decoded."""


# Pillow's own limit warns from 89 megapixels, which cameras exceed, and fails from 179.
Image.MAX_IMAGE_PIXELS = None


class ImageError(OSError):
    """A file that is no whole photograph, or an impossible way to prepare one."""


def decode(path: str | Path, at_least: int | None = None) -> NDArray[np.uint8]:
    """The photograph as `(H, W, 3)` RGB in [0, 255], turned upright by its EXIF orientation.

    Args:
        path: Any format Pillow reads.
        at_least: A JPEG may come at 1/2, 1/4 or 1/8 of its size as long as no side falls below this many
            pixels: the network sees no more, and decoding is several times quicker.

    Raises:
        ImageError: The file is missing, empty, not an image, cut short or larger than `MAX_PIXELS`. A file
            that ends early is never returned half grey.
    """
    try:
        if Path(path).stat().st_size == 0:
            raise ImageError(f"{path}: zero bytes; fetch the photograph again")
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageError(
                    f"{path}: declares {image.width}×{image.height} pixels, more than {MAX_PIXELS:,}; shrink it first"
                )
            if at_least is not None:
                image.draft("RGB", (at_least, at_least))
            return np.asarray(_rgb(ImageOps.exif_transpose(image)))
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file; check the image folder") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: not an image in a format Pillow reads; fetch the photograph again") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{path}: damaged or cut short ({error}); fetch the photograph again") from error


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # Pillow's conversion clips 16-bit grey at 255 instead of scaling it.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode == "P":
        image = image.convert("RGBA")  # a palette with transparency converts to RGB only with a warning
    return image.convert("RGB")


def unreadable(paths: Sequence[str] | NDArray[np.str_]) -> dict[int, str]:
    """Row → reason for every photograph that cannot be decoded whole; all of them, not the first."""
    with ThreadPoolExecutor() as pool:
        faults = pool.map(_fault_of, paths)
        return {row: fault for row, fault in enumerate(faults) if fault}


def _fault_of(path: str) -> str:
    try:
        status = Path(path).stat()
    except OSError:
        return f"{path}: no such file; check the image folder"
    return _fault_of_version(path, status.st_size, status.st_mtime_ns)


@cache
def _fault_of_version(path: str, size: int, modified_ns: int) -> str:
    """Cached by size and time of change, so that a sweep in one process decodes each photograph once."""
    try:
        decode(path)
    except ImageError as error:
        return str(error)
    return ""


def preparation(
    size: int,
    aspect: Aspect,
    mean: Sequence[float],
    std: Sequence[float],
    flip: bool = False,
    random_crop: bool = False,
    color: bool = False,
) -> A.Compose:
    """RGB `(H, W, 3)` uint8 → normalised tensor `(3, size, size)`.

    Without the last three it is deterministic: what validation, test and prediction use.

    Args:
        size: Side of the square in pixels.
        aspect: "warp" keeps the whole frame and changes its proportions; "letterbox" keeps both and pads with
            grey; "crop" keeps the proportions and cuts the long side.
        mean: Per channel, in [0, 1].
        std: Per channel, in [0, 1].
        flip: Mirror half of the photographs; a mirrored photograph keeps its rating.
        random_crop: Cut out 60 % to all of the area. Changes the composition that was rated.
        color: Vary brightness, contrast, saturation and hue. Changes the light that was rated.

    Raises:
        ImageError: An unknown `aspect`.
    """
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
