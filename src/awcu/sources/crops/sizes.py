"""How large the photographs of a cropping set are, and whether its boxes lie inside them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from awcu.sources.crops.crop_set import CropSet, CropSetError
from awcu.sources.text import some_of

LARGEST_LOSS = 1 / 3
"""Share of a box that may lie outside its photograph; the worst known published box loses about a quarter."""

SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that turn by a quarter


def photograph_sizes(crop_set: CropSet) -> NDArray[np.int64]:
    """`(N, 2)` width and height of the upright photographs, from their headers; no pixel is decoded.

    Raises:
        CropSetError: A file is missing or is no image.
    """
    return np.array([_upright_size(str(path)) for path in crop_set.image_paths], dtype=np.int64)


def check_sizes(crop_set: CropSet) -> NDArray[np.int64]:
    """`photograph_sizes`, once every box is known to lie inside its photograph.

    It opens each file, which building a `CropSet` does not, so an experiment calls it before it measures.

    Raises:
        CropSetError: A box sticks out, or a photograph cannot be opened.
    """
    sizes = photograph_sizes(crop_set)
    out = [
        bool((boxes[:, :2] < 0).any() or (boxes[:, 2:] > size).any())
        for boxes, size in zip(crop_set.boxes, sizes, strict=True)
    ]
    if any(out):
        raise CropSetError(
            f"{crop_set.name}: boxes reach beyond the photograph for {_sized(crop_set, sizes, out)}; "
            f"cut them with cut_to_photographs, or fetch the photographs in their published size"
        )
    return sizes


def cut_to_photographs(crop_set: CropSet, sizes: NDArray[np.int64]) -> CropSet:
    """The same set with every box cut to its photograph; scores stay.

    FCDB and FLMS hold boxes that reach beyond the frame, and FCDB's author says to cut them. A box that would lose
    more than `LARGEST_LOSS` is refused, since then the photograph has another size or the box another order.

    Args:
        crop_set: Any.
        sizes: `(N, 2)` width and height (`photograph_sizes`).

    Raises:
        CropSetError: `sizes` has another length, or a box would lose too much.
    """
    if sizes.shape != (len(crop_set), 2):
        raise CropSetError(f"sizes have shape {sizes.shape}, expected ({len(crop_set)}, 2): width and height of each")
    cut = [
        np.clip(boxes, 0, np.tile(size, 2)).astype(np.int64) for boxes, size in zip(crop_set.boxes, sizes, strict=True)
    ]
    lost = [
        bool((_areas(boxes) - _areas(kept) > LARGEST_LOSS * _areas(boxes)).any())
        for kept, boxes in zip(cut, crop_set.boxes, strict=True)
    ]
    if any(lost):
        raise CropSetError(
            f"{crop_set.name}: more than a third of a box lies outside the photograph for "
            f"{_sized(crop_set, sizes, lost)}; fetch the photographs in their published size"
        )
    return replace(crop_set, boxes=tuple(cut))


def _areas(boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    areas: NDArray[np.int64] = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return areas


def _sized(crop_set: CropSet, sizes: NDArray[np.int64], faulty: list[bool]) -> str:
    named = zip(crop_set.image_ids[faulty], sizes[faulty].tolist(), strict=True)
    return some_of([f"{image_id} ({width}×{height})" for image_id, (width, height) in named])


def _upright_size(path: str) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation) in SIDEWAYS
            return (image.height, image.width) if turned else image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise CropSetError(f"{path}: not a photograph Pillow opens ({error}); fetch it again") from error
