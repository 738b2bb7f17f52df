"""What the terminal shows while runs go on: a line an epoch, how far a sweep has come, and what failed in it."""

import json
import math
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from awcu.failed_runs import IN_FOLDER


class EpochLine(pl.Callback):
    """One line an epoch: loss, validation AUROC and accuracy, seconds."""

    def __init__(self) -> None:
        self.started = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock, also where a resumed run goes on within an epoch."""
        self.started = time.monotonic()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock anew."""
        self.started = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the line."""
        metrics = trainer.callback_metrics
        shown = {"loss": "train/loss", "val AUROC": "val/auroc", "val accuracy": "val/accuracy"}
        values = "  ".join(f"{label} {metrics[key]:.3f}" for label, key in shown.items() if key in metrics)
        width = len(str(trainer.max_epochs))
        seconds = time.monotonic() - self.started
        print(
            f"  epoch {trainer.current_epoch + 1:{width}}/{trainer.max_epochs}  {values}  {seconds:.0f} s", flush=True
        )


class SweepProgress(Callback):
    """Says at the start of a multirun how many runs it makes and how long they take, and after each, how long still.

    Args:
        minutes: What the whole sweep took where it was measured.
        measured_on: On what.
    """

    def __init__(self, minutes: float, measured_on: str) -> None:
        self.minutes = minutes
        self.measured_on = measured_on
        self.runs = 0
        self.started = 0.0

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Announce the sweep."""
        params = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
        self.runs = number_of_runs([*params, *config.hydra.overrides.task])
        print(f"{self.runs} runs, about {self.minutes:g} min on {self.measured_on}", flush=True)

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Announce one run."""
        if self.runs:
            job = config.hydra.job.override_dirname
            self.started = time.monotonic()
            print(f"run {config.hydra.job.num + 1} of {self.runs}: {job}", flush=True)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Say how long the rest will take at the pace so far."""
        if self.runs:
            done = config.hydra.job.num + 1
            seconds = time.monotonic() - self.started
            # The first run may have prepared the data as well, so only later ones tell the pace.
            left = math.ceil(seconds * (self.runs - done) / 60)
            # Nor does one that had finished before, which takes no time.
            pace = f", about {left} min left" if done > 1 and seconds > 1 else ""
            print(f"  {seconds:.0f} s{pace}", flush=True)


def number_of_runs(overrides: list[str]) -> int:
    """How many jobs Hydra's basic sweeper makes of these overrides; a later one replaces an earlier of its key."""
    choices: dict[str, int] = {}
    for override in OverridesParser.create().parse_overrides(overrides):
        is_sweep = override.is_sweep_override()
        choices[override.get_key_element()] = len(list(override.sweep_string_iterator())) if is_sweep else 1
    return math.prod(choices.values())


class FailedRuns(Callback):
    """Says at the end of a multirun which of its runs failed, and makes its exit status 1."""

    def __init__(self) -> None:
        self.before: set[tuple[Path, str]] = set()

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remember the failures of earlier sweeps."""
        self.before = _failure_files(Path(config.hydra.sweep.dir))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """List those of this one; from their files, since its jobs may have run in other processes.

        Raises:
            SystemExit: There are some.
        """
        failed = sorted(_failure_files(Path(config.hydra.sweep.dir)) - self.before)
        if failed:
            lines = [f"  {path.parent}: {json.loads(text)['error'].splitlines()[0]}" for path, text in failed]
            raise SystemExit("\n".join([f"awcu: {len(failed)} runs failed; the same command runs them again:", *lines]))


def _failure_files(folder: Path) -> set[tuple[Path, str]]:
    return {(path, path.read_text(encoding="utf-8")) for path in folder.rglob(IN_FOLDER)}
