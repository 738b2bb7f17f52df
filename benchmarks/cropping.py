"""Crops of a 4,000 × 3,000 photograph from its map, free and at eight aspects, after the forward pass.

python benchmarks/cropping.py          # seconds; prints Markdown
"""

import time

import numpy as np

from awcu.inference.crop import parse_aspect, propose
from awcu.inference.explanation import CELLS
from awcu.models.cam import onto_photograph

SIZE = (3000, 4000)
ASPECTS = ("free", "original", "1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16")
ROUNDS = 100


def main() -> None:
    """Print the median and the slowest of the rounds, each on another map."""
    random = np.random.default_rng(0)
    print("| proposals an aspect | all nine aspects, median | slowest of 100 |\n|--:|--:|--:|")
    for top in (1, 5):
        seconds = []
        for _ in range(ROUNDS):
            grid = random.normal(size=(7, 7)).astype(np.float32)
            started = time.perf_counter()
            evidence = onto_photograph(grid, "warp", (CELLS * SIZE[0] // SIZE[1], CELLS))
            for aspect in ASPECTS:
                propose(evidence, SIZE, parse_aspect(aspect, SIZE), top=top)
            seconds.append(time.perf_counter() - started)
        print(f"| {top} | {1000 * np.median(seconds):.1f} ms | {1000 * max(seconds):.1f} ms |")


if __name__ == "__main__":
    main()
