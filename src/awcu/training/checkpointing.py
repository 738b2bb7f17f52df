"""Stopping at any moment and resuming exactly: checkpoints that survive a kill, and signals."""

import io
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.io import TorchCheckpointIO

from awcu.errors import ResumeError
from awcu.files import write_atomically


class AtomicCheckpoints(TorchCheckpointIO):
    """Checkpoints whose predecessor stays whole until they are.

    Lightning's own are written in the system's temporary folder and moved; where that lies on another disk than the
    run, moving is copying, and a kill meanwhile loses both.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write beside the old file, then rename."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_atomically(Path(path), content.getvalue())


class Preemption(pl.Callback):
    """Saves a checkpoint when a signal announces that the process will be ended.

    The signal waits for the current step; in the last step of an epoch also for the validation, after which the epoch's
    own checkpoint is written. Then the previous handler gets it (submitit's requeues the job); without one, the process
    ends with status 128 + signal.

    Args:
        path: The checkpoint file.

    Attributes:
        seconds: Spent on this run, over all its starts.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGUSR2)  # what kill and Slurm send; what submitit asks Slurm for

    def __init__(self, path: Path) -> None:
        self.path = path
        self.received: int | None = None
        # Before Lightning adds its own, which would end a validation at once.
        self.listeners = {number: signal.getsignal(number) for number in self.SIGNALS}
        self.earlier = 0.0
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds spent on this run, over all its starts."""
        return self.earlier + time.monotonic() - self.started

    def state_dict(self) -> dict[str, Any]:
        """The seconds, for the checkpoint."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the seconds from the checkpoint."""
        self.earlier = state_dict["seconds"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install the handlers; Lightning restores the previous ones when training ends, however it ends."""
        # Python allows handlers in the main thread only.
        if threading.current_thread() is threading.main_thread():
            for number in self.SIGNALS:
                signal.signal(number, self._receive)

    def on_train_batch_end(self, trainer: pl.Trainer, *arguments: Any) -> None:
        """Save a checkpoint within the epoch if a signal came."""
        batch_index = arguments[-1]
        # After the last step Lightning would take the epoch for done and skip its validation.
        if batch_index + 1 < trainer.num_training_batches and self._told(trainer):
            trainer.save_checkpoint(self.path)
            self._deliver()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Deliver a signal of the previous epoch, whose checkpoint is written."""
        if self._told(trainer):
            self._deliver()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Deliver a signal of the last epoch, whose checkpoint is written."""
        if self._told(trainer):
            self._deliver()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = number

    def _told(self, trainer: pl.Trainer) -> bool:
        # One of several processes may get it a step before the others, which are needed for the checkpoint.
        return bool(trainer.strategy.reduce_boolean_decision(self.received is not None, all=False))

    def _deliver(self) -> None:
        number, self.received = self.received or signal.SIGTERM, None
        listener = self.listeners[signal.Signals(number)]
        print(f"{signal.Signals(number).name}: checkpoint written to {self.path}", flush=True)
        if callable(listener):
            listener(number, None)
        else:
            raise SystemExit(128 + number)


def checkpoint_to_resume(path: Path, train_fingerprint: str) -> Path | None:
    """The checkpoint that an earlier start of this run left, or None.

    Args:
        path: Where it would be.
        train_fingerprint: Fingerprint of the training photographs.

    Raises:
        ResumeError: It cannot be read, or is of other photographs.
    """
    for leftover in path.parent.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)
    if not path.is_file():
        return None
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        step, trained_on = saved["global_step"], saved["hyper_parameters"]["train_fingerprint"]
    except Exception as error:
        raise ResumeError(
            f"{path} cannot be read ({type(error).__name__}); remove {path.parent.parent} to train from the start"
        ) from error
    if trained_on != train_fingerprint:
        raise ResumeError(
            f"{path} was trained on other photographs than the data set has now; remove {path.parent.parent} to train "
            f"from the start"
        )
    print(f"  going on after step {step} ({path})", flush=True)
    return path
