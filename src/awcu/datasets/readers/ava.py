"""AVA: 255,530 photographs from dpchallenge.com, each with about 210 ratings from 1 to 10.

Format: see `awcu.datasets.readers.ava_files`. No split comes with validation photographs, so a part of the training
photographs, chosen by a hash of the id, is set aside for validation. Splits:

- official: the 19,930 photographs of `generic_test.jpgl` that AVA.txt rates are the test set. All others are for
  training: 235,600, or 235,599 with an AVA.txt of 255,529 rows, which is the number in the literature.
- generic_ls, generic_ss: the authors' large and small training lists (20,000 and 2,500) against the same test set.
- animal, architecture, cityscape, floral, fooddrink, landscape, portrait, stilllife: the authors' lists of one
  category, 2,500 each way. The eight test lists together are `generic_test.jpgl`.
- ilgnet: the lists of ILGNet, 235,529 train and 20,000 test; four fifths of the test set are high.
- hash: by a hash of the id. The literature uses several such random splits; results on them are not comparable.

Known faults: 70 ids of `generic_test.jpgl` are not in AVA.txt. Up to 20 photographs are missing from the common
download, and the seven in `awcu.datasets.readers.ava_files.CORRUPT` are damaged or empty there. One of these, 277832,
is in the official test set, so with that download 19,929 test photographs remain.

Styles (`styles=True`) are those of `awcu.datasets.readers.ava_style`. The style lists cut across the official split:
951 of their training photographs are in its test set, and 2,588 of their test photographs are in its training set. The
former lose their style, since a single label can be neither scored nor learned there; the latter are left out, so that
`data=ava_style` can test a model on all style photographs.

Licence: dpchallenge.com's photographers keep all rights, and the authors ask that neither photographs nor labels be
passed on.
Citation: Murray, Marchesotti, Perronnin 2012, AVA: A Large-Scale Database for Aesthetic Visual Analysis, CVPR.
"""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from awcu.datasets.parsing import folder_of, lines_of, names_of
from awcu.datasets.readers.ava_files import (
    OFFICIAL_TEST,
    UNCHECKED,
    Ids,
    Rated,
    as_ratings,
    label_folder,
    listed,
    read_rated,
    rows_of,
)
from awcu.datasets.readers.ava_style import SINGLE_LABEL, Styles, read_styles
from awcu.errors import SourceError
from awcu.ratings.ratings import Floats, Ratings
from awcu.ratings.splits import hash_split
from awcu.text import shown, some_of

CATEGORIES = ("animal", "architecture", "cityscape", "floral", "fooddrink", "landscape", "portrait", "stilllife")
LISTS = {
    "official": ("", "generic_test"),
    "generic_ls": ("generic_ls_train", "generic_test"),
    "generic_ss": ("generic_ss_train", "generic_test"),
    **{category: (f"{category}_train", f"{category}_test") for category in CATEGORIES},
}
"""Split → names of its training and test list; without a training list, every non-test photograph is for training."""
ILGNET = {"train": 235_529, "val": 20_000}
OTHER_LABELS = 0.01
"""If a larger share of ILGNet's labels disagrees, AVA.txt and its lists cannot be about the same photographs."""

_ILGNET_LINE = re.compile(r"([0-9]{1,9})\.jpg +([01])")

Parts = NDArray[np.str_]


def read(
    root: str | Path,
    split: str = "official",
    split_seed: int = 0,
    val: float = 0.05,
    test: float = 0.1,
    styles: bool = False,
    ilgnet: str | Path = "AVA1",
    check_counts: bool = True,
) -> Ratings:
    """Read AVA.

    Args:
        root: The folder that holds `AVA.txt`, `aesthetics_image_lists/` and `images/`.
        split: One of the splits above.
        split_seed: Selects the validation photographs; with split=hash, the whole split.
        val: Expected share of the training photographs that is set aside for validation.
        test: Expected share of test photographs, for split=hash.
        styles: Add the styles as attributes.
        ilgnet: The folder with ILGNet's train.txt and val.txt, relative to `root`.
        check_counts: Refuse files whose length differs from the published one.

    Raises:
        SourceError: The split is unknown, a file or all photographs are missing, a line is malformed, or the counts
            are not the published ones.
        RatingsError: From `Ratings`.
    """
    if split not in (*LISTS, "ilgnet", "hash"):
        raise SourceError(f"AVA: split={shown(split)} is none of {', '.join(LISTS)}, ilgnet, hash; name one of them")
    labels = label_folder(root)
    rated = read_rated(labels, check_counts)
    notes: list[str] = []
    if split == "hash":
        parts = hash_split(names_of(rated.ids.tolist()), split_seed, val, test)
    elif split == "ilgnet":
        parts = _of_ilgnet(folder_of(root, "AVA", str(ilgnet)), rated, notes, check_counts)
    else:
        parts = _of_lists(labels, split, rated.ids, notes, check_counts)
    if not styles:
        return as_ratings("AVA", root, rated, parts, split_seed, val, notes)
    lists = read_styles(labels, check_counts)
    parts, attributes = _styled(rated.ids, parts, lists, notes)
    return as_ratings("AVA", root, rated, parts, split_seed, val, notes, attributes, lists.names)


