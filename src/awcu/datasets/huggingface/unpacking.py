"""Rows that hold photographs, unpacked once into a folder of files that appears complete or not at all.

The folder has `images/`, every photograph in the very bytes of its row, and `ratings.parquet`, which says how each is
called, rated and split, and what it was unpacked from.
"""

import hashlib
import json
import math
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock
from rich.console import Console
from rich.progress import track

from awcu.bounds import MAX_NUMBER
from awcu.errors import SourceError
from awcu.text import shown

TABLE = "ratings.parquet"
ID, FILE, SPLIT, SCORE = "image_id", "image_file", "hub_split", "mean_score"
BATCH = 64  # rows in memory at a time, photographs included
PACKED = 10_000  # rows that are kept as Python's own numbers and texts, which take several times the room of Arrow's

Cells = dict[str, Any]
State = dict[str, str | int]
"""What tells whether a source has changed: a repository's commit, or the size of each file."""


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
        open: Gives them as a `datasets.Dataset`, which it keeps in the folder that it is given.
        root: Folder of the files that a row may name instead of holding a photograph's bytes.
    """

    split: str
    place: str
    open: Callable[[Path], Any]
    root: Path | None = None


def vote_columns(columns: Columns) -> list[str]:
    """How the K counts are called in `ratings.parquet`; none where there are only scores."""
    return [f"count_{place}" for place in range(1, len(columns.scale) + 1)] if columns.votes else []


def unpack(folder: Path, parts: Sequence[Part], columns: Columns, state: State) -> None:
    """Write every photograph and rating into a folder, unless it is there.

    Another process that wants the same folder waits; what a killed one left behind is removed.

    Args:
        folder: Appears at the end.
        parts: All rows.
        columns: Where in a row to look.
        state: State of the source; kept with the ratings.

    Raises:
        SourceError: A row at fault, or a folder that cannot be written.
    """
    work = folder.with_name(f"{folder.name}.partial")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if folder.is_dir():
                return
            shutil.rmtree(work, ignore_errors=True)
            try:
                (work / "images").mkdir(parents=True)
                _write(work, parts, columns, state, folder)
                work.rename(folder)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise SourceError(
            f"{folder} cannot be written ({reason(error)}); make room, or choose another folder by data.root=…"
        ) from error


def unpacked(folder: Path) -> tuple["pa.Table", State]:
    """Id, file and split of every photograph of an unpacked folder, and the state of its source at that time.

    Raises:
        SourceError: The folder was changed.
    """
    path = folder / TABLE
    try:
        table = pq.read_table(path, columns=[ID, FILE, SPLIT])
        return table, json.loads(table.schema.metadata[b"awcu"])
    except (pa.ArrowException, OSError, LookupError, TypeError, ValueError) as error:
        raise SourceError(
            f"{path} cannot be read ({reason(error)}), so the folder was changed after unpacking; delete {folder} and "
            f"read again"
        ) from error


def _write(work: Path, parts: Sequence[Part], columns: Columns, state: State, folder: Path) -> None:
    console = Console(stderr=True)
    console.print(f"Unpacking photographs once into {folder}", highlight=False, soft_wrap=True)
    writer = _Writer(work / "images", columns)
    for part in parts:
        # One after another, since each is on disk twice meanwhile.
        with TemporaryDirectory(dir=work) as scratch:
            rows = part.open(Path(scratch))
            columns.check(rows.column_names, part.place)
            labels = {
                name: rows.features[name].names for name in columns.attributes if hasattr(rows.features[name], "names")
            }
            for number, cells in enumerate(track(_rows(rows, columns), part.place, len(rows), console=console), 1):
                writer.add(f"{part.place}: row {number}", cells, part, labels)
    writer.save(work / TABLE, state)


@dataclass
class _Writer:
    """Photographs and ratings as they come; the ratings are kept until the end, the photographs are not."""

    images: Path
    columns: Columns
    ids: set[str] = field(default_factory=set)
    stems: set[str] = field(default_factory=set)
    rows: list[Cells] = field(default_factory=list)
    batches: list["pa.RecordBatch"] = field(default_factory=list)

    def add(self, where: str, cells: Cells, part: Part, labels: Mapping[str, Sequence[str]]) -> None:
        columns = self.columns
        image_id = id_of(cells[columns.id], f"{where}, {columns.id}")
        if image_id in self.ids:
            raise SourceError(f"{where}: id {shown(image_id)} has appeared before; keep one row of each photograph")
        self.ids.add(image_id)
        content = photograph_of(cells[columns.image], part.root, f"{where}, {columns.image}")
        stem = _stem(image_id, self.stems)
        self.stems.add(stem.casefold())
        row: Cells = {ID: image_id, FILE: stem + _suffix(content), SPLIT: part.split} | self._ratings(cells, where)
        for name in columns.attributes:
            row[name] = attribute_of(cells[name], labels.get(name), f"{where}, {name}")
        (self.images / row[FILE]).write_bytes(content)
        self.rows.append(row)
        if len(self.rows) == PACKED:
            self._pack()

    def save(self, path: Path, state: State) -> None:
        self._pack()
        table = pa.Table.from_batches(self.batches)
        pq.write_table(table.replace_schema_metadata({"awcu": json.dumps(state)}), path)

    def _ratings(self, cells: Cells, where: str) -> Cells:
        columns = self.columns
        if columns.votes:
            counts = counts_of(cells[columns.votes], len(columns.scale), f"{where}, {columns.votes}")
            return dict(zip(vote_columns(columns), counts, strict=True))
        assert columns.score is not None
        return {SCORE: score_of(cells[columns.score], columns.scale, f"{where}, {columns.score}")}

    def _pack(self) -> None:
        # Attributes are text, whatever they were: the table's reader takes them as those of a CSV file.
        texts = [(name, pa.string()) for name in (ID, FILE, SPLIT, *self.columns.attributes)]
        ratings = [(name, pa.int64()) for name in vote_columns(self.columns)] or [(SCORE, pa.float64())]
        self.batches.append(pa.RecordBatch.from_pylist(self.rows, pa.schema([*texts, *ratings])))
        self.rows.clear()


_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


def _stem(image_id: str, taken: Collection[str]) -> str:
    """A file's name without ending, different from those `taken` even where small letters and capitals are one."""
    if _PLAIN.fullmatch(image_id) and image_id.casefold() not in taken:
        return image_id
    # "~" is in no plain id, so none can be called so.
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '_', image_id)[:60]}~{hashlib.sha256(image_id.encode()).hexdigest()[:16]}"


