"""The gallery on disk: rendered once, into a folder that appears complete or not at all, and then only read."""

import csv
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import platformdirs
from filelock import FileLock
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from awcu.datasets.gallery.plan import STYLES
from awcu.datasets.gallery.rater_model import SCALE
from awcu.datasets.gallery.sample import Sample, render
from awcu.errors import GalleryError
from awcu.ratings.ratings import Ratings
from awcu.ratings.splits import hash_split

FORMAT = 1  # part of the folder's name: increase it whenever pictures or files change
JPEG_QUALITY = 92
SECONDS_A_PICTURE = 0.1  # to paint and write; used for the message only
FEW = 32  # with fewer pictures, starting worker processes costs more time than it saves


@dataclass(frozen=True, eq=False)
class Truth:
    """The known truth of one picture on disk; fields as in `Sample`, with `cause_map` rounded to half precision."""

    scene: str
    style_masks: NDArray[np.bool_]
    cause_map: NDArray[np.float32]
    quality: float
    visible_quality: float
    context: float
    crop: tuple[int, int, int, int]


def read(
    root: str | Path | None = None,
    n: int = 1600,
    seed: int = 0,
    short_side: int = 224,
    split_seed: int = 0,
    val: float = 0.1,
    test: float = 0.25,
) -> Ratings:
    """The gallery as a data set; rendered on first use, read from disk afterwards.

    Rendering starts worker processes, so a script calls this under `if __name__ == "__main__":`.

    Args:
        root: Folder of galleries; the user's cache folder when None.
        n: Number of pictures.
        seed: Another seed gives another gallery.
        short_side: In pixels.
        split_seed: Another seed gives another split of the same pictures.
        val: Expected share of validation pictures.
        test: Expected share of test pictures.

    Raises:
        GalleryError: `n` is less than 1, `seed` is negative or `short_side` is less than 64 pixels.
        FileNotFoundError: A finished gallery has lost its list of votes.
    """
    if n < 1:
        raise GalleryError(f"n {n}: a gallery has at least 1 picture; ask for more")
    home = Path(root) if root is not None else Path(platformdirs.user_cache_dir("awcu")) / "gallery"
    folder = home.expanduser().resolve() / f"format{FORMAT}-seed{seed}-n{n}-{short_side}px"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        # When several runs of a sweep start at once, one renders and the others wait.
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if not folder.is_dir():
                _render_all(folder, n, seed, short_side)
    rows = _vote_rows(folder)
    ids = np.array([row["image_id"] for row in rows])
    votes = np.array([[int(row[f"c{rating}"]) for rating in SCALE] for row in rows], np.int64)
    return Ratings(
        name="gallery",
        image_ids=ids,
        image_paths=np.array([str(folder / "images" / f"{image_id}.jpg") for image_id in ids]),
        scale=SCALE.astype(np.float64),
        midpoint=5.0,
        mean_score=votes @ SCALE / votes.sum(axis=1),
        split=hash_split(ids, split_seed, val, test),
        votes=votes,
        attributes=np.array([[float(row[style]) for style in STYLES] for row in rows]),
        attribute_names=STYLES,
    )


def truth(source: Ratings | str | Path, image_id: str) -> Truth:
    """Causes, style masks, latent quality and best crop of one picture, from a gallery's ratings or folder.

    Raises:
        KeyError: The ratings do not include the picture.
        FileNotFoundError: The picture has no truth file.
    """
    if isinstance(source, Ratings):
        where = np.flatnonzero(source.image_ids == image_id)
        if len(where) == 0:
            raise KeyError(f"{image_id!r} is not in {source.name}; use one of its image_ids")
        folder = Path(str(source.image_paths[where[0]])).parent.parent
    else:
        folder = Path(source)
    path = folder / "truth" / f"{image_id}.npz"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: only gallery pictures have a known truth; render them with read()")
    with np.load(path) as stored:
        area = stored["cause_map"].size
        masks = np.unpackbits(stored["style_masks"], axis=-1, count=stored["cause_map"].shape[1])
        visible, context, quality = (float(value) for value in stored["quality"])
        return Truth(
            scene=str(stored["scene"]),
            style_masks=masks.astype(np.bool_),
            cause_map=stored["cause_map"].astype(np.float32) / area,
            quality=quality,
            visible_quality=visible,
            context=context,
            crop=tuple(stored["crop"].tolist()),
        )


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A working folder that is renamed to `folder` at the end."""
    # Of one name, so that what a killed process left there is found; the lock keeps others out.
    work = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        yield work
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _render_all(folder: Path, n: int, seed: int, short_side: int) -> None:
    workers = 1 if n < FEW else worker_count()
    console = Console(stderr=True)
    seconds = n * SECONDS_A_PICTURE * (short_side / 224) ** 2 / workers
    console.print(
        f"Rendering the gallery once: {n} pictures, about {seconds:.0f} s on {workers} core(s), into {folder}"
    )
    with _appearing(folder) as work:
        for name in ("images", "truth"):
            (work / name).mkdir()
        job = partial(_render_one, str(work), seed, short_side)
        if workers == 1:
            rows = [job(index) for index in track(range(n), "pictures", console=console)]
        else:
            # Spawned, not forked: the parent may hold threads of torch or OpenCV.
            with ProcessPoolExecutor(workers, get_context("spawn"), _one_thread) as pool:
                try:
                    rows = list(track(pool.map(job, range(n), chunksize=8), "pictures", n, console=console))
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
        with (work / "votes.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["image_id", "scene", *(f"c{rating}" for rating in SCALE), *STYLES])
            writer.writerows(rows)


def worker_count() -> int:
    """Number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _render_one(folder: str, seed: int, short_side: int, index: int) -> list[str | int]:
    """Paint and write one picture with its truth, and return its row for votes.csv."""
    sample, image_id = render(seed, index, short_side), f"g{index:05d}"
    _write(Path(folder), image_id, sample)
    return [image_id, sample.scene, *sample.votes.tolist(), *sample.attributes.tolist()]


def _write(folder: Path, image_id: str, sample: Sample) -> None:
    bgr = cv2.cvtColor(sample.image, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    (folder / "images" / f"{image_id}.jpg").write_bytes(jpeg.tobytes())
    np.savez_compressed(
        folder / "truth" / f"{image_id}.npz",
        # Multiplied by the area, since rating points per pixel are too small for half precision.
        cause_map=(sample.cause_map * sample.cause_map.size).astype(np.float16),
        style_masks=np.packbits(sample.style_masks, axis=-1),
        quality=np.array([sample.visible_quality, sample.context, sample.quality]),
        crop=np.array(sample.crop),
        scene=np.array(sample.scene),
    )


def _vote_rows(folder: Path) -> list[dict[str, str]]:
    path = folder / "votes.csv"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing, so the folder was changed after rendering; delete it and read again"
        )
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
