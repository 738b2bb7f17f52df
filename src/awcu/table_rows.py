"""The rows of a comparison table: each variant's means over seeds and its differences to the baseline."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from awcu.differences import PairedDifference
from awcu.failed_runs import FailedRun
from awcu.results import RunRecord
from awcu.significance import LEVEL, Estimate, holm
from awcu.table_spec import TableSpec

_CONVERGED = "probe/converged"


@dataclass(frozen=True)
class Cell:
    """One variant under one metric.

    Attributes:
        values: Seed → metric, undefined ones included.
        value: Over these seeds.
        difference: To the baseline over the seeds that both have; None in the baseline's own row.
        photographs: How many the difference's interval is over, beside the seeds; 0 where it is over seeds only.
        adjusted_p: Of the difference, in [0, 1], by Holm's correction over the table's rows; nan where there was
            nothing to test, None in the baseline's own row.
    """

    values: dict[int, float]
    value: Estimate
    difference: Estimate | None
    photographs: int = 0
    adjusted_p: float | None = None

    @property
    def significant(self) -> bool:
        """Whether the difference survives Holm's correction."""
        return self.adjusted_p is not None and self.adjusted_p < LEVEL


@dataclass(frozen=True)
class Row:
    """One variant.

    Attributes:
        variant: Without the tokens of its column of records.
        label: As printed, with the number of runs that did not converge and the stamp of a leak where there are some.
        seeds: Of its runs.
        failed: Its runs that ended in an error.
        not_converged: How many of its runs say that their solver stopped early (metric "probe/converged" 0).
        cells: One a metric key.
    """

    variant: str
    label: str
    seeds: tuple[int, ...]
    failed: tuple[FailedRun, ...]
    not_converged: int
    cells: dict[str, Cell]

    @property
    def asked(self) -> int:
        """Seeds that were run, with or without success."""
        return len({*map(str, self.seeds), *(one.seed for one in self.failed)})


def compared_rows(
    spec: TableSpec,
    records: Iterable[RunRecord],
    overlap: float,
    differences: Iterable[PairedDifference],
    failures: Iterable[FailedRun],
) -> tuple[Row, ...]:
    """One row a variant, listed ones first, with Holm's correction over them.

    Args:
        spec: What is asked for; its baseline has runs.
        records: Comparable ones, of one column.
        overlap: Of their test splits, as in `Estimate.of`.
        differences: What is known of the photographs behind the differences.
        failures: The column's runs without record.

    Raises:
        TableError: A difference that is not that of the records.
    """
    runs: dict[str, dict[int, RunRecord]] = {}
    for record in sorted(records, key=lambda record: (record.variant, record.seed)):
        runs.setdefault(record.variant, {})[record.seed] = record
    failed: dict[str, list[FailedRun]] = {}
    for one in failures:
        failed.setdefault(one.variant, []).append(one)
    by_photograph = {(one.variant, one.metric): one for one in differences}
    rows = []
    for variant in dict.fromkeys([*spec.rows, *runs, *failed]):
        mine, other = runs.get(variant, {}), None if variant == spec.baseline else runs[spec.baseline]
        cells = {
            metric: _cell(metric, mine, other, overlap, by_photograph.get((variant, metric))) for metric in spec.columns
        }
        rows.append(_row(spec.label(variant), variant, mine, failed.get(variant, []), cells))
    return _adjusted(rows)


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
) -> Cell:
    values = {seed: run.metrics[metric] for seed, run in runs.items() if metric in run.metrics}
    value = Estimate.of(list(values.values()), overlap)
    if others is None:
        return Cell(values, value, None)
    both = [seed for seed in values if seed in others and metric in others[seed].metrics]
    differences = [values[seed] - others[seed].metrics[metric] for seed in both]
    difference = Estimate.of(differences, overlap)
    if by_photograph is None:
        return Cell(values, value, difference)
    sampling = by_photograph.sampling(both, difference.mean)
    return Cell(values, value, Estimate.of(differences, overlap, sampling), sampling.photographs)


def _adjusted(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows with Holm's correction over them, a metric at a time."""
    cells = [dict(row.cells) for row in rows]
    for metric in cells[0]:
        tests = {place: mine[metric].difference for place, mine in enumerate(cells)}
        p_values = {place: test.p_value for place, test in tests.items() if test is not None}
        for place, adjusted_p in zip(p_values, holm(list(p_values.values())), strict=True):
            cells[place][metric] = replace(cells[place][metric], adjusted_p=adjusted_p)
    return tuple(replace(row, cells=mine) for row, mine in zip(rows, cells, strict=True))