def _of_lists(labels: Path, split: str, ids: Ids, notes: list[str], check_counts: bool) -> Parts:
    """`(N,)` "train", "test" or "", from the authors' lists."""
    train_list, test_list = LISTS[split]
    lists = {name: listed(labels, name, check_counts) for name in (train_list, test_list) if name}
    test = np.isin(ids, lists[test_list])
    train = np.isin(ids, lists[train_list]) if train_list else ~test
    for name, photographs in lists.items():
        if not np.isin(photographs, ids).any():
            raise SourceError(f"AVA: AVA.txt rates no photograph of {name}.jpgl; fetch both files again")
    if check_counts and test_list == "generic_test" and test.sum() != OFFICIAL_TEST:
        raise SourceError(
            f"AVA: AVA.txt rates {test.sum():,} photographs of generic_test.jpgl, expected {OFFICIAL_TEST:,}; "
            f"{UNCHECKED}"
        )
    together = np.unique(np.concatenate(list(lists.values())))
    unknown = together[~np.isin(together, ids)]
    if len(unknown):
        notes.append(f"{len(unknown):,} listed photographs are not in AVA.txt and left out: {some_of(unknown)}")
    if (train & test).any():
        notes.append(f"{(train & test).sum():,} photographs are on both lists and used for testing only")
    return np.select([test, train], ["test", "train"], "").astype(np.str_)


def _of_ilgnet(folder: Path, rated: Rated, notes: list[str], check_counts: bool) -> Parts:
    """`(N,)` "train", "test" or "", from ILGNet's lists; its results are on its validation list."""
    parts = np.full(len(rated.ids), "", dtype="U5")
    high = rated.votes @ np.arange(1, 11) > 5 * rated.votes.sum(1)
    unknown, other, seen = 0, [], 0
    for name, part in (("train", "train"), ("val", "test")):
        ids, label = _ilgnet_list(folder / f"{name}.txt", ILGNET[name], check_counts)
        rows, there = rows_of(rated.ids, ids)
        repeated = parts[rows[there]] != ""
        if repeated.any():
            raise SourceError(
                f"{folder}: train.txt and val.txt both list {some_of(ids[there][repeated])}; fetch both files again"
            )
        parts[rows[there]] = part
        other += ids[there][high[rows[there]] != label[there]].tolist()
        unknown, seen = unknown + int((~there).sum()), seen + int(there.sum())
    if len(other) > OTHER_LABELS * seen:
        raise SourceError(
            f"{folder}: {len(other):,} of {seen:,} labels disagree with AVA.txt, where high is a mean above 5; "
            f"fetch ILGNet's AVA1/train.txt and AVA1/val.txt and AVA.txt again"
        )
    for photographs, what in (
        (unknown, "listed photographs are not in AVA.txt and left out"),
        (int((parts == "").sum()), "photographs of AVA.txt are on neither of ILGNet's lists and left out"),
        (len(other), f"photographs have a different label in ILGNet's lists; the votes decide: {some_of(other)}"),
    ):
        if photographs:
            notes.append(f"{photographs:,} {what}")
    return parts


def _ilgnet_list(path: Path, count: int, check_counts: bool) -> tuple[Ids, NDArray[np.bool_]]:
    """`(n,)` ids and labels of lines such as "175368.jpg 0"."""
    lines = lines_of(path)
    if check_counts and len(lines) != count:
        raise SourceError(f"{path} has {len(lines):,} lines, expected {count:,}; {UNCHECKED}")
    pairs = []
    for place, line in enumerate(lines, 1):
        match = _ILGNET_LINE.fullmatch(line)
        if not match:
            raise SourceError(f'{path}: line {place}: {shown(line)} is not "ID.jpg 0" or "ID.jpg 1"; correct the line')
        pairs.append((int(match[1]), match[2] == "1"))
    ids, high = zip(*pairs, strict=True)
    return np.array(ids, dtype=np.int64), np.array(high)


def _styled(ids: Ids, parts: Parts, styles: Styles, notes: list[str]) -> tuple[Parts, Floats]:
    """The split without the held-out style photographs, and `(N, A)` style labels."""
    attributes = np.full((len(ids), len(styles.names)), np.nan)
    single, there = rows_of(ids, styles.train_ids)
    attributes[single[there]] = styles.train_labels[there]
    tested = single[there & (parts[single] == "test")]
    attributes[tested] = np.nan
    multiple, known = rows_of(ids, styles.test_ids)
    attributes[multiple[known]] = styles.test_labels[known]
    kept = multiple[known & (parts[multiple] == "test")]
    held_out = multiple[known & np.isin(parts[multiple], ["train", "val"])]
    notes += [
        SINGLE_LABEL,
        f"{len(tested):,} photographs of the style training list are in the test set and have no style label there",
        f"{len(held_out):,} photographs of the style test list are left out of training, for data=ava_style to test",
        f"{len(kept):,} photographs of the style test list are in the test set, with their styles",
    ]
    unknown = int((~there).sum() + (~known).sum())
    if unknown:
        notes.append(f"{unknown:,} photographs of the style lists are not in AVA.txt and left out")
    parts = parts.copy()
    parts[held_out] = ""
    return parts, attributes
