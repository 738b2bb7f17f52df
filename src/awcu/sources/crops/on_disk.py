"""What the readers of published boxes share: numbers, boxes and photographs, each fault with its place."""

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from awcu.sources.crops.crop_set import Boxes, CropSetError
from awcu.sources.text import SourceError, shown, some_of

LARGEST = 1_000_000  # pixels; no photograph is as wide, so a greater number is a misread one
WHOLE = re.compile(r"[+-]?[0-9]{1,7}")


def pixels(fields: Iterable[str], where: str) -> list[int]:
    """Words as whole numbers of pixels.

    Raises:
        SourceError: A word is no whole number or beyond `LARGEST`.
    """
    return [whole(int(word) if WHOLE.fullmatch(word) else word, where) for word in fields]


def whole(value: object, where: str) -> int:
    """A value from a file as a whole number of pixels.

    Raises:
        SourceError: It is no whole number (true and false are none) or beyond `LARGEST`.
    """
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST:
        raise SourceError(f"{where}: {shown(value)} is not a whole number of pixels; correct it")
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


def files_in(folder: Path) -> frozenset[str]:
    """Names of the files in a folder, without hidden ones; none where there is no such folder.

    Raises:
        SourceError: The folder cannot be read.
    """
    try:
        return frozenset(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except OSError as error:
        raise SourceError(f"{folder} cannot be read ({error.strerror}); check its permissions") from error


def require(names: Sequence[str], there: Collection[str], folder: Path, what: str, next_step: str) -> None:
    """Check that each named file is there.

    Raises:
        SourceError: Some are not; the message counts them and names the first.
    """
    absent = [name for name in names if name not in there]
    if absent:
        raise SourceError(
            f"{folder} lacks {len(absent)} of {len(names)} {what}: {some_of([shown(name) for name in absent])}; "
            f"{next_step}"
        )
