"""A sweep's throughput, two runs at a time against one after another; and how long a run takes to its first step.

Two networks on the rendered gallery, four runs each. Both launchers start a process of their own, so their
imports count on both sides.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GALLERY = ["data.ratings.n=480", "loader.workers=0", "loader.batch_size=16", "wandb.mode=disabled"]
NETWORKS = {
    "mobilenetv3_small_050, 112 px": [
        "network.backbone=mobilenetv3_small_050",
        "images.size=112",
        "trainer.max_epochs=6",
    ],
    "mobilenetv2_100, upper blocks, 128 px": ["experiment=finetune_upper"],  # what the committed grids train
}
SWEEP = ["-m", "seed=0,1,2,3", *GALLERY]
MARKS = """
import sys, time
started = float(sys.argv.pop(1))
marks = []
from awcu.training.module import AestheticTask
from awcu.commands import main as cli
marks.append(time.time())
def first_step(*_):
    marks.append(time.time())
    print("MARKS", *(mark - started for mark in marks), flush=True)
    raise SystemExit
AestheticTask.on_train_batch_start = first_step
cli.main()
"""


def sweep(folder: Path, name: str, network: list[str], launcher: list[str], threads: int | None) -> float:
    """Seconds of four runs."""
    environment = dict(os.environ)
    environment.pop("OMP_NUM_THREADS", None)
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    command = [sys.executable, "-m", "awcu", "train", *SWEEP, f"name={name}", *network, *launcher]
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def throughput(folder: Path) -> None:
    """The table of the launchers."""
    print("| network | one after another, 2 threads | 1 thread | two at a time, 1 thread each | ratio | to 1 thread |")
    print("|---|--:|--:|--:|--:|--:|")
    for place, (label, network) in enumerate(NETWORKS.items()):
        two_threads = sweep(folder, f"{place}_a", network, [], None)
        one_thread = sweep(folder, f"{place}_b", network, [], 1)
        together = sweep(folder, f"{place}_c", network, ["hydra/launcher=joblib"], None)
        print(
            f"| {label} | {two_threads:.0f} s | {one_thread:.0f} s | {together:.0f} s | "
            f"{two_threads / together:.2f}× | {one_thread / together:.2f}× |",
            flush=True,
        )


def start_up(folder: Path) -> None:
    """Seconds from the start of the process: all is imported, the first step begins."""
    print("\n| start | imported | first step |\n|---|--:|--:|")
    for label in ("first", "second", "third"):
        command = [sys.executable, "-c", MARKS, str(time.time()), "train", *GALLERY, "hydra.run.dir=start"]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        marks = next(line for line in done.stdout.splitlines() if line.startswith("MARKS")).split()[1:]
        print(f"| {label} | {' | '.join(f'{float(mark):.1f} s' for mark in marks)} |", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        # Rendered once, before anything is timed.
        sweep(Path(made), "warm", [*NETWORKS["mobilenetv3_small_050, 112 px"], "trainer.max_epochs=1"], [], None)
        throughput(Path(made))
        start_up(Path(made))
