"""The Lightning trainer of a run."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import WandbLogger

from awcu.errors import TaskError
from awcu.training.callbacks import EpochHistory
from awcu.training.checkpointing import AtomicCheckpoints, Preemption
from awcu.training.evaluation import Evaluation


def build_trainer(
    settings: dict[str, Any],
    folder: Path,
    logger: WandbLogger | None,
    preemption: Preemption,
    evaluation: Evaluation,
) -> pl.Trainer:
    """A trainer that keeps the best and the last checkpoint, the latter after every epoch.

    Args:
        settings: `trainer` of `conf/train.yaml`.
        folder: For the checkpoints.
        logger: Receives the metrics.
        preemption: Handles signals.
        evaluation: Measures the task.

    Raises:
        TaskError: Values that the trainer does not take, or several processes without torchrun or Slurm.
    """
    settings = dict(settings)
    checkpoint, precision = settings.pop("checkpoint"), settings.pop("precision")
    if checkpoint not in ("best", "last"):
        raise TaskError(f"trainer.checkpoint={checkpoint!r} must be one of best, last")
    if precision is None:
        bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
        precision = "bf16-mixed" if bf16 else "32-true"
    kept = folder / "checkpoints"
    best = ModelCheckpoint(kept, filename="best", monitor="val/auroc", mode="max", enable_version_counter=False)
    # On its own: save_last of the other would write only when a new best is.
    last = ModelCheckpoint(kept, filename="last", enable_version_counter=False)
    # Lightning's requeueing writes its checkpoint within a step and resumes from it ever after.
    cluster = [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []
    try:
        trainer = pl.Trainer(
            **settings,
            precision=precision,
            default_root_dir=folder,
            logger=logger or False,
            # Best before last: killed between the two, the epoch is trained again and finds the same best.
            # The history before all that write checkpoints: it is part of them.
            callbacks=[evaluation, EpochHistory(folder, evaluation), preemption, best, last],
            plugins=[AtomicCheckpoints(), *cluster],
            use_distributed_sampler=False,
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except (TypeError, ValueError, MisconfigurationException) as error:
        raise TaskError(f"trainer: {error}; see the arguments of pytorch_lightning.Trainer") from error
    if trainer.world_size > 1 and not (cluster or TorchElasticEnvironment.detect()):
        # Lightning would start the others by a command line that is not ours.
        raise TaskError(
            f"trainer.devices={settings['devices']} asks for {trainer.world_size} processes; start them by torchrun "
            f"--nproc-per-node {trainer.world_size} -m awcu train …"
        )
    return trainer


@contextmanager
def quiet() -> Iterator[None]:
    """Hide advice that does not apply; warnings about the run itself stay."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # How many workers pay off depends on the photographs; loader.workers says it.
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        # Lightning 2.6 against torch's newer pytree; nothing of ours.
        warnings.filterwarnings("ignore", ".*isinstance\\(treespec, LeafSpec\\).*")
        # Where Slurm is installed but this run is none of its jobs.
        warnings.filterwarnings("ignore", "The `srun` command is available")
        # Going on in the middle of an epoch: the order of its rest is drawn again, and the folder is full on purpose.
        warnings.filterwarnings("ignore", ".*your dataloader is not resumable.*")
        warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")
        yield
