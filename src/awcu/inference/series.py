"""Series: photographs of one moment, taken shortly after each other and alike."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

WITHIN = 30.0
"""Seconds between two photographs of a series. A burst needs one, a group that is asked to look again twenty; no data
set of series was at hand to measure it."""
BACK = 3
"""Photographs before each that it is compared with: one that went wrong does not part a series."""

Pairs = NDArray[np.int64]
"""`(M, 2)` rows, the earlier photograph first."""


def neighbours(times: Sequence[datetime | None], paths: Sequence[Path], within: float = WITHIN) -> Pairs:
    """Pairs of photographs to compare: each with the `BACK` before it that were taken shortly before.

    So the work grows with the number of photographs and not with its square. Photographs without a time are paired with
    those before them by name, in their own folder.

    Args:
        times: N times of capture; None where that is not known.
        paths: N files.
        within: Seconds at most, ≥ 0.
    """
    order = _order(times, paths)
    pairs = [
        (a, b)
        for back in range(1, BACK + 1)
        for a, b in zip(order[:-back], order[back:], strict=True)
        if _near(times[a], times[b], paths[a], paths[b], within)
    ]
    return np.array(pairs, np.int64).reshape(-1, 2)


def find_series(alike: Pairs, times: Sequence[datetime | None], paths: Sequence[Path]) -> list[list[int]]:
    """Rows of each series, of two photographs or more, in the order in which they were taken.

    A series goes on for as long as each photograph is like one shortly before.

    Args:
        alike: Those of the `neighbours` that show one scene.
        times: As for `neighbours`.
        paths: As for `neighbours`.
    """
    n = len(paths)
    graph = coo_array((np.ones(len(alike)), (alike[:, 0], alike[:, 1])), (n, n))
    group = connected_components(graph, directed=False)[1] if n else np.empty(0, np.int64)
    found: dict[int, list[int]] = {}
    for row in _order(times, paths):
        found.setdefault(int(group[row]), []).append(row)
    return [rows for rows in found.values() if len(rows) > 1]


def _order(times: Sequence[datetime | None], paths: Sequence[Path]) -> list[int]:
    """Rows by time, then by name those that have none."""

    def key(row: int) -> tuple[bool, datetime, str, list[tuple[str, int]]]:
        time, path = times[row], paths[row]
        return time is None, time or datetime.min, str(path.parent) if time is None else "", _counting(path.name)

    return sorted(range(len(paths)), key=key)


def _counting(name: str) -> list[tuple[str, int]]:
    """A name's parts as a person counts: IMG_9 comes before IMG_10."""
    return [(letters, int(digits or 0)) for letters, digits in re.findall(r"(\D*)(\d*)", name.casefold())]


def _near(one: datetime | None, other: datetime | None, path: Path, next_path: Path, within: float) -> bool:
    if one is None or other is None:
        return one is other and path.parent == next_path.parent
    return (other - one).total_seconds() <= within
