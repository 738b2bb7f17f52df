"""What the readers of published boxes share: text, numbers and photographs, each fault with its place."""

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from awcu.sources.crops.crop_set import Boxes, CropSetError, some_of

LARGEST = 1_000_000  # pixels; no photograph is as wide, so a greater number is a misread one
WHOLE = re.compile(r"[+-]?[0-9]{1,7}")


def text_of(path: Path) -> str:
    r"""A UTF-8 file with every line ended by "\n", whatever ended it; a byte-order mark is left out.

    Raises:
        CropSetError: The file is absent, unreadable, empty or not UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise CropSetError(f"{path} does not exist; give the folder that holds {path.name!r}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise CropSetError(f"{path}: line {line} is not UTF-8 text; fetch the file again") from error
    except OSError as error:
        raise CropSetError(f"{path} cannot be read ({error.strerror}); check the file and its permissions") from error
    if not text.strip():
        raise CropSetError(f"{path} is empty; fetch the file again")
    return text


def lines_of(path: Path) -> list[str]:
    """The lines of a text file without blanks around them; empty ones at the end are left out.

    Raises:
        CropSetError: As for `text_of`.
    """
    return [line.strip() for line in text_of(path).rstrip().split("\n")]


def fields_of(line: str, where: str, columns: str) -> list[str]:
    """The words of a line, one each of the space-separated `columns`.

    Raises:
        CropSetError: There are more or fewer words than columns.
    """
    fields = line.split()
    if len(fields) != len(columns.split()):
        raise CropSetError(f"{where}: {shown(line)} has {len(fields)} columns, expected {columns}; correct the line")
    return fields


def pixels(fields: Iterable[str], where: str) -> list[int]:
    """Words as whole numbers of pixels.

    Raises:
        CropSetError: A word is no whole number or beyond `LARGEST`.
    """
    return [whole(int(word) if WHOLE.fullmatch(word) else word, where) for word in fields]


def whole(value: object, where: str) -> int:
    """A value from a file as a whole number of pixels.

    Raises:
        CropSetError: It is no whole number (true and false are none) or beyond `LARGEST`.
    """
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST:
        raise CropSetError(f"{where}: {shown(value)} is not a whole number of pixels; correct it")
    return value


def box(left: int, top: int, right: int, bottom: int, where: str) -> list[int]:
    """The four edges in the order of `CropSet`.

    Raises:
        CropSetError: The box has no area.
    """
    if right <= left or bottom <= top:
        raise CropSetError(
            f"{where}: the box from x {left} to {right} and y {top} to {bottom} has no area; check the order of its "
            f"columns, or correct it"
        )
    return [left, top, right, bottom]


def as_boxes(rows: Sequence[Sequence[int]]) -> Boxes:
    """`(n, 4)` of rows of four."""
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def as_names(names: Iterable[object]) -> NDArray[np.str_]:
    """`(n,)` of texts, also where there are none."""
    return np.array([str(name) for name in names], dtype=np.str_)


def files_in(folder: Path) -> frozenset[str]:
    """Names of the files in a folder, without hidden ones; none where there is no such folder.

    Raises:
        CropSetError: The folder cannot be read.
    """
    try:
        return frozenset(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except OSError as error:
        raise CropSetError(f"{folder} cannot be read ({error.strerror}); check its permissions") from error


def require(names: Sequence[str], there: Collection[str], folder: Path, what: str, next_step: str) -> None:
    """Check that each named file is there.

    Raises:
        CropSetError: Some are not; the message counts them and names the first.
    """
    absent = [name for name in names if name not in there]
    if absent:
        raise CropSetError(
            f"{folder} lacks {len(absent)} of {len(names)} {what}: {some_of([shown(name) for name in absent])}; "
            f"{next_step}"
        )


def shown(value: object) -> str:
    """A value as code would write it, cut after 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
