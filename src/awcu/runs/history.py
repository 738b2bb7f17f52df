"""Loss and validation metrics of each epoch: history.csv in the run's folder, the source of a report's curves."""

import csv
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from awcu.errors import RecordError
from awcu.files import write_csv

FILE = "history.csv"

Epoch = Mapping[str, float]
"""Column → value; nan where a metric is undefined.

"epoch" from 1, "train/loss", "train/gradient_norm" (mean over the steps, before clipping), "train/clipped" (share of
the steps), "val/<metric>" and "seconds".
"""


def write_history(epochs: Sequence[Epoch], path: Path) -> None:
    """One line an epoch, full precision; a cell is empty where an epoch lacks what another has."""
    write_csv(path, list(dict.fromkeys(name for epoch in epochs for name in epoch)), epochs)


def read_history(path: Path) -> list[Epoch]:
    """Read what `write_history` wrote; nothing where there is no file, as of runs from before it was kept.

    Raises:
        RecordError: A line of another length, a cell that is no number, or epochs that do not count up.
    """
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        header, *lines = list(csv.reader(file)) or [[]]
    try:
        epochs = [
            {name: _number(cell) for name, cell in zip(header, line, strict=True) if cell != ""} for line in lines
        ]
        numbers = [epoch["epoch"] for epoch in epochs]
    except (KeyError, ValueError) as error:
        raise RecordError(f"{path} is no list of epochs ({error}); restore it, or remove it") from error
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise RecordError(f"{path} has the epochs {numbers}, which do not count up; restore it, or remove it")
    return [{"epoch": int(epoch["epoch"])} | {k: v for k, v in epoch.items() if k != "epoch"} for epoch in epochs]


def _number(cell: str) -> float:
    # One and the same nan, since only then are two equal histories equal.
    value = float(cell)
    return math.nan if math.isnan(value) else value
