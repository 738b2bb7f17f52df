"""Runs that failed: what a job leaves instead of a record, and how a sweep ends that had some."""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from awcu.results import write_atomically

FILE = "failure.json"


@dataclass(frozen=True)
class Failure:
    """Why a run has no record.

    Attributes:
        experiment: Name of the experiment whose table the run belongs to.
        variant: As in `RunRecord`.
        seed: As asked for, be it a seed or not.
        error: What went wrong.
        created: ISO 8601, UTC.
    """

    experiment: str
    variant: str
    seed: Any
    error: str
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))

    def save(self, folder: Path) -> None:
        """Write `failure.json`."""
        write_atomically(folder / FILE, json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")


class FailedRuns(Callback):
    """Says at the end of a multirun which of its runs failed, and makes its exit status 1."""

    def __init__(self) -> None:
        self.before: set[tuple[Path, str]] = set()

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remember the failures of earlier sweeps."""
        self.before = _failures(Path(config.hydra.sweep.dir))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """List those of this one; from their files, since its jobs may have run in other processes.

        Raises:
            SystemExit: There are some.
        """
        failed = sorted(_failures(Path(config.hydra.sweep.dir)) - self.before)
        if failed:
            lines = [f"  {path.parent}: {json.loads(text)['error'].splitlines()[0]}" for path, text in failed]
            raise SystemExit("\n".join([f"awcu: {len(failed)} runs failed; the same command runs them again:", *lines]))


def _failures(folder: Path) -> set[tuple[Path, str]]:
    return {(path, path.read_text(encoding="utf-8")) for path in folder.rglob(FILE)}
