"""Photo.net: photographs from a photographers' site, with about twelve ratings from 1 to 7 each.

Format: `photonet_dataset.txt`, without a header, with twelve columns separated by spaces: index, photo id, number of
ratings, their mean and standard deviation, and the counts of ratings 1 to 7. Photographs are in `images/` as
`<id>.jpg`, downloaded from the site one by one. Split: none is published; it is hashed from the id. Counts: cited
as 20,278; a different number of lines is noted. Known faults: in many lines the counts are missing (0 or -1) or do not
sum to the number of ratings; if that is so in any line, only mean, deviation and number are read, and no photograph has
a distribution. Lines without a mean (0 or -1, or no ratings) are left out. Many photographs are gone from the site.
Raters are few and generous: most means are above the midpoint of 4, and many authors split at 5.

Licence: none is stated; the photographs belong to their photographers. Citation: Datta, Li, Wang 2008, Algorithmic
Inferencing of Aesthetics and Emotion in Natural Images: An Exposition, ICIP.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from awcu.datasets.parsing import fields_of, file_of, folder_of, lines_of, names_of, number, photographs_in
from awcu.errors import SourceError
from awcu.ratings.ratings import Floats, Ratings
from awcu.ratings.splits import hash_split
from awcu.text import shown, some_of

COUNT = 20_278
LIST = "photonet_dataset.txt"

_COLUMNS = "index photo_id ratings mean sd n1 n2 n3 n4 n5 n6 n7"
_MOST = 1e6  # ratings; a larger number is a typing error


def read(root: str | Path, split_seed: int = 0, val: float = 0.1, test: float = 0.2) -> Ratings:
    """Read Photo.net.

    Args:
        root: The folder with the list and the photographs in `images/`.
        split_seed: Selects the hashed split.
        val: Expected share of validation photographs.
        test: Expected share of test photographs.

    Raises:
        SourceError: The list or all photographs are missing, a line is malformed, or no line has a mean.
        RatingsError: From `Ratings`.
    """
    folder = folder_of(root, "Photo.net", "images")
    ids, table, notes = _table(file_of(root, LIST))
    ratings, mean, sd, counts = table[:, 0], table[:, 1], table[:, 2], table[:, 3:]
    short = (counts < 0).any(axis=1) | (counts.sum(axis=1) != ratings)
    if short.any():
        notes.append(
            f"{short.sum():,} of {len(ids):,} photographs have incomplete counts, so only means are read, without "
            f"distributions: {some_of(ids[short])}"
        )
    paths, missing = photographs_in("Photo.net", folder, [f"{name}.jpg" for name in ids.tolist()])
    return Ratings(
        name="Photo.net",
        image_ids=ids,
        image_paths=paths,
        scale=np.array([1.0, 7.0]) if short.any() else np.arange(1.0, 8),
        midpoint=4.0,
        votes=None if short.any() else counts.astype(np.int64),
        mean_score=mean,
        vote_count=ratings,
        vote_sd=np.where(sd < 0, np.nan, sd),
        split=hash_split(ids, split_seed, val, test),
        notes=(*notes, *missing),
    )


def _table(path: Path) -> tuple[NDArray[np.str_], Floats, list[str]]:
    """Ids `(N,)` and numbers `(N, 10)` of the photographs that have a mean, and notes."""
    lines = lines_of(path)
    ids, rows, without = [], [], []
    for place, line in enumerate(lines, 1):
        name, row = _row(line, f"{path}: line {place}")
        if row[0] <= 0 or row[1] in (0, -1):
            without.append(name)
        else:
            ids.append(name)
            rows.append(row)
    if not rows:
        raise SourceError(f"{path} has no photograph with a mean rating; fetch the file again")
    notes = []
    if len(lines) != COUNT:
        notes.append(f"{path} lists {len(lines):,} photographs; the literature cites {COUNT:,}.")
    if without:
        notes.append(f"{len(without):,} photographs without a mean are left out: {some_of(without)}")
    return names_of(ids), np.array(rows), notes


def _row(line: str, where: str) -> tuple[str, list[float]]:
    """Photo id; number of ratings, mean, deviation and seven counts, with -1 for a missing one."""
    fields = fields_of(line, where, _COLUMNS)
    if not (fields[1].isascii() and fields[1].isdigit()):
        raise SourceError(f"{where}: {shown(fields[1])} is not a photo id, a whole number; correct the line")
    names = _COLUMNS.split()[2:]
    row = [number(text, f"{where}, {name}", -1, _MOST) for text, name in zip(fields[2:], names, strict=True)]
    for name, value in zip(names, row, strict=True):
        if name not in ("mean", "sd") and not value.is_integer():
            raise SourceError(f"{where}, {name}: {value:g} is not a whole count; correct the line")
    return fields[1], row
