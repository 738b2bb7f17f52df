"""From run records to a comparison table: means over seeds, and differences paired by seed."""

import csv
import io
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING

from scipy.special import stdtrit

from awcu.results import RunRecord, write_atomically
from awcu.table_spec import TableError, TableSpec

if TYPE_CHECKING:
    from rich.table import Table as RichTable

CONFIDENCE = 0.95
TRIVIAL = "trivial predictor"


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and the half-width of its 95 % Student-t interval.

    Attributes:
        mean: nan without values, or where any value is undefined.
        half_width: nan for fewer than two values, or where any value is undefined.
        n: Number of values, undefined ones included.
        undefined: How many of them are nan or infinite.
    """

    mean: float
    half_width: float
    n: int
    undefined: int = 0

    @classmethod
    def of(cls, values: Sequence[float]) -> "Estimate":
        """Estimate from one value a seed."""
        n, undefined = len(values), sum(not math.isfinite(value) for value in values)
        if n == 0 or undefined:
            return cls(math.nan, math.nan, n, undefined)
        half_width = math.nan
        if n > 1:
            half_width = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2) * stdev(values) / math.sqrt(n))
        return cls(mean(values), half_width, n)

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval excludes zero; False where there is no interval."""
        return abs(self.mean) > self.half_width

    def text(self, signed: bool = False) -> str:
        """Print as ".812 ± .011", "nan (1 of 3)" with undefined values, "–" without values."""
        if self.undefined:
            return f"nan ({self.undefined} of {self.n})"
        if self.n == 0:
            return "–"
        spread = "–" if self.n == 1 else "<.001" if 0 < self.half_width < 0.0005 else number(self.half_width)
        return f"{number(self.mean, signed)} ± {spread}"


@dataclass(frozen=True)
class Cell:
    """One variant under one metric.

    Attributes:
        values: Seed → metric, undefined ones included.
        value: Over these seeds.
        difference: To the baseline over the seeds that both have; None in the baseline's own row.
    """

    values: dict[int, float]
    value: Estimate
    difference: Estimate | None


@dataclass(frozen=True)
class Row:
    """One variant: its printed label, seeds, and one cell a metric key."""

    variant: str
    label: str
    seeds: tuple[int, ...]
    cells: dict[str, Cell]


@dataclass(frozen=True)
class Table:
    """A comparison over seeds.

    Attributes:
        spec: What was asked for.
        rows: In display order; a listed variant without runs has a row without seeds.
        trivial: Metric key → the trivial predictor's mean over seeds, where recorded.
        provenance: One line: data, photographs, seeds, commits.
    """

    spec: TableSpec
    rows: tuple[Row, ...]
    trivial: dict[str, Estimate]
    provenance: str

    @classmethod
    def from_records(cls, spec: TableSpec, records: Iterable[RunRecord]) -> "Table":
        """Group runs by variant and compare each with the baseline.

        Raises:
            TableError: No records, a variant and seed run twice, two experiments or data sets, two splits under
                one seed, two weightings under one variant, a column that no record has, no baseline.
        """
        records = list(records)
        _check_comparable(records)
        _check_named(spec, records)
        runs: dict[str, dict[int, RunRecord]] = {}
        for record in sorted(records, key=lambda record: (record.variant, record.seed)):
            runs.setdefault(record.variant, {})[record.seed] = record
        rows = []
        for variant in dict.fromkeys([*spec.rows, *runs]):
            mine, other = runs.get(variant, {}), None if variant == spec.baseline else runs[spec.baseline]
            cells = {metric: _cell(metric, mine, other) for metric in spec.columns}
            rows.append(Row(variant, spec.label(variant), tuple(mine), cells))
        trivial = {metric: _trivial(metric, records) for metric in spec.columns}
        found = {metric: estimate for metric, estimate in trivial.items() if estimate.n}
        return cls(spec, tuple(rows), found, _provenance(records))

    @property
    def most_seeds(self) -> int:
        """Seeds of the most complete row."""
        return max(len(row.seeds) for row in self.rows)

    @property
    def footer(self) -> str:
        """Where the numbers are from and what the signs mean."""
        baseline = self.spec.label(self.spec.baseline)
        return (
            f"{self.provenance}. ± is the half-width of the {CONFIDENCE * 100:.0f} % Student-t interval of the mean "
            f"over seeds. Δ is the difference to {baseline}, paired by seed; bold where its interval "
            f"excludes zero, each comparison on its own."
        )

    def to_markdown(self) -> str:
        """Title, table and footer as GitHub Markdown."""
        header = ["", *(text for label in self.spec.columns.values() for text in (label, "Δ"))]
        lines = [header, [":--", *["--:"] * (len(header) - 1)]]
        for label, cells in self._lines():
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
        for label, cells in self._lines():
            texts = [Text(text, style="bold" if bold else "") for text, bold in cells]
            if stacked:
                texts = [Text("\n").join(pair) for pair in zip(texts[::2], texts[1::2], strict=True)]
            table.add_row(Text(label), *texts)
        return table

    def to_csv(self, path: Path) -> None:
        """Write one line a row and metric, full precision."""
        header = ["variant", "row", "metric", "seeds", "mean", "half_width"]
        header += ["pairs", "difference", "difference_half_width"]
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
                writer.writerow(dict(zip(header, line, strict=False)))
        write_atomically(path, text.getvalue())

    def _lines(self) -> list[tuple[str, list[tuple[str, bool]]]]:
        """Each printed line: label, then text and boldness of value and difference for each metric."""
        lines = []
        if self.trivial:
            trivial = [self.trivial.get(metric) for metric in self.spec.columns]
            texts = ["–" if one is None else one.text() if one.undefined else number(one.mean) for one in trivial]
            lines.append((TRIVIAL, [pair for text in texts for pair in ((text, False), ("", False))]))
        for row in self.rows:
            few = len(row.seeds) < self.most_seeds
            label = row.label + (f" (n = {len(row.seeds)} of {self.most_seeds})" if few else "")
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
        return [(text, False), (difference, cell.difference.excludes_zero)]


