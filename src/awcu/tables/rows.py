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
        values: Seed → metric, including undefined ones.
        value: The mean over these seeds.
        difference: Difference to the baseline over the seeds that both share; None in the baseline's own row.
        photographs: Number of photographs that the difference's interval covers beside the seeds; 0 for seeds only.
        value_photographs: The same for the value's interval.
        adjusted_p: The difference's p-value, in [0, 1], after Holm's correction over the table's rows; nan if there
            is nothing to test, None in the baseline's own row.
    """

    values: dict[int, float]
    value: Estimate
    difference: Estimate | None
    photographs: int = 0
    adjusted_p: float | None = None
    value_photographs: int = 0

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

    @property
    def asked(self) -> int:
        """Number of seeds that were run, whether they finished or failed."""
        return len({*map(str, self.seeds), *(one.seed for one in self.failed)})


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
    runs = _by_variant(records)
    failed: dict[str, list[FailedRun]] = {}
    for one in failures:
        failed.setdefault(one.variant, []).append(one)
    by_photograph = _by_pair(differences)
    rows = []
    for variant in dict.fromkeys([*spec.rows, *runs, *failed]):
        mine, other = runs.get(variant, {}), None if variant == spec.baseline else runs[spec.baseline]
        cells = {
            metric: _cell(
                metric,
                mine,
                other,
                overlap,
                by_photograph.get((variant, spec.baseline, metric)),
                by_photograph.get((variant, NOTHING, metric)),
            )
            for metric in spec.columns
        }
        rows.append(_row(spec.label(variant), variant, mine, failed.get(variant, []), cells))
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
        cells = {
            metric: _cell(
                metric, runs.get(one, {}), runs.get(other, {}), overlap, by_photograph.get((one, other, metric))
            )
            for metric in spec.columns
        }
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


def _cell(
    metric: str,
    runs: Mapping[int, RunRecord],
    others: Mapping[int, RunRecord] | None,
    overlap: float,
    by_photograph: PairedDifference | None,
    alone: PairedDifference | None = None,
) -> Cell:
    values = {seed: run.metrics[metric] for seed, run in runs.items() if metric in run.metrics}
    value, photographs = Estimate.of(list(values.values()), overlap), 0
    if alone is not None:
        of_value = alone.sampling(list(values), value.mean)
        value, photographs = Estimate.of(list(values.values()), overlap, of_value), of_value.photographs
    if others is None:
        return Cell(values, value, None, value_photographs=photographs)
    both = [seed for seed in values if seed in others and metric in others[seed].metrics]
    differences = [values[seed] - others[seed].metrics[metric] for seed in both]
    difference = Estimate.of(differences, overlap)
    if by_photograph is None:
        return Cell(values, value, difference, value_photographs=photographs)
    sampling = by_photograph.sampling(both, difference.mean)
    difference = Estimate.of(differences, overlap, sampling)
    return Cell(values, value, difference, sampling.photographs, value_photographs=photographs)


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
