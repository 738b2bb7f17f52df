"""EVA: photographs from AVA, rated again from 0 to 10 and on four attributes by raters the authors recruited.

Format: `data/votes_filtered.csv` and `data/votes.csv`, separated by equals signs, one row per vote: image_id, user_id,
score (0..10), difficulty, visual, composition, quality, semantic (1..4) and more. The filtered votes are those the
authors analysed, at least 30 per photograph. Photographs: `images/EVA_together/<image_id>.jpg`, unpacked from one
archive in seven parts (`cat EVA_together.zip.*`). `data/image_content_category.csv` assigns each photograph one of six
categories and is not read.

Attributes: visual is light and colour, composition is composition and depth, semantic is what the photograph shows. An
attribute is 1 if its mean grade is above 2.5 (between bad, 2, and good, 3), 0 if below, and unlabelled at exactly 2.5.

Split: none is published; it is hashed from the id. Counts: 4,070 of the 5,101 photographs have filtered votes. Known
faults: the ids are AVA's, so to train on one set and test on the other, leave the shared photographs out of training.

Licence: CC0, which the authors can grant for the votes only; the photographs belong to dpchallenge.com's photographers.
Citation: Kang, Valenzise, Dufaux 2020, EVA: An Explainable Visual Aesthetics Dataset, ATQAM/MAST.
"""

from pathlib import Path

import numpy as np

from awcu.datasets.parsing import TextTable, folder_of, names_of, photographs_in
from awcu.errors import SourceError
from awcu.ratings.ratings import Floats, Ratings
from awcu.ratings.splits import hash_split
from awcu.text import shown

ATTRIBUTES = ("visual", "composition", "quality", "semantic")
COUNTS = {"votes_filtered": 4_070, "votes": None}
SHARED = (
    "the photographs and their ids are AVA's: a model trained on AVA has seen some of them, and one trained on EVA has "
    "seen some of AVA's; the check for leaks compares the ids"
)


def read(
    root: str | Path,
    votes: str = "votes_filtered",
    split_seed: int = 0,
    val: float = 0.1,
    test: float = 0.2,
    check_counts: bool = True,
) -> Ratings:
    """Read EVA.

    Args:
        root: The folder that holds `data/` and `images/EVA_together/`.
        votes: votes_filtered, or votes for all that were cast.
        split_seed: Selects the hashed split.
        val: Expected share of validation photographs.
        test: Expected share of test photographs.
        check_counts: Refuse filtered votes unless they cover the published number of photographs.

    Raises:
        SourceError: `votes` is unknown, the file or all photographs are missing, a line is malformed, a grade is not
            an integer, or the count is not the published one.
        RatingsError: From `Ratings`.
    """
    if votes not in COUNTS:
        raise SourceError(f"EVA: votes={shown(votes)} is neither of {', '.join(COUNTS)}; name one of them")
    path = folder_of(root, "EVA", "data", "") / f"{votes}.csv"
    table = TextTable.read(path, ["image_id", "score", *ATTRIBUTES], delimiter="=")
    ids, photograph = np.unique(names_of(table.texts("image_id")), return_inverse=True)
    if check_counts and COUNTS[votes] not in (None, len(ids)):
        raise SourceError(
            f"{path} has votes for {len(ids):,} photographs, expected {COUNTS[votes]:,}; fetch it again, or accept "
            f"another version with data.ratings.check_counts=false"
        )
    histograms = np.zeros((len(ids), 11), dtype=np.int64)
    np.add.at(histograms, (photograph, _grades(table, "score", 0, 10).astype(np.int64)), 1)
    means = np.stack(
        [np.bincount(photograph, _grades(table, name, 1, 4)) / np.bincount(photograph) for name in ATTRIBUTES], axis=1
    )
    files = [f"{image_id}.jpg" for image_id in ids.tolist()]
    images = folder_of(root, "EVA", "images/EVA_together", "EVA_together", "images")
    paths, missing = photographs_in("EVA", images, files)
    return Ratings(
        name="EVA",
        image_ids=ids,
        image_paths=paths,
        scale=np.arange(11.0),
        midpoint=5.0,
        mean_score=np.empty(0),
        votes=histograms,
        split=hash_split(ids, split_seed, val, test),
        attributes=np.select([means > 2.5, means < 2.5], [1.0, 0.0], np.nan),
        attribute_names=ATTRIBUTES,
        origin="AVA",
        notes=(SHARED, *missing),
    )


def _grades(table: TextTable, column: str, low: int, high: int) -> Floats:
    """`(V,)` integer grades."""
    grades = table.numbers(column, low, high)
    partial = np.flatnonzero(grades % 1)
    if len(partial):
        raise SourceError(
            f"{table.where(int(partial[0]))}, {column}: {grades[partial[0]]:g} is not a whole number; correct it"
        )
    return grades
