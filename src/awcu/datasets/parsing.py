"""Parsing shared by the data-set readers: text, tables and photographs. Every error names the file and line."""

import csv
import io
import math
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from awcu.errors import SourceError
from awcu.ratings.ratings import Floats
from awcu.text import counted, shown, some_of

_DELIMITERS = {",": "commas", "=": "equals signs", ";": "semicolons", "\t": "tabs", " ": "spaces"}


def text_of(path: Path) -> str:
    r"""The text of a UTF-8 file, with line ends normalised to "\n" and without a byte-order mark.

    Raises:
        SourceError: The file is absent, unreadable, empty or not UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist; give the folder that holds {path.name!r}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SourceError(f"{path}: line {line} is not UTF-8 text; fetch the file again") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}); check the file and its permissions") from error
    if not text.strip():
        raise SourceError(f"{path} is empty; fetch the file again")
    return text


def lines_of(path: Path) -> list[str]:
    """The stripped lines of a text file, without empty ones at the end.

    Raises:
        SourceError: As for `text_of`.
    """
    return [line.strip() for line in text_of(path).rstrip().split("\n")]


def fields_of(line: str, where: str, columns: str) -> list[str]:
    """The words of a line, one for each of the space-separated `columns`.

    Raises:
        SourceError: There are more or fewer words than columns.
    """
    fields = line.split()
    if len(fields) != len(columns.split()):
        raise SourceError(f"{where}: {shown(line)} has {len(fields)} columns, expected {columns}; correct the line")
    return fields


def number(text: str, where: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Parse a finite number in [low, high].

    Raises:
        SourceError: The text is not such a number.
    """
    try:
        # float() also accepts "1_000" and digits of other scripts, which no data set uses.
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and low <= value <= high):
        bounds = "" if math.isinf(low) and math.isinf(high) else f" from {low:g} to {high:g}"
        raise SourceError(f"{where}: {shown(text)} is not a number{bounds}; correct it")
    return value


