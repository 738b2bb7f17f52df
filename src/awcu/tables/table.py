"""The comparison table: compared rows, and how they are printed in Markdown, in the terminal and as CSV."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from awcu.errors import TableError
from awcu.files import write_atomically
from awcu.metrics.bootstrap import CONFIDENCE
from awcu.runs.failures import FailedRun
from awcu.runs.record import RunRecord
from awcu.tables.comparability import check_comparable, overlap, provenance, split_records
from awcu.tables.intervals import LEVEL, Estimate
from awcu.tables.paired import PairedDifference
from awcu.tables.published import NOTHING_BESIDE, Beside, beside
from awcu.tables.rows import Cell, Row, compared_rows, contrasted_rows, trivial_means
from awcu.tables.spec import TableSpec
from awcu.text import markdown_table, number

if TYPE_CHECKING:
    from rich.table import Table as RichTable

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
        trivial = trivial_means(spec, records)
        published = beside(spec.published, spec.columns, records) if spec.published else NOTHING_BESIDE
        return cls(spec, rows, contrasts, trivial, records[0].experiment, shared, provenance(records), published)

    @property
    def baseline(self) -> Row:
        """The baseline's row."""
        return next(row for row in self.rows if row.variant == self.spec.baseline)

    @property
    def most_seeds(self) -> int:
        """The largest number of seeds of any row, whether their runs finished or failed."""
        return max(len({*map(str, row.seeds), *(one.seed for one in row.failed)}) for row in self.rows)

    @property
    def plus_minus(self) -> str:
        """The meaning of ±, in words."""
        percent = f"{CONFIDENCE * 100:.0f} %"
        if any(cell.value_photographs for cell in self._cells):
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
        marked = any(text.endswith(SEEDS_ONLY) for _, cells in self.lines() for text, _ in cells)
        some = f"; {SEEDS_ONLY}: over seeds only" if marked else ""
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
        elif cell.value.spread and not cell.value_photographs and any(one.value_photographs for one in self._cells):
            text += f" {SEEDS_ONLY}"
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
