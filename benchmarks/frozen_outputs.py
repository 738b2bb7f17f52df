"""A run of `make reproduce` whose frozen blocks see each picture once, against one where they do in every epoch.

python benchmarks/frozen_outputs.py   # 8 minutes on two cores; prints Markdown
"""

import os
import tempfile
import time
from pathlib import Path

from hydra import compose, initialize_config_dir

from awcu.commands.train import run
from awcu.config.hydra import conf_folder


def seconds(folder: Path, *overrides: str) -> float:
    """From the configuration to the record, without W&B."""
    quiet = ["wandb.mode=disabled", "wandb.photographs=0"]
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        cfg = compose("train", ["experiment=reproduce", *quiet, *overrides])
    begun = time.perf_counter()
    run(cfg, folder / " ".join(overrides), overrides)
    return time.perf_counter() - begun


def main() -> None:
    """Print a row for the first run and for each later one, which finds the outputs on the disk."""
    print("| seed | every epoch | once | ratio |\n|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # nothing is there yet
        # The pictures are rendered before anything is timed.
        seconds(Path(folder), "loader.frozen_outputs=false", "trainer.max_epochs=1")
        for seed in (0, 1):
            each, once = (
                seconds(Path(folder), f"loader.frozen_outputs={kept}", f"seed={seed}") for kept in ("false", "true")
            )
            print(f"| {seed} | {each:.0f} s | {once:.0f} s | {each / once:.1f}× |", flush=True)


if __name__ == "__main__":
    main()
