"""Nine ways to write pictures to a folder and read them again; `storage.py` measures them."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import parquet

N, DISTINCT, SHARD = 20_000, 200, 512
GROUP = 16  # rows of a Parquet row group, which a random read decodes whole
BUFFER = 1_000  # pictures that WebDataset shuffles among

Reads = Callable[[Iterable[int]], Iterator[bytes]]


class Pictures:
    """`N` JPEGs of which `DISTINCT` differ before their last eight bytes."""

    def __init__(self, folder: Path) -> None:
        self.distinct = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]

    def __getitem__(self, row: int) -> bytes:
        return self.distinct[row % DISTINCT] + row.to_bytes(8, "big")

    def shards(self) -> Iterator[tuple[str, range]]:
        """A name and the rows of each."""
        for first in range(0, N, SHARD):
            yield f"{first // SHARD:05d}", range(first, min(first + SHARD, N))

    def table(self, rows: range) -> pa.Table:
        """One column."""
        return pa.table({"image": pa.array([self[row] for row in rows], pa.large_binary())})


class Store(NamedTuple):
    """A way to keep them."""

    package: str
    licence: str
    after_a_kill: str
    write: Callable[[Path, Pictures], None]
    reads: Callable[[Path], Reads]
    as_asked: bool = True


def each(read: Callable[[int], bytes]) -> Reads:
    """Reads in any order, one after the other."""
    return partial(map, read)


def write_files(folder: Path, pictures: Pictures) -> None:
    """One a picture, in folders of `SHARD`."""
    for shard, rows in pictures.shards():
        (folder / shard).mkdir()
        for row in rows:
            (folder / shard / f"{row}.jpg").write_bytes(pictures[row])


def files(folder: Path) -> Reads:
    """By name."""
    root = str(folder)

    def read(row: int) -> bytes:
        with open(f"{root}/{row // SHARD:05d}/{row}.jpg", "rb", buffering=0) as file:  # noqa: PTH123
            return file.read()

    return each(read)


def write_arrow(folder: Path, pictures: Pictures) -> None:
    """One record batch a shard."""
    for shard, rows in pictures.shards():
        table = pictures.table(rows)
        with pa.OSFile(f"{folder}/{shard}.arrow", "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)


def column(path: Path) -> pa.Array:
    """Of a mapped shard."""
    return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0).column("image")


def mapped_arrow(folder: Path) -> Reads:
    """From mappings that stay."""
    columns = [column(path) for path in sorted(folder.glob("*.arrow"))]
    return each(lambda row: columns[row // SHARD][row % SHARD].as_py())


def placed_arrow(folder: Path) -> Reads:
    """At the place that a short mapping told, the file opened for each read."""
    paths = sorted(map(str, folder.glob("*.arrow")))
    places: list[tuple[int, int]] = []
    for path in paths:
        with pa.memory_map(path) as source:
            images = pa.ipc.open_file(source).get_batch(0).column("image")
            source.seek(0)
            before = images.buffers()[2].address - source.read_buffer(1).address
            ends = np.frombuffer(images.buffers()[1], np.int64, len(images) + 1)
            places += zip((before + ends[:-1]).tolist(), np.diff(ends).tolist(), strict=True)

    def read(row: int) -> bytes:
        start, length = places[row]
        with open(paths[row // SHARD], "rb", buffering=0) as file:  # noqa: PTH123
            file.seek(start)
            return file.read(length)

    return each(read)


def write_datasets(folder: Path, pictures: Pictures) -> None:
    """From a generator, into a cache of its own."""
    import datasets

    datasets.disable_progress_bars()
    datasets.Dataset.from_generator(
        lambda: ({"image": pictures[row]} for row in range(N)),
        features=datasets.Features({"image": datasets.Value("large_binary")}),
        cache_dir=str(folder),
        fingerprint="pictures",
    )


def from_datasets(folder: Path) -> Reads:
    """Row by row."""
    import datasets

    parts = [datasets.Dataset.from_file(str(path)) for path in sorted(folder.rglob("*.arrow"))]
    whole = datasets.concatenate_datasets(parts)
    return each(lambda row: whole[row]["image"])


def write_parquet(folder: Path, pictures: Pictures) -> None:
    """Neither compressed nor as a dictionary."""
    for shard, rows in pictures.shards():
        table = pictures.table(rows)
        parquet.write_table(
            table, folder / f"{shard}.parquet", row_group_size=GROUP, compression="none", use_dictionary=False
        )


def from_parquet(folder: Path) -> Reads:
    """A row group for each row."""
    shards = [parquet.ParquetFile(path) for path in sorted(folder.glob("*.parquet"))]

    def read(row: int) -> bytes:
        group, place = divmod(row % SHARD, GROUP)
        picture: bytes = shards[row // SHARD].read_row_group(group, use_threads=False)["image"][place].as_py()
        return picture

    return each(read)


def write_lmdb(folder: Path, pictures: Pictures) -> None:
    """A transaction each `SHARD` pictures."""
    import lmdb

    with lmdb.open(str(folder), map_size=1 << 36) as environment:
        for _, rows in pictures.shards():
            with environment.begin(write=True) as transaction:
                for row in rows:
                    transaction.put(row.to_bytes(8, "big"), pictures[row], append=True)


def from_lmdb(folder: Path) -> Reads:
    """A transaction for each read."""
    import lmdb

    environment = lmdb.open(str(folder), readonly=True, lock=False, readahead=False)

    def read(row: int) -> bytes:
        with environment.begin() as transaction:
            picture: bytes = transaction.get(row.to_bytes(8, "big"))
        return picture

    return each(read)


def write_tars(folder: Path, pictures: Pictures) -> None:
    """With WebDataset's writer."""
    import webdataset

    with webdataset.ShardWriter(f"{folder}/%05d.tar", maxcount=SHARD, verbose=0) as writer:
        for row in range(N):
            writer.write({"__key__": f"{row:08d}", "jpg": pictures[row]})


