"""Find the photographs that a user names, and read them ahead in threads."""

import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from glob import glob, has_magic
from pathlib import Path
from typing import NoReturn, TypeVar

from awcu.errors import ImageError, PhotographsError
from awcu.images.decoding import suffixes

T = TypeVar("T")


def find(sources: Sequence[str]) -> list[Path]:
    """Find every photograph in files, folders and patterns, sorted and without repeats.

    Args:
        sources: A file is taken whatever its name. A folder, searched recursively, or a pattern such as
            "2024/**/*.jpg" gives every visible file with one of the extensions in `awcu.images.decoding.suffixes`.

    Raises:
        PhotographsError: A source does not exist, is neither file nor folder, or has no photograph.
        OSError: A folder may not be listed.
    """
    found: dict[Path, Path] = {}
    for source in sources:
        for path in _of_source(source):
            # Keyed by resolved path, since a link or another spelling is the same photograph.
            found.setdefault(path.resolve(), path)
    return sorted(found.values())


def _of_source(source: str) -> list[Path]:
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        held = _photographs(_visible_files(path))
        _require(held, f"{source}: a folder without photographs; name one that holds {_EXAMPLES}")
    elif has_magic(source) and not path.exists():
        held = _photographs(map(Path, glob(source, recursive=True)))  # noqa: PTH207 (a Path takes no absolute pattern)
        _require(held, f"{source}: no photograph matches; check the pattern, and quote it if the shell expands it")
    else:
        _require([], f"{source}: no such file or folder; check the spelling")
    return held


_EXAMPLES = "JPEG, PNG, TIFF, WebP or another format of photographs"


def _require(held: list[Path], otherwise: str) -> None:
    if not held:
        raise PhotographsError(otherwise)


def _visible_files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in files if not name.startswith("."))


def _refuse(error: OSError) -> NoReturn:
    raise error


def _photographs(paths: Iterable[Path]) -> list[Path]:
    # Reading a named pipe would block.
    return [path for path in paths if path.suffix.lower() in suffixes() and path.is_file()]


def distinct_names(photographs: Sequence[Path]) -> list[Path]:
    """A distinct relative path without extension for each photograph, to name its output files.

    Folders below the deepest common one are kept, so that photographs of the same name stay apart. Photographs that
    differ in nothing but the extension keep it: the outputs of "a.jpg" and "a.png" are "a.jpg.html" and "a.png.html".

    Args:
        photographs: Different files, at least one.
    """
    absolute = [Path(os.path.abspath(path)) for path in photographs]  # noqa: PTH100 (links are names of their own)
    common = Path(os.path.commonpath([path.parent for path in absolute]))
    whole = [path.relative_to(common) for path in absolute]
    short = [path.with_suffix("") for path in whole]
    # Case-folded, since some file systems ignore case.
    times = Counter(str(path).casefold() for path in short)
    taken: set[str] = set()
    names = []
    for path, without in zip(whole, short, strict=True):
        wanted = name = path if times[str(without).casefold()] > 1 else without
        count = 1
        while str(name).casefold() in taken:
            count += 1
            name = wanted.with_name(f"{wanted.name} ({count})")
        taken.add(str(name).casefold())
        names.append(name)
    return names


def read_ahead(
    photographs: Sequence[Path], prepare: Callable[[Path], T], ahead: int
) -> Generator[tuple[Path, T | ImageError], None, None]:
    """Yield photographs in order with the result of `prepare`, which runs ahead in threads.

    The threads end when all photographs are read or the iterator is closed.

    Args:
        photographs: Paths.
        prepare: Called from any thread. If it raises an `ImageError`, that is yielded in place of the result; any
            other error stops the iteration.
        ahead: Maximum number of photographs prepared ahead at any time, ≥ 1.
    """
    waiting: deque[tuple[Path, Future[T | ImageError]]] = deque()
    pool = ThreadPoolExecutor(min(ahead, os.cpu_count() or 1))
    try:
        for path in photographs:
            waiting.append((path, pool.submit(_attempt, prepare, path)))
            if len(waiting) >= ahead:
                yield _next(waiting)
        while waiting:
            yield _next(waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _next(waiting: "deque[tuple[Path, Future[T | ImageError]]]") -> tuple[Path, T | ImageError]:
    path, future = waiting.popleft()
    return path, future.result()


def _attempt(prepare: Callable[[Path], T], path: Path) -> T | ImageError:
    try:
        return prepare(path)
    except ImageError as error:
        return error
