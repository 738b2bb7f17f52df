"""A person's ratings in a CSV file, on the disk after each of them: a data set for `data=table` as it stands."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple, cast

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from awcu.errors import PersonalError
from awcu.files import write_csv
from awcu.text import shown

SCALES = (5, 7)
"""Highest rating of the scales that there are; the lowest is 1."""


class Rated(NamedTuple):
    """One photograph's ratings.

    Attributes:
        counts: How often it was given each rating, lowest first; at least one.
        rated: When it was rated last; ISO 8601.
    """

    counts: tuple[int, ...]
    rated: str


class RatingsFile:
    """The ratings of a folder's photographs, in memory and on the disk.

    Args:
        path: The CSV file; read if it is there.
        scale: Highest rating.

    Raises:
        PersonalError: There is no such scale; the file cannot be read, is of another scale, or a line is not as written
            here.
    """

    def __init__(self, path: Path, scale: int) -> None:
        if scale not in SCALES:
            raise PersonalError(f"--scale {scale} is none of {', '.join(map(str, SCALES))}; choose one of them")
        self.path = path
        self.values = tuple(range(1, scale + 1))
        self.rows: Mapping[str, Rated] = _read(path, self.columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the file: the image, a count for each rating, and `rated`."""
        return ("image", *map(str, self.values), "rated")

    @property
    def midpoint(self) -> float:
        """Of the scale."""
        return (self.values[0] + self.values[-1]) / 2

    def counts_of(self, images: Sequence[str]) -> NDArray[np.int64]:
        """`(len(images), scale)` how often each photograph was given each rating; zeros where it has none."""
        none = (0,) * len(self.values)
        counts = [self.rows[image].counts if image in self.rows else none for image in images]
        return np.array(counts, dtype=np.int64).reshape(len(images), len(self.values))

    def add(self, image: str, rating: int) -> None:
        """Count one more rating of a photograph, and write the file.

        Args:
            image: Its path relative to the photographs' folder.
            rating: On the scale.

        Raises:
            PersonalError: The file cannot be written; nothing is counted then.
        """
        before = self.rows.get(image, Rated((0,) * len(self.values), ""))
        counts = tuple(count + (value == rating) for value, count in zip(self.values, before.counts, strict=True))
        self.put(image, Rated(counts, datetime.now(UTC).isoformat(timespec="seconds")))

    def put(self, image: str, row: Rated | None) -> None:
        """Set a photograph's ratings, or remove them with None, and write the file.

        Raises:
            PersonalError: The file cannot be written; nothing is changed then.
        """
        rows = {**self.rows, image: row} if row else {name: one for name, one in self.rows.items() if name != image}
        try:
            write_csv(self.path, self.columns, (self._cells(name, one) for name, one in rows.items() if one))
        except OSError as error:
            reason = error.strerror or error
            raise PersonalError(f"{self.path} cannot be written ({reason}); make room, then rate again") from error
        self.rows = cast(Mapping[str, Rated], rows)

    def _cells(self, image: str, row: Rated) -> dict[str, object]:
        return dict(zip(self.columns, (image, *row.counts, row.rated), strict=True))


@contextmanager
def open_ratings(path: Path, scale: int) -> Iterator[RatingsFile]:
    """The ratings of a file that nobody else may change meanwhile; its folder is made.

    A lock of the operating system on a file beside it says so, which ends with the process.

    Raises:
        PersonalError: Another process has it open, it cannot be written there, or as `RatingsFile`.
    """
    _require_writable(path)
    try:
        # The file itself is replaced by each writing, and a lock on it with it.
        held = FileLock(path.with_name(f".{path.name}.lock")).acquire(timeout=0)
    except Timeout as error:
        raise PersonalError(f"{path} is open in another awcu rate; end that one, or name another --out") from error
    with held:
        yield RatingsFile(path, scale)


def _require_writable(path: Path) -> None:
    """Now, and not at the first rating."""
    if path.is_dir():
        raise PersonalError(f"{path} is a folder; name a file such as {path / 'ratings.csv'} as --out")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise PersonalError(f"{path} cannot be written ({error.strerror}); name another --out") from error


def _read(path: Path, columns: Sequence[str]) -> dict[str, Rated]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise PersonalError(f"{path} cannot be read ({error}); mend it, or name another --out") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: dict[str, Rated] = {}
    try:
        header = next(reader, [])
        _check_header(path, header, columns)
        for cells in filter(None, reader):
            where = f"{path}: line {reader.line_num}"
            if len(cells) != len(header):
                raise PersonalError(f"{where} has {len(cells)} cells instead of {len(header)}; correct it")
            image, row = _row(where, dict(zip(header, cells, strict=True)), columns)
            if image in rows:
                raise PersonalError(f"{where}: {shown(image)} has a line already; add its counts there")
            rows[image] = row
    except csv.Error as error:
        raise PersonalError(f"{path}: line {reader.line_num}: {error}; correct it") from error
    return rows


def _check_header(path: Path, header: Sequence[str], columns: Sequence[str]) -> None:
    there, scale = [int(name) for name in header if name.isdecimal()], len(columns) - 2
    other = max(there, default=0)
    if other != scale and other in SCALES and sorted(there) == list(range(1, other + 1)):
        raise PersonalError(
            f"{path} holds ratings from 1 to {other}, not 1 to {scale}; add --scale {other}, or name another --out"
        )
    for name in columns:
        if header.count(name) != 1:
            times = "no column" if name not in header else "more than one column"
            raise PersonalError(f"{path} has {times} {name!r}; its columns must be {', '.join(columns)}")
    foreign = [name for name in header if name not in columns]
    if foreign:
        kind = f"off the scale of 1 to {scale}" if foreign[0].isdecimal() else "not of awcu rate"
        raise PersonalError(f"{path} has a column {shown(foreign[0])}, which is {kind}; remove it")


def _row(where: str, cells: Mapping[str, str], columns: Sequence[str]) -> tuple[str, Rated]:
    image = cells["image"]
    if not image:
        raise PersonalError(f"{where} names no image; remove the line")
    counts = []
    for rating in columns[1:-1]:
        text = cells[rating].strip()
        if not (text.isascii() and text.isdecimal()):
            raise PersonalError(f"{where}: {shown(text)} in column {rating!r} is no whole number from 0; correct it")
        counts.append(int(text))
    if not any(counts):
        raise PersonalError(f"{where}: {shown(image)} has no rating; remove the line")
    return image, Rated(tuple(counts), cells["rated"])
