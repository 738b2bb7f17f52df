"""Progress of runs: a line an epoch, on the terminal and on disk; how far a sweep has come."""

import json
import math
import time
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from awcu.runs.failures import IN_FOLDER
from awcu.runs.history import FILE, Epoch, read_history, write_history
from awcu.text import counted
from awcu.training.evaluation import Evaluation
from awcu.training.module import AestheticTask


class EpochHistory(pl.Callback):
    """One line an epoch: training loss, the gradient's norm, unweighted validation metrics, seconds.

    history.csv has all of them, the terminal the most important. The means of the steps are summed here and go into the
    checkpoint, since Lightning forgets its own sums where a run is stopped within an epoch. It must come before what
    writes checkpoints: then a kill between the two has the epoch trained again, and its line written again, instead of
    lost.

    Args:
        folder: The run's folder.
        evaluation: Has the metrics.
    """

    def __init__(self, folder: Path, evaluation: Evaluation) -> None:
        self.path = folder / FILE
        self.evaluation = evaluation
        self.validated: dict[str, float] = {}
        self.earlier, self.started = 0.0, 0.0
        # Of the epoch under way: loss · photographs, photographs, norms, steps that were clipped, steps.
        self.sums = [0.0] * 5
        self.steps: list[torch.Tensor] = []  # that are not in the sums yet

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the epoch under way, of all processes, since only the first one's checkpoint is written."""
        checkpoint["epoch_sums"] = [*self._sums(trainer, pl_module), self._seconds]

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Go on with it; a checkpoint from before it was kept has none."""
        *sums, self.earlier = checkpoint.get("epoch_sums", [0.0] * 6)
        if trainer.is_global_zero:
            self.sums = sums

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock, also where a resumed run goes on within an epoch."""
        self.started = time.monotonic()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start anew."""
        self.earlier, self.started = 0.0, time.monotonic()
        self.sums = [0.0] * 5
        self.steps.clear()
        self.validated = {}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep what one step did."""
        n = len(batch["row"])
        # Lightning hands over the loss as it was for the gradient. To ask for its value would make the GPU wait.
        loss = outputs["loss"].detach() * trainer.accumulate_grad_batches * n
        task = cast("AestheticTask", pl_module)
        norm, task.gradient_norm = task.gradient_norm, None
        step = torch.zeros(5, device=loss.device)
        step[0], step[1] = loss, n
        if norm is not None:  # else gradients are still accumulated
            step[2], step[3], step[4] = norm, norm > (trainer.gradient_clip_val or math.inf), 1
        self.steps.append(step)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the metrics; an epoch without validation must not repeat them."""
        metrics = self.evaluation.results["val"].metrics
        self.validated = {name: value for name, value in metrics.items() if "/trivial/" not in name}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the line, in place of one that a killed start of this epoch had left."""
        loss, photographs, norms, clipped, steps = self._sums(trainer, pl_module)
        if not trainer.is_global_zero:
            return
        epoch = trainer.current_epoch + 1
        line: Epoch = {
            "epoch": epoch,
            "train/loss": loss / photographs,
            "train/gradient_norm": norms / max(steps, 1),
            "train/clipped": clipped / max(steps, 1),
            **self.validated,
            "seconds": self._seconds,
        }
        # A run that starts afresh in the folder of one that failed begins the file anew.
        before = [one for one in read_history(self.path) if one["epoch"] < epoch] if epoch > 1 else []
        write_history([*before, line], self.path)
        shown = {"loss": "train/loss", "val AUROC": "val/auroc", "val accuracy": "val/accuracy"}
        values = "  ".join(f"{label} {line[key]:.3f}" for label, key in shown.items() if key in line)
        width = len(str(trainer.max_epochs))
        print(f"  epoch {epoch:{width}}/{trainer.max_epochs}  {values}  {self._seconds:.0f} s", flush=True)

    def _sums(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> list[float]:
        """The sums over all processes."""
        # One after another, so that a run that was stopped in between comes to the same last bit.
        for step in torch.stack(self.steps).tolist() if self.steps else []:
            self.sums = [total + value for total, value in zip(self.sums, step, strict=True)]
        self.steps.clear()
        if trainer.world_size == 1:
            return self.sums
        mine = torch.tensor(self.sums, dtype=torch.float64, device=pl_module.device)
        return list(trainer.strategy.reduce(mine, reduce_op="sum").tolist())

    @property
    def _seconds(self) -> float:
        return round(self.earlier + time.monotonic() - self.started, 3)


class SweepProgress(Callback):
    """Says at the start of a multirun how many runs it makes, and after each, how long the rest will take."""

    def __init__(self) -> None:
        self.runs = 0
        self.started = 0.0

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Announce the sweep."""
        params = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
        self.runs = number_of_runs([*params, *config.hydra.overrides.task])
        print(counted(self.runs, "run"), flush=True)

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
