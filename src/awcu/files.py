"""Files that are there whole or not at all."""

import csv
import errno
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def write_atomically(path: Path, content: str | bytes) -> None:
    """Put the whole content at the path, or leave what was there untouched; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, since a rename is atomic only within one file system; the process id keeps
    # parallel runs apart.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a table whole, or leave what was there; a cell is empty where a row lacks it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, header, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue())


def link(source: Path, target: Path) -> bool:
    """Put a second name of a file at a path that is free, in a folder that is made: a hard link, or a symbolic one.

    Returns:
        Whether it is a hard link. Where the file system allows none, or the file is on another, it is symbolic, and
        leads nowhere once the file is moved.

    Raises:
        OSError: The path is taken or cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    file = source.resolve()
    try:
        target.hardlink_to(file)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
            raise
        target.symlink_to(file)
        return False
    return True
