"""From run records to a comparison table: means over seeds, and differences paired by seed and photograph."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from awcu.atomic_files import write_atomically
from awcu.comparable import check_comparable, overlap, provenance
from awcu.differences import PairedDifference
from awcu.failed_runs import FailedRun
from awcu.record_columns import split_records
from awcu.results import RunRecord
from awcu.significance import CONFIDENCE, LEVEL, Estimate, number
from awcu.table_rows import Cell, Row, compared_rows
from awcu.table_spec import TableError, TableSpec

if TYPE_CHECKING:
    from rich.table import Table as RichTable

TRIVIAL = "trivial predictor"
SEEDS_ONLY = "†"


@dataclass(frozen=True)
class Table:
    """A comparison over seeds.

    Attributes:
        spec: What was asked for.
        rows: In display order; a listed variant without runs has a row without seeds.
        trivial: Metric key → the trivial predictor's mean over seeds, where recorded.
        experiment: The name that its records share.
        overlap: By how much its splits overlap, as in `Estimate.of`; 0 where all seeds have one split.
        provenance: One line: data, photographs, seeds, commits.
    """

    spec: TableSpec
    rows: tuple[Row, ...]
    trivial: dict[str, Estimate]
    experiment: str
    overlap: float
    provenance: str

    @classmethod
    def from_records(
        cls,
        spec: TableSpec,
        records: Iterable[RunRecord],
        differences: Iterable[PairedDifference] = (),
        failures: Iterable[FailedRun] = (),
    ) -> "Table":
        """Compare the variants of the main column of records, which is all of them where the spec asks for one.

        Raises:
            TableError: As in `of_column`, or the records do not fit the spec's columns of records.
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
            spec: What is asked for.
            records: Of one column.
            differences: What is known of the photographs behind the column's differences.
            failures: The column's runs without record.

        Raises:
            TableError: No records, a variant and seed run twice, two experiments or data sets, two splits under
                one seed, two weightings under one variant, a column that no record has, no baseline, splits
                that test on no photograph or on all, a difference that is not that of the records.
        """
        check_comparable(records)
        _check_named(spec, records)
        rows = compared_rows(spec, records, overlap(records), differences, failures)
        trivial = {metric: _trivial(metric, records) for metric in spec.columns}
        found = {metric: estimate for metric, estimate in trivial.items() if estimate.n}
        return cls(spec, rows, found, records[0].experiment, overlap(records), provenance(records))

    @property
    def most_seeds(self) -> int:
        """Seeds of the row that was run with most."""
        return max(row.asked for row in self.rows)

    @property
    def plus_minus(self) -> str:
        """What follows a ±, in words."""
        percent = f"{CONFIDENCE * 100:.0f} %"
        if self.overlap:
            widened = "widened for overlapping test splits (Nadeau & Bengio 2003)"
            return f"the half-width of the {percent} interval of the mean over seeds, {widened}"
        return f"the half-width of the {percent} Student-t interval of the mean over training seeds on one split"

    @property
    def footer(self) -> str:
        """Where the numbers are from and what the signs mean."""
        baseline, level = self.spec.label(self.spec.baseline), number(LEVEL, decimals=2)
        cells = [cell for row in self.rows for cell in row.cells.values() if cell.difference and cell.difference.n]
        some = f"; {SEEDS_ONLY}: over seeds only" if len({cell.photographs > 0 for cell in cells}) > 1 else ""
        return (
            f"{self.provenance}. ± is {self.plus_minus}. Δ is the difference to {baseline}, {self.pairing}{some}; bold "
            f"where it survives Holm's correction over the rows (adjusted p < {level})."
        )

    @property
    def pairing(self) -> str:
        """How its differences are paired and what their intervals are over, in words."""
        counts = sorted({cell.photographs for row in self.rows for cell in row.cells.values() if cell.photographs})
        if not counts:
            return "paired by seed, its interval over seeds only"
        photographs = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
        return f"paired by seed and test photograph, its interval over both (bootstrap of {photographs} photographs)"

    @property
    def _by_photograph(self) -> bool:
        return any(cell.photographs for row in self.rows for cell in row.cells.values())

    def to_markdown(self) -> str:
        """Title, table and footer as GitHub Markdown."""
        header = ["", *(text for label in self.spec.columns.values() for text in (label, "Δ"))]
        lines = [header, [":--", *["--:"] * (len(header) - 1)]]
        for label, cells in self.lines():
            lines.append([label, *(f"**{text}**" if bold else text for text, bold in cells)])
        escaped = [[text.replace("|", "\\|") for text in line] for line in lines]
        body = "\n".join(f"| {' | '.join(line)} |" for line in escaped)
        return f"{self.spec.title}\n\n{body}\n\n{self.footer}\n"

    def to_terminal(self) -> "RichTable":
        """The same for a terminal, through rich."""
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
        # More than three metrics beside their differences do not fit 120 columns: then each stands above its.
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
        """Write one line a row and metric, full precision."""
        header = ["variant", "row", "metric", "seeds", "mean", "half_width"]
        header += ["pairs", "difference", "difference_half_width", "p", "adjusted_p", "photographs"]
        text = io.StringIO()
        writer = csv.DictWriter(text, header, restval="", lineterminator="\n")
        writer.writeheader()
        for metric, value in self.trivial.items():
            writer.writerow({"row": TRIVIAL, "metric": metric, "seeds": value.n, "mean": value.mean})
        for row in self.rows:
            for metric, cell in row.cells.items():
                value, difference = cell.value, cell.difference
                line = [row.variant, row.label, metric, value.n, value.mean, value.half_width]
                if difference is not None:
                    line += [difference.n, difference.mean, difference.half_width]
                    line += [difference.p_value, cell.adjusted_p, cell.photographs or ""]
                writer.writerow(dict(zip(header, line, strict=False)))
        write_atomically(path, text.getvalue())

    def lines(self, errors: bool = True) -> list[tuple[str, list[tuple[str, bool]]]]:
        """Each printed line: label, then text and boldness of value and difference for each metric.

        The trivial predictor's first, where it is known; then one a row.

        Args:
            errors: Say in the label of a row with failed runs why they failed.
        """
        lines = []
        if self.trivial:
            trivial = [self.trivial.get(metric) for metric in self.spec.columns]
            texts = ["–" if one is None else one.text() if one.undefined else number(one.mean) for one in trivial]
            lines.append((TRIVIAL, [pair for text in texts for pair in ((text, False), ("", False))]))
        for row in self.rows:
            notes = [f"n = {len(row.seeds)} of {self.most_seeds}"] if len(row.seeds) < self.most_seeds else []
            if row.failed:
                reasons = f": {'; '.join(dict.fromkeys(one.error for one in row.failed))}" if errors else ""
                notes.append(f"{len(row.failed)} failed{reasons}")
            label = row.label + (f" ({'; '.join(notes)})" if notes else "")
            cells = [pair for cell in row.cells.values() for pair in self._cell_texts(row, cell)]
            lines.append((label, cells))
        return lines

    def _cell_texts(self, row: Row, cell: Cell) -> list[tuple[str, bool]]:
        text = cell.value.text()
        if cell.value.n < len(row.seeds):
            text += f" (n = {cell.value.n} of {len(row.seeds)})"
        if cell.difference is None:
            return [(text, False), ("baseline", False)]
        difference, pairs = cell.difference.text(signed=True), cell.difference.n
        if pairs < cell.value.n and not cell.difference.undefined:
            difference += f" ({pairs} {'pair' if pairs == 1 else 'pairs'})"
        if self._by_photograph and pairs and not cell.photographs:
            difference += f" {SEEDS_ONLY}"
        return [(text, False), (difference, cell.significant)]


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
    # Each seed once, so that a row with fewer seeds does not shift the mean.
    return Estimate.of([mean(values) for values in runs.values()])
