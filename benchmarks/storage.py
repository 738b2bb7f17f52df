"""Where to keep small JPEGs that are made once and read in random order: speed, size and memory of nine ways.

    python benchmarks/storage.py            # 10 minutes on two cores; prints Markdown

lmdb, webdataset, datasets and litdata are no dependencies of awcu: a way whose package is not installed is left out.
200 gallery pictures of short side 256, each 100 times with a number appended, so that no two are the same bytes and
a wrong one is noticed. Each way is written, read cold and read warm in processes of their own.

A read ends in `bytes`. Cold means that the kernel was asked to drop the files' pages, which needs no rights; what a
host or a disk keeps behind it stays; "nan" where too little came from a disk. Memory is what belongs to one process
alone (USS) and grows over epochs of reads: mapped pages of a file count as long as no other process maps them,
although the kernel can take them back; "held" is the part that it cannot (Private_Dirty).
"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from stores import DISTINCT, STORES, N, Pictures, Reads, Store

COLD, DECODED = 1_000, 4_000  # pictures


def written(name: str, folder: Path, pictures: Pictures) -> dict[str, float]:
    """Seconds until all is on disk, and MiB there."""
    os.sync()  # what others wrote
    started = time.perf_counter()
    STORES[name].write(folder, pictures)
    os.sync()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "MiB": sum(path.stat().st_blocks for path in folder.rglob("*")) * 512 / 2**20}


def cold(name: str, folder: Path, _: Pictures) -> dict[str, float]:
    """Microseconds a read of what the page cache does not hold."""
    reads, rows = opened(name, folder), shuffled(1)[:COLD]
    # After opening, which may read ahead.
    for path in filter(Path.is_file, folder.rglob("*")):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    before = fetched()
    seconds = timed(islice(reads(rows), COLD))
    wanted = sum(len(picture) for picture in islice(reads(rows), COLD))
    return {"cold": seconds / COLD * 1e6 if fetched() - before > 0.9 * wanted else math.nan}


def warm(name: str, folder: Path, _: Pictures) -> dict[str, float]:
    """Microseconds a read, pictures a second with decoding, MiB of private memory more after each of two epochs."""
    cv2.setNumThreads(1)
    reads = opened(name, folder)
    timed(map(decoded, islice(reads(range(100)), 100)))
    result, before = {"warm": math.inf}, private()
    for epoch in (1, 2):
        rows, started = shuffled(epoch), time.perf_counter()
        numbers = [int.from_bytes(data[-8:], "big") for data in reads(rows)]
        seconds = time.perf_counter() - started
        if sorted(numbers) != list(range(N)) or (numbers != rows and STORES[name].as_asked):
            raise SystemExit(f"{name}: gave other pictures than asked for")
        result["warm"] = min(result["warm"], seconds / N * 1e6)
        grown = private() - before
        result |= {f"USS {epoch}": grown[0], f"held {epoch}": grown[1]}
    return result | {"rate": DECODED / timed(map(decoded, islice(reads(shuffled(3)), DECODED)))}


def opened(name: str, folder: Path) -> Reads:
    """With all files in the page cache."""
    for path in filter(Path.is_file, folder.rglob("*")):
        path.read_bytes()
    return STORES[name].reads(folder)


def decoded(data: bytes) -> object:
    """Its pixels."""
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def shuffled(seed: int) -> list[int]:
    """All rows."""
    rows: list[int] = np.random.default_rng(seed).permutation(N).tolist()
    return rows


def timed(steps: Iterable[object]) -> float:
    """Seconds to go through them."""
    started = time.perf_counter()
    for _ in steps:
        pass
    return time.perf_counter() - started


def fetched() -> int:
    """Bytes that this process has made the kernel read from a disk."""
    lines = dict(line.split(":") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["read_bytes"])


def private() -> NDArray[np.float64]:
    """MiB of this process's private memory, and of those the dirty ones."""
    words = [line.split() for line in Path("/proc/self/smaps_rollup").read_text().splitlines()]
    kib = {line[0]: float(line[1]) for line in words if line[-1] == "kB"}
    return np.array([kib["Private_Clean:"] + kib["Private_Dirty:"], kib["Private_Dirty:"]]) / 1024


def main() -> None:
    """Each way, one after the other, and the table."""
    rows = []
    with tempfile.TemporaryDirectory() as root:
        draw(Path(root) / "jpegs")
        for name, store in STORES.items():
            if find_spec(store.package) is None:
                print(f"{name}: {store.package} is not installed, left out\n", flush=True)
                continue
            folder = Path(root) / "store"
            folder.mkdir()
            result: dict[str, float] = {}
            for what in (written, cold, warm):
                result |= asked(what.__name__, name, root)
            shutil.rmtree(folder)
            rows.append(row(name, store, result))
    print(HEADER, *rows, sep="\n")


def draw(folder: Path) -> None:
    """The different ones, drawn at twice the size."""
    from awcu.datasets.gallery.sample import render

    folder.mkdir()
    for index in range(DISTINCT):
        drawn = cv2.resize(render(0, index, 512).image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        cv2.imwrite(f"{folder}/{index:03d}.jpg", drawn[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    size = sum(path.stat().st_size for path in folder.iterdir()) / DISTINCT / 1000
    print(f"{N:,} pictures of {size:.1f} kB on average\n", flush=True)


def asked(what: str, name: str, root: str) -> dict[str, float]:
    """What a process of its own measured; a library's chatter comes before it."""
    command = [sys.executable, "-W", "ignore", __file__, what, name, root]
    quiet = {"DATA_OPTIMIZER_CACHE_FOLDER": f"{root}/cache", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **quiet})
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


HEADER = (
    "| way | written, s | MiB | cold, µs | warm, µs | decoded, images/s | USS + MiB, epoch 1, 2 | held, epoch 1, 2 "
    "| after a kill | licence |\n|---|--:|--:|--:|--:|--:|--:|--:|---|---|"
)


def row(name: str, store: Store, of: dict[str, float]) -> str:
    """A line of the table."""
    return (
        f"| {name} | {of['seconds']:.1f} | {of['MiB']:.0f} | {of['cold']:.0f} | {of['warm']:.0f} | {of['rate']:.0f} | "
        f"{of['USS 1']:.0f}, {of['USS 2']:.0f} | {of['held 1']:.0f}, {of['held 2']:.0f} | {store.after_a_kill} | "
        f"{store.licence} |"
    )


if __name__ == "__main__":
    if len(sys.argv) == 4:
        what, name, root = sys.argv[1:]
        import_module(STORES[name].package)  # outside the time
        measure = {"written": written, "cold": cold, "warm": warm}[what]
        print(json.dumps(measure(name, Path(root) / "store", Pictures(Path(root) / "jpegs"))))
    else:
        main()
