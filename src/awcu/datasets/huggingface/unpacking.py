"""Rows that hold photographs, unpacked once into a folder of files that appears complete or not at all.

The folder has `images/`, every photograph in the very bytes of its row, and `ratings.parquet`, which says how each is
called, rated and split, and what it was unpacked from.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock
from rich.console import Console
from rich.progress import Progress

from awcu.datasets.huggingface.rows import (
    Cells,
    Columns,
    Part,
    attribute_of,
    counts_of,
    id_of,
    photograph_of,
    reason,
    score_of,
)
from awcu.errors import SourceError
from awcu.text import shown

TABLE = "ratings.parquet"
ID, FILE, SPLIT, SCORE = "image_id", "image_file", "hub_split", "mean_score"
PACKED = 10_000  # rows that are kept as Python's own numbers and texts, which take several times the room of Arrow's

State = dict[str, str | int]
"""What tells whether a source has changed: a repository's commit, or the size of each file."""


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
        state: Of the source; kept with the ratings.

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
    counts = [part.count for part in parts if part.count is not None]
    console = Console(stderr=True)
    console.print(f"Unpacking photographs once into {folder}", highlight=False, soft_wrap=True)
    writer = _Writer(work / "images", columns)
    with Progress(console=console) as progress:
        task = progress.add_task("photographs", total=sum(counts) if len(counts) == len(parts) else None)
        for part in parts:
            for where, cells in part.rows():
                writer.add(part, where, cells)
                progress.advance(task)
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

    def add(self, part: Part, where: str, cells: Cells) -> None:
        columns = self.columns
        image_id = id_of(cells[columns.id], f"{where}, {columns.id}")
        if image_id in self.ids:
            raise SourceError(f"{where}: id {shown(image_id)} has appeared before; keep one row of each photograph")
        self.ids.add(image_id)
        content = photograph_of(cells[columns.image], f"{where}, {columns.image}")
        stem = _stem(image_id, self.stems)
        self.stems.add(stem.casefold())
        row: Cells = {ID: image_id, FILE: stem + _suffix(content), SPLIT: part.split} | self._ratings(cells, where)
        for name in columns.attributes:
            row[name] = attribute_of(cells[name], part.labels.get(name), f"{where}, {name}")
        (self.images / row[FILE]).write_bytes(content)
        self.rows.append(row)
        if len(self.rows) == PACKED:
            self._pack()

    def save(self, path: Path, state: State) -> None:
        if not self.ids:
            raise SourceError("there are no rows to unpack; check the files")
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
