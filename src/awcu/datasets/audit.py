"""What rated photographs are worth as data: what cannot be read, what is there twice, how clear the verdicts are."""

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awcu.datasets.prepared import is_null
from awcu.errors import PreparedError
from awcu.images.likeness import first_alike
from awcu.ratings.ratings import Floats, Ratings
from awcu.ratings.splits import SPLITS
from awcu.text import some_of

DELTAS = (0.5, 1.0)
"""Distances from the midpoint, in rating points, at which a report says what `Drop` would leave out."""


class SplitCount(NamedTuple):
    """One row of the report's table.

    Attributes:
        split: "train", "val" or "test"; "all" for their sum.
        photographs: Those that can be read, as all that follows but the last.
        high: Their mean score is above the midpoint.
        low: It is not.
        dropped: Share of them nearer to the midpoint than each of `DELTAS`; nan where there are none.
        left_out: Rated photographs that are missing or cannot be read.
    """

    split: str
    photographs: int
    high: int
    low: int
    dropped: tuple[float, ...]
    left_out: int


class Alike(NamedTuple):
    """Photographs that are the same, byte for byte or by their looks.

    Attributes:
        image_ids: Two or more, in id order.
        splits: Of each of them.
    """

    image_ids: tuple[str, ...]
    splits: tuple[str, ...]


class Spread(NamedTuple):
    """Smallest, median and largest value."""

    least: float
    median: float
    most: float


@dataclass(frozen=True, eq=False)
class PhotographReport:
    """What is known of a set once every photograph has been looked at.

    Attributes:
        ratings: Ratings of the readable photographs, in id order.
        total: Rated photographs.
        missing: Ids of those without a file.
        unreadable: Id of each file that is no readable photograph, and why.
        repeated: Photographs that are there more than once within one split, byte for byte the same.
        leaks: The same, in different splits.
        lookalikes: Photographs that look the same within one split, and are not all in `repeated`.
        look_leaks: The same in different splits, and not all in `leaks`.
        counts: A row a split that has photographs, and one for all.
        bytes: Size of all files.
        short_side: Pixels of the originals' short sides.
        smaller: Photographs whose short side has fewer pixels than is kept, and which keep their size.
    """

    ratings: Ratings
    total: int
    missing: tuple[str, ...]
    unreadable: dict[str, str]
    repeated: tuple[Alike, ...]
    leaks: tuple[Alike, ...]
    lookalikes: tuple[Alike, ...]
    look_leaks: tuple[Alike, ...]
    counts: tuple[SplitCount, ...]
    bytes: int
    short_side: Spread
    smaller: int


def photograph_report(ratings: Ratings, facts: pa.Table, short_side: int) -> PhotographReport:
    """Put together what the ratings and the files say.

    Args:
        ratings: In any order.
        facts: Facts of the same photographs in id order, as `Prepared.facts`.
        short_side: Pixels that are kept.

    Raises:
        PreparedError: None of the photographs can be read.
    """
    ratings = ratings.select(np.argsort(ratings.image_ids))
    readable = is_null(facts, "fault")
    missing = ~readable & is_null(facts, "bytes")
    faults = reasons(facts.filter(~readable))
    if not readable.any():
        named = some_of([f"{image_id}: {reason}" for image_id, reason in faults.items()])
        raise PreparedError(f"{ratings.name}: none of its {len(ratings):,} photographs can be read ({named})")
    groups = _groups(ratings, first_with_same_bytes(facts))
    alike = [one for one in _groups(ratings, first_alike(facts["look"].to_pylist())) if one not in groups]
    sides = pc.min_element_wise(facts["width"], facts["height"]).filter(readable).to_numpy()
    gone = ratings.image_ids[missing].tolist()
    return PhotographReport(
        ratings=ratings.select(readable),
        total=len(ratings),
        missing=tuple(gone),
        unreadable={image_id: reason for image_id, reason in faults.items() if image_id not in set(gone)},
        repeated=tuple(one for one in groups if len(set(one.splits)) == 1),
        leaks=tuple(one for one in groups if len(set(one.splits)) > 1),
        lookalikes=tuple(one for one in alike if len(set(one.splits)) == 1),
        look_leaks=tuple(one for one in alike if len(set(one.splits)) > 1),
        counts=_counts(ratings, readable),
        bytes=pc.sum(facts["bytes"]).as_py(),
        short_side=spread(sides),
        smaller=int((sides < short_side).sum()),
    )


def reasons(facts: pa.Table) -> dict[str, str]:
    """Why each of these photographs cannot be read, by id; without its path."""
    columns = (facts[name].to_pylist() for name in ("image_id", "path", "fault"))
    return {image_id: fault.removeprefix(f"{path}: ") for image_id, path, fault in zip(*columns, strict=True)}


