"""KonIQ-10k: Flickr photographs with about a hundred votes each on technical quality, not on aesthetics.

Format: `koniq10k_scores_and_distributions.csv`, with quoted names and the columns image_name, c1 to c5 (counts of the
five ratings from bad to excellent), c_total, and MOS, SD and MOS_zscore, which are not read: mean and spread come from
the counts. Photographs are in `1024x768/` or, at half size, in `512x384/`. Split: `koniq10k_distributions_sets.csv`
from the authors' repository has a column `set` (training, validation, test); without that file the split is hashed from
the name. Counts: 10,073 photographs; the sets are cited as 7,058, 1,000 and 2,015, which is not checked. Known faults:
the sets file has the same columns, but with c1 to c5 as shares of c_total and MOS from 0 to 100; if it is the only
list, the counts are computed from these shares.

Licence: the photographs are under their Flickr owners' Creative Commons licences. Citation: Hosu, Lin, Sziranyi, Saupe
2020, KonIQ-10k: An Ecologically Valid Database for Deep Learning of Blind Image Quality Assessment, IEEE TIP.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from awcu.datasets.parsing import TextTable, file_of, folder_of, names_of, photographs_in
from awcu.errors import SourceError
from awcu.ratings.ratings import Floats, Ratings
from awcu.ratings.splits import hash_split
from awcu.text import shown, some_of

COUNT = 10_073
SCORES = "koniq10k_scores_and_distributions.csv"
SETS = "koniq10k_distributions_sets.csv"

_SPLIT_OF = {"training": "train", "validation": "val", "test": "test"}
_COUNTS = [f"c{rating}" for rating in range(1, 6)]
_MOST = 1e6  # votes; a larger number is a typing error
_NOTE = "The votes are on technical quality, not on aesthetics."


def read(
    root: str | Path, split_seed: int = 0, val: float = 0.1, test: float = 0.2, check_counts: bool = True
) -> Ratings:
    """Read KonIQ-10k.

    Args:
        root: The folder with the photographs' folder and one or both lists; a list may also be in `metadata/` or in a
            folder named after it.
        split_seed: Selects the hashed split, used without the sets file.
        val: Expected share of validation photographs in the hashed split.
        test: Expected share of test photographs in the hashed split.
        check_counts: Refuse a list whose length differs from the published one.

    Raises:
        SourceError: A list or all photographs are missing, a line is malformed, or the count is not the published one.
        RatingsError: From `Ratings`.
    """
    folder = folder_of(root, "KonIQ-10k", "1024x768", "512x384")
    sets, scores = (file_of(root, name, f"metadata/{name}", f"{Path(name).stem}/{name}") for name in (SETS, SCORES))
    given = scores if scores.is_file() or not sets.is_file() else sets
    table = TextTable.read(given, ["image_name", *_COUNTS, "c_total"])
    if check_counts and len(table) != COUNT:
        raise SourceError(
            f"{table.path} lists {len(table):,} photographs, expected {COUNT:,}; fetch it again, or accept a "
            f"part of it with data.ratings.check_counts=false"
        )
    images, votes = names_of(table.texts("image_name")), _votes(table)
    paths, notes = photographs_in("KonIQ-10k", folder, images.tolist())
    if sets.is_file():
        split = _published(sets, images)
    else:
        split = hash_split(images, split_seed, val, test)
        notes += (f"The split is hashed from the names instead of the published one, since {SETS} is missing.",)
    return Ratings(
        name="KonIQ-10k",
        image_ids=images,
        image_paths=paths,
        scale=np.arange(1.0, 6),
        midpoint=3.0,
        votes=votes,
        mean_score=np.empty(0),
        split=split,
        notes=(_NOTE, *notes),
    )


def _votes(table: TextTable) -> NDArray[np.int64]:
    """`(N, 5)` counts, read as such or computed from shares of the total."""
    given = np.stack([table.numbers(column, 0, _MOST) for column in _COUNTS], axis=1)
    total = table.numbers("c_total", 1, _MOST)
    votes: Floats = given * np.where(np.isclose(given.sum(axis=1), 1, rtol=0, atol=1e-6), total, 1)[:, None]
    whole = np.round(votes)
    wrong = (np.abs(votes - whole).max(axis=1) > 1e-3) | (whole.sum(axis=1) != total)
    if wrong.any():
        row = int(np.argmax(wrong))
        shown_counts = ", ".join(f"{value:g}" for value in given[row])
        raise SourceError(
            f"{table.where(row)}: c1 to c5 are {shown_counts}, neither counts that sum to c_total={total[row]:g} nor "
            f"shares of it; correct the line"
        )
    return whole.astype(np.int64)


def _published(path: Path, images: NDArray[np.str_]) -> NDArray[np.str_]:
    table = TextTable.read(path, ["image_name", "set"])
    sets: dict[str, str] = {}
    for row, (image, name) in enumerate(zip(table.texts("image_name"), table.texts("set"), strict=True)):
        if name not in _SPLIT_OF:
            raise SourceError(f"{table.where(row)}, set: {shown(name)} is none of {', '.join(_SPLIT_OF)}; correct it")
        if sets.setdefault(image, name) != name:
            raise SourceError(f"{table.where(row)}: {shown(image)} is also in {sets[image]}; keep one of the lines")
    missing = [image for image in images.tolist() if image not in sets]
    if missing:
        raise SourceError(f"{path} has no set for {some_of(missing)}; fetch both lists again")
    return names_of(_SPLIT_OF[sets[image]] for image in images.tolist())
