"""Photographs looked at once and kept small: a folder that training reads instead of the originals."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock
from numpy.typing import NDArray

from awcu.datasets.shard_writer import fill
from awcu.datasets.shards import FORMAT, THREADS, Settings, Shard, picture, shard_path, unchanged
from awcu.errors import PreparedError
from awcu.files import write_atomically
from awcu.ratings.ratings import Ratings
from awcu.text import some_of


class Pictures:
    """Prepared photographs in the order of some ratings; small, picklable and without open files.

    Args:
        folder: Of the shards.
        places: `(N,)` of `PLACE`, every one with a picture.
    """

    def __init__(self, folder: Path, places: NDArray[np.void]) -> None:
        self.folder = folder
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        """One photograph, upright, as `(H, W, 3)` RGB in [0, 255].

        Raises:
            PreparedError: Its shard is gone or was damaged.
        """
        place = self.places[row]
        return picture(shard_path(self.folder, place["shard"]), place)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A finished folder.

    Attributes:
        folder: Where it is.
        settings: What was asked for.
        facts: A row a photograph, in id order: image_id, path, and of the file bytes, modified_ns and sha256, and
            width and height of the upright photograph; null where unknown. `fault` says why it cannot be read.
        places: `(N,)` of `PLACE`, in the order of the facts.
        fingerprint: Sixteen hex digits over the ids and every byte of the pictures.
    """

    folder: Path
    settings: Settings
    facts: pa.Table
    places: NDArray[np.void]
    fingerprint: str

    @classmethod
    def open(cls, folder: str | Path) -> "Prepared":
        """Read what `prepare` made, but the pictures.

        Raises:
            PreparedError: It is not there, unfinished, damaged or of another format.
        """
        folder = Path(folder).expanduser()
        settings = _settings_in(folder)
        if settings is None:
            raise PreparedError(f"{folder} holds no prepared photographs; make them by awcu prepare")
        if settings.format != FORMAT:
            raise PreparedError(
                f"{folder} is of format {settings.format}, this version reads {FORMAT}; delete it and run awcu prepare"
            )
        paths = [shard_path(folder, number) for number in range(len(settings.counts))]
        missing = sum(not path.is_file() for path in paths)
        if missing:
            raise PreparedError(
                f"{folder} is not finished: {missing} of {len(paths)} shards are missing; run awcu prepare again, "
                f"which goes on where it was"
            )
        with ThreadPoolExecutor(THREADS) as pool:
            shards = list(pool.map(Shard.read, paths, [settings] * len(paths), settings.counts))
        facts = pa.Table.from_batches([shard.facts for shard in shards]).combine_chunks()
        if _digest(facts["image_id"].to_pylist()) != settings.photographs:
            raise PreparedError(
                f"{folder}: its shards hold other photographs than settings.json says; delete it and run awcu prepare "
                f"again"
            )
        digests = hashlib.sha256("\n".join(shard.digest for shard in shards).encode())
        places = np.concatenate([shard.places for shard in shards])
        places["shard"] = np.repeat(np.arange(len(shards)), settings.counts)
        return cls(folder, settings, facts, places, digests.hexdigest()[:16])

    @property
    def short_side(self) -> int:
        """Pixels of the pictures' short side; a smaller photograph has kept its size."""
        return self.settings.short_side

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
        rows = self._rows(ratings)
        facts = self.facts.take(pa.array(rows))
        changed = ~unchanged(facts, ratings.image_paths.tolist())
        if changed.any():
            raise PreparedError(
                f"{changed.sum():,} of {len(ratings):,} photographs of {ratings.name} changed after they were prepared "
                f"({some_of(ratings.image_ids[changed])}); run awcu prepare again, which makes theirs anew"
            )
        faults = facts["fault"].to_numpy()
        faulty = self.places["length"][rows] == 0
        found = dict(zip(ratings.image_ids[faulty].tolist(), faults[faulty].tolist(), strict=True))
        return (ratings.select(~faulty) if found else ratings), found

    def of(self, ratings: Ratings) -> Pictures:
        """The pictures of these photographs, in their order.

        Raises:
            PreparedError: A photograph that is not in the folder, or that cannot be read.
        """
        places = self.places[self._rows(ratings)]
        faulty = places["length"] == 0
        if faulty.any():
            raise PreparedError(
                f"{self.folder} has no picture of {some_of(ratings.image_ids[faulty])}, which could not be read; leave "
                f"them out by data.on_unreadable=exclude"
            )
        return Pictures(self.folder, places)

    def pixels(self, row: int) -> NDArray[np.uint8]:
        """The photograph of one row of the facts, upright, as `(H, W, 3)` RGB in [0, 255].

        Raises:
            PreparedError: It could not be read, or its shard is gone or was damaged.
        """
        if self.places["length"][row] == 0:
            raise PreparedError(f"{self.folder} has no picture: {self.facts['fault'][row]}")
        return Pictures(self.folder, self.places)[row]

    def _rows(self, ratings: Ratings) -> NDArray[np.int64]:
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
        found: NDArray[np.int64] = rows.to_numpy().astype(np.int64)
        return found


