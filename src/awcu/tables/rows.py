"""Compared rows from records: each variant's mean over seeds, its difference to the baseline, Holm's correction."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean

from awcu.runs.failures import FailedRun
from awcu.runs.record import RunRecord
from awcu.tables.intervals import LEVEL, Estimate, holm
from awcu.tables.paired import NOTHING, PairedDifference
from awcu.tables.spec import TableSpec

_CONVERGED = "probe/converged"


@dataclass(frozen=True)
class Cell:
    """One variant under one metric.

    Attributes:
        value: The mean over seeds.
        value_photographs: Number of photographs that its interval covers beside the seeds; 0 for seeds only.
        difference: Difference to the baseline over the seeds that both share; None in the baseline's own row.
        photographs: The same as `value_photographs` for the difference's interval.
        of_seeds: Each of these seeds' difference, including undefined ones.
        adjusted_p: The difference's p-value, in [0, 1], after Holm's correction over the table's rows; nan if there
            is nothing to test, None in the baseline's own row.
    """

    value: Estimate
    value_photographs: int
    difference: Estimate | None = None
    photographs: int = 0
    of_seeds: tuple[float, ...] = ()
    adjusted_p: float | None = None

    @property
    def significant(self) -> bool:
        """Whether the difference survives Holm's correction."""
        return self.adjusted_p is not None and self.adjusted_p < LEVEL


@dataclass(frozen=True)
class Row:
    """One variant.

    Attributes:
        variant: The variant without the tokens of its column of records.
        label: As printed, with notes on runs that did not converge and on leaks, if any.
        seeds: Seeds of the finished runs.
        failed: Runs that ended in an error.
        not_converged: Number of runs whose solver stopped early (metric "probe/converged" is 0).
        cells: One cell per metric key.
    """

    variant: str
    label: str
    seeds: tuple[int, ...]
    failed: tuple[FailedRun, ...]
    not_converged: int
    cells: dict[str, Cell]


def compared_rows(
    spec: TableSpec,
    records: Iterable[RunRecord],
    overlap: float,
    differences: Iterable[PairedDifference],
    failures: Iterable[FailedRun],
) -> tuple[Row, ...]:
    """Build one row per variant, listed ones first, with Holm's correction over them.

    Args:
        spec: The table's specification; its baseline has runs.
        records: Comparable records of one column.
        overlap: Overlap of their test splits, as in `Estimate.of`.
        differences: Differences paired by photograph, where known.
        failures: The column's failed runs.

    Raises:
        TableError: A paired difference does not match the records.
    """
    runs, by_photograph, rows = _by_variant(records), _by_pair(differences), []
    failed: dict[str, list[FailedRun]] = {}
    for one in failures:
        failed.setdefault(one.variant, []).append(one)
    for variant in dict.fromkeys([*spec.rows, *runs, *failed]):
        cells = _cells(spec, runs, variant, spec.baseline, overlap, by_photograph)
        rows.append(_row(spec.label(variant), variant, runs.get(variant, {}), failed.get(variant, []), cells))
    return _adjusted(rows)


def contrasted_rows(
    spec: TableSpec, records: Iterable[RunRecord], overlap: float, differences: Iterable[PairedDifference]
) -> tuple[Row, ...]:
    """Build one row per contrast, whose differences are to its second variant; arguments as in `compared_rows`.

    Holm's correction goes over the contrasts alone. They answer another question than the rows, so they cost the rows
    no power; but of several, one is as easily bold by chance as one of several rows. Where the rows' intervals are over
    photographs too, a contrast over seeds alone has no adjusted p-value: it would look surer than the rows.
    """
    runs, by_photograph, rows = _by_variant(records), _by_pair(differences), []
    for one, other in spec.contrasts:
        cells = _cells(spec, runs, one, other, overlap, by_photograph)
        label = f"{spec.label(one)} − {spec.label(other)}"
        rows.append(Row(f"{one} − {other}", label, tuple(runs.get(one, {})), (), 0, cells))
    adjusted = _adjusted(rows)
    return tuple(map(_only_over_photographs, adjusted)) if by_photograph else adjusted


