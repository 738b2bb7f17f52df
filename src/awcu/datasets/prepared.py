"""Photographs looked at once and kept small: a folder of JPEGs that training reads instead of the originals."""

import hashlib
import json
import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image
from pyarrow import parquet

from awcu.errors import ImageError, PreparedError
from awcu.files import write_atomically
from awcu.images.decoding import decode, decode_bytes, read_bytes
from awcu.images.likeness import first_alike, look
from awcu.ratings.ratings import Ratings
from awcu.text import some_of

FORMAT = 3  # raise it whenever the same photographs would give other files
FACTS = "photographs.parquet"
SCHEMA = pa.schema(
    {"image_id": pa.string(), "path": pa.string(), "bytes": pa.int64(), "modified_ns": pa.int64()}
    | {"sha256": pa.string(), "width": pa.int32(), "height": pa.int32(), "look": pa.binary(), "fault": pa.string()}
)
SAVED_EVERY = 30.0  # seconds: what a killed preparation loses
CHUNK = 64  # photographs that a process is handed at a time
THREADS = 16  # for files on a server, which answers slowly and many at once
LONGEST_SIDE = 65_000  # pixels; a JPEG ends a little above
GONE = (-1, -1)

Chunk = tuple[list[str], list[str]]
"""Ids and paths of some photographs."""


@dataclass(frozen=True)
class Settings:
    """What a folder was asked for: whose photographs (`Ratings.origin`), how many, SHA-256 over their ids in order."""

    format: int
    data: str
    short_side: int
    quality: int
    n: int
    photographs: str


class Pictures:
    """Prepared photographs `(N,)` in the order of some ratings; small, picklable and without open files."""

    def __init__(self, folder: Path, image_ids: NDArray[np.str_]) -> None:
        self.folder, self.image_ids = folder, image_ids

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        """One photograph, upright, as `(H, W, 3)` RGB in [0, 255].

        Raises:
            PreparedError: Its file is gone or was cut short.
        """
        path = picture_path(self.folder, str(self.image_ids[row]))
        try:
            return decode(path)
        except ImageError as error:
            reason = str(error).removeprefix(f"{path}: ").partition(";")[0]
            raise PreparedError(f"{path}: {reason}; delete it and run awcu prepare again") from error


