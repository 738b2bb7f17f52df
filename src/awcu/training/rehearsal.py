"""A few steps of a run, timed on the machine at hand: what the whole of it will need."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf

from awcu.config.hydra import instantiated, plain
from awcu.ratings.ratings import Ratings
from awcu.training.build import Run, build_run, build_task, image_settings
from awcu.training.evaluation import learned_from
from awcu.training.trainer import build_trainer, quiet

TIMED = 20  # steps at least, where they take no longer than
LONGEST = 20.0  # seconds; on a CPU with the first step, which alone may take longer
VALIDATED = 2  # batches


class Clock(pl.Callback):
    """Notes when each step ends, and ends the epoch when it has seen enough.

    Args:
        waiting: Batches that the loader has ready when the first step begins; the steps that use them up do not show
            how fast it is.
    """

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        self.slow = False
        self.started = 0.0
        self.ends: list[float] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self.slow = trainer.strategy.root_device.type == "cpu"
        self.started = time.monotonic()

    def on_train_batch_end(self, trainer: pl.Trainer, *arguments: Any) -> None:
        """Note the time; on a GPU that of the step's end, which comes after that of its order."""
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.synchronize()
        self.ends.append(time.monotonic())
        trainer.should_stop = self.enough

    @property
    def enough(self) -> bool:
        """Whether more steps would tell little; a GPU's first step starts it up, and is no measure of the others."""
        if self.slow and self.ends[-1] - self.started > LONGEST:
            return True
        seconds = self.ends[-1] - self.ends[0]
        return len(self.ends) > self.waiting + TIMED or (len(self.ends) > 1 and seconds > LONGEST)

    @property
    def step_seconds(self) -> float:
        """Mean of the later steps; of one alone, its time since the start."""
        if len(self.ends) == 1:
            return self.ends[0] - self.started
        first = min(self.waiting, len(self.ends) // 2, len(self.ends) - 2)
        return (self.ends[-1] - self.ends[first]) / (len(self.ends) - 1 - first)


@dataclass(frozen=True)
class Rehearsal:
    """What a few steps have shown of a run.

    Attributes:
        device: Its name.
        precision: As Lightning names it.
        photographs_per_second: While training, loading included.
        steps: That were trained.
        seconds: Of the whole run: each photograph that is validated or tested takes as long as one that is trained on,
            which is the most that it can take.
        gpu_memory: Most bytes that torch had reserved; None without a GPU.
        memory: Most bytes of this process and of the loader's largest worker; what they share is counted in both.
        workers: Of the loader.
    """

    device: str
    precision: str
    photographs_per_second: float
    steps: int
    seconds: float
    gpu_memory: int | None
    memory: tuple[int, int]
    workers: int


class Readings:
    """The ratings of each configuration, read once: most runs of a sweep have the same, and AVA's lists are long."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[Ratings, float]] = {}

    def of(self, cfg: DictConfig) -> tuple[Ratings, float]:
        """The ratings of `cfg.data.ratings`, and the seconds that it took to read them."""
        key = OmegaConf.to_yaml(cfg.data.ratings, resolve=True)
        if key not in self._read:
            started = time.monotonic()
            ratings = instantiated(cfg.data.ratings)
            self._read[key] = ratings, time.monotonic() - started
        return self._read[key]


def rehearse(cfg: DictConfig, folder: Path, readings: Readings) -> Rehearsal:
    """Build the run, train some steps, validate two batches and save checkpoints, as the run itself will.

    Args:
        cfg: `conf/train.yaml` with overrides; not changed.
        folder: For the checkpoints; to be removed afterwards.
        readings: Has the ratings, or takes them.

    Raises:
        AwcuError: Whatever `build_run` and `build_trainer` refuse.
    """
    ratings, read = readings.of(cfg)
    started = time.monotonic()
    run = build_run(cfg, folder, ratings)
    built = read + time.monotonic() - started
    settings = plain(cfg.trainer) | {"max_epochs": 1, "limit_val_batches": VALIDATED}
    clock = Clock(2 * run.data.workers)
    with quiet():
        trainer = build_trainer(settings, folder, None, run.preemption, run.evaluation)
        trainer.callbacks.insert(0, clock)  # type: ignore[attr-defined]
        with run.feeding(run.task):
            trainer.fit(run.task, datamodule=run.data)
    device = trainer.strategy.root_device
    gpu = device.type == "cuda"
    rate = run.data.batch_size / clock.step_seconds
    return Rehearsal(
        device=torch.cuda.get_device_name(device) if gpu else str(device),
        precision=str(trainer.precision),
        photographs_per_second=rate,
        steps=len(clock.ends),
        seconds=built + _photographs(run, cfg.trainer.max_epochs) / rate,
        gpu_memory=torch.cuda.max_memory_reserved(device) if gpu else None,
        memory=_memory(),
        workers=run.data.workers,
    )


def checkpoint_bytes(cfg: DictConfig, ratings: Ratings) -> int:
    """About how large the two checkpoints of a run are, from a network that is built and not trained.

    Weights, two moments of AdamW for each that is trained, and what identifies the photographs learned from.

    Args:
        cfg: `conf/train.yaml` with overrides; weights to start from are not read.
        ratings: With the training split.

    Raises:
        AwcuError: Whatever `build_task` refuses.
    """
    network = plain(cfg.network) | {"pretrained": False, "weights_file": None}
    task = build_task(ratings, network, image_settings(cfg), **plain(cfg.task), seed=cfg.seed, epoch_steps=1)
    size = sum(one.nbytes * (3 if one.requires_grad else 1) for one in task.parameters())
    size += sum(one.nbytes for one in task.buffers())
    return 2 * (size + learned_from(ratings).nbytes)


def _photographs(run: Run, epochs: int) -> int:
    """That a run shows to the network: each epoch trains and validates, the end validates and tests."""
    val, test = (len(run.data.splits[split]) for split in ("val", "test"))
    return epochs * (run.data.steps * run.data.batch_size + val) + val + test


def _memory() -> tuple[int, int]:
    """Most bytes of this process, and of the largest of its children; 0 where the system does not say."""
    with suppress(ImportError):
        import resource

        unit = 1024
        mine, largest = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return mine * unit, largest * unit
    return 0, 0