@dataclass(frozen=True)
class TextTable:
    """A delimited text file with a header; every cell is text.

    Attributes:
        path: The file, for messages.
        header: Column names.
        rows: One cell per column in each row.
        lines: The line of the file on which each row ends, counted from 1.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    @classmethod
    def read(cls, path: Path, columns: Sequence[str], delimiter: str = ",") -> "TextTable":
        """Read a table that has at least these columns; empty lines are skipped.

        Raises:
            SourceError: As for `text_of`; a column is missing or named twice, a row has more or fewer cells than the
                header, a quote is not closed, or there are no rows.
        """
        reader = csv.reader(io.StringIO(text_of(path), newline=""), delimiter=delimiter, strict=True)
        header: tuple[str, ...] = ()
        rows: list[tuple[str, ...]] = []
        lines: list[int] = []
        try:
            for row in reader:
                if not header:
                    header = tuple(name.strip() for name in row)
                    _check_header(path, header, columns, delimiter)
                elif row:
                    if len(row) != len(header):
                        raise SourceError(
                            f"{path}: line {reader.line_num} has {len(row)} cells, expected {len(header)} "
                            f"({', '.join(header[:5])}{', …' if len(header) > 5 else ''}); correct the line"
                        )
                    rows.append(tuple(row))
                    lines.append(reader.line_num)
        except csv.Error as error:
            raise SourceError(f"{path}: line {reader.line_num}: {error}; correct the line") from error
        if not rows:
            raise SourceError(f"{path} has a header and no rows; fetch the file again")
        return cls(path, header, tuple(rows), tuple(lines))

    def __len__(self) -> int:
        return len(self.rows)

    def texts(self, column: str) -> list[str]:
        """The stripped cells of a column.

        Raises:
            SourceError: A cell is empty.
        """
        place = self.header.index(column)
        texts = [row[place].strip() for row in self.rows]
        for row, text in enumerate(texts):
            if not text:
                raise SourceError(f"{self.where(row)}: column {column!r} is empty; correct the line")
        return texts

    def numbers(self, column: str, low: float = -math.inf, high: float = math.inf) -> Floats:
        """A column of finite numbers in [low, high].

        Raises:
            SourceError: A cell is not such a number.
        """
        place = self.header.index(column)
        return np.array(
            [number(row[place].strip(), f"{self.where(i)}, {column}", low, high) for i, row in enumerate(self.rows)]
        )

    def where(self, row: int) -> str:
        """File and line of a row, for messages."""
        return f"{self.path}: line {self.lines[row]}"


def _check_header(path: Path, header: tuple[str, ...], columns: Sequence[str], delimiter: str) -> None:
    repeated = [name for name in columns if header.count(name) > 1]
    if repeated:
        raise SourceError(f"{path}: column {repeated[0]!r} appears more than once; keep one of them")
    missing = [name for name in columns if name not in header]
    if not missing:
        return
    other = [words for mark, words in _DELIMITERS.items() if mark != delimiter and mark in header[0]]
    if len(header) == 1 and other:
        raise SourceError(
            f"{path}: line 1 is {shown(header[0])}, separated by {other[0]}; expected "
            f"{_DELIMITERS.get(delimiter, repr(delimiter))}: fetch the file as distributed"
        )
    raise SourceError(
        f"{path}: line 1 has no column {', '.join(map(repr, missing))}, only {shown(', '.join(header), 200)}; fetch "
        f"the file as distributed"
    )


def folder_of(root: str | Path | None, name: str, *folders: str) -> Path:
    """The first of these folders that exists, in the root or in a folder of the same name inside it.

    Args:
        root: The folder the user names; an archive unpacked into a folder of its own nests it twice.
        name: The data set's name, for messages.
        *folders: Relative to `root`, the preferred one first; "" for the root itself.

    Raises:
        SourceError: The root is not given or does not exist, or holds none of the folders.
    """
    if root is None:
        raise SourceError(f"{name}: data.root is not set; give the data set's folder as data.root=…")
    root = Path(root).expanduser()
    if not root.is_dir():
        raise SourceError(f"{name}: {root} is not a folder; give the data set's folder as data.root=…")
    for folder in folders:
        for place in (root / folder, root / folder / Path(folder).name, root / root.name / folder):
            if place.is_dir() and (not folder or not (place / Path(folder).name).is_dir()):
                return place
    raise SourceError(f"{name}: {root} has no folder {' or '.join(folders)}; unpack the data set there as distributed")


def file_of(root: str | Path, *files: str) -> Path:
    """The first of these files that exists, in the root or a folder of the same name inside it; else the first.

    Args:
        root: The folder the user names; an archive unpacked into a folder of its own nests it twice.
        *files: Relative to `root`, the preferred one first.
    """
    root = Path(root).expanduser()
    places = [folder / file for folder in (root, root / root.name) for file in files]
    return next((place for place in places if place.is_file()), places[0])


def photographs_in(
    name: str, folder: Path, files: Sequence[str], others: Collection[str] = ()
) -> tuple[NDArray[np.str_], tuple[str, ...]]:
    """Paths of the photographs, and notes on missing and unrated ones, and on names of another case.

    A missing photograph is no error here; decoding later reports it with all others that cannot be read.

    Args:
        name: The data set's name, for messages.
        folder: The photographs' folder.
        files: `(N,)` paths relative to it, with "/".
        others: Further such paths that have a rating but are not in use.

    Returns:
        `(N,)` paths, and notes on how many are missing, how many files have no rating, and what `as_spelt` notes.

    Raises:
        SourceError: None of the files exists, or as `as_spelt`.
    """
    there = there_of(folder, files)
    found, respelt = as_spelt(name, folder, files, there)
    wanted = frozenset(found)
    if not wanted & there:
        raise SourceError(
            f"{name}: none of the {len(files):,} photographs is in {folder}, such as {shown(next(iter(files), ''))}; "
            f"unpack them there"
        )
    notes = []
    for kind, names in (("are missing", wanted - there), ("have no rating", (there - wanted).difference(others))):
        if names:
            notes.append(f"{len(names):,} photographs in {folder} {kind}: {some_of(sorted(names))}")
    return np.array([f"{folder}{os.sep}{file}" for file in found], dtype=np.str_), (*respelt, *notes)


def as_spelt(
    name: str, folder: Path, files: Sequence[str], there: frozenset[str]
) -> tuple[Sequence[str], tuple[str, ...]]:
    """The files by the names they have on the disk, where these differ from the listed ones only in case.

    Args:
        name: The data set's name, for messages.
        folder: The photographs' folder.
        files: `(N,)` listed paths relative to it, with "/".
        there: As from `there_of`.

    Returns:
        `(N,)` paths, unchanged where a file has exactly that name or none has it, and a note if some are not.

    Raises:
        SourceError: A listed path has two such files, or a file has two such listed paths.
    """
    missing = frozenset(files) - there
    if not missing:
        return files, ()
    spellings: dict[str, set[str]] = {}
    for file in there.difference(files):
        spellings.setdefault(file.casefold(), set()).add(file)
    listed: dict[str, set[str]] = {}
    for file in missing:
        if file.casefold() in spellings:
            listed.setdefault(file.casefold(), set()).add(file)
    for folded, names in listed.items():
        if len(names) > 1 or len(spellings[folded]) > 1:
            asked, found = (" and ".join(map(shown, sorted(some))) for some in (names, spellings[folded]))
            raise SourceError(
                f"{name}: {asked} may be {found} in {folder}, which differ only in case; name each file as it is listed"
            )
    if not listed:
        return files, ()
    on_disk = {file: min(spellings[folded]) for folded, names in listed.items() for file in names}
    first = min(on_disk)
    note = (
        f"{counted(len(on_disk), 'photograph')} found in {folder} under a name that differs from the listed one only "
        f"in case, such as {shown(on_disk[first])} for {shown(first)}"
    )
    return [on_disk.get(file, file) for file in files], (note,)


def there_of(folder: Path, files: Iterable[str]) -> frozenset[str]:
    """The photographs in the subfolders that these paths name, each listed once.

    Raises:
        SourceError: A folder exists but cannot be read.
    """
    return frozenset(files_of(folder, {file.rpartition("/")[0] or "." for file in files}))


_PHOTOGRAPHS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif")


def files_of(folder: Path, parents: Collection[str]) -> Iterator[str]:
    """The photographs in these subfolders, as unordered paths relative to `folder`, with "/".

    Raises:
        SourceError: A folder exists but cannot be read.
    """
    for parent in parents:
        try:
            with os.scandir(folder / parent) as entries:
                for entry in entries:
                    if entry.name.lower().endswith(_PHOTOGRAPHS) and not entry.name.startswith("."):
                        yield entry.name if parent == "." else f"{parent}/{entry.name}"
        except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a null character in its name
            continue
        except OSError as error:
            raise SourceError(f"{folder / parent} cannot be read ({error.strerror}); check its permissions") from error


def names_of(values: Iterable[object]) -> NDArray[np.str_]:
    """`(n,)` array of text, also if it is empty."""
    return np.array([str(value) for value in values], dtype=np.str_)
