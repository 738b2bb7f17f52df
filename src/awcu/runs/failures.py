"""Runs that ended in an error: each leaves a failure.json in its folder; a table keeps them in failures.csv."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from awcu.errors import RecordError
from awcu.files import write_atomically, write_csv
from awcu.runs.record import RunRecord

IN_FOLDER, FILE = "failure.json", "failures.csv"
_LONGEST = 120  # characters of an error in a table


@dataclass(frozen=True)
class FailedRun:
    """Why a run has no record.

    Attributes:
        experiment: Name of the experiment whose table the run belongs to.
        variant: As in `RunRecord`.
        seed: As asked for, a seed or not.
        error: What went wrong; in a table, its first line.
    """

    experiment: str
    variant: str
    seed: str
    error: str

    def save(self, folder: Path) -> None:
        """Write `failure.json`, with the moment, by which a run's second failure differs from its first."""
        document = asdict(self) | {"created": datetime.now(UTC).isoformat(timespec="milliseconds")}
        write_atomically(folder / IN_FOLDER, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def find_failures(folder: Path, records: Iterable[RunRecord]) -> list[FailedRun]:
    """The run of every failure.json below a folder, except those that have a record since.

    Raises:
        RecordError: A file that is not JSON, or without experiment, variant, seed or error.
    """
    done = {(record.experiment, record.variant, str(record.seed)) for record in records}
    found = {}
    for path in sorted(folder.rglob(IN_FOLDER)):
        one = _load(path)
        if (one.experiment, one.variant, one.seed) not in done:
            found[one.experiment, one.variant, one.seed] = one
    return [found[run] for run in sorted(found)]


def write_failures(failures: Sequence[FailedRun], path: Path) -> None:
    """One line a run; without any, no file."""
    if not failures:
        path.unlink(missing_ok=True)
        return
    write_csv(path, [one.name for one in fields(FailedRun)], map(asdict, failures))


def read_failures(path: Path) -> list[FailedRun]:
    """Read what `write_failures` wrote; none where there is no file.

    Raises:
        RecordError: A missing or foreign column, or a line of another length.
    """
    if not path.is_file():
        return []
    names = [one.name for one in fields(FailedRun)]
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    wrong = [row for row in rows if len(row) != len(names)] if header == names else [header]
    if wrong:
        raise RecordError(f"{path} has {wrong[0]} where {names} belong; collect it again with --runs")
    return [FailedRun(*row) for row in rows]


def _load(path: Path) -> FailedRun:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        experiment, variant, seed, error = (str(document[one.name]) for one in fields(FailedRun))
    except (KeyError, TypeError, ValueError) as fault:
        raise RecordError(
            f"{path} names no experiment, variant, seed and error ({fault!r}); run that seed again"
        ) from fault
    first = next(iter(error.strip().splitlines()), "no message")
    first = first if len(first) <= _LONGEST else first[: _LONGEST - 1] + "…"
    return FailedRun(experiment, variant, seed, first)
