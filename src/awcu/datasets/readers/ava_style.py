"""AVA's photographic styles: 14 attributes for 14,079 photographs of AVA, with their aesthetic ratings.

Format: see `awcu.datasets.readers.ava_files`. Split: as published, with a part of the training photographs, chosen by a
hash of the id, set aside for validation. A training photograph is labelled with one style, so the others are
unlabelled; a test photograph has a yes or no for each style. Counts: 11,270 train and 2,809 test. Known faults: 951 of
the training photographs are in the official aesthetic test list, so a network with both heads would be tested on
photographs it has learned from; 236 test rows are all zero, because nobody labelled them or they have no style.

Published results use all 2,809 rows, where chance (the mean share of positives) is a mean average precision of 9.7 %;
without the empty rows it would be 10.6 %.

Licence: dpchallenge.com's photographers keep all rights, and the authors ask that neither photographs nor labels be
passed on.
Citation: Murray, Marchesotti, Perronnin 2012, AVA: A Large-Scale Database for Aesthetic Visual Analysis, CVPR.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from awcu.datasets.parsing import fields_of, folder_of, lines_of, number
from awcu.datasets.readers.ava_files import Ids, Integers, as_ratings, label_folder, listed, read_rated, rows_of
from awcu.errors import SourceError
from awcu.ratings.ratings import Floats, Ratings

COUNTS = {"train": 11_270, "test": 2_809}
SINGLE_LABEL = "a training photograph is labelled with one style only, so styles are trained as one of 14 classes"


class Styles(NamedTuple):
    """The style lists.

    Attributes:
        names: A style names.
        train_ids: `(n,)`.
        train_labels: `(n, A)`: 1 for a photograph's style, nan elsewhere.
        test_ids: `(m,)`, none of them in train.
        test_labels: `(m, A)`: 0 or 1.
    """

    names: tuple[str, ...]
    train_ids: Ids
    train_labels: Floats
    test_ids: Ids
    test_labels: Floats


def read(
    root: str | Path,
    split_seed: int = 0,
    val: float = 0.1,
    aesthetic_test: bool = False,
    empty_rows: bool = True,
    check_counts: bool = True,
) -> Ratings:
    """Read the photographs of AVA that have styles.

    Args:
        root: The folder that holds `AVA.txt`, `style_image_lists/`, `aesthetics_image_lists/` and `images/`.
        split_seed: Selects the validation photographs.
        val: Expected share of the training photographs that is set aside for validation.
        aesthetic_test: Also train on photographs of the official aesthetic test list.
        empty_rows: Also test on photographs without any style, as published results do.
        check_counts: Refuse files whose length differs from the published one.

    Raises:
        SourceError: A file or all photographs are missing, a line is malformed, or the counts are not the published
            ones.
        RatingsError: From `Ratings`.
    """
    labels = label_folder(root)
    rated, styles = read_rated(labels, check_counts), read_styles(labels, check_counts)
    split = np.full(len(rated.ids), "", dtype="U5")
    attributes = np.full((len(rated.ids), len(styles.names)), np.nan)
    notes = [SINGLE_LABEL]
    for name, ids, values in (
        ("train", styles.train_ids, styles.train_labels),
        ("test", styles.test_ids, styles.test_labels),
    ):
        rows, there = rows_of(rated.ids, ids)
        split[rows[there]], attributes[rows[there]] = name, values[there]
        if not there.all():
            notes.append(f"{(~there).sum():,} photographs of the style {name} list are not in AVA.txt and left out")
    if not aesthetic_test:
        tested = (split == "train") & np.isin(rated.ids, listed(labels, "generic_test", check_counts))
        split[tested] = ""
        notes.append(f"{tested.sum():,} training photographs are in the official aesthetic test list and left out")
    empty = (split == "test") & ~attributes.any(axis=1)
    if not empty_rows:
        split[empty] = ""
    fate = (
        "are tested on as well, as in published results" if empty_rows else "are left out, unlike in published results"
    )
    notes.append(f"{empty.sum():,} test photographs without any style {fate}")
    return as_ratings("AVA-style", root, rated, split, split_seed, val, notes, attributes, styles.names)


def read_styles(labels: Path, check_counts: bool) -> Styles:
    """Read the style lists.

    Args:
        labels: From `awcu.datasets.readers.ava_files.label_folder`.
        check_counts: Refuse lists whose length differs from the published one.

    Raises:
        SourceError: A file is missing or malformed, two files that belong together differ in length, a photograph is
            listed twice, or the counts are not the published ones.
    """
    folder = folder_of(labels, "AVA", "style_image_lists")
    names = _names(folder / "styles.txt")
    ids: dict[str, Ids] = {}
    values: dict[str, Integers] = {}
    for part, suffix, columns in (("train", "lab", "style"), ("test", "multilab", " ".join(names))):
        table = Integers.read(folder / f"{part}.jpgl", "id")
        table.refuse_other_count((COUNTS[part],), check_counts)
        table.refuse_repeated(0)
        labelled = Integers.read(folder / f"{part}.{suffix}", columns)
        if len(table) != len(labelled):
            raise SourceError(
                f"{table.path} has {len(table):,} lines and {labelled.path.name} {len(labelled):,}, but they must "
                f"match line by line; fetch both files again"
            )
        if part == "test":
            table.refuse(np.isin(table.values[:, 0], ids["train"]), "is also in train.jpgl; remove one of them")
        ids[part], values[part] = table.values[:, 0], labelled
    return Styles(names, ids["train"], _single(values["train"], len(names)), ids["test"], _multiple(values["test"]))


def _names(path: Path) -> tuple[str, ...]:
    names = []
    for place, line in enumerate(lines_of(path), 1):
        style, name = fields_of(line, f"{path}: line {place}", "number name")
        number(style, f"{path}: line {place}, number", place, place)
        names.append(name)
    return tuple(names)


def _single(table: Integers, styles: int) -> Floats:
    style = table.values[:, 0]
    table.refuse(~np.isin(style, np.arange(1, styles + 1)), f"is not a style from 1 to {styles}; correct the line")
    labels = np.full((len(table), styles), np.nan)
    labels[np.arange(len(table)), style - 1] = 1
    return labels


def _multiple(table: Integers) -> Floats:
    table.refuse(table.values.max(axis=1) > 1, "has a number other than 0 and 1; correct the line")
    return table.values.astype(np.float64)
