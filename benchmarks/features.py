"""Extracting features from photographs on disk against the backbone's bare forward pass on tensors in memory.

python benchmarks/features.py          # 4 minutes on two cores; prints Markdown
"""

import tempfile
import time
from pathlib import Path

import albumentations as A
import torch

from awcu.datasets import gallery
from awcu.images.decoding import decode
from awcu.images.transforms import Preparation
from awcu.models.network import AestheticNet
from awcu.ratings.ratings import Ratings
from awcu.training.features import extract

PHOTOGRAPHS, SIZE, BATCH, ROUNDS = 1600, 224, 32, 2


def main() -> None:
    """Alternate the two, so that both meet the same machine, and print the best of each."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    ratings = gallery.read(n=PHOTOGRAPHS)
    print("| backbone | bare forward | extraction | ratio |\n|---|--:|--:|--:|")
    for backbone in ("mobilenetv2_100", "resnet18"):
        network = AestheticNet(backbone).to(device, memory_format=torch.channels_last).eval()
        prepare = Preparation(SIZE, "warp", [0.5] * 3, [0.5] * 3)
        images = torch.stack([prepare(decode(path, SIZE)) for path in ratings.image_paths])
        seconds = [(bare(network, images.to(device)), whole(network, ratings, prepare)) for _ in range(ROUNDS)]
        fastest = [PHOTOGRAPHS / min(column) for column in zip(*seconds, strict=True)]
        print(f"| {backbone} | {fastest[0]:.1f} /s | {fastest[1]:.1f} /s | {fastest[1] / fastest[0]:.2f} |", flush=True)


def bare(network: AestheticNet, images: torch.Tensor) -> float:
    """Seconds of the forward pass alone."""
    started = time.perf_counter()
    with torch.inference_mode():
        for batch in images.split(BATCH):
            network.features(batch.contiguous(memory_format=torch.channels_last)).mean((2, 3)).cpu()
    return time.perf_counter() - started


def whole(network: AestheticNet, ratings: Ratings, prepare: A.Compose) -> float:
    """Seconds of reading, decoding, preparing, the forward pass, and writing; photographs are checked before."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        extract(ratings, network, {}, prepare, batch_size=BATCH, folder=Path(folder))
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
