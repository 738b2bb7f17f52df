"""Cropping data sets: one reader each, all returning a `CropSet`.

Each set publishes its boxes in a different order (FLMS y1 x1 y2 x2, FCDB x y width height, CUHK-ICD y1 y2 x1 x2, GAICD
y1 x1 y2 x2 score); a `CropSet` always uses left, top, right, bottom.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from awcu.datasets.cropping import cuhk_icd, fcdb, flms, gaicd, gallery
from awcu.datasets.cropping.crop_set import CropSet, check_sizes, cut_to_photographs, photograph_sizes
from awcu.errors import CropSetError

__all__ = ["NAMES", "CropSet", "CropSetError", "check_sizes", "cut_to_photographs", "photograph_sizes", "read"]

_PUBLISHED: Mapping[str, Callable[[str | Path], CropSet]] = {
    "flms": flms.read,
    "fcdb": fcdb.read,
    "cuhk_icd": cuhk_icd.read,
    "gaicd": gaicd.read,
}
NAMES = (*_PUBLISHED, "gallery")


def read(name: str, root: str | Path | None = None) -> CropSet:
    """Read a cropping data set.

    Args:
        name: One of `NAMES`.
        root: The set's folder, as distributed; only the gallery needs none.

    Raises:
        CropSetError: The name is unknown, a published set has no folder, or its boxes are inconsistent.
        SourceError: A file or photograph is missing or not as distributed.
    """
    if name == "gallery":
        return gallery.read(root)
    if name not in _PUBLISHED:
        raise CropSetError(f"{name!r} is not a cropping set; choose one of {', '.join(NAMES)}")
    if root is None:
        raise CropSetError(f"{name}: its folder is not given; name it as root")
    return _PUBLISHED[name](root)