@dataclass(frozen=True, eq=False)
class Prepared:
    """A finished folder.

    Attributes:
        folder: Where it is.
        settings: What was asked for.
        facts: A row a photograph, in id order: image_id, path, and of the file bytes, modified_ns and sha256, and
            width and height of the upright photograph, and its `look`; null where unknown. `fault` says why it cannot
            be read.
    """

    folder: Path
    settings: Settings
    facts: pa.Table

    @classmethod
    def open(cls, folder: str | Path) -> "Prepared":
        """Read what `prepare` made, but the pictures.

        Raises:
            PreparedError: It is not there, unfinished, damaged or of another format.
        """
        folder = Path(folder).expanduser()
        if not (folder / FACTS).is_file():
            raise PreparedError(f"{folder} holds no prepared photographs; make them by awcu prepare")
        settings, facts = _read(folder)
        if facts.num_rows < settings.n:
            raise PreparedError(
                f"{folder} is not finished: {settings.n - facts.num_rows:,} of {settings.n:,} photographs are missing; "
                f"run awcu prepare again, which continues where it stopped"
            )
        return cls(folder, settings, facts)

    @property
    def short_side(self) -> int:
        """Pixels of the pictures' short side; a smaller photograph has kept its size."""
        return self.settings.short_side

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits over what the pictures are made from: the settings, and each photograph's id and bytes."""
        contents = self.facts.select(["image_id", "sha256", "width"]).to_pydict()
        return hashlib.sha256(json.dumps([asdict(self.settings), contents]).encode()).hexdigest()[:16]

    def check_size(self, size: int) -> None:
        """Refuse an input that the pictures would have to be enlarged for.

        Raises:
            PreparedError: It is larger than the short side.
        """
        if size > self.short_side:
            raise PreparedError(
                f"images.size={size} is more than the {self.short_side} pixels that {self.folder} keeps of the short "
                f"side, so photographs would be enlarged; prepare them anew with at least {size} pixels, or train "
                f"without data.prepared"
            )

    def readable(self, ratings: Ratings) -> tuple[Ratings, dict[str, str]]:
        """The ratings of photographs that can be read, and of every other one its id and what is wrong.

        Files that are still there are looked at, but not into; one that is not there any more is not missed.

        Raises:
            PreparedError: A photograph that is not in the folder, or whose file changed after it was prepared.
        """
        facts = self._facts_of(ratings)
        changed = ~_unchanged(facts, ratings.image_paths.tolist())
        if changed.any():
            raise PreparedError(
                f"{changed.sum():,} of {len(ratings):,} photographs of {ratings.name} changed after they were prepared "
                f"({some_of(ratings.image_ids[changed])}); run awcu prepare again, which makes theirs anew"
            )
        whole = is_null(facts, "fault")
        faults = facts.filter(~whole).select(["image_id", "fault"]).to_pydict()
        found = dict(zip(*faults.values(), strict=True))
        return (ratings.select(whole) if found else ratings), found

    def of(self, ratings: Ratings) -> Pictures:
        """The pictures of these photographs, in their order.

        Raises:
            PreparedError: A photograph that is not in the folder, or that cannot be read.
        """
        faulty = ~is_null(self._facts_of(ratings), "fault")
        if faulty.any():
            raise PreparedError(
                f"{self.folder} has no picture of {some_of(ratings.image_ids[faulty])}, which could not be read; leave "
                f"them out by data.on_unreadable=exclude"
            )
        return Pictures(self.folder, ratings.image_ids)

    def sizes(self, ratings: Ratings) -> NDArray[np.int64]:
        """`(N, 2)` height and width of the upright originals; 0 where unreadable.

        Raises:
            PreparedError: A photograph that is not in the folder.
        """
        facts = self._facts_of(ratings)
        return np.column_stack([facts[name].fill_null(0).to_numpy() for name in ("height", "width")]).astype(np.int64)

    def first_alike(self, ratings: Ratings) -> NDArray[np.int64]:
        """`(N,)` the first of these photographs that looks the same; its own place, unless an earlier one does.

        Raises:
            PreparedError: A photograph that is not in the folder.
        """
        return first_alike(self._facts_of(ratings)["look"].to_pylist())

    def _facts_of(self, ratings: Ratings) -> pa.Table:
        if ratings.origin != self.settings.data:
            raise PreparedError(
                f"{self.folder} holds photographs of {self.settings.data}, not of {ratings.origin}; give another "
                f"folder as data.prepared"
            )
        rows = pc.index_in(pa.array(ratings.image_ids.tolist(), pa.string()), self.facts["image_id"])
        unknown = rows.is_null().to_numpy(zero_copy_only=False)
        if unknown.any():
            raise PreparedError(
                f"{self.folder} does not hold {unknown.sum():,} of {len(ratings):,} photographs of {ratings.name} "
                f"({some_of(ratings.image_ids[unknown])}); prepare all of them into a new folder"
            )
        return self.facts.take(rows)


