"""GAICD, the grid-anchor benchmark: up to 90 candidate crops per photograph, each with a mean opinion score.

Format: `images/<split>/x.jpg`, with lines `y1 x1 y2 x2 score` for each photograph x in `annotations/<split>/x.txt`
(the authors' loader) or, in copies without split folders there, `annotations/x.txt`. Split: the folder of the
photograph. Counts: 3,336 photographs, 2,636 train, 200 val and 500 test in the journal version; the conference version
is smaller, and a copy may lack a whole split.

Order and ends: the authors' loader takes y1 x1 y2 x2; guides that write x1 y1 x2 y2 are wrong. A box joins two anchors
(k + 1/2) · side / 12, rounded to a pixel. Their annotation tool includes the end (width x2 − x1 + 1), their demo
excludes it (`image[y1:y2, x1:x2]`), and so does this reader. Results on GAICD rank whole boxes and do not change.

Known faults: score −2 marks a candidate that was not annotated; it is dropped. People scored from 1 to 5, yet some
means are below 1 (issue 21 of HuiZeng/Grid-Anchor-based-Image-Cropping), so 0 to 5 is accepted. Columns are padded
with several spaces. Boxes are assumed to refer to the upright photograph.

Licence: MIT for the authors' code; none is stated for photographs and scores, as far as known. Citation: Zeng, Li,
Cao, Zhang 2020, Grid Anchor based Image Cropping: A New Benchmark and An Efficient Model, IEEE TPAMI.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awcu.datasets.cropping.crop_set import Boxes, CropSet, as_boxes, box, files_in, pixels, require
from awcu.datasets.parsing import fields_of, lines_of, names_of
from awcu.errors import SourceError
from awcu.ratings.splits import SPLITS, Split
from awcu.text import shown, some_of

SUFFIXES = {".jpg", ".jpeg", ".png"}
NOT_ANNOTATED = -2
HIGHEST = 5
DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")


class _Photograph(NamedTuple):
    path: Path
    annotation: Path
    split: Split


def read(root: str | Path) -> CropSet:
    """Read GAICD.

    Args:
        root: The folder with `images/` and `annotations/`.

    Raises:
        SourceError: A photograph has no annotation or the reverse, a line is malformed, or no box of a photograph has
            a score.
        CropSetError: A box has no area, or a photograph is in two splits.
    """
    root = Path(root)
    nested = any((root / "annotations" / split).is_dir() for split in SPLITS)
    photographs = [one for split in SPLITS for one in _photographs(root, split, nested)]
    if not photographs:
        raise SourceError(f"{root} has no photographs in images/train, images/val or images/test; unpack them there")
    if not nested:
        _require_both(photographs, root / "annotations", root / "images")
    scored = [_scored_boxes(photograph.annotation) for photograph in photographs]
    return CropSet(
        name="gaicd",
        image_ids=names_of(photograph.path.name for photograph in photographs),
        image_paths=names_of(photograph.path for photograph in photographs),
        boxes=tuple(boxes for boxes, _ in scored),
        scores=tuple(scores for _, scores in scored),
        split=names_of(photograph.split for photograph in photographs),
    )


def _photographs(root: Path, split: Split, nested: bool) -> list[_Photograph]:
    images, annotations = root / "images" / split, root / "annotations"
    if nested:
        annotations /= split
    found = [
        _Photograph(path, annotations / f"{path.stem}.txt", split)
        for path in (images / name for name in sorted(files_in(images)))
        if path.suffix.lower() in SUFFIXES
    ]
    if nested:
        _require_both(found, annotations, images)
    return found


def _require_both(photographs: list[_Photograph], annotations: Path, images: Path) -> None:
    """Check that every photograph has its annotation, and every annotation its photograph."""
    texts = {name for name in files_in(annotations) if name.endswith(".txt")}
    wanted = [photograph.annotation.name for photograph in photographs]
    require(wanted, texts, annotations, "annotations", "unpack the annotations there")
    unseen = sorted(texts.difference(wanted))
    if unseen:
        raise SourceError(
            f"{images} lacks the photographs of {len(unseen)} annotations: {some_of(unseen)}; unpack the images there"
        )


def _scored_boxes(path: Path) -> tuple[Boxes, NDArray[np.float64]]:
    boxes, scores = [], []
    for place, line in enumerate(lines_of(path), start=1):
        where = f"{path}: line {place}"
        *edges, word = fields_of(line, where, "y1 x1 y2 x2 score")
        y1, x1, y2, x2 = pixels(edges, where)
        score = _score(word, where)
        if score != NOT_ANNOTATED:
            boxes.append(box(x1, y1, x2, y2, where))
            scores.append(score)
    if not boxes:
        raise SourceError(f"{path}: no box has a score, only {NOT_ANNOTATED}; remove the photograph")
    return as_boxes(boxes), np.array(scores, dtype=np.float64)


def _score(word: str, where: str) -> float:
    score = float(word) if DECIMAL.fullmatch(word) else float("nan")
    if not (0 <= score <= HIGHEST or score == NOT_ANNOTATED):
        raise SourceError(
            f"{where}: {shown(word)} is not a score from 0 to {HIGHEST} or {NOT_ANNOTATED}; check the order of the "
            f"columns, or correct it"
        )
    return score
