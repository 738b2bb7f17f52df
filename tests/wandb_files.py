"""W&B's offline files, read by W&B's own reader."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def offline_files(folder: Path) -> list[Path]:
    """The files of every start of a run, oldest first."""
    return sorted(folder.glob("wandb/offline-run-*/run-*.wandb"), key=lambda path: path.stat().st_ctime_ns)


def records(file: Path) -> dict[str, list[Any]]:
    """The records of one file by type, in order."""
    call = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(file)]
    found: dict[str, list[Any]] = {}
    for line in subprocess.run(call, capture_output=True, text=True, check=True).stdout.splitlines():
        record = json.loads(line)
        found.setdefault(record["type"], []).append(record[record["type"]])
    return found


def summary(found: dict[str, list[Any]]) -> dict[str, Any]:
    """The last value of everything, as W&B shows it."""
    return {key: value for record in found["summary"] for key, value in record["update"].items()}
