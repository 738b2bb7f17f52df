"""FLMS: 500 photographs, each with the crops of up to ten people; all for testing.

Format: `500_image_dataset.mat` with one struct array `img_gt`, whose first field is the file name and whose second
is an (n, 4) matrix of y1, x1, y2, x2; the photographs in `image/`. The file comes from release_data.tar, the
photographs from image.tar. Split: test only. Counts: 500 photographs, ten rows each.

Order and ends: public loaders agree on y1, x1, y2, x2. In one redistributed copy, 37 % of the boxes start at x = 0 and
under 1 % at x = 1, and a third end at 1024 in photographs 1024 pixels wide, never beyond; so edges count from 0 and
ends are exclusive.

Known faults: rows of negative numbers stand for a missing answer (12 photographs have nine boxes) and are dropped. Two
rows run backwards, from bottom right to top left or upwards; they are dropped too, since public evaluation code takes
the best of ten and finds no overlap with them. Seven photographs repeat a box, which is kept. At least seven boxes end
11 to 171 pixels below their photograph; they are kept as published: see `check_sizes` and `cut_to_photographs`. These
counts refer to the copy mentioned. Boxes are assumed to refer to the upright photograph.

Licence: none is stated with the files, as far as known. Citation: Fang, Lin, Mech, Shen 2014, Automatic Image
Cropping using Visual Composition, Boundary Simplicity and Content Preservation Models, ACM Multimedia.
"""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from awcu.datasets.cropping.crop_set import LARGEST, Boxes, CropSet, files_in, require
from awcu.datasets.parsing import names_of
from awcu.errors import SourceError
from awcu.text import shown

FILE = "500_image_dataset.mat"
STRUCT = "img_gt"


def read(root: str | Path) -> CropSet:
    """Read FLMS.

    Args:
        root: The folder with the .mat file and `image/`.

    Raises:
        SourceError: The file is missing or has another structure, an entry is malformed or has no valid box, or a
            photograph is not on disk.
        CropSetError: A photograph is listed twice.
    """
    path, folder = Path(root) / FILE, Path(root) / "image"
    entries = [_entry(entry, f"{path}: entry {place}") for place, entry in enumerate(_entries(path), start=1)]
    names = [name for name, _ in entries]
    require(names, files_in(folder), folder, "photographs", "unpack image.tar there")
    return CropSet(
        name="flms",
        image_ids=names_of(names),
        image_paths=names_of(folder / name for name in names),
        boxes=tuple(boxes for _, boxes in entries),
        scores=None,
        split=names_of("test" for _ in names),
    )


def _entries(path: Path) -> list[Any]:
    if not path.is_file():
        raise SourceError(f"{path} does not exist; give the folder that holds {FILE!r} of release_data.tar")
    try:
        content = loadmat(path)
    except Exception as error:  # SciPy may raise nearly anything on a damaged file
        raise SourceError(f"{path} cannot be read as a MATLAB file ({error}); fetch it again") from error
    array = content.get(STRUCT)
    if not isinstance(array, np.ndarray) or len(array.dtype.names or ()) < 2 or array.size == 0:
        raise SourceError(
            f"{path} has no struct array {STRUCT!r} of file name and boxes, only "
            f"{', '.join(name for name in content if not name.startswith('__')) or 'nothing'}; fetch it again"
        )
    return list(array.ravel())


def _entry(entry: Any, where: str) -> tuple[str, Boxes]:
    name, rows = np.asarray(entry[0]), np.asarray(entry[1])
    if name.dtype.kind != "U" or name.size != 1 or not name.item().strip():
        raise SourceError(f"{where}: its first field is {shown(name.tolist())}, expected one file name; correct it")
    text = str(name.item()).strip()
    if rows.ndim != 2 or rows.shape[1] != 4 or rows.dtype.kind not in "iuf":
        raise SourceError(
            f"{where} ({text}): its second field is {rows.dtype} of shape {rows.shape}, expected rows of "
            f"y1, x1, y2, x2; correct it"
        )
    numbers = rows.astype(np.float64)
    strange = ~(np.abs(numbers) <= LARGEST) | (numbers != np.floor(numbers))
    if strange.any():
        raise SourceError(f"{where} ({text}): {numbers[strange][0]} is not a whole number of pixels; correct it")
    boxes = numbers.astype(np.int64)[:, [1, 0, 3, 2]]
    boxes = boxes[(boxes >= 0).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)]
    if len(boxes) == 0:
        raise SourceError(f"{where} ({text}): none of its {len(rows)} rows is a box; remove the entry")
    return text, boxes