def first_with_same_bytes(facts: pa.Table) -> NDArray[np.int64]:
    """`(N,)` the first row whose file has the same bytes: a row's own, unless an earlier one has them.

    What cannot be read is like nothing else, or all empty files would be one photograph.
    """
    rows = np.arange(facts.num_rows)
    known = is_null(facts, "fault") & ~is_null(facts, "sha256")
    digests = facts["sha256"].combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy()[known]
    _, first, place = np.unique(digests, return_index=True, return_inverse=True)
    rows[known] = rows[known][first][place]
    return rows


def spread(values: NDArray[np.number]) -> Spread:
    """Summarise values, at least one."""
    return Spread(*map(float, np.quantile(values, (0, 0.5, 1))))


def ambiguity(ratings: Ratings, deltas: Floats) -> tuple[Floats, Floats]:
    """What leaving out the ambiguous does to a set, for each distance δ from the midpoint in rating points.

    Returns:
        `(D,)` share of the photographs nearer than δ, and `(D,)` share of the high among the others; nan where
        there are no others.
    """
    order = np.argsort(ratings.margin)
    nearer = np.searchsorted(ratings.margin[order], deltas, side="left")
    high_from = np.append(np.cumsum(ratings.high[order][::-1])[::-1], 0)
    others = len(ratings) - nearer
    with np.errstate(invalid="ignore"):
        return nearer / len(ratings), high_from[nearer] / others


def _groups(ratings: Ratings, first: NDArray[np.int64]) -> list[Alike]:
    """Photographs alike, in the order of the first of each."""
    members = np.flatnonzero(np.bincount(first, minlength=len(first))[first] > 1)
    members = members[np.argsort(first[members], kind="stable")]
    starts = np.flatnonzero(np.diff(first[members])) + 1
    groups = np.split(members, starts) if len(members) else []
    return [Alike(tuple(ratings.image_ids[one].tolist()), tuple(ratings.split[one].tolist())) for one in groups]


def _counts(ratings: Ratings, readable: NDArray[np.bool_]) -> tuple[SplitCount, ...]:
    parts = {split: ratings.split == split for split in SPLITS}
    rows = [_count(split, ratings, part, readable) for split, part in parts.items() if part.any()]
    return (*rows, _count("all", ratings, np.ones(len(ratings), np.bool_), readable))


def _count(split: str, ratings: Ratings, part: NDArray[np.bool_], readable: NDArray[np.bool_]) -> SplitCount:
    counted = part & readable
    n, high, margin = int(counted.sum()), int((counted & ratings.high).sum()), ratings.margin[counted]
    return SplitCount(split, n, high, n - high, _dropped(margin, DELTAS), int(part.sum()) - n)


def _dropped(margin: Floats, deltas: Sequence[float]) -> tuple[float, ...]:
    return tuple(float((margin < delta).mean()) if len(margin) else np.nan for delta in deltas)


HEADER = ("image_id", "split", "path", "bytes", "sha256", "width", "height", "fault", "duplicate_of", "looks_like")


def manifest_csv(ratings: Ratings, facts: pa.Table, root: str | None) -> str:
    """The manifest, in id order.

    Args:
        ratings: In any order.
        facts: Facts of the same photographs in id order, as `Prepared.facts`.
        root: Folder of the set: a path below it is written relative to it.
    """
    splits = ratings.split[np.argsort(ratings.image_ids)].tolist()
    faults = reasons(facts.filter(~is_null(facts, "fault")))
    ids = facts["image_id"].to_pylist()
    originals, seen = (
        [None if place == row else ids[place] for row, place in enumerate(first.tolist())]
        for first in (first_with_same_bytes(facts), first_alike(facts["look"].to_pylist()))
    )
    places = tuple(f"{place}{os.sep}" for place in _spellings(root))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    columns = (facts[name].to_pylist() for name in ("path", "bytes", "sha256", "width", "height"))
    for image_id, split, path, *known, original, like in zip(ids, splits, *columns, originals, seen, strict=True):
        writer.writerow([image_id, split, _below(path, places), *known, faults.get(image_id), original, like])
    return text.getvalue()


def _spellings(root: str | None) -> list[str]:
    """A folder as it was named, and as a reader that resolves it writes it."""
    if root is None:
        return []
    folder = Path(root).expanduser()
    return [str(folder), str(folder.resolve())]


def _below(path: str, places: tuple[str, ...]) -> str:
    return next((path.removeprefix(place) for place in places if path.startswith(place)), path)
