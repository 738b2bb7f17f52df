"""The rows of a comparison table: each variant's means over seeds and its differences to the baseline."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from awcu.errors import TableError
from awcu.files import write_atomically
from awcu.metrics.bootstrap import CONFIDENCE
from awcu.runs.failures import FailedRun
from awcu.runs.record import RunRecord
from awcu.tables.comparability import check_comparable, overlap, provenance, split_records
from awcu.tables.intervals import LEVEL, Estimate, holm
from awcu.tables.paired import NOTHING, PairedDifference
from awcu.tables.published import NOTHING_BESIDE, Beside, beside
from awcu.tables.spec import TableSpec
from awcu.text import markdown_table, number

if TYPE_CHECKING:
    from rich.table import Table as RichTable


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


TRIVIAL = "trivial predictor"
SEEDS_ONLY = "†"


@dataclass(frozen=True)
class Table:
    """A comparison over seeds.

    Attributes:
        spec: The table's specification.
        rows: In display order; a listed variant without runs has a row without seeds.
        contrasts: One row per contrast of the spec: differences between two rows.
        trivial: Metric key → the trivial predictor's mean over seeds, if recorded.
        experiment: The experiment's name.
        overlap: How much the test splits overlap, as in `Estimate.of`; 0 if all seeds share one split.
        provenance: One line: data, photographs, seeds, commits.
        published: What others have published, where it can stand beside the rows.
    """

    spec: TableSpec
    rows: tuple[Row, ...]
    contrasts: tuple[Row, ...]
    trivial: dict[str, Estimate]
    experiment: str
    overlap: float
    provenance: str
    published: Beside = NOTHING_BESIDE

    @classmethod
    def from_records(
        cls,
        spec: TableSpec,
        records: Iterable[RunRecord],
        differences: Iterable[PairedDifference] = (),
        failures: Iterable[FailedRun] = (),
    ) -> "Table":
        """Compare the variants of the main column of records; without columns in the spec, that is all records.

        Raises:
            TableError: As in `of_column`, or a record fits none of the spec's columns of records.
        """
        mine = split_records(records, spec.record_columns)[spec.main]
        failed = split_records(failures, spec.record_columns)[spec.main]
        return cls.of_column(spec, mine, [one for one in differences if one.column == spec.main], failed)

    @classmethod
    def of_column(
        cls,
        spec: TableSpec,
        records: Sequence[RunRecord],
        differences: Iterable[PairedDifference] = (),
        failures: Iterable[FailedRun] = (),
    ) -> "Table":
        """Group the runs of one column of records by variant and compare each with the baseline.

        Args:
            spec: The table's specification.
            records: The column's records.
            differences: The column's differences paired by photograph, where known.
            failures: The column's failed runs.

        Raises:
            TableError: No records, a variant and seed that were run twice, two experiments or data sets, two splits
                under one seed, two weightings under one variant, a metric that no record has, no baseline, splits
                that test on no photograph or on all, a paired difference that does not match the records, or a
                faulty file of published figures.
        """
        check_comparable(records)
        _check_named(spec, records)
        differences, shared = list(differences), overlap(records)
        rows = compared_rows(spec, records, shared, differences, failures)
        contrasts = contrasted_rows(spec, records, shared, differences)
        trivial = {metric: _trivial(metric, records) for metric in spec.columns}
        found = {metric: estimate for metric, estimate in trivial.items() if estimate.n}
        published = beside(spec.published, spec.columns, records) if spec.published else NOTHING_BESIDE
        return cls(spec, rows, contrasts, found, records[0].experiment, shared, provenance(records), published)

    @property
    def most_seeds(self) -> int:
        """The largest number of seeds of any row."""
        return max(row.asked for row in self.rows)

    @property
    def plus_minus(self) -> str:
        """The meaning of ±, in words."""
        percent = f"{CONFIDENCE * 100:.0f} %"
        if all(cell.value_photographs for row in self.rows for cell in row.cells.values() if cell.value.n):
            return f"the half-width of the {percent} interval of the mean over seeds and test photographs"
        if self.overlap:
            widened = "widened for overlapping test splits (Nadeau & Bengio 2003)"
            return f"the half-width of the {percent} interval of the mean over seeds, {widened}"
        return f"the half-width of the {percent} Student-t interval of the mean over training seeds on one split"

    @property
    def intervals(self) -> bool:
        """Whether there is any; one seed has none."""
        return any(
            math.isfinite(one.half_width) for cell in self._cells for one in (cell.value, cell.difference) if one
        )

    @property
    def footer(self) -> str:
        """The source of the numbers and the meaning of the symbols."""
        baseline, level = self.spec.label(self.spec.baseline), number(LEVEL, decimals=2)
        cells = [cell for cell in self._cells if cell.difference and cell.difference.n]
        some = f"; {SEEDS_ONLY}: over seeds only" if len({cell.photographs > 0 for cell in cells}) > 1 else ""
        spread = f"± is {self.plus_minus}" if self.intervals else "One seed has no interval"
        said = (
            f"{self.provenance}. {spread}. Δ is the difference to {baseline}, {self.pairing}{some}; bold where it "
            f"survives Holm's correction over the rows (adjusted p < {level}).{self._contrasted}"
        )
        return f"{said} {self.published.note}" if self.published.note else said

    @property
    def _contrasted(self) -> str:
        if not self.contrasts:
            return ""
        last = "The last row is a difference" if len(self.contrasts) == 1 else "The last rows are differences"
        unsure = any(not cell.photographs for row in self.contrasts for cell in row.cells.values())
        never = f"; with {SEEDS_ONLY} they are never bold" if self._by_photograph and unsure else ""
        return f" {last} between the two rows that are named, corrected apart from the others{never}."

    @property
    def pairing(self) -> str:
        """How the differences are paired and what their intervals cover, in words."""
        if not self.intervals:
            return "paired by seed"
        counts = sorted({cell.photographs for cell in self._cells if cell.photographs})
        if not counts:
            return "paired by seed, its interval over seeds only"
        photographs = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
        return f"paired by seed and test photograph, its interval over both (bootstrap of {photographs} photographs)"

    @property
    def _cells(self) -> list[Cell]:
        return [cell for row in (*self.rows, *self.contrasts) for cell in row.cells.values()]

    @property
    def _by_photograph(self) -> bool:
        return any(cell.photographs for cell in self._cells)

    def to_markdown(self) -> str:
        """Title, table and footer as GitHub Markdown."""
        header = ["", *(text for label in self.spec.columns.values() for text in (label, "Δ"))]
        rows = [[label, *(f"**{text}**" if bold else text for text, bold in cells)] for label, cells in self.lines()]
        body = markdown_table(header, rows, "l" + "r" * (len(header) - 1))
        return f"{self.spec.title}\n\n{body}\n\n{self.footer}\n"

    def to_terminal(self) -> "RichTable":
        """The same for the terminal, as a rich table."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(
            title=Text(self.spec.title, style="bold"),
            caption=Text(self.footer),
            caption_justify="left",
            title_justify="left",
            box=SIMPLE_HEAD,
            padding=(0, 1),
        )
        # More than three metrics beside their differences do not fit 120 columns; differences then go below.
        stacked = len(self.spec.columns) > 3
        table.add_column("")
        for label in self.spec.columns.values():
            for header in (f"{label}\nΔ",) if stacked else (label, "Δ"):
                table.add_column(Text(header), justify="right")
        for label, cells in self.lines():
            texts = [Text(text, style="bold" if bold else "") for text, bold in cells]
            if stacked:
                texts = [Text("\n").join(pair) for pair in zip(texts[::2], texts[1::2], strict=True)]
            table.add_row(Text(label), *texts)
        return table

    def to_csv(self, path: Path) -> None:
        """Write one line per row and metric, at full precision."""
        header = ["variant", "row", "metric", "seeds", "mean", "half_width"]
        header += ["pairs", "difference", "difference_half_width", "p", "adjusted_p", "photographs"]
        text = io.StringIO()
        writer = csv.DictWriter(text, header, restval="", lineterminator="\n")
        writer.writeheader()
        for metric, value in self.trivial.items():
            writer.writerow({"row": TRIVIAL, "metric": metric, "seeds": value.n, "mean": value.mean})
        for published in self.published.rows:
            for metric in self.spec.columns:
                if metric in published.figures:
                    writer.writerow({"row": published.label, "metric": metric, "mean": published.figures[metric]})
        for place, row in enumerate((*self.rows, *self.contrasts)):
            for metric, cell in row.cells.items():
                value, difference = cell.value, cell.difference
                own = [value.n, value.mean, value.half_width] if place < len(self.rows) else [""] * 3
                line = [row.variant, row.label, metric, *own]
                if difference is not None:
                    line += [difference.n, difference.mean, difference.half_width]
                    line += [difference.p_value, cell.adjusted_p, cell.photographs or ""]
                writer.writerow(dict(zip(header, line, strict=False)))
        write_atomically(path, text.getvalue())

    def lines(self, errors: bool = True) -> list[tuple[str, list[tuple[str, bool]]]]:
        """The printed lines: a label, then the text and boldness of each metric's value and difference.

        The trivial predictor comes first, if known; then what is published, without differences; then one line per
        row, then one per contrast, without values.

        Args:
            errors: Give the reasons in the labels of rows with failed runs.
        """
        lines = []
        if self.trivial:
            trivial = [self.trivial.get(metric) for metric in self.spec.columns]
            texts = ["–" if one is None else one.text() if one.undefined else number(one.mean) for one in trivial]
            lines.append((TRIVIAL, [pair for text in texts for pair in ((text, False), ("", False))]))
        for one in self.published.rows:
            figures = [((one.text(metric), False), ("", False)) for metric in self.spec.columns]
            lines.append((one.label, [pair for pairs in figures for pair in pairs]))
        for row in self.rows:
            notes = [f"n = {len(row.seeds)} of {self.most_seeds}"] if len(row.seeds) < self.most_seeds else []
            if row.failed:
                reasons = f": {'; '.join(dict.fromkeys(one.error for one in row.failed))}" if errors else ""
                notes.append(f"{len(row.failed)} failed{reasons}")
            label = row.label + (f" ({'; '.join(notes)})" if notes else "")
            cells = [pair for cell in row.cells.values() for pair in self._cell_texts(row, cell)]
            lines.append((label, cells))
        for row in self.contrasts:
            cells = [pair for cell in row.cells.values() for pair in (("", False), self._difference_text(cell))]
            lines.append((row.label, cells))
        return lines

    def _cell_texts(self, row: Row, cell: Cell) -> list[tuple[str, bool]]:
        text = cell.value.text()
        if cell.value.n < len(row.seeds):
            text += f" (n = {cell.value.n} of {len(row.seeds)})"
        return [(text, False), self._difference_text(cell)]

    def _difference_text(self, cell: Cell) -> tuple[str, bool]:
        if cell.difference is None:
            return "baseline", False
        difference, pairs = cell.difference.text(signed=True), cell.difference.n
        if pairs < cell.value.n and not cell.difference.undefined:
            difference += f" ({pairs} {'pair' if pairs == 1 else 'pairs'})"
        if self._by_photograph and pairs and not cell.photographs:
            difference += f" {SEEDS_ONLY}"
        return difference, cell.significant


def _check_named(spec: TableSpec, records: Sequence[RunRecord]) -> None:
    metrics = sorted({key for record in records for key in record.metrics})
    for column in spec.columns:
        if column not in metrics:
            near = get_close_matches(column, metrics, cutoff=0.4) or metrics
            raise TableError(f"no record has the metric {column!r}; the nearest are {', '.join(near)}")
    variants = sorted({record.variant for record in records})
    if spec.baseline not in variants:
        raise TableError(
            f"no run of the baseline {spec.baseline!r} among {', '.join(map(repr, variants))}; train it, or "
            f"name another baseline"
        )


def _trivial(metric: str, records: Sequence[RunRecord]) -> Estimate:
    split, _, name = metric.partition("/")
    key = f"{split}/trivial/{name}"
    runs: dict[int, list[float]] = {}
    for record in records:
        if key in record.metrics:
            runs.setdefault(record.seed, []).append(record.metrics[key])
    # Count each seed once, so that rows with fewer seeds do not shift the mean.
    return Estimate.of([mean(values) for values in runs.values()])
