r"""CUHK-ICD, also called ICDB: 950 photographs, each cropped by the same three annotators; all for testing.

Format: `Cropping parameters.txt`, four lines per photograph: `category\file.jpg`, then the boxes of annotators 1, 2
and 3 as y1 y2 x1 x2; lines end in CRLF. The photographs are in `All_Images/`, without category folders, as unpacked
from All_Images.zip. Split: test only. Counts: 950 photographs, three boxes each.

Published results are given per annotator, against that annotator's box alone (`annotator`), not the best of three.

Order and ends: public loaders agree on y1 y2 x1 x2 and take width and height as plain differences, so the ends are
treated as exclusive. Whether the file counts from 0 or from 1 is not documented; it moves a box by at most one pixel.

Known faults: none known; the file was not available when this was written, so counts and structure are those of public
loaders. Boxes are assumed to refer to the upright photograph.

Licence: none is stated with the files, as far as known. Citation: Yan, Lin, Kang, Tang 2013, Learning the Change
for Automatic Image Cropping, CVPR.
"""

from dataclasses import replace
from pathlib import Path

from awcu.datasets.cropping.crop_set import Boxes, CropSet, as_boxes, box, files_in, pixels, require
from awcu.datasets.parsing import fields_of, lines_of, names_of
from awcu.errors import CropSetError, SourceError
from awcu.text import shown

FILE = "Cropping parameters.txt"
ANNOTATORS = 3
LINES = 1 + ANNOTATORS  # a photograph


def read(root: str | Path) -> CropSet:
    """Read CUHK-ICD; row k of a photograph's boxes is that of annotator k + 1.

    Args:
        root: The folder with the text file and `All_Images/`.

    Raises:
        SourceError: The file is missing or malformed, or a photograph is not on disk.
        CropSetError: A box has no area, or a photograph is listed twice.
    """
    path, folder = Path(root) / FILE, Path(root) / "All_Images"
    lines = lines_of(path)
    if len(lines) % LINES:
        raise SourceError(
            f"{path} ends at line {len(lines)}, within a photograph; each has {LINES} lines, its name and "
            f"{ANNOTATORS} boxes: complete the last, or fetch the file again"
        )
    starts = range(0, len(lines), LINES)
    names = [_name(lines[start], f"{path}: line {start + 1}") for start in starts]
    boxes = tuple(_boxes(lines, start, path) for start in starts)
    require(names, files_in(folder), folder, "photographs", "unpack All_Images.zip there")
    return CropSet(
        name="cuhk_icd",
        image_ids=names_of(names),
        image_paths=names_of(folder / name for name in names),
        boxes=boxes,
        scores=None,
        split=names_of("test" for _ in names),
    )


def annotator(crop_set: CropSet, number: int) -> CropSet:
    """The same photographs with the box of one annotator alone, 1 to 3.

    Raises:
        CropSetError: There is no such annotator.
    """
    if not 1 <= number <= min(len(boxes) for boxes in crop_set.boxes):
        raise CropSetError(f"{crop_set.name}: there is no annotator {number}; choose 1 to {ANNOTATORS}")
    return replace(
        crop_set,
        name=f"{crop_set.name}, annotator {number}",
        boxes=tuple(boxes[number - 1 : number] for boxes in crop_set.boxes),
    )


def _name(line: str, where: str) -> str:
    category, _, name = line.replace("\\", "/").rpartition("/")
    if not category or not name:
        raise SourceError(rf"{where}: {shown(line)} is not category\file.jpg; a line may be lost above: correct it")
    return name


def _boxes(lines: list[str], start: int, path: Path) -> Boxes:
    boxes = []
    for place in range(start + 1, start + LINES):
        where = f"{path}: line {place + 1}"
        y1, y2, x1, x2 = pixels(fields_of(lines[place], where, "y1 y2 x1 x2"), where)
        boxes.append(box(x1, y1, x2, y2, where))
    return as_boxes(boxes)