_SIGNATURES = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"RIFF": ".webp",
}


def _suffix(content: bytes) -> str:
    """By the first bytes; a damaged photograph has one too, since it is the decoder that names or excludes it."""
    if content[4:8] == b"ftyp":
        return ".avif" if content[8:11] == b"avi" else ".heic"
    return next((suffix for signature, suffix in _SIGNATURES.items() if content.startswith(signature)), ".bin")


def _rows(rows: Any, columns: Columns) -> Iterator[Cells]:
    # As Arrow tables, since these do not decode images.
    for batch in rows.select_columns(columns.names).with_format("arrow").iter(BATCH):
        yield from batch.to_pylist()


def id_of(value: object, where: str) -> str:
    """A photograph's id.

    Raises:
        SourceError: Neither printable text nor a whole number.
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.strip() or not text.isprintable():
        raise SourceError(f"{where}: {shown(value)} is no id, which is printable text or a whole number; correct it")
    return text


def photograph_of(value: object, root: Path | None, where: str) -> bytes:
    """A photograph as it was put in, or the file below the root that is named; it may be damaged or empty.

    Raises:
        SourceError: There are no bytes.
    """
    content, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
    # A path that leads elsewhere is not the repository's to name.
    if content is None and path and root and Path(path).is_relative_to(root) and ".." not in Path(path).parts:
        return Path(path).read_bytes()
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
    whole = all(_is_number(count) and 0 <= count <= MAX_NUMBER and count == int(count) for count in value)
    if not (whole and any(value)):
        raise SourceError(
            f"{where}: {shown(value)} are not whole counts from 0 to {MAX_NUMBER:g} with at least one vote; "
            f"correct the row"
        )
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
