"""AVA's label files as the authors distribute them, shared by the readers `ava` and `ava_style`.

`AVA.txt`: space-separated, no header, 15 integers per line: index, photograph id, counts of the ratings 1 to 10, two
semantic tags (0 for none), challenge. `aesthetics_image_lists/*.jpgl`: one id per line. `style_image_lists/`:
`styles.txt` (number and name); `train.jpgl`, with one style per photograph in `train.lab`; `test.jpgl`, with 14 zeros
and ones per photograph in `test.multilab`. Photographs are named `<id>.jpg`.
"""

import io
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awcu.datasets.parsing import fields_of, file_of, folder_of, lines_of, names_of, number, photographs_in, text_of
from awcu.errors import SourceError
from awcu.ratings.ratings import Floats, Ratings
from awcu.ratings.splits import with_validation
from awcu.text import shown

Ids = NDArray[np.int64]

ROWS = (255_530, 255_529)
"""Accepted row counts of AVA.txt: the paper says 255,530, but ILGNet's lists, which cover all of it, have 255,529."""
IN_LIST = {"generic_test": 20_000, "generic_ls_train": 20_000}
IN_CATEGORY = 2_500
OFFICIAL_TEST = 19_930
"""Ids of generic_test.jpgl that AVA.txt rates."""
CORRUPT = (179118, 230701, 277832, 371434, 397289, 440774, 729377)
"""Ids whose photographs are missing, empty or damaged in the common download."""
UNCHECKED = "fetch the file again, or accept another version with data.ratings.check_counts=false"

_LARGEST = 2**31
_COLUMNS = "index id " + " ".join(f"rated_{rating}" for rating in range(1, 11)) + " tag tag challenge"


