"""Reading AVA at its full size, with styles and the official split: seconds and memory of a fresh process on one core.

python benchmarks/ava.py          # a minute; prints Markdown
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from awcu.datasets.readers.ava import CATEGORIES
from awcu.datasets.readers.ava_files import CORRUPT, IN_CATEGORY, IN_LIST, OFFICIAL_TEST, ROWS
from awcu.datasets.readers.ava_style import COUNTS

ROUNDS = 5
STYLES = 14
IN_TEST = {"train": 951, "test": 221}
"""Photographs of the style lists that the official test set has."""
CHILD = """
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from awcu.datasets.readers.ava import read
ratings = read(sys.argv[1], styles=True)
assert "torch" not in sys.modules
print(*(f"{(ratings.split == part).sum():,} {part}" for part in ("train", "val", "test")), sep=", ")
"""


def main() -> None:
    """Make a folder as AVA's, and read it in processes of their own."""
    with tempfile.TemporaryDirectory() as name:
        write(Path(name))
        seconds = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            said = subprocess.run(
                [sys.executable, "-c", CHILD, name], check=True, capture_output=True, text=True
            ).stdout
            seconds.append(time.perf_counter() - started)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{said}| AVA with styles, imports included | s |\n|---|--:|")
    print(f"| median of {ROUNDS} | {np.median(seconds):.2f} |\n| slowest | {max(seconds):.2f} |")
    print(f"\npeak memory {peak:.0f} MiB")


def write(root: Path) -> None:
    """AVA.txt of random votes, lists that overlap as the published ones do, and empty photographs."""
    rng = np.random.default_rng(0)
    numbers = np.setdiff1d(np.arange(1, 960_000), CORRUPT)
    drawn = rng.choice(numbers, ROWS[0] + IN_LIST["generic_test"] - OFFICIAL_TEST - len(CORRUPT), replace=False)
    ids, unrated = np.split(np.append(CORRUPT, drawn), [ROWS[0]])
    rng.shuffle(ids)
    table = np.column_stack([np.arange(1, len(ids) + 1), ids, votes(rng), rng.integers(0, 67, (len(ids), 3))])
    lines(root / "AVA.txt", table)
    test, train = np.append(ids[:OFFICIAL_TEST], unrated), ids[OFFICIAL_TEST:]
    lists = {"generic_test": test, "generic_ls_train": train[: IN_LIST["generic_ls_train"]]}
    for place, category in enumerate(CATEGORIES):
        lists[f"{category}_test"] = np.split(test, len(CATEGORIES))[place]
        lists[f"{category}_train"] = train[place * IN_CATEGORY :][:IN_CATEGORY]
    for name, photographs in lists.items():
        lines(root / "aesthetics_image_lists" / f"{name}.jpgl", photographs[:, None])
    style_lists(root / "style_image_lists", test, train, rng)
    (root / "images").mkdir()
    for photograph in ids.tolist():
        (root / "images" / f"{photograph}.jpg").touch()


def votes(rng: np.random.Generator) -> NDArray[np.int64]:
    """`(N, 10)` counts, about 210 a photograph."""
    shares = [0.01, 0.02, 0.05, 0.13, 0.27, 0.27, 0.14, 0.07, 0.03, 0.01]
    return rng.multinomial(rng.integers(80, 340, ROWS[0]), shares)


def style_lists(folder: Path, test: NDArray[np.int64], train: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Lists of which some photographs are in the aesthetic test set."""
    start = 0
    for part, crossing in IN_TEST.items():
        photographs = np.append(test[start:][:crossing], train[start:][: COUNTS[part] - crossing])
        lines(folder / f"{part}.jpgl", photographs[:, None])
        start += COUNTS[part]
    lines(folder / "train.lab", rng.integers(1, STYLES + 1, (COUNTS["train"], 1)))
    lines(folder / "test.multilab", rng.integers(0, 2, (COUNTS["test"], STYLES)))
    (folder / "styles.txt").write_text("".join(f"{style} Style_{style}\n" for style in range(1, STYLES + 1)))


def lines(path: Path, table: NDArray[np.int64]) -> None:
    """A row of numbers a line."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(" ".join(map(str, row)) + "\n" for row in table.tolist()))


if __name__ == "__main__":
    main()
