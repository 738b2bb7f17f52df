"""One shard of prepared photographs: an Arrow file of what some hundred photographs are, with their small pictures."""

import json
import os
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awcu.errors import PreparedError

FORMAT = 1  # raise it whenever the same photographs would give other shards
PHOTOGRAPHS = 512  # of a shard: what a killed preparation loses, a worker
THREADS = 16  # for files on a server, which answers slowly and many at once
SCHEMA = pa.schema(
    {
        "image_id": pa.string(),
        "path": pa.string(),
        "bytes": pa.int64(),
        "modified_ns": pa.int64(),
        "sha256": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "fault": pa.string(),
        "crc32": pa.int64(),
        "image": pa.large_binary(),
    }
)
FACTS = SCHEMA.names[:-2]
PLACE = np.dtype([("shard", np.int32), ("start", np.int64), ("length", np.int64), ("crc32", np.int64)])
"""Where a picture is: the number of its shard, its first byte in that file, its bytes (0 where there is none), and
what tells whether they are still the same."""
GONE = (-1, -1)


@dataclass(frozen=True)
class Settings:
    """What a folder of prepared photographs was asked for.

    Attributes:
        format: Of the shards.
        data: Whose ids the photographs have, as `Ratings.origin`.
        short_side: Pixels of the pictures; smaller photographs keep their size.
        quality: Of their JPEGs.
        n: Photographs.
        photographs: SHA-256 over their ids in order.
    """

    format: int
    data: str
    short_side: int
    quality: int
    n: int
    photographs: str

    @property
    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @property
    def counts(self) -> list[int]:
        """Photographs of each shard."""
        return [min(PHOTOGRAPHS, self.n - first) for first in range(0, self.n, PHOTOGRAPHS)]


def shard_path(folder: Path, number: int) -> Path:
    """Where a folder of prepared photographs has one of its shards."""
    return folder / "shards" / f"{number:05d}.arrow"


@dataclass(frozen=True, eq=False)
class Shard:
    """A shard as it is on disk, without its pictures.

    Attributes:
        facts: All that is known of the photographs.
        places: `(M,)` of `PLACE`, all of shard 0.
        digest: SHA-256 over the ids and the pictures.
    """

    facts: pa.RecordBatch
    places: NDArray[np.void]
    digest: str

    @classmethod
    def read(cls, path: Path, settings: Settings, count: int) -> "Shard":
        """All but the pictures of a shard of `count` photographs.

        Raises:
            PreparedError: It is missing, damaged, or of another preparation.
        """
        try:
            with pa.memory_map(str(path)) as source:
                batch = _batch(source, settings, count)
                places = _places(source, batch)
                digest = batch.schema.metadata[b"digest"].decode()
                # A copy, since what is still mapped keeps the file open.
                facts = batch.select(FACTS).take(pa.array(range(count)))
        except (pa.ArrowException, ValueError, LookupError, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise PreparedError(f"{path} cannot be used ({reason}); delete it and run awcu prepare again") from error
        return cls(facts.replace_schema_metadata(), places, digest)

    def settled(self, paths: Sequence[str]) -> NDArray[np.bool_]:
        """`(M,)` whether a photograph need not be looked at again, its files being at these paths.

        A file that was there and could not be read may be readable now, unlike one that is no photograph.
        """
        unread = (column(self.facts, "bytes") >= 0) & is_null(self.facts, "sha256")
        return unchanged(self.facts, paths) & ~unread


def _batch(source: pa.MemoryMappedFile, settings: Settings, count: int) -> pa.RecordBatch:
    reader = pa.ipc.open_file(source)
    if not reader.schema.equals(SCHEMA) or (reader.schema.metadata or {}).get(b"settings") != settings.text.encode():
        raise ValueError("it was made with other settings")
    batch = reader.get_batch(0)
    batch.validate(full=True)
    if batch.num_rows != count:
        raise ValueError(f"it holds {batch.num_rows} photographs instead of {count}")
    return batch


def _places(source: pa.MemoryMappedFile, batch: pa.RecordBatch) -> NDArray[np.void]:
    """Where the pictures lie in the file, so that reading one needs neither Arrow nor a mapping."""
    _, offsets, data = batch["image"].buffers()
    ends = np.frombuffer(offsets, np.int64, len(batch) + 1)
    source.seek(0)
    places = np.zeros(len(batch), PLACE)
    places["start"] = ends[:-1] + (data.address - source.read_buffer(1).address if data else 0)
    places["length"] = np.diff(ends)
    places["crc32"] = column(batch, "crc32")
    return places


def column(facts: pa.Table | pa.RecordBatch, name: str) -> NDArray[np.int64]:
    """A column of whole numbers; −1 where there is none."""
    values: NDArray[np.int64] = facts[name].fill_null(-1).to_numpy(zero_copy_only=False)
    return values


def is_null(facts: pa.Table | pa.RecordBatch, name: str) -> NDArray[np.bool_]:
    """`(N,)` whether a column has no value."""
    mask: NDArray[np.bool_] = facts[name].is_null().to_numpy(zero_copy_only=False)
    return mask


def unchanged(facts: pa.Table | pa.RecordBatch, paths: Sequence[str]) -> NDArray[np.bool_]:
    """`(N,)` whether each file has the size and time of change that the facts say, or is no longer there."""
    then = np.column_stack([column(facts, "bytes"), column(facts, "modified_ns")])
    chunks = [paths[first : first + PHOTOGRAPHS] for first in range(0, len(paths), PHOTOGRAPHS)]
    with ThreadPoolExecutor(THREADS) as pool:
        now = np.array([one for found in pool.map(_versions, chunks) for one in found], np.int64).reshape(-1, 2)
    same: NDArray[np.bool_] = (now == then).all(axis=1) | (now == GONE).all(axis=1)
    return same


def _versions(paths: Iterable[str]) -> list[tuple[int, int]]:
    return [version(path) for path in paths]


def version(path: str) -> tuple[int, int]:
    """A file's size and time of change in nanoseconds; `GONE` where there is none."""
    try:
        # Path.stat takes twice as long, which a quarter of a million files make felt.
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return GONE
    return status.st_size, status.st_mtime_ns


def picture(path: Path, place: np.void) -> NDArray[np.uint8]:
    """One `(H, W, 3)` RGB picture of the shard at the path.

    Raises:
        PreparedError: The shard is gone or damaged.
    """
    _, start, length, crc32 = place.tolist()
    try:
        # Read rather than mapped, since mapped pages would count as the process's own memory.
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            data = file.read(length)
    except OSError as error:
        raise PreparedError(f"{path} cannot be read ({error.strerror}); run awcu prepare again") from error
    if zlib.crc32(data) != crc32:
        raise PreparedError(f"{path}: the picture at byte {start} is damaged; delete it and run awcu prepare again")
    # The same pixels as Pillow's, sooner.
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)
    return pixels.view(np.uint8)
