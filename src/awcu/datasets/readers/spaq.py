"""SPAQ: smartphone photographs with a mean score and five graded attributes of technical quality, not aesthetics.

Format: the sheet `Annotations/MOS and Image attribute scores.xlsx` with columns Image name, MOS, Brightness,
Colorfulness, Contrast, Noisiness and Sharpness, all from 0 to 100, or the same sheet saved as .csv beside it, which is
preferred and needs no library. Photographs are in `TestImage/`. A rating point is 20, so scores lie on a scale of 0..5.
An attribute is 1 above 50, 0 below and unlabelled at exactly 50. Split: none is published; it is hashed from the name.
Counts: 11,125. Known faults: there are no vote counts, so no distribution and no vote confidence; the archive comes in
parts and is easily damaged when unpacked, as the authors' repository warns.

Licence: for education and research, according to its readme. Citation: Fang, Zhu, Zeng, Ma, Wang 2020, Perceptual
Quality Assessment of Smartphone Photography, CVPR.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from awcu.datasets.parsing import TextTable, folder_of, names_of, photographs_in
from awcu.errors import SourceError
from awcu.ratings.ratings import Floats, Ratings
from awcu.ratings.splits import hash_split

COUNT = 11_125
SHEET = "MOS and Image attribute scores"

_ATTRIBUTES = ("Brightness", "Colorfulness", "Contrast", "Noisiness", "Sharpness")
_COLUMNS = ("Image name", "MOS", *_ATTRIBUTES)
_POINT = 20  # on 0..100: one step of the five-point scale
_NOTE = "The scores are of technical quality, not of aesthetics."


def read(
    root: str | Path, split_seed: int = 0, val: float = 0.1, test: float = 0.2, check_counts: bool = True
) -> Ratings:
    """Read SPAQ.

    Args:
        root: The folder with `Annotations/` and `TestImage/`.
        split_seed: Selects the hashed split.
        val: Expected share of validation photographs.
        test: Expected share of test photographs.
        check_counts: Refuse a sheet whose length differs from the published one.

    Raises:
        SourceError: The sheet, all photographs or a library is missing, a row is malformed, or the count is not the
            published one.
        RatingsError: From `Ratings`.
    """
    annotations = folder_of(root, "SPAQ", "Annotations")
    csv = annotations / f"{SHEET}.csv"
    table = TextTable.read(csv, _COLUMNS) if csv.is_file() else _sheet(annotations / f"{SHEET}.xlsx")
    if check_counts and len(table) != COUNT:
        raise SourceError(
            f"{table.path} lists {len(table):,} photographs, expected {COUNT:,}; fetch it again, or accept a "
            f"part of it with data.ratings.check_counts=false"
        )
    images = names_of(table.texts("Image name"))
    score = table.numbers("MOS", 0, 100)
    attributes = np.stack([_binary(table.numbers(name, 0, 100)) for name in _ATTRIBUTES], axis=1)
    paths, notes = photographs_in("SPAQ", folder_of(root, "SPAQ", "TestImage"), images.tolist())
    return Ratings(
        name="SPAQ",
        image_ids=images,
        image_paths=paths,
        scale=np.array([0.0, 5.0]),
        midpoint=2.5,
        mean_score=np.round(score / _POINT, 12),
        split=hash_split(images, split_seed, val, test),
        attributes=attributes,
        attribute_names=_ATTRIBUTES,
        notes=(_NOTE, *notes),
    )


def _sheet(path: Path) -> TextTable:
    """The first sheet of a workbook, every cell as text."""
    if not path.is_file():
        raise SourceError(f"{path} does not exist; fetch it again, or save the sheet as {path.stem}.csv beside it")
    try:
        frame = pd.read_excel(path, header=None, dtype=str, keep_default_na=False, engine="openpyxl")
    except ImportError as error:
        raise SourceError(
            f'{path} cannot be read without openpyxl; pip install "awcu[xlsx]", or save the sheet as {path.stem}.csv '
            f"beside it"
        ) from error
    except Exception as error:  # for a file that is no workbook, openpyxl passes on whatever zipfile and the XML raise
        raise SourceError(f"{path} cannot be read as a workbook ({error}); fetch it again") from error
    rows = [tuple(map(str, row)) for row in frame.itertuples(index=False)]
    header = tuple(name.strip() for name in rows[0]) if rows else ()
    missing = [name for name in _COLUMNS if header.count(name) != 1]
    if missing:
        raise SourceError(f"{path}: row 1 must name {', '.join(map(repr, missing))} exactly once; fetch it again")
    kept = [place for place, row in enumerate(rows) if place and any(row)]
    if not kept:
        raise SourceError(f"{path} has a header and no rows; fetch it again")
    return TextTable(path, header, tuple(rows[place] for place in kept), tuple(place + 1 for place in kept))


def _binary(grade: Floats) -> Floats:
    return np.where(grade == 50, np.nan, (grade > 50).astype(np.float64))
