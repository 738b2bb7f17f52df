"""From photographs of 12 megapixels to network input: by Pillow, by awcu, and from what `awcu prepare` keeps.

python benchmarks/loading.py          # 5 minutes on two cores; prints Markdown
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch.nn.functional import cross_entropy

from awcu.datasets import gallery
from awcu.datasets.prepared import Prepared, prepare
from awcu.images.decoding import decode
from awcu.images.transforms import Preparation
from awcu.models.network import AestheticNet
from awcu.ratings.ratings import Ratings
from awcu.ratings.weighting import SampleWeights, Uniform
from awcu.training.datamodule import Batch, RatingData

PHOTOGRAPHS, DISTINCT, CAMERA = 1024, 32, (4000, 3000)
SIZE, BATCH, ROUNDS = 224, 32, 3


def main() -> None:
    """Each table on the same photographs."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        ratings = photographed(Path(name) / "photographs")
        store = prepare(ratings, Path(name) / "prepared")
        one_by_one(ratings, store)
        by_workers(ratings, store)
        training(ratings, store)


def photographed(folder: Path) -> Ratings:
    """Gallery pictures drawn large, with a sensor's noise; every name a photograph, a few of them different."""
    folder.mkdir()
    random = np.random.default_rng(0)
    rated = gallery.read().select(np.arange(PHOTOGRAPHS))
    paths = [folder / f"{place:04d}.jpg" for place in range(PHOTOGRAPHS)]
    for place, path in enumerate(paths):
        if place < DISTINCT:
            with Image.open(rated.image_paths[place]) as picture:
                large = np.asarray(picture.resize(CAMERA, Image.Resampling.BICUBIC))
            grain = cv2.GaussianBlur(random.normal(0, 12, large.shape).astype(np.float32), (0, 0), 1.2)
            Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8)).save(path, quality=92)
        else:
            os.link(paths[place % DISTINCT], path)
    size = sum(path.stat().st_size for path in paths[:DISTINCT]) / DISTINCT / 1e6
    print(f"{CAMERA[0]} × {CAMERA[1]} pixels, {size:.1f} MB a photograph\n")
    fields = {name: getattr(rated, name) for name in ("image_ids", "scale", "midpoint", "mean_score", "split", "votes")}
    return Ratings(name="photographs", image_paths=np.array([str(path) for path in paths]), **fields)


def one_by_one(ratings: Ratings, store: Prepared) -> None:
    """Milliseconds a photograph on one core, the best of some rounds."""
    fit = Preparation(SIZE, "warp", [0.5] * 3, [0.5] * 3)
    rows = range(DISTINCT)
    pixels = store.of(ratings)
    ways: dict[str, Callable[[int], object]] = {
        "Pillow: decode, resize": lambda row: by_pillow(ratings.image_paths[row]),
        "awcu: decode at reduced scale, resize, normalise": lambda row: fit(decode(ratings.image_paths[row], SIZE)),
        "from the store: decode, resize, normalise": lambda row: fit(pixels[row]),
    }
    seconds = {way: min(timed(load, rows) for _ in range(ROUNDS)) / len(rows) for way, load in ways.items()}
    slowest = next(iter(seconds.values()))
    print("| one core | ms a photograph | images/s | ratio |\n|---|--:|--:|--:|")
    for way, mine in seconds.items():
        print(f"| {way} | {mine * 1e3:.2f} | {1 / mine:,.0f} | {slowest / mine:.1f}× |", flush=True)
    print()


def by_pillow(path: str) -> Image.Image:
    """What most data sets do."""
    with Image.open(path) as image:
        return image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)


def timed(load: Callable[[int], object], rows: range) -> float:
    """Seconds for some rows."""
    started = time.perf_counter()
    for row in rows:
        load(row)
    return time.perf_counter() - started


def data(ratings: Ratings, store: Prepared | None, workers: int) -> RatingData:
    """As `awcu train` builds it."""
    fit = Preparation(SIZE, "warp", [0.5] * 3, [0.5] * 3, flip=True)
    return RatingData(ratings, SampleWeights(Uniform()), fit, fit, BATCH, workers=workers, seed=0, prepared=store)


def by_workers(ratings: Ratings, store: Prepared) -> None:
    """The loader alone, in its worker processes."""
    megabytes = {None: np.mean([Path(path).stat().st_size for path in ratings.image_paths]) / 1e6}
    megabytes[store] = sum(path.stat().st_size for path in store.folder.glob("*/*.jpg")) / len(ratings) / 1e6
    print("| loader | workers | images/s | images/s a worker | MB/s read |\n|---|--:|--:|--:|--:|")
    for source, name in ((None, "photographs"), (store, "store")):
        for workers in (1, 2):
            loaded, started = 0, 0.0
            for batch in data(ratings, source, workers).evaluation_loader("train"):
                # The first batch waits for the processes to start.
                loaded, started = (loaded + len(batch["row"]), started) if started else (0, time.perf_counter())
            rate = loaded / (time.perf_counter() - started)
            print(f"| {name} | {workers} | {rate:,.0f} | {rate / workers:,.0f} | {rate * megabytes[source]:,.0f} |")
    print(flush=True)


def training(ratings: Ratings, store: Prepared) -> None:
    """What share of a training step waits for its batch, with a MobileNetV3-small."""
    print("| training on | workers | ms a step | waiting |\n|---|--:|--:|--:|")
    for source, name in ((None, "photographs"), (store, "store")):
        torch.manual_seed(0)
        net = AestheticNet("mobilenetv3_small_100").to(memory_format=torch.channels_last).train()
        optimizer = torch.optim.AdamW(net.parameters())
        batches = iter(data(ratings, source, 1).evaluation_loader("train"))
        for batch in islice(batches, 2):
            step(net, optimizer, batch)
        waited, started, steps = 0.0, time.perf_counter(), 0
        for wait, batch in waiting(batches):
            waited, steps = waited + wait, steps + 1
            step(net, optimizer, batch)
        seconds = time.perf_counter() - started
        print(f"| {name} | 1 | {seconds / steps * 1e3:.0f} | {waited / seconds:.1%} |", flush=True)


def waiting(batches: Iterator[Batch]) -> Iterator[tuple[float, Batch]]:
    """Batches with the seconds that each was waited for."""
    while True:
        started = time.perf_counter()
        batch = next(batches, None)
        if batch is None:
            return
        yield time.perf_counter() - started, batch


def step(net: AestheticNet, optimizer: torch.optim.Optimizer, batch: Batch) -> None:
    """Forward, backward, update."""
    images = batch["image"].to(memory_format=torch.channels_last)
    loss = cross_entropy(net(images).aesthetic, batch["high"])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


if __name__ == "__main__":
    main()
