"""Every photograph of a set in a line: which file it is, what is wrong with it, and which other it repeats."""

import csv
import io
import os
from pathlib import Path

import numpy as np
import pyarrow as pa

from awcu.photograph_report import first_alike, reasons
from awcu.ratings import Ratings
from awcu.shards import is_null

HEADER = ("image_id", "split", "path", "bytes", "sha256", "width", "height", "fault", "duplicate_of")


def manifest_csv(ratings: Ratings, facts: pa.Table, root: str | None) -> str:
    """The manifest, in id order.

    Args:
        ratings: In any order.
        facts: Of the same photographs in id order, as `Prepared.facts`.
        root: Folder of the set: a path below it is written relative to it.
    """
    splits = ratings.split[np.argsort(ratings.image_ids)].tolist()
    faults = reasons(facts.filter(~is_null(facts, "fault")))
    first, ids = first_alike(facts), facts["image_id"].to_pylist()
    originals = [None if place == row else ids[place] for row, place in enumerate(first.tolist())]
    places = tuple(f"{place}{os.sep}" for place in _spellings(root))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    columns = (facts[name].to_pylist() for name in ("path", "bytes", "sha256", "width", "height"))
    for image_id, split, path, *known, original in zip(ids, splits, *columns, originals, strict=True):
        writer.writerow([image_id, split, _below(path, places), *known, faults.get(image_id), original])
    return text.getvalue()


def _spellings(root: str | None) -> list[str]:
    """A folder as it was named, and as a reader that resolves it writes it."""
    if root is None:
        return []
    folder = Path(root).expanduser()
    return [str(folder), str(folder.resolve())]


def _below(path: str, places: tuple[str, ...]) -> str:
    return next((path.removeprefix(place) for place in places if path.startswith(place)), path)