def from_tars(folder: Path) -> Reads:
    """In the order of the pipeline, whatever was asked for: shards at random, then a buffer."""
    import webdataset

    tars = sorted(map(str, folder.glob("*.tar")))
    pipeline = webdataset.WebDataset(tars, shardshuffle=len(tars), seed=0).shuffle(BUFFER)
    return lambda _: (sample["jpg"] for sample in pipeline)


def write_litdata(folder: Path, pictures: Pictures) -> None:
    """By one worker."""
    import litdata

    litdata.optimize(
        fn=pictures.__getitem__,
        inputs=list(range(N)),
        output_dir=str(folder),
        chunk_size=SHARD,
        num_workers=1,
        reorder_files=False,
        keep_data_ordered=True,
        use_checkpoint=True,
        verbose=False,
    )


def from_litdata(folder: Path) -> Reads:
    """By index."""
    import litdata

    whole = litdata.StreamingDataset(str(folder), shuffle=False)
    return each(lambda row: whole[row])


def in_litdata(folder: Path) -> Reads:
    """Shards at random, and within a shard at random."""
    import litdata

    whole = litdata.StreamingDataset(str(folder), shuffle=True)
    return lambda _: iter(whole)


STORES = {
    "loose files": Store("cv2", "none", "whole files stay", write_files, files),
    "Arrow shards, mapped": Store("pyarrow", "Apache-2.0", "whole shards stay", write_arrow, mapped_arrow),
    "Arrow shards, read at a place": Store("pyarrow", "Apache-2.0", "whole shards stay", write_arrow, placed_arrow),
    "datasets": Store("datasets", "Apache-2.0", "nothing stays", write_datasets, from_datasets),
    "Parquet shards": Store("pyarrow", "Apache-2.0", "whole shards stay", write_parquet, from_parquet),
    "LMDB": Store("lmdb", "OLDAP-2.8", "transactions stay", write_lmdb, from_lmdb),
    "WebDataset, in its order": Store("webdataset", "BSD-3", "whole shards stay", write_tars, from_tars, False),
    "LitData": Store("litdata", "Apache-2.0", "whole shards stay", write_litdata, from_litdata),
    "LitData, in its order": Store("litdata", "Apache-2.0", "whole shards stay", write_litdata, in_litdata, False),
}
