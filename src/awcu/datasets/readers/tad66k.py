"""TAD66K: photographs on 47 themes, each with a mean aesthetic score.

Format: `merge/train.csv` and `merge/test.csv` with columns image and score (1..10); `unmerge/` has the same lists by
theme and is not read. Photographs are in one folder, with the longer side at 800 pixels. Split: as published, with a
part of the training photographs set aside for validation. Counts: 52,248 train and 14,079 test. Known faults: there are
no vote counts, so no distribution and no vote confidence; scores range from 1.13 to 9.46.

Licence: the authors' card on Hugging Face says Apache-2.0; the photographs come from Flickr. Citation: He, Zhang, Xie,
Jiang, Ming 2022, Rethinking Image Aesthetics Assessment: Models, Datasets and Benchmarks, IJCAI.
"""

from pathlib import Path

import numpy as np

from awcu.datasets.parsing import TextTable, folder_of, names_of, photographs_in
from awcu.errors import SourceError
from awcu.ratings.ratings import Ratings
from awcu.ratings.splits import with_validation

COUNTS = {"train": 52_248, "test": 14_079}


def read(root: str | Path, split_seed: int = 0, val: float = 0.05, check_counts: bool = True) -> Ratings:
    """Read TAD66K.

    Args:
        root: The folder with `merge/` and the photographs in `TAD66K/` or `images/`.
        split_seed: Selects the validation photographs.
        val: Expected share of the training photographs that is set aside for validation.
        check_counts: Refuse lists whose length differs from the published one.

    Raises:
        SourceError: A list or all photographs are missing, a line is malformed, or the counts are not the published
            ones.
        RatingsError: From `Ratings`.
    """
    lists = folder_of(root, "TAD66K", "merge", "")
    images: list[str] = []
    scores, split = [], []
    for name, count in COUNTS.items():
        table = TextTable.read(lists / f"{name}.csv", ["image", "score"])
        if check_counts and len(table) != count:
            raise SourceError(
                f"{table.path} lists {len(table):,} photographs, expected {count:,}; fetch it again, or accept "
                f"another version with data.ratings.check_counts=false"
            )
        images += table.texts("image")
        scores.append(table.numbers("score", 1, 10))
        split += [name] * len(table)
    paths, notes = photographs_in("TAD66K", folder_of(root, "TAD66K", "TAD66K", "images"), images)
    return Ratings(
        name="TAD66K",
        image_ids=names_of(images),
        image_paths=paths,
        scale=np.array([1.0, 10.0]),
        midpoint=5.0,
        mean_score=np.concatenate(scores),
        split=with_validation(names_of(split), names_of(images), split_seed, val),
        notes=notes,
    )
