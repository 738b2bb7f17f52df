"""Gather the results of an experiment's runs for a report that needs neither W&B nor a network."""

import difflib
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra import compose

from awcu.config.hydra import COMMANDS, check_experiment, composing, experiments, sweep_of
from awcu.config.identity import without_place
from awcu.errors import NoRecordError, ReportError
from awcu.runs.failures import FailedRun, find_failures
from awcu.runs.history import FILE, Epoch, read_history
from awcu.runs.record import RunRecord, find_records
from awcu.tables.comparability import split_records
from awcu.tables.paired import find_differences
from awcu.tables.rows import Row
from awcu.tables.spec import SPEC, TableSpec
from awcu.tables.table import Table

if TYPE_CHECKING:
    from awcu.reports.experiment_pictures import Shown

Run = tuple[str, int]  # variant and seed
_UNIFORM = ({"weighting=uniform"}, {"weighting=step", "weighting.ratio=1"})


@dataclass(frozen=True)
class Experiment:
    """The experiment that `experiment=<name>` names.

    Attributes:
        asked: The name as typed.
        name: Its folder under runs/, which several experiments may share.
        page: The command that runs it: "train" or "probe".
        sweeps: Whether its configuration lists the runs of a sweep.
    """

    asked: str
    name: str
    page: str
    sweeps: bool

    @classmethod
    def find(cls, word: str) -> "Experiment":
        """Find the experiment that a word names, typed as after `awcu train`.

        Raises:
            ReportError: The word names no experiment.
            ConfigurationError: There is no such experiment.
        """
        key, _, asked = word.rpartition("=")
        if key not in ("", "experiment") or not asked:
            raise ReportError(f"{word!r} names no experiment; write experiment=<name>, as for awcu train")
        check_experiment([f"experiment={asked}"])
        page = next(one for one in COMMANDS if asked in experiments(one))
        words = [f"experiment={asked}"]
        with composing():
            name = str(compose(page, words).name)
        # Name and sweep are its own, or those of the experiment that it builds on.
        return cls(asked, name, page, sweeps=len(sweep_of(page, words)) > 1)


@dataclass(frozen=True)
class ExperimentReport:
    """What a report shows.

    Attributes:
        name: The experiment's name.
        table: The table of its runs.
        records: Records of the table's rows, by variant and seed.
        failures: Failed runs.
        histories: Training histories of the runs that kept one.
        shown: Photographs, for each row that shows some.
        command: The command that repeats the experiment.
    """

    name: str
    table: Table
    records: Mapping[Run, RunRecord]
    failures: Sequence[FailedRun]
    histories: Mapping[Run, Sequence[Epoch]]
    shown: Sequence["Shown"]
    command: str


def gather(
    experiment: Experiment, runs: Path, table: Path | None, rows: Sequence[str], photographs: int
) -> ExperimentReport:
    """Read the runs' results; arguments and errors are those of `awcu.commands.report.make_report`."""
    records = _records(experiment, runs)
    failed = find_failures(runs, records)
    folder = Path("experiments") / experiment.name if table is None else table
    if table is None and not (folder / SPEC).is_file():
        spec = usual_spec(experiment.name, records, failed)
    else:
        spec = TableSpec.load(folder / SPEC)
    failures = split_records(failed, spec.record_columns)[spec.main]
    mine = split_records(records, spec.record_columns)[spec.main]
    compared = Table.from_records(spec, records, find_differences(spec, records, runs), failed)
    folders = _folders(spec, mine, runs)
    histories = {run: read_history(place / FILE) for run, (place, _) in folders.items()}
    rows_shown = chosen_rows(compared, rows)
    # Imported late: torch takes longer to import than finding out that there is nothing to report.
    from awcu.reports.experiment_pictures import show

    shown = [show(spec.label(row.variant), _of_variant(row.variant, folders), photographs) for row in rows_shown]
    return ExperimentReport(
        experiment.name,
        compared,
        {(record.variant, record.seed): record for record in mine},
        failures,
        {run: history for run, history in histories.items() if history},
        shown,
        command(experiment.asked, experiment.page, experiment.sweeps, mine),
    )


def _records(experiment: Experiment, runs: Path) -> list[RunRecord]:
    try:
        return find_records(runs)
    except NoRecordError as error:
        failures = find_failures(runs, [])
        failed = f" ({len(failures)} failed, first: {failures[0].error})" if failures else ""
        raise ReportError(
            f"{runs} holds no finished run{failed}; train some first: awcu {experiment.page} "
            f"experiment={experiment.asked}, or name their folder by --runs"
        ) from error


