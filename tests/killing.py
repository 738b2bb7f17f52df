"""Commands in processes forked from one that has imported everything, and ended at a chosen moment.

A process of its own takes ten seconds to import torch; a fork of one that has, none.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree", "shutil.move")

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        *("awcu.commands.prepare", "awcu.commands.probe", "awcu.commands.table", "awcu.commands.train"),
        *("awcu.commands.main", "awcu.inference.predictor", "awcu.reports.experiment_page", "awcu.plots.forest"),
        *("awcu.demo.app", "awcu.models.card", "uvicorn"),
    ]
)


class Started:
    """One command; `log` takes what it says, and `temporary` beside it its temporary files.

    Attributes:
        changes: How often it has changed what lies below `folder`: opened a file to write, renamed, removed.
    """

    def __init__(self, words: Sequence[str], folder: Path, log: Path, kill_at: int = 0) -> None:
        self.log = log
        log.write_text("")
        (log.parent / "temporary").mkdir(exist_ok=True)
        self.changes: Synchronized[int] = CONTEXT.Value("i", 0)
        self.process: ForkServerProcess = CONTEXT.Process(
            target=_command, args=(list(words), str(folder), str(log), kill_at, self.changes)
        )
        self.started = time.monotonic()
        self.process.start()

    def ended(self, seconds: float | None = None) -> int:
        """Its exit status, once it has ended; after so many seconds it is killed."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.seconds = time.monotonic() - self.started
        assert self.process.exitcode is not None
        return self.process.exitcode

    @property
    def said(self) -> str:
        """What it has written to the terminal."""
        return self.log.read_text()


def _command(words: list[str], folder: str, log: str, kill_at: int, changes: "Synchronized[int]") -> None:
    written = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(written, stream)
    os.environ["TMPDIR"], tempfile.tempdir = str(Path(log).parent / "temporary"), None

    def at_change(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if (writes or event in CHANGES) and any(folder in str(one) for one in arguments):
            changes.value += 1
            if changes.value == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(at_change)
    import torch

    from awcu.commands import main as cli

    torch.set_num_threads(1)
    sys.argv = ["awcu", *words]
    cli.main()