def trivial_means(spec: TableSpec, records: Sequence[RunRecord]) -> dict[str, Estimate]:
    """Metric key → the trivial predictor's mean over seeds, where the records have it."""
    found = {metric: _trivial(metric, records) for metric in spec.columns}
    return {metric: estimate for metric, estimate in found.items() if estimate.n}


def _only_over_photographs(row: Row) -> Row:
    cells = {
        metric: cell if cell.photographs else replace(cell, adjusted_p=math.nan) for metric, cell in row.cells.items()
    }
    return replace(row, cells=cells)


def _by_variant(records: Iterable[RunRecord]) -> dict[str, dict[int, RunRecord]]:
    runs: dict[str, dict[int, RunRecord]] = {}
    for record in sorted(records, key=lambda record: (record.variant, record.seed)):
        runs.setdefault(record.variant, {})[record.seed] = record
    return runs


def _by_pair(differences: Iterable[PairedDifference]) -> dict[tuple[str, str, str], PairedDifference]:
    return {(one.variant, one.baseline, one.metric): one for one in differences}


def _row(
    label: str, variant: str, runs: Mapping[int, RunRecord], failed: Sequence[FailedRun], cells: dict[str, Cell]
) -> Row:
    stopped = sum(run.metrics.get(_CONVERGED) == 0 for run in runs.values())
    if stopped:
        label += f" ({stopped} of {len(runs)} not converged)"
    leaked = max((run.n.get("leaked", 0) for run in runs.values()), default=0)
    if leaked:
        label += f" LEAK: trained on {leaked:,} of its test photographs"
    return Row(variant, label, tuple(runs), tuple(failed), stopped, cells)


def _cells(
    spec: TableSpec,
    runs: Mapping[str, Mapping[int, RunRecord]],
    variant: str,
    other: str,
    overlap: float,
    by_photograph: Mapping[tuple[str, str, str], PairedDifference],
) -> dict[str, Cell]:
    """A variant less another under each metric; without a difference where both are the same."""
    cells = {}
    for metric in spec.columns:
        mine, others = _values(metric, runs.get(variant, {})), _values(metric, runs.get(other, {}))
        value = _estimate(mine, overlap, by_photograph.get((variant, NOTHING, metric)))
        if variant == other:
            cells[metric] = Cell(*value)
            continue
        differences = {seed: mine[seed] - others[seed] for seed in mine if seed in others}
        difference = _estimate(differences, overlap, by_photograph.get((variant, other, metric)))
        cells[metric] = Cell(*value, *difference, tuple(differences.values()))
    return cells


def _values(metric: str, runs: Mapping[int, RunRecord]) -> dict[int, float]:
    return {seed: run.metrics[metric] for seed, run in runs.items() if metric in run.metrics}


def _estimate(
    values: Mapping[int, float], overlap: float, by_photograph: PairedDifference | None
) -> tuple[Estimate, int]:
    """The mean over seeds, and the number of photographs that its interval covers too."""
    over_seeds = Estimate.of(list(values.values()), overlap)
    if by_photograph is None:
        return over_seeds, 0
    sampling = by_photograph.sampling(list(values), over_seeds.mean)
    return Estimate.of(list(values.values()), overlap, sampling), sampling.photographs


def _adjusted(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows with Holm's correction over them, separately for each metric."""
    cells = [dict(row.cells) for row in rows]
    for metric in cells[0] if cells else ():
        tests = {place: mine[metric].difference for place, mine in enumerate(cells)}
        p_values = {place: test.p_value for place, test in tests.items() if test is not None}
        for place, adjusted_p in zip(p_values, holm(list(p_values.values())), strict=True):
            cells[place][metric] = replace(cells[place][metric], adjusted_p=adjusted_p)
    return tuple(replace(row, cells=mine) for row, mine in zip(rows, cells, strict=True))


def _trivial(metric: str, records: Sequence[RunRecord]) -> Estimate:
    split, _, name = metric.partition("/")
    key = f"{split}/trivial/{name}"
    runs: dict[int, list[float]] = {}
    for record in records:
        if key in record.metrics:
            runs.setdefault(record.seed, []).append(record.metrics[key])
    # Count each seed once, so that rows with fewer seeds do not shift the mean.
    return Estimate.of([mean(values) for values in runs.values()])