def prepare(
    ratings: Ratings,
    folder: str | Path,
    short_side: int = 256,
    quality: int = 95,
    workers: int | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> Prepared:
    """Look at every photograph once and keep it small, upright and in RGB.

    A preparation that was killed continues where it stopped, and only what changed is made anew; a second process waits
    for the first. It starts worker processes, so a script calls this under `if __name__ == "__main__":`.

    Args:
        ratings: Any order and any split; they change nothing.
        folder: Made where there is none.
        short_side: Pixels that the short side is shrunk to; a smaller photograph keeps its size.
        quality: JPEG quality, 1 to 100; without chroma subsampling.
        workers: Processes; None for as many as the cores that this process may use.
        advance: Called with the number of photographs that are done since the last call.

    Raises:
        PreparedError: A setting out of range, a folder of other settings or photographs, or one that cannot be
            written; or a process that was killed.
    """
    folder = Path(folder).expanduser()
    ratings = ratings.select(np.argsort(ratings.image_ids))
    settings = _settings(ratings, short_side, quality)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            _fill(folder, settings, ratings, _cores() if workers is None else workers, advance)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PreparedError(
            f"{folder} cannot be written ({reason}); make room or give another folder, then run awcu prepare again, "
            f"which continues where it stopped"
        ) from error
    return Prepared.open(folder)


def picture_path(folder: Path, image_id: str) -> Path:
    """Where a folder keeps a photograph, whose id need not be a file's name."""
    name = hashlib.sha256(image_id.encode()).hexdigest()[:24]
    return folder / name[:2] / f"{name[2:]}.jpg"


def is_null(facts: pa.Table, name: str) -> NDArray[np.bool_]:
    """`(N,)` whether a column has no value."""
    mask: NDArray[np.bool_] = facts[name].is_null().to_numpy()
    return mask


def _settings(ratings: Ratings, short_side: int, quality: int) -> Settings:
    if not len(ratings):
        raise PreparedError(f"{ratings.name} has no photographs to prepare; give ratings that have some")
    for name, value, most in (("short_side", short_side, 10_000), ("quality", quality, 100)):
        if type(value) is not int or not 1 <= value <= most:
            raise PreparedError(f"{name}={value!r} must be a whole number from 1 to {most:,}")
    photographs = hashlib.sha256("\n".join(ratings.image_ids.tolist()).encode()).hexdigest()
    return Settings(FORMAT, ratings.origin, short_side, quality, len(ratings), photographs)


def _read(folder: Path) -> tuple[Settings, pa.Table]:
    path = folder / FACTS
    try:
        facts = parquet.read_table(path)
        held = json.loads(facts.schema.metadata[b"settings"])
        found = held["format"]
        settings = Settings(**held) if found == FORMAT else None
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise PreparedError(f"{path} cannot be used ({reason}); delete it and run awcu prepare again") from error
    if settings is None:
        raise PreparedError(
            f"{folder} is of format {found}, this version reads {FORMAT}; delete it and run awcu prepare"
        )
    return settings, facts.replace_schema_metadata()


def _save(folder: Path, settings: Settings, facts: pa.Table) -> None:
    file = pa.BufferOutputStream()
    metadata = {"settings": json.dumps(asdict(settings))}
    parquet.write_table(facts.sort_by("image_id").replace_schema_metadata(metadata), file)
    write_atomically(folder / FACTS, file.getvalue().to_pybytes())


def _fill(folder: Path, settings: Settings, ratings: Ratings, workers: int, advance: Callable[[int], None]) -> None:
    """Make the pictures that are missing or of photographs that have changed."""
    for left in folder.glob("*/.*.tmp"):
        left.unlink(missing_ok=True)
    facts = _kept(folder, settings, ratings)
    advance(facts.num_rows)
    waiting = ratings.select(~np.isin(ratings.image_ids, facts["image_id"].to_numpy().astype(str)))
    saved = -np.inf
    try:
        for rows in _looked_at(folder, settings, waiting, workers):
            facts = pa.concat_tables([facts, pa.Table.from_pylist(rows, SCHEMA)])
            advance(len(rows))
            if time.monotonic() - saved > SAVED_EVERY:
                _save(folder, settings, facts)
                saved = time.monotonic()
    finally:
        _save(folder, settings, facts)


def _kept(folder: Path, settings: Settings, ratings: Ratings) -> pa.Table:
    """What is known of photographs that need not be looked at again; so too of originals that are there no more."""
    if not (folder / FACTS).is_file():
        return SCHEMA.empty_table()
    held, facts = _read(folder)
    if held != settings:
        pairs = [(key, getattr(held, key), getattr(settings, key)) for key in ("data", "short_side", "quality", "n")]
        named = [f"{key} {then} instead of {now}" for key, then, now in pairs if then != now]
        raise PreparedError(
            f"{folder} holds other prepared photographs ({', '.join(named) or 'other ids'}); delete it or give another "
            f"folder"
        )
    ids = facts["image_id"].to_pylist()
    paths = ratings.image_paths[np.searchsorted(ratings.image_ids, ids)].tolist()
    there = _versions([str(picture_path(folder, image_id)) for image_id in ids])[:, 0] > 0
    # A file that was there and could not be read may be readable now, unlike one that is no photograph.
    unread = ~is_null(facts, "bytes") & is_null(facts, "sha256")
    moved = pc.not_equal(facts["path"], pa.chunked_array([paths], pa.string())).to_numpy()
    settled = _unchanged(facts, paths) & np.where(is_null(facts, "fault"), there, ~unread & ~moved)
    return facts.set_column(1, "path", pa.array(paths, pa.string())).filter(pa.array(settled))


def _unchanged(facts: pa.Table, paths: Sequence[str]) -> NDArray[np.bool_]:
    """`(N,)` whether each file has the size and time of change that the facts say, or is no longer there."""
    then = np.column_stack([facts[name].fill_null(-1).to_numpy() for name in ("bytes", "modified_ns")])
    now = _versions(paths)
    same: NDArray[np.bool_] = (now == then).all(axis=1) | (now == GONE).all(axis=1)
    return same


def _versions(paths: Sequence[str]) -> NDArray[np.int64]:
    """`(N, 2)` size and time of change in nanoseconds; `GONE` where there is no file."""
    chunks = [paths[first : first + 512] for first in range(0, len(paths), 512)]
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda chunk: [_version(path) for path in chunk], chunks))
    return np.array([one for chunk in found for one in chunk], np.int64).reshape(-1, 2)


