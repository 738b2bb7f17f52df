"""Do two groups of records rank the variants alike? Spearman's ρ of their differences to the baseline."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awcu.errors import TableError
from awcu.metrics.bootstrap import CONFIDENCE
from awcu.metrics.ranks import spearman
from awcu.runs.record import RunRecord
from awcu.tables.comparability import provenance, split_records
from awcu.tables.intervals import Estimate
from awcu.tables.spec import TableSpec
from awcu.tables.table import Row, Table
from awcu.text import number

DRAWS, SEED = 2000, 0
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """One variant: its printed label, and its mean difference to the baseline in each of the two groups."""

    label: str
    x: Estimate
    y: Estimate


@dataclass(frozen=True)
class RankAgreement:
    """The agreement under one metric.

    Attributes:
        metric: The metric's key.
        points: One per variant that has runs in both groups, without the baseline.
        rho: Spearman's rank correlation of the mean differences, in [−1, 1]; nan if a group's are all equal.
        low: Lower end of its 95 % bootstrap interval: percentiles over redraws of the seeds, with each redraw
            shared by both groups and all variants; nan if any redraw leaves ρ undefined.
        high: Upper end of the interval.
        seeds: Seeds that all variants of both groups share; no others are used.
        plus_minus: The meaning of the points' half-widths, in words.
        provenance: The source of the numbers, in one line.
    """

    metric: str
    points: tuple[Point, ...]
    rho: float
    low: float
    high: float
    seeds: tuple[int, ...]
    plus_minus: str
    provenance: str

    @property
    def text(self) -> str:
        """Print as "Spearman ρ = .81 [.43, .95] over 9 weightings, 8 seeds"."""
        rho, low, high = (number(value, decimals=2) for value in (self.rho, self.low, self.high))
        return f"Spearman ρ = {rho} [{low}, {high}] over {len(self.points)} weightings, {len(self.seeds)} seeds"


def rank_agreements(spec: TableSpec, records: Iterable[RunRecord]) -> list[RankAgreement]:
    """Compare the two groups of the spec's agreement, one metric at a time.

    Raises:
        TableError: The spec has no agreement, a record fits no column, the records of a group cannot be compared,
            fewer than three variants beside the baseline in both groups, fewer than two common seeds, or a run
            whose metric is missing or undefined.
    """
    plan = spec.agreement
    if plan is None:
        raise TableError(f"{spec.title!r} has no agreement; add one to its table.yaml")
    columns = split_records(records, spec.record_columns)
    x, y = _common(spec.baseline, columns[plan.x.tokens], columns[plan.y.tokens])
    tables = [Table.of_column(spec.only(plan.metrics), mine) for mine in (x, y)]
    source = provenance([*x, *y])
    return [_agreement(metric, tables[0], tables[1], source) for metric in plan.metrics]


def sentence(spec: TableSpec, found: Sequence[RankAgreement]) -> str:
    """Each metric's rank correlation, as one line of Markdown."""
    assert spec.agreement is not None
    each = "; ".join(f"{spec.columns[one.metric]}: {one.text}" for one in found)
    return (
        f"Agreement of “{spec.agreement.x.label}” with “{spec.agreement.y.label}” on the difference to "
        f"{spec.label(spec.baseline)}: {each} (in brackets the {CONFIDENCE * 100:.0f} % bootstrap interval over seeds)."
    )


def _common(baseline: str, *groups: Sequence[RunRecord]) -> list[list[RunRecord]]:
    """The records of each group whose variant has runs in both, limited to the seeds that all these variants share."""
    shared = set.intersection(*({record.variant for record in group} for group in groups))
    if len(shared - {baseline}) < 3:
        count = len(shared - {baseline})
        raise TableError(
            f"agreement needs at least three weightings with runs in both columns, not {count}: train more"
        )
    # Keep the baseline even if one group lacks it: that group's table then reports it missing.
    kept = [[record for record in group if record.variant in shared | {baseline}] for group in groups]
    seeds: dict[tuple[int, str], set[int]] = {}
    for place, group in enumerate(kept):
        for record in group:
            seeds.setdefault((place, record.variant), set()).add(record.seed)
    common = set.intersection(*seeds.values())
    if len(common) < 2:
        raise TableError(
            f"agreement needs at least two seeds that all runs share, not {len(common)}: train the missing ones"
        )
    return [[record for record in group if record.seed in common] for group in kept]


def _agreement(metric: str, x: Table, y: Table, source: str) -> RankAgreement:
    rows_y = {row.variant: row for row in y.rows}
    pairs = [(row, rows_y[row.variant]) for row in x.rows if row.seeds and row.variant != x.spec.baseline]
    points = []
    for row_x, row_y in pairs:
        one, two = row_x.cells[metric].difference, row_y.cells[metric].difference
        assert one is not None
        assert two is not None
        points.append(Point(row_x.label, one, two))
    deltas = _differences(metric, x, [row for row, _ in pairs]), _differences(metric, y, [row for _, row in pairs])
    rho = float(spearman(deltas[0].mean(axis=1), deltas[1].mean(axis=1)))
    seeds = pairs[0][0].seeds
    draws = np.random.default_rng(SEED).integers(len(seeds), size=(DRAWS, len(seeds)))
    redrawn = [spearman(*(one[:, draw].mean(axis=1) for one in deltas)) for draw in draws]
    low, high = np.percentile(redrawn, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    plus_minus = " or ".join(dict.fromkeys([x.plus_minus, y.plus_minus]))
    return RankAgreement(metric, tuple(points), rho, float(low), float(high), seeds, plus_minus, source)


def _differences(metric: str, table: Table, rows: Sequence[Row]) -> Floats:
    """`(rows, seeds)` differences to the baseline, paired by seed."""
    base = next(row for row in table.rows if row.variant == table.spec.baseline)
    values = np.array([[row.cells[metric].values.get(seed, np.nan) for seed in base.seeds] for row in [base, *rows]])
    for row, mine in zip([base, *rows], values, strict=True):
        if not np.isfinite(mine).all():
            raise TableError(f"agreement: {metric} of {row.variant!r} is undefined for some seed; use another metric")
    return np.asarray(values[1:] - values[0])
