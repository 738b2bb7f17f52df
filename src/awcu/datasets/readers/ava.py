"""AVA: 255,530 photographs of dpchallenge.com, each with about 210 ratings from 1 to 10.

Format: see `awcu.sources.ava_files`. No validation photographs are published under any split, so a hashed part of the
training photographs is kept for it. Splits:

- official: the 19,930 photographs of `generic_test.jpgl` that AVA.txt rates are the test set, all others are for
  training: 235,600, or 235,599 of an AVA.txt of 255,529 rows, which is the number the literature gives.
- generic_ls, generic_ss: the authors' large and small training lists (20,000 and 2,500) against the same test set.
- animal, architecture, cityscape, floral, fooddrink, landscape, portrait, stilllife: the authors' lists of one
  category, 2,500 each way. The eight test lists together are `generic_test.jpgl`.
- ilgnet: the lists of ILGNet, 235,529 train and 20,000 test; four fifths of the test set are high.
- hash: by the id. Figures on such a random split, of which the literature has several, compare with no other.

Known faults: 70 ids of `generic_test.jpgl` are not in AVA.txt; up to 20 photographs are missing from the common
download and the seven of `awcu.sources.ava_files.CORRUPT` are damaged or empty there; one of these, 277832, is in the
official test set, so that with that download 19,929 of it can be tested on.

Styles (`styles=True`) are those of `awcu.sources.ava_style`. Its lists cross the official split: 951 of their
training photographs are tested on here, and 2,588 of their test photographs would be trained on. The former keep no
style, since a single label can neither be scored nor be learned from there; the latter are left out, so that a model
can be tested on all style photographs by `data=ava_style`.

Licence: dpchallenge.com's photographers keep all rights, and the authors ask not to pass on photographs or labels.
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
"""Split → names of its training and test list; no training list: all that is not tested on."""
ILGNET = {"train": 235_529, "val": 20_000}
OTHER_LABELS = 0.01
"""Share of ILGNet's labels beyond which AVA.txt and its lists cannot be of the same photographs."""

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
        root: The folder of `AVA.txt`, `aesthetics_image_lists/` and `images/`.
        split: One of those above.
        split_seed: Which training photographs are for validation; of split=hash, the whole split.
        val: Their expected share.
        test: Expected share of the test photographs of split=hash.
        styles: With the styles as attributes.
        ilgnet: The folder of ILGNet's train.txt and val.txt, relative to `root`.
        check_counts: Refuse files of other lengths than published.

    Raises:
        SourceError: An unknown split, a file or all photographs missing, a malformed line, or other counts.
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
    """`(N,)` "train", "test" or "" by the authors' lists."""
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
        notes.append(f"{(train & test).sum():,} photographs are listed for training and for test, and tested on only")
    return np.select([test, train], ["test", "train"], "").astype(np.str_)


def _of_ilgnet(folder: Path, rated: Rated, notes: list[str], check_counts: bool) -> Parts:
    """`(N,)` "train", "test" or "" by ILGNet's lists, whose validation set is the one it reports on."""
    parts = np.full(len(rated.ids), "", dtype="U5")
    high = rated.votes @ np.arange(1, 11) > 5 * rated.votes.sum(1)
    unknown, other, seen = 0, [], 0
    for name, part in (("train", "train"), ("val", "test")):
        ids, label = _ilgnet_list(folder / f"{name}.txt", ILGNET[name], check_counts)
        rows, there = rows_of(rated.ids, ids)
        repeated = parts[rows[there]] != ""
        if repeated.any():
            raise SourceError(
                f"{folder}: photographs in both train.txt and val.txt: {some_of(ids[there][repeated])}; fetch both "
                f"files again"
            )
        parts[rows[there]] = part
        other += ids[there][high[rows[there]] != label[there]].tolist()
        unknown, seen = unknown + int((~there).sum()), seen + int(there.sum())
    if len(other) > OTHER_LABELS * seen:
        raise SourceError(
            f"{folder}: {len(other):,} of {seen:,} labels are not those of AVA.txt, where high is a mean above 5; "
            f"fetch AVA1/train.txt and AVA1/val.txt of ILGNet and AVA.txt again"
        )
    for photographs, what in (
        (unknown, "listed photographs are not in AVA.txt and left out"),
        (int((parts == "").sum()), "photographs of AVA.txt are on no list of ILGNet and left out"),
        (len(other), f"photographs have another label in ILGNet's lists; the votes decide: {some_of(other)}"),
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
            raise SourceError(
                f"{path}: line {place}: {shown(line)} is not an id with .jpg and a label 0 or 1; correct the line"
            )
        pairs.append((int(match[1]), match[2] == "1"))
    ids, high = zip(*pairs, strict=True)
    return np.array(ids, dtype=np.int64), np.array(high)


def _styled(ids: Ids, parts: Parts, styles: Styles, notes: list[str]) -> tuple[Parts, Floats]:
    """The split without the photographs that styles are tested on, and `(N, A)` labels where they may be learned."""
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
        f"{len(tested):,} photographs of the styles' training list are in the test set, where that style is left out",
        f"{len(held_out):,} photographs of the styles' test list are left out of training, for data=ava_style to test",
        f"{len(kept):,} photographs of the styles' test list are in the test set, with their styles",
    ]
    unknown = int((~there).sum() + (~known).sum())
    if unknown:
        notes.append(f"{unknown:,} photographs of the style lists are not in AVA.txt and left out")
    parts = parts.copy()
    parts[held_out] = ""
    return parts, attributes