def _version(path: str) -> tuple[int, int]:
    try:
        # Path.stat takes twice as long, which a quarter of a million files make felt.
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return GONE
    return status.st_size, status.st_mtime_ns


def _looked_at(folder: Path, settings: Settings, ratings: Ratings, workers: int) -> Iterator[list[dict[str, Any]]]:
    """Rows of the facts, as they come; their pictures are on disk."""
    ids, paths = ratings.image_ids.tolist(), ratings.image_paths.tolist()
    chunks = [(ids[first : first + CHUNK], paths[first : first + CHUNK]) for first in range(0, len(ids), CHUNK)]
    if min(workers, len(chunks)) < 2:
        for chunk in chunks:
            yield _look_at(folder, settings, chunk)
        return
    spawned, most_pixels = get_context("spawn"), Image.MAX_IMAGE_PIXELS
    pool = ProcessPoolExecutor(min(workers, len(chunks)), spawned, _begin_worker, (most_pixels,))
    try:
        for made in as_completed([pool.submit(_look_at, folder, settings, chunk) for chunk in chunks]):
            yield made.result()
    except BrokenProcessPool as error:
        raise PreparedError(
            "a process that prepared photographs was killed, perhaps for want of memory; run awcu prepare again with "
            "fewer workers, which continues where it stopped"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker(most_pixels: int | None) -> None:
    cv2.setNumThreads(1)
    # As in the process that began this one; what is larger is refused by its name.
    Image.MAX_IMAGE_PIXELS = most_pixels
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    # Ctrl-C reaches every process of the terminal; this one ends without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Or a process whose parent is killed outright would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _look_at(folder: Path, settings: Settings, chunk: Chunk) -> list[dict[str, Any]]:
    return [_facts_and_picture(folder, settings, *one) for one in zip(*chunk, strict=True)]


def _facts_and_picture(folder: Path, settings: Settings, image_id: str, path: str) -> dict[str, Any]:
    """The row of one photograph, whose picture it writes; columns without a value are left out."""
    # Before the file is read, so that a change in between is found later.
    size, modified_ns = _version(path)
    row: dict[str, Any] = {"image_id": image_id, "path": path}
    if (size, modified_ns) != GONE:
        row |= {"bytes": size, "modified_ns": modified_ns}
    try:
        data = read_bytes(path)
        row["sha256"] = hashlib.sha256(data).hexdigest()
        pixels, (width, height) = decode_bytes(data, path, settings.short_side)
        small = _shrunk(pixels, width, height, settings.short_side)
        picture = _jpeg(small, path, settings.quality)
    except ImageError as error:
        return row | {"fault": str(error)}
    _write(picture_path(folder, image_id), picture)
    return row | {"width": width, "height": height, "look": look(small)}


def _write(path: Path, picture: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    # Without waiting for the disk: what a power cut leaves empty is made again, what it cuts is refused when read.
    temporary.write_bytes(picture)
    temporary.replace(path)


def _shrunk(pixels: NDArray[np.uint8], width: int, height: int, short_side: int) -> NDArray[np.uint8]:
    short = min(width, height)
    if short <= short_side:
        return pixels
    # Of the full size, whatever the reduced scale that the photograph was decoded at.
    size = round(width * short_side / short), round(height * short_side / short)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).view(np.uint8)


def _jpeg(pixels: NDArray[np.uint8], path: str, quality: int) -> bytes:
    if max(pixels.shape) > LONGEST_SIDE:
        raise ImageError(
            f"{path}: {max(pixels.shape):,} pixels long when prepared, and a JPEG has at most {LONGEST_SIDE:,}; cut it"
        )
    # The same bytes as Pillow's, sooner.
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)[1])


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