@dataclass(frozen=True, eq=False)
class Integers:
    """A text file with columns of integers ≥ 0; empty lines are skipped.

    Attributes:
        path: The file, for messages.
        values: `(N, C)`.
    """

    path: Path
    values: Ids

    @classmethod
    def read(cls, path: Path, columns: str) -> "Integers":
        """Read a file with these space-separated columns.

        Raises:
            SourceError: As for `text_of`; a line has another number of columns, or a word is not an integer ≥ 0.
        """
        values = _quickly(text_of(path))
        if values is not None and values.shape[1] == len(columns.split()):
            return cls(path, values)
        rows = [
            [_whole(word, where) for word in fields_of(line, where, columns)] for where, line in _numbered_lines(path)
        ]
        return cls(path, np.array(rows, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.values)

    def refuse(self, faulty: NDArray[np.bool_], rule: str) -> None:
        """Refuse the file if the mask `(N,)` is true anywhere.

        Raises:
            SourceError: Names the first such line and the rule it breaks.
        """
        if faulty.any():
            where, line = _numbered_lines(self.path)[int(np.argmax(faulty))]
            raise SourceError(f"{where}: {shown(line)} {rule}")

    def refuse_repeated(self, column: int) -> None:
        """Refuse the file if a number appears twice in a column.

        Raises:
            SourceError: Names the line of the second occurrence.
        """
        _, first = np.unique(self.values[:, column], return_index=True)
        repeated = np.ones(len(self), dtype=np.bool_)
        repeated[first] = False
        self.refuse(repeated, "repeats the id of an earlier line; keep one of them")

    def refuse_other_count(self, expected: tuple[int, ...], check_counts: bool) -> None:
        """Refuse the file unless its number of lines is one of the published ones.

        Raises:
            SourceError: Names both numbers.
        """
        if check_counts and len(self) not in expected:
            published = " or ".join(f"{count:,}" for count in expected)
            raise SourceError(f"{self.path} has {len(self):,} lines, expected {published}; {UNCHECKED}")


def _quickly(text: str) -> Ids | None:
    """`(N, C)` integers ≥ 0, or None if the file must be read line by line, to parse it or to name the fault."""
    # On non-ASCII text NumPy 2.4 reads past the end of a lookup table and may crash (numpy/numpy#31586).
    if not text.isascii():
        return None
    with suppress(ValueError, Warning), warnings.catch_warnings():
        warnings.simplefilter("error")
        values = np.loadtxt(io.StringIO(text), dtype=np.int64, comments=None, ndmin=2)
        if 0 <= values.min() <= values.max() <= _LARGEST:
            return values
    return None


def _numbered_lines(path: Path) -> list[tuple[str, str]]:
    """Place (for messages) and text of every line that is not empty."""
    return [(f"{path}: line {place}", line) for place, line in enumerate(lines_of(path), 1) if line]


def _whole(word: str, where: str) -> int:
    value = number(word, where, 0, _LARGEST)
    if value != int(value):
        raise SourceError(f"{where}: {shown(word)} is not a whole number; correct it")
    return int(value)


class Rated(NamedTuple):
    """The contents of AVA.txt: ids `(N,)` and votes `(N, 10)`."""

    ids: Ids
    votes: Ids


def label_folder(root: str | Path | None) -> Path:
    """The folder with AVA.txt: the one the user names, or the one inside it that the label archive unpacks to.

    Raises:
        SourceError: The folder does not exist.
    """
    return file_of(folder_of(root, "AVA", ""), "AVA.txt", "AVA_dataset/AVA.txt").parent


def read_rated(labels: Path, check_counts: bool) -> Rated:
    """Read AVA.txt.

    Raises:
        SourceError: The file is missing or malformed, a photograph has no votes or two rows, or the number of rows is
            not a published one.
    """
    table = Integers.read(labels / "AVA.txt", _COLUMNS)
    ids, votes = table.values[:, 1], table.values[:, 2:12]
    table.refuse(votes.sum(1) == 0, "has no votes in columns 3 to 12, expected at least one; correct the line")
    table.refuse_repeated(1)
    table.refuse_other_count(ROWS, check_counts)
    return Rated(ids, votes)


def listed(labels: Path, name: str, check_counts: bool) -> Ids:
    """`(n,)` ids of one of the aesthetic lists.

    Args:
        labels: From `label_folder`.
        name: For example "generic_test" or "animal_train".
        check_counts: Refuse a list whose length differs from the published one.

    Raises:
        SourceError: The list is missing, malformed or of another length.
    """
    table = Integers.read(folder_of(labels, "AVA", "aesthetics_image_lists") / f"{name}.jpgl", "id")
    table.refuse_other_count((IN_LIST.get(name, IN_CATEGORY),), check_counts)
    return table.values[:, 0]


def rows_of(ids: Ids, wanted: Ids) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """`(n,)` rows of the wanted ids `(n,)` among unique ids `(N,)`, and a mask of those that were found."""
    order = np.argsort(ids)
    rows = order[np.searchsorted(ids, wanted, sorter=order).clip(max=len(ids) - 1)]
    return rows, ids[rows] == wanted


def as_ratings(
    name: str,
    root: str | Path,
    rated: Rated,
    split: NDArray[np.str_],
    split_seed: int,
    val: float,
    notes: Sequence[str],
    attributes: Floats | None = None,
    attribute_names: tuple[str, ...] = (),
) -> Ratings:
    """The photographs that have a split, except those known to be corrupt that are missing or empty.

    Args:
        name: The data set's name.
        root: The folder with `images/` or `image/`.
        rated: Ids and votes of N photographs.
        split: `(N,)`; "" for photographs that are not used.
        split_seed: Selects the validation photographs if the split has none.
        val: Expected share of the training photographs that is set aside for validation.
        notes: Notes collected so far.
        attributes: `(N, A)`.
        attribute_names: A names.

    Raises:
        SourceError: No photograph was found.
        RatingsError: From `Ratings`.
    """
    folder = folder_of(root, name, "images", "image", "AVA_dataset/images", "AVA_dataset/image")
    lost = [photo for photo in CORRUPT if not _has_bytes(folder / f"{photo}.jpg")]
    used = split != ""
    left_out = rated.ids[used & np.isin(rated.ids, lost)]
    if len(left_out):
        those = ", ".join(map(str, left_out))
        notes = (*notes, f"{len(left_out)} photographs known to be corrupt are missing or empty and left out: {those}")
    used &= ~np.isin(rated.ids, lost)
    ids = names_of(rated.ids[used].tolist())
    rest = [f"{photo}.jpg" for photo in rated.ids[~used].tolist()]
    paths, missing = photographs_in(name, folder, [f"{photo}.jpg" for photo in ids.tolist()], rest)
    return Ratings(
        name=name,
        image_ids=ids,
        image_paths=paths,
        scale=np.arange(1.0, 11.0),
        midpoint=5.0,
        mean_score=np.empty(0),
        votes=rated.votes[used],
        split=with_validation(split[used], ids, split_seed, val),
        attributes=np.empty((0, 0)) if attributes is None else attributes[used],
        attribute_names=attribute_names,
        origin="AVA",
        notes=(*notes, *missing),
    )


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
