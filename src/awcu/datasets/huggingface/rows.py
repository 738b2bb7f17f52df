"""Rows of a data set, each a photograph and its ratings: which columns are read, and where rows come from."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from awcu.errors import SourceError
from awcu.text import shown

BATCH = 64  # rows in memory at a time, photographs included

Cells = dict[str, Any]


@dataclass(frozen=True)
class Columns:
    """Which column of a row holds what.

    Attributes:
        image: Bytes, or a struct of `bytes` and `path`.
        id: Text or whole numbers.
        votes: Lists of counts, one a value of `scale`; None where there are scores.
        score: Mean scores; None where there are votes.
        scale: Rating values, or the two ends of the score.
        attributes: Text, numbers or labels.
    """

    image: str
    id: str
    votes: str | None
    score: str | None
    scale: tuple[float, ...]
    attributes: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """All of them, each once."""
        named = (self.image, self.id, self.votes, self.score, *self.attributes)
        return list(dict.fromkeys(name for name in named if name))

    def check(self, there: Sequence[str], place: str) -> None:
        """Refuse rows that lack a column.

        Raises:
            SourceError: They do.
        """
        missing = [name for name in self.names if name not in there]
        if missing:
            raise SourceError(
                f"{place} has no column {', '.join(map(repr, missing))}, only {shown(', '.join(there), 200)}; name the "
                f"right one by data.ratings.…_column"
            )


@dataclass(frozen=True)
class Part:
    """Rows of one split.

    Attributes:
        split: As the source calls it.
        place: Where the rows are, for messages.
        open: Reads them in order.
        count: How many; None where only reading tells.
        labels: Names of the whole numbers in a column.
    """

    split: str
    place: str
    open: Callable[[], Iterator[Cells]]
    count: int | None
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[str, Cells]]:
        """Each row after its place, counted from 1.

        Raises:
            SourceError: A row cannot be read.
        """
        rows, number = self.open(), 0
        while True:
            number += 1
            where = f"{self.place}: row {number}"
            try:
                cells = next(rows, None)
            # What is raised depends on the format and on the damage.
            except Exception as error:
                raise SourceError(f"{where} cannot be read ({reason(error)}); fetch the file again") from error
            if cells is None:
                return
            yield where, cells


def parquet(path: Path, split: str, columns: Columns, place: str) -> Part:
    """The rows of a Parquet file.

    Raises:
        SourceError: It is none, or lacks a column.
    """
    try:
        with pq.ParquetFile(path) as file:
            count, schema = file.metadata.num_rows, file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{place} is no whole Parquet file ({reason(error)}); fetch it again") from error
    columns.check(schema.names, place)
    labels = _labels((schema.metadata or {}).get(b"huggingface", b"{}"), columns.attributes)
    return Part(split, place, partial(_parquet_rows, path, columns.names), count, labels)


def _parquet_rows(path: Path, columns: list[str]) -> Iterator[Cells]:
    # Unbuffered, or Arrow keeps all of the file that it has read. Not through `datasets`, whose way to stream Parquet
    # can abort the process when it ends (apache/arrow#45214).
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        for batch in file.iter_batches(BATCH, columns=columns):
            yield from batch.to_pylist()


def _labels(metadata: bytes, columns: Sequence[str]) -> dict[str, list[str]]:
    """Names of labels as `datasets` writes them into a schema; none where they are in no known form."""
    try:
        features = json.loads(metadata)["info"]["features"]
        return {name: list(features[name]["names"]) for name in columns if features[name]["_type"] == "ClassLabel"}
    except (ValueError, LookupError, TypeError):
        return {}


def id_of(value: object, where: str) -> str:
    """A photograph's id.

    Raises:
        SourceError: Neither printable text nor a whole number.
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.strip() or not text.isprintable():
        raise SourceError(f"{where}: {shown(value)} is no id, which is printable text or a whole number; correct it")
    return text


def photograph_of(value: object, where: str) -> bytes:
    """A photograph as it was put in; it may be damaged or empty.

    Raises:
        SourceError: There are no bytes.
    """
    content = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(content, bytes):
        raise SourceError(f"{where}: {shown(value)} holds no bytes of an image; name a column that does")
    return content


def counts_of(value: object, k: int, where: str) -> list[int]:
    """K vote counts.

    Raises:
        SourceError: Anything else, or no votes at all.
    """
    if not isinstance(value, list):
        raise SourceError(f"{where}: {shown(value)} is no list of {k} counts; name a column of lists")
    if len(value) != k:
        raise SourceError(f"{where}: {len(value)} counts for a scale of {k} values; correct the row or the scale")
    if not all(_is_number(count) and count >= 0 and count == int(count) for count in value) or not any(value):
        raise SourceError(f"{where}: {shown(value)} are not whole counts ≥ 0 with at least one vote; correct the row")
    return [int(count) for count in value]


def score_of(value: Any, scale: Sequence[float], where: str) -> float:
    """A mean score within the ends of the scale.

    Raises:
        SourceError: Anything else.
    """
    if not _is_number(value) or not scale[0] <= value <= scale[-1]:
        raise SourceError(
            f"{where}: {shown(value)} is not a number from {scale[0]:g} to {scale[-1]:g}; correct the row or the scale"
        )
    return float(value)


def attribute_of(value: Any, labels: Sequence[str] | None, where: str) -> str | None:
    """An attribute as a CSV file would have it; None where it is not known.

    Raises:
        SourceError: A number other than 0 and 1, or a list or another thing that no CSV file has.
    """
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if labels and isinstance(value, int) and not isinstance(value, bool) and value < len(labels):
        # −1 is what `datasets` writes for a label that is not known.
        return labels[value] if value >= 0 else None
    if isinstance(value, str):
        return value
    if value in (0, 1):
        return str(int(value))
    raise SourceError(f"{where}: {shown(value)} is neither text nor 0 nor 1; leave the column out")


def reason(error: Exception) -> str:
    """An error in a few words on one line."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return f"{type(error).__name__}: {' '.join(text.split())[:200]}" if text else type(error).__name__


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
