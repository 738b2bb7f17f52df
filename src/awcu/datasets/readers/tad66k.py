"""TAD66K: photographs of 47 themes, each with a mean aesthetic score.

Format: `merge/train.csv` and `merge/test.csv` with columns image and score (1..10); the same lists by theme in
`unmerge/`, which are not read. Photographs in one folder, longest side 800 pixels. Split: as published, with a part of
the training photographs for validation, since none is. Counts: 52,248 train and 14,079 test. Known faults: no vote
counts, so no distribution and no vote confidence; scores reach from 1.13 to 9.46.

Licence: the authors' card on Hugging Face says Apache-2.0; the photographs are Flickr's. Citation: He, Zhang, Xie,
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
        split_seed: Which training photographs are for validation.
        val: Their expected share.
        check_counts: Refuse lists of another length than published.

    Raises:
        SourceError: A list or all photographs missing, a malformed line, or other counts.
        RatingsError: From `Ratings`.
    """
    lists = folder_of(root, "TAD66K", "merge", "")
    images: list[str] = []
    scores, split = [], []
    for name, count in COUNTS.items():
        table = TextTable.read(lists / f"{name}.csv", ["image", "score"])
        if check_counts and len(table) != count:
            raise SourceError(
                f"{table.path} lists {len(table):,} photographs, expected {count:,}; fetch the file again, or read "
                f"another version by data.ratings.check_counts=false"
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
