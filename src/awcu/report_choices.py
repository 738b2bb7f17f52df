"""What a report of an experiment shows where nobody has said it: its table, whose photographs, what to type."""

import difflib
import math
import re
import shlex
from collections.abc import Sequence

from awcu.failed_runs import FailedRun
from awcu.results import RunRecord
from awcu.run_facts import without_place
from awcu.table_rows import Row
from awcu.table_spec import TableSpec
from awcu.tables import Table

USUAL = {"test/accuracy": "accuracy", "test/auroc": "AUROC", "test/srcc": "SRCC"}
"""Columns of a table that nobody has described."""


class ReportError(ValueError):
    """A report that cannot be made as asked."""


def usual_spec(name: str, records: Sequence[RunRecord], failures: Sequence[FailedRun]) -> TableSpec:
    """A table that nobody has described: the usual metrics, against uniform weights or else the first variant.

    Args:
        name: Of the experiment.
        records: At least one.
        failures: Whose variants have a row too.
    """
    variants = sorted({record.variant for record in records}, key=natural)
    uniform = [variant for variant in variants if "weighting=uniform" in variant.split()]
    known = {key for record in records for key in record.metrics}
    columns = {key: label for key, label in USUAL.items() if key in known}
    baseline = (uniform or variants)[0]
    every = sorted({*variants, *(one.variant for one in failures)}, key=lambda name: (name != baseline, natural(name)))
    return TableSpec(name, baseline, columns, {one: one.removeprefix("weighting=") for one in every if one})


def leading_metric(table: Table) -> str:
    """The metric by which a row is best: the ladder's first, else AUROC, else the table's first."""
    if table.spec.ladder:
        return table.spec.ladder.metrics[0]
    return min(table.spec.columns, key=lambda metric: metric != "test/auroc")


def chosen_rows(table: Table, asked: Sequence[str]) -> list[Row]:
    """The rows of these variants or labels; of none, the baseline and the best of those with as many seeds.

    Raises:
        ReportError: A row that is not there, with the nearest that are.
    """
    if asked:
        return [_named_row(table, name) for name in asked]
    baseline = next(row for row in table.rows if row.variant == table.spec.baseline)
    metric = leading_metric(table)
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
    """What runs an experiment again, without the folders of this machine.

    Args:
        experiment: Its name.
        page: "train" or "probe".
        sweeps: Whether it names its runs itself.
        records: One a run. What they do not share is swept over, if they are a whole grid.
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
    """A key by which 2 comes before 16."""
    parts = re.findall(r"\d+(?:\.\d+)?|\D+", text)
    return [(not part[0].isdigit(), float(part) if part[0].isdigit() else 0.0, part) for part in parts]


def _named_row(table: Table, name: str) -> Row:
    names = {key: row for row in table.rows for key in (row.variant, table.spec.label(row.variant))}
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or list(names)
        raise ReportError(f"no row is called {name!r}; nearest: {', '.join(map(repr, near))}")
    return names[name]