def _folders(spec: TableSpec, records: Sequence[RunRecord], runs: Path) -> dict[Run, tuple[Path, RunRecord]]:
    """Each run's folder and record; of two records of one run, the one in the table."""
    created = {record.identity: record.created for record in records}
    found = {}
    for path in sorted(runs.rglob("record.json")):
        whole = RunRecord.load(path)
        for record in split_records([whole], spec.record_columns)[spec.main]:
            if created.get(record.identity) == record.created:
                found[record.variant, record.seed] = path.parent, record
    return found


def _of_variant(variant: str, folders: Mapping[Run, tuple[Path, RunRecord]]) -> dict[int, tuple[Path, RunRecord]]:
    return {seed: found for (name, seed), found in sorted(folders.items()) if name == variant}


USUAL = {"test/accuracy": "accuracy", "test/auroc": "AUROC", "test/srcc": "SRCC"}
"""Columns of a table without a table.yaml."""


def usual_spec(name: str, records: Sequence[RunRecord], failures: Sequence[FailedRun]) -> TableSpec:
    """The specification without a table.yaml: the usual metrics against uniform weights, or else the first variant.

    Args:
        name: The experiment's name.
        records: At least one record.
        failures: Failed runs; their variants get a row too.
    """
    variants = sorted({record.variant for record in records}, key=natural)
    uniform = [variant for variant in variants if any(words <= {*variant.split()} for words in _UNIFORM)]
    known = {key for record in records for key in record.metrics}
    columns = {key: label for key, label in USUAL.items() if key in known}
    baseline = (uniform or variants)[0]
    every = sorted({*variants, *(one.variant for one in failures)}, key=lambda name: (name != baseline, natural(name)))
    return TableSpec(name, baseline, columns, {one: one.removeprefix("weighting=") for one in every if one})


def leading_metric(table: Table) -> str:
    """The metric that decides which row is best: the ladder's first, else AUROC, else the table's first."""
    if table.spec.ladder:
        return table.spec.ladder.metrics[0]
    return min(table.spec.columns, key=lambda metric: metric != "test/auroc")


def chosen_rows(table: Table, asked: Sequence[str]) -> list[Row]:
    """The rows of these variants or labels; by default the baseline and the best row with as many seeds.

    Raises:
        ReportError: There is no such row; the error names the nearest.
    """
    if asked:
        return [_named_row(table, name) for name in asked]
    baseline, metric = table.baseline, leading_metric(table)
    others = [
        row
        for row in table.rows
        if row is not baseline
        and len(row.seeds) >= len(baseline.seeds)
        and not math.isnan(row.cells[metric].value.mean)
    ]
    best = max(others, key=lambda row: row.cells[metric].value.mean, default=None)
    return [baseline] if best is None else [baseline, best]


def command(experiment: str, page: str, sweeps: bool, records: Sequence[RunRecord]) -> str:
    """The command that repeats an experiment, without this machine's folders.

    Args:
        experiment: The experiment's name.
        page: "train" or "probe".
        sweeps: Whether its configuration lists the runs of a sweep.
        records: One per run. If the runs form a full grid, the command sweeps over the overrides that differ.
    """
    common = [word for word in records[0].overrides if all(word in record.overrides for record in records)]
    varied: dict[str, set[str]] = {}
    for record in records:
        for key, _, value in (word.partition("=") for word in record.overrides if word not in common):
            varied.setdefault(key, set()).add(value)
    kept = [without_place(word) for word in common if not word.startswith("experiment=")]
    words = ["awcu", page, f"experiment={experiment}", *kept]
    if not sweeps and varied and math.prod(map(len, varied.values())) == len(records):
        words.insert(2, "-m")
        words += [f"{key}={','.join(sorted(values, key=natural))}" for key, values in varied.items()]
    return shlex.join(words)


def natural(text: str) -> list[tuple[bool, float, str]]:
    """A sort key that puts 2 before 16."""
    parts = re.findall(r"\d+(?:\.\d+)?|\D+", text)
    return [(not part[0].isdigit(), float(part) if part[0].isdigit() else 0.0, part) for part in parts]


def _named_row(table: Table, name: str) -> Row:
    names = {key: row for row in table.rows for key in (row.variant, table.spec.label(row.variant))}
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or list(names)
        raise ReportError(f"no row is called {name!r}; nearest: {', '.join(map(repr, near))}")
    return names[name]