def prepare(
    ratings: Ratings,
    folder: str | Path,
    short_side: int = 256,
    quality: int = 95,
    workers: int | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> Prepared:
    """Look at every photograph once and keep it small, upright and in RGB.

    A preparation that was killed goes on where it was, and only what changed is made anew; a second process waits
    for the first. It starts worker processes, so a script calls this under `if __name__ == "__main__":`.

    Args:
        ratings: Any order and any split; they change nothing.
        folder: Made where there is none.
        short_side: Pixels that the short side is shrunk to; a smaller photograph keeps its size.
        quality: Of the JPEGs, 1 to 100; without subsampling of the colours.
        workers: Processes; None for as many as the cores that this process may use.
        advance: Called with the number of photographs of each shard that is done.

    Raises:
        PreparedError: A setting out of range, a folder of other settings or photographs, or one that cannot be
            written.
    """
    folder = Path(folder).expanduser()
    ratings = ratings.select(np.argsort(ratings.image_ids))
    settings = _settings(ratings, short_side, quality)
    try:
        (folder / "shards").mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            _claim(folder, settings)
            fill(folder, settings, ratings, _cores() if workers is None else workers, advance)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PreparedError(
            f"{folder} cannot be written ({reason}); make room or give another folder, then run awcu prepare again, "
            f"which goes on where it was"
        ) from error
    return Prepared.open(folder)


def _settings(ratings: Ratings, short_side: int, quality: int) -> Settings:
    if not len(ratings):
        raise PreparedError(f"{ratings.name} has no photographs to prepare; give ratings that have some")
    for name, value, most in (("short_side", short_side, 10_000), ("quality", quality, 100)):
        if type(value) is not int or not 1 <= value <= most:
            raise PreparedError(f"{name}={value!r} must be a whole number from 1 to {most:,}")
    return Settings(FORMAT, ratings.origin, short_side, quality, len(ratings), _digest(ratings.image_ids.tolist()))


def _digest(image_ids: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(image_ids).encode()).hexdigest()


def _settings_in(folder: Path) -> Settings | None:
    path = folder / "settings.json"
    try:
        return Settings(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError) as error:
        raise PreparedError(f"{path} cannot be used ({error}); delete {folder} and run awcu prepare again") from error


def _claim(folder: Path, settings: Settings) -> None:
    """Make the folder one of these settings, or refuse it."""
    there = _settings_in(folder)
    if there is None:
        write_atomically(folder / "settings.json", settings.text)
    elif there != settings:
        held, asked = asdict(there), asdict(settings)
        differing = [key for key in asked if held[key] != asked[key]]
        named = [f"{key} {held[key]} instead of {asked[key]}" for key in differing if key != "photographs"]
        raise PreparedError(
            f"{folder} holds other prepared photographs ({', '.join(named) or 'other ids'}); delete it or give another "
            f"folder"
        )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