def number(value: float, signed: bool = False) -> str:
    """Three decimals, no zero before the point, a true minus sign; what rounds to zero has no sign."""
    text = f"{abs(value):.3f}".removeprefix("0")
    sign = "" if text in (".000", "nan") else "−" if value < 0 else "+" if signed else ""
    return sign + text


def refresh_block(readme: Path, name: str, markdown: str) -> bool:
    """Put the Markdown between `<!-- table:NAME -->` and `<!-- /table:NAME -->`; whether that changed it.

    Raises:
        TableError: A marker is absent, doubled, or the two are in the wrong order.
    """
    # Bytes, since reading as text would turn the line ends of the whole file into this system's.
    text = readme.read_bytes().decode("utf-8")
    start, end = f"<!-- table:{name} -->", f"<!-- /table:{name} -->"
    for marker in (start, end):
        if text.count(marker) != 1:
            raise TableError(f"{readme} has {marker} {text.count(marker)} times; write it exactly once")
    before, rest = text.split(start)
    if end not in rest:
        raise TableError(f"{readme} has {end} before {start}; swap them")
    fresh = f"{before}{start}\n\n{markdown.strip()}\n\n{end}{rest.split(end)[1]}"
    if fresh == text:
        return False
    write_atomically(readme, fresh)
    return True


# What must be the same within each group of runs, or their numbers do not belong side by side.
_RULES: tuple[tuple[Callable[[RunRecord], str], str, str], ...] = (
    (lambda run: "one table", "experiment", "a variant is a change to one experiment: make a table for each"),
    (lambda run: "one table", "data_fingerprint", "rows compare on one data set only: remove the other runs"),
    (lambda run: f"seed {run.seed}", "split_fingerprint", "pairing needs one split a seed: run one of them again"),
    (lambda run: f"{run.variant!r}", "weighting", "a row averages one setting over seeds: run one of them again"),
)


def _check_comparable(records: Sequence[RunRecord]) -> None:
    if not records:
        raise TableError("no runs; a table needs at least those of its baseline: train them first")
    for group, name, rule in _RULES:
        firsts: dict[str, RunRecord] = {}
        for record in records:
            first = firsts.setdefault(group(record), record)
            one, other = getattr(first, name), getattr(record, name)
            if one != other:
                raise TableError(
                    f"{group(record)} has different {name}: {one} ({first.data}, {first.variant!r}, seed "
                    f"{first.seed}) and {other} ({record.data}, {record.variant!r}, seed {record.seed}); {rule}"
                )
    (run, times), *_ = Counter((record.variant, record.seed) for record in records).most_common(1)
    if times > 1:
        raise TableError(f"{run[0]!r} with seed {run[1]} was run {times} times; keep one of them")


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


def _cell(metric: str, runs: Mapping[int, RunRecord], others: Mapping[int, RunRecord] | None) -> Cell:
    values = {seed: run.metrics[metric] for seed, run in runs.items() if metric in run.metrics}
    value = Estimate.of(list(values.values()))
    if others is None:
        return Cell(values, value, None)
    both = [seed for seed in values if seed in others and metric in others[seed].metrics]
    return Cell(values, value, Estimate.of([values[seed] - others[seed].metrics[metric] for seed in both]))


def _trivial(metric: str, records: Sequence[RunRecord]) -> Estimate:
    split, _, name = metric.partition("/")
    key = f"{split}/trivial/{name}"
    runs: dict[int, list[float]] = {}
    for record in records:
        if key in record.metrics:
            runs.setdefault(record.seed, []).append(record.metrics[key])
    # Each seed once, so that a row with fewer seeds does not shift the mean.
    return Estimate.of([mean(values) for values in runs.values()])


def _provenance(records: Sequence[RunRecord]) -> str:
    counts = []
    for split in ("train", "val", "test", "excluded"):
        found = [record.n[split] for record in records if split in record.n]
        if found and max(found) > 0:
            low, high = min(found), max(found)
            counts.append(f"{low}–{high} {split}" if low < high else f"{low} {split}")
    seeds = sorted({record.seed for record in records})
    dirty = any(record.git_dirty for record in records)
    commits = sorted({record.git_commit[:7] + "+" * record.git_dirty for record in records})
    return (
        f"{records[0].data} ({records[0].data_fingerprint}), photographs: {', '.join(counts)}; "
        f"{len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'} ({', '.join(map(str, seeds))}); "
        f"commit {', '.join(commits)}{' (+: with uncommitted changes)' if dirty else ''}"
    )
