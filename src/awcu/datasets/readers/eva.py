"""EVA: photographs of AVA, rated anew from 0 to 10 and on four attributes by people whom the authors asked.

Format: `data/votes_filtered.csv` and `data/votes.csv`, cells parted by equals signs, one row a vote: image_id, user_id,
score (0..10), difficulty, visual, composition, quality, semantic (1..4) and more. The filtered votes are those that the
authors analysed, 30 and more a photograph. Photographs: `images/EVA_together/<image_id>.jpg`, unpacked from one archive
in seven parts (`cat EVA_together.zip.*`). `data/image_content_category.csv` puts each photograph in one of six
categories and is not read.

Attributes: visual is light and colour, composition is composition and depth, semantic is what the photograph shows. An
attribute is 1 where its mean grade is above 2.5, between bad (2) and good (3), 0 below and unlabelled at exactly 2.5.

Split: none is published; by the id. Counts: 4,070 photographs have filtered votes, of 5,101 distributed. Known faults:
ids are AVA's, so whoever trains on one set and tests on the other has to leave the common photographs out of training.

Licence: CC0, which the authors can give for votes only; the photographs are those of dpchallenge.com's photographers.
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
    "the photographs are AVA's, under AVA's ids: a model trained on AVA has seen some of them, and one trained on EVA "
    "some of AVA's; the check for leaks goes by the ids"
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
        root: The folder of `data/` and `images/EVA_together/`.
        votes: votes_filtered, or votes for all that were cast.
        split_seed: Which split.
        val: Expected share of the validation photographs.
        test: Expected share of the test photographs.
        check_counts: Refuse filtered votes for another number of photographs than published.

    Raises:
        SourceError: Unknown votes, the file or all photographs missing, a malformed line, a grade that is no whole
            number, or another count.
        RatingsError: From `Ratings`.
    """
    if votes not in COUNTS:
        raise SourceError(f"EVA: votes={shown(votes)} is neither of {', '.join(COUNTS)}; name one of them")
    path = folder_of(root, "EVA", "data", "") / f"{votes}.csv"
    table = TextTable.read(path, ["image_id", "score", *ATTRIBUTES], delimiter="=")
    ids, photograph = np.unique(names_of(table.texts("image_id")), return_inverse=True)
    if check_counts and COUNTS[votes] not in (None, len(ids)):
        raise SourceError(
            f"{path} has votes for {len(ids):,} photographs, expected {COUNTS[votes]:,}; fetch the file again, or read "
            f"another version by data.ratings.check_counts=false"
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
    """`(V,)` whole numbers."""
    grades = table.numbers(column, low, high)
    partial = np.flatnonzero(grades % 1)
    if len(partial):
        raise SourceError(
            f"{table.where(int(partial[0]))}, {column}: {grades[partial[0]]:g} is not a whole number; correct it"
        )
    return grades
