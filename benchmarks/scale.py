"""A folder of AVA's shape and size, from reading to an epoch of loading, with a kill in between.

python benchmarks/scale.py --ava LABELS          # half an hour on two cores, 3 GB of disk; prints Markdown

LABELS holds AVA's own lists (`aesthetics_image_lists`, `style_image_lists`) and a table `ava_histograms.csv` of real
histograms; without it histograms are drawn.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import psutil
from PIL import Image

from awcu.datasets.prepared import Prepared
from awcu.datasets.readers import ava
from awcu.images.transforms import Preparation
from awcu.ratings.weighting import SampleWeights, Uniform
from awcu.training.datamodule import RatingData

ROWS, SIDE, CHUNK, BATCH = 255_530, 64, 4096, 64
KILLED_AFTER = 30  # seconds


def main() -> None:
    """Write the folder, prepare it, kill and resume, load an epoch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ava", type=Path, help="folder of AVA's label files")
    parser.add_argument("--rows", type=int, default=ROWS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root, store = Path(name) / "AVA", Path(name) / "prepared"
        write_folder(root, arguments.rows, arguments.ava)
        prepare_in_two_goes(root, store)
        load_an_epoch(root, store)


def write_folder(root: Path, rows: int, labels: Path | None) -> None:
    """AVA.txt, lists and images/<id>.jpg, no two pictures the same."""
    started = time.perf_counter()
    random = np.random.default_rng(0)
    ids, votes = histograms(rows, labels, random)
    lists = root / "aesthetics_image_lists"
    lists.mkdir(parents=True)
    rows_of_text = np.column_stack([np.arange(1, rows + 1), ids, votes, np.zeros((rows, 2), np.int64), ids % 1398 + 1])
    np.savetxt(root / "AVA.txt", rows_of_text, fmt="%d")
    test = ids[random.permutation(rows)[: max(1, rows * 19_930 // ROWS)]]
    (lists / "generic_test.jpgl").write_text("\n".join(map(str, test)) + "\n")
    (root / "images").mkdir()
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(write_pictures, root / "images"), np.array_split(ids, -(-rows // CHUNK))))
    print(f"{rows:,} rows and pictures written in {time.perf_counter() - started:.0f} s\n", flush=True)


def histograms(rows: int, labels: Path | None, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`(N,)` ids and `(N, 10)` counts: real ones as far as they go, then drawn around a mean score."""
    means = random.normal(5.38, 0.73, rows)
    shares = np.exp(-0.5 * ((np.arange(1, 11) - means[:, None]) / 1.43) ** 2)
    votes = random.multinomial(random.integers(80, 549, rows), shares / shares.sum(1, keepdims=True))
    ids = np.sort(random.permutation(1_000_000)[:rows]) + 1
    if labels is not None:
        real = pd.read_csv(labels / "ava_histograms.csv")[:rows]
        votes[: len(real)] = real[[f"c{rating}" for rating in range(1, 11)]]
        ids = np.concatenate([real["image_id"], np.setdiff1d(ids, real["image_id"])])[:rows]
    return ids, votes


def write_pictures(folder: Path, ids: np.ndarray) -> None:
    """Small pictures, each with a pixel pattern of its own."""
    for image_id in ids.tolist():
        coarse = np.random.default_rng(image_id).integers(0, 256, (6, 8, 3), np.uint8)
        picture = Image.fromarray(coarse).resize((SIDE * 4 // 3, SIDE), Image.Resampling.BICUBIC)
        picture.save(folder / f"{image_id}.jpg", quality=90)


def prepare_in_two_goes(root: Path, store: Path) -> None:
    """Killed outright after a while, then run to its end."""
    command = [sys.executable, "-m", "awcu", "prepare", "data=ava", f"data.root={root}", f"data.prepared={store}"]
    command.append("data.ratings.check_counts=false")
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as run:
        time.sleep(KILLED_AFTER)
        os.killpg(run.pid, signal.SIGKILL)
    kept = len(list(store.glob("*/*.jpg")))
    print(f"prepare: killed after {time.perf_counter() - started:.0f} s with {kept:,} pictures", flush=True)
    started = time.perf_counter()
    subprocess.run(command, check=True)
    size = sum(path.stat().st_size for path in store.glob("*/*.jpg")) / 1e9
    print(f"resumed and finished in {time.perf_counter() - started:.0f} s, {size:.1f} GB\n", flush=True)


def load_an_epoch(root: Path, store: Path) -> None:
    """The training split once in one worker, whose private memory is looked at on the way."""
    cv2.setNumThreads(1)
    ratings, _ = Prepared.open(store).readable(ava.read(root, check_counts=False))
    fit = Preparation(SIDE, "warp", [0.5] * 3, [0.5] * 3, flip=True)
    data = RatingData(
        ratings, SampleWeights(Uniform()), fit, fit, BATCH, workers=1, seed=0, prepared=Prepared.open(store)
    )
    batches = data.evaluation_loader("train")
    looks = np.linspace(0, len(batches) - 1, 9).astype(int).tolist()
    curve, started = [], time.perf_counter()
    for place, batch in enumerate(batches):
        if place in looks:
            (worker,) = psutil.Process().children()
            curve.append((place * BATCH + len(batch["row"]), worker.memory_full_info().uss / 2**20))
    seconds = time.perf_counter() - started
    print(f"{len(batches) * BATCH:,} photographs loaded in {seconds:.0f} s, {len(batches) * BATCH / seconds:,.0f} /s\n")
    print("| photographs | " + " | ".join(f"{n:,}" for n, _ in curve) + " |\n|---|" + "--:|" * len(curve))
    print("| worker's own memory, MiB | " + " | ".join(f"{mebibytes:.0f}" for _, mebibytes in curve) + " |")


if __name__ == "__main__":
    main()
