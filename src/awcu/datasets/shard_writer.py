"""Shards of prepared photographs made: each looked at and written wholly, many in worker processes."""

import hashlib
import multiprocessing
import os
import signal
import threading
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awcu.datasets.shards import GONE, SCHEMA, THREADS, Settings, Shard, shard_path, version
from awcu.errors import ImageError, PreparedError
from awcu.files import write_atomically
from awcu.images.decoding import decode_bytes, read_bytes
from awcu.ratings.ratings import Ratings

LONGEST_SIDE = 65_000  # pixels; a JPEG ends a little above

Task = tuple[Path, Settings, list[str], list[str]]
"""A shard to be made: its file, the settings, ids and paths of its photographs."""


def fill(folder: Path, settings: Settings, ratings: Ratings, workers: int, advance: Callable[[int], None]) -> None:
    """Make the shards that are missing, damaged, or of photographs that have changed.

    Args:
        folder: With `shards` in it, which no other process fills.
        settings: Of these ratings.
        ratings: In id order.
        workers: Processes, ≥ 1; 1 for this one alone.
        advance: Called with the number of photographs of each shard that is done.

    Raises:
        OSError: A shard cannot be written.
        PreparedError: A process was killed.
    """
    for left in (folder / "shards").glob(".*.tmp"):
        left.unlink(missing_ok=True)
    ids, paths = ratings.image_ids.tolist(), ratings.image_paths.tolist()
    ends = np.cumsum(settings.counts).tolist()
    tasks: list[Task] = [
        (shard_path(folder, number), settings, ids[end - count : end], paths[end - count : end])
        for number, (end, count) in enumerate(zip(ends, settings.counts, strict=True))
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        done = list(pool.map(_is_done, tasks))
    for task, there in zip(tasks, done, strict=True):
        if there:
            advance(len(task[2]))
    _make([task for task, there in zip(tasks, done, strict=True) if not there], workers, advance)


def _is_done(task: Task) -> bool:
    path, settings, _, paths = task
    try:
        shard = Shard.read(path, settings, len(paths))
    except PreparedError:
        return False
    return bool(shard.settled(paths).all()) and shard.facts["path"].to_pylist() == paths


def _make(tasks: list[Task], workers: int, advance: Callable[[int], None]) -> None:
    if min(workers, len(tasks)) < 2:
        for task in tasks:
            make_shard(*task)
            advance(len(task[2]))
        return
    pool = ProcessPoolExecutor(min(workers, len(tasks)), get_context("spawn"), _begin_worker)
    try:
        counts = {pool.submit(make_shard, *task): len(task[2]) for task in tasks}
        for made in as_completed(counts):
            made.result()
            advance(counts[made])
    except BrokenProcessPool as error:
        raise PreparedError(
            "a process that prepared photographs was killed, perhaps for want of memory; run awcu prepare again with "
            "fewer workers, which goes on where it was"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    cv2.setNumThreads(1)
    # Ctrl-C reaches every process of the terminal; this one ends without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Or a process whose parent is killed outright would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def make_shard(path: Path, settings: Settings, image_ids: Sequence[str], image_paths: Sequence[str]) -> None:
    """Look at every photograph and write the shard wholly or not at all; unchanged rows of an earlier one stay.

    Raises:
        OSError: It cannot be written.
    """
    kept = _kept(path, settings, image_paths)
    digest, rows = hashlib.sha256(), list[dict[str, Any]]()
    for image_id, image_path in zip(image_ids, image_paths, strict=True):
        row = kept.get(image_id) or _looked_at(image_id, image_path, settings)
        row["path"] = image_path  # of a kept one, where the data set is now
        picture = row.get("image") or b""
        digest.update(f"{image_id}\n{len(picture)}\n".encode() + picture)
        rows.append(row)
    file = pa.BufferOutputStream()
    schema = SCHEMA.with_metadata({"settings": settings.text, "digest": digest.hexdigest()})
    with pa.ipc.new_file(file, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_pylist(rows, schema))
    write_atomically(path, file.getvalue().to_pybytes())


def _kept(path: Path, settings: Settings, image_paths: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Settled rows of an earlier shard that have a picture, by id; so too where the original is there no more."""
    try:
        shard = Shard.read(path, settings, len(image_paths))
    except PreparedError:
        return {}
    settled = shard.settled(image_paths) & (shard.places["length"] > 0)
    with pa.OSFile(str(path)) as source:
        batch = pa.ipc.open_file(source).get_batch(0)
    return {row["image_id"]: row for row in batch.filter(pa.array(settled)).to_pylist()}


def _looked_at(image_id: str, path: str, settings: Settings) -> dict[str, Any]:
    """The row of one photograph; columns that it has no value for are left out."""
    # Before the file is read, so that a change in between is found later.
    size, modified_ns = version(path)
    row: dict[str, Any] = {"image_id": image_id}
    if (size, modified_ns) != GONE:
        row |= {"bytes": size, "modified_ns": modified_ns}
    try:
        data = read_bytes(path)
        row["sha256"] = hashlib.sha256(data).hexdigest()
        pixels, (width, height) = decode_bytes(data, path, settings.short_side)
        picture = _jpeg(_shrunk(pixels, width, height, settings.short_side), path, settings.quality)
    except ImageError as error:
        return row | {"fault": str(error)}
    return row | {"width": width, "height": height, "crc32": zlib.crc32(picture), "image": picture}


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
