"""Photographs in their own proportions (`images.aspect=keep`) against squares (warp): training and scoring.

python benchmarks/aspect.py          # 3 minutes on two cores; prints Markdown
"""

import statistics
import time
from collections.abc import Callable
from itertools import islice
from types import SimpleNamespace

import cv2
import numpy as np
import torch

from awcu.datasets import gallery
from awcu.images.decoding import decode
from awcu.images.transforms import Aspect, Preparation
from awcu.models.network import AestheticNet
from awcu.ratings.ratings import Ratings
from awcu.ratings.weighting import SampleWeights, Uniform
from awcu.training.datamodule import RatingData

BACKBONE, SIZE, BATCH, BATCHES, ROUNDS = "tf_efficientnet_lite0", 224, 16, 6, 5
ASPECTS: tuple[Aspect, ...] = ("warp", "keep")


def main() -> None:
    """Rounds of both in turn, so that a machine that slows down slows down both."""
    cv2.setNumThreads(1)
    ratings = gallery.read()
    works: dict[str, dict[Aspect, Callable[[], int]]] = {
        "training": {aspect: training(ratings, aspect) for aspect in ASPECTS},
        "scoring": {aspect: scoring(ratings, aspect) for aspect in ASPECTS},
    }
    frames = {Preparation(SIZE, "keep", [0.5] * 3, [0.5] * 3).frame(*decode(p).shape[:2]) for p in ratings.image_paths}
    print(f"{len(ratings):,} rendered pictures, {len(frames)} frames at {SIZE} px: {sorted(frames)}\n")
    print("| | warp, images/s | keep, images/s | keep ÷ warp |\n|---|--:|--:|--:|")
    for what, ways in works.items():
        speeds: dict[Aspect, list[float]] = {aspect: [] for aspect in ASPECTS}
        for _ in range(ROUNDS):
            for aspect, work in ways.items():
                started = time.perf_counter()
                images = work()
                speeds[aspect].append(images / (time.perf_counter() - started))
        warp, keep = (statistics.median(speeds[aspect][1:]) for aspect in ASPECTS)
        print(f"| {what} | {warp:.1f} | {keep:.1f} | {keep / warp:.2f} |", flush=True)


def training(ratings: Ratings, aspect: Aspect) -> Callable[[], int]:
    """Some steps of the whole network on batches as a run draws them."""
    fit = Preparation(SIZE, aspect, [0.5] * 3, [0.5] * 3)
    data = RatingData(ratings, SampleWeights(Uniform()), fit, fit, BATCH, workers=0, seed=0)
    epoch = SimpleNamespace(batch_idx=-1)
    data.trainer = SimpleNamespace(  # type: ignore[assignment]
        current_epoch=0, max_epochs=1, global_rank=0, world_size=1, fit_loop=SimpleNamespace(epoch_loop=epoch)
    )
    torch.manual_seed(0)
    net = AestheticNet(BACKBONE).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)

    def work() -> int:
        for batch in islice(data.train_dataloader(), BATCHES):
            images = batch["image"].to(memory_format=torch.channels_last)
            torch.nn.functional.cross_entropy(net(images).aesthetic, batch["high"]).backward()
            optimizer.step()
            optimizer.zero_grad()
        return BATCHES * BATCH

    return work


def scoring(ratings: Ratings, aspect: Aspect) -> Callable[[], int]:
    """Decoding, preparing and judging, batches of one frame."""
    fit = Preparation(SIZE, aspect, [0.5] * 3, [0.5] * 3)
    some = ratings.select(np.arange(BATCHES * BATCH * 2))
    data = RatingData(some, SampleWeights(Uniform()), fit, fit, BATCH, workers=0, seed=0)
    torch.manual_seed(0)
    net = AestheticNet(BACKBONE).to(memory_format=torch.channels_last).eval()

    @torch.inference_mode()
    def work() -> int:
        count = 0
        for batch in data.evaluation_loader("train"):
            net(batch["image"].to(memory_format=torch.channels_last))
            count += len(batch["row"])
        return count

    return work


if __name__ == "__main__":
    main()
