"""A table of published figures, each with its source and split, beside our own, run or not."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from awcu.errors import RecordError, TableError
from awcu.runs.record import RunRecord
from awcu.tables.comparability import check_comparable, overlap, provenance
from awcu.tables.intervals import Estimate
from awcu.tables.spec import load_yaml
from awcu.text import number

if TYPE_CHECKING:
    from rich.table import Table as RichTable


FILE = "published.csv"
EVIDENCE = {
    "S": "read in the source",
    "D": "derived from figures read in the source",
    "C": "computed by us from the distributed lists and labels",
}
_FIELDS = ("method", "year", "split", "n", "trivial", "evidence", "source")


@dataclass(frozen=True)
class PublishedSpec:
    """What the `table.yaml` of published figures asks for.

    Attributes:
        name: Of the experiment, and of the block in READMEs.
        title: Printed above the table.
        columns: Metric key → printed label, in published.csv and in our own records.
        trivial: Metric key under which a split's trivial predictor is given.
        own: Label of our own row.
        split: On which it is tested, as printed.
        command: What fills it.
    """

    name: str
    title: str
    columns: dict[str, str]
    trivial: str
    own: str
    split: str
    command: str

    def __post_init__(self) -> None:
        if self.trivial not in self.columns:
            raise TableError(f"trivial {self.trivial!r} is no column; use one of {', '.join(self.columns)}")


@dataclass(frozen=True)
class PublishedTable:
    """Published figures, as printed where they were found, and a row of our own.

    Attributes:
        spec: What was asked for.
        figures: Rows of published.csv: column → text.
        records: Of our own runs; none where it was not run.
    """

    spec: PublishedSpec
    figures: tuple[dict[str, str], ...]
    records: tuple[RunRecord, ...]

    @classmethod
    def load(cls, folder: Path, records: Sequence[RunRecord] = ()) -> "PublishedTable":
        """From table.yaml and published.csv in a folder.

        Raises:
            TableError: From `load_yaml`, or our own records do not belong together.
            RecordError: A missing or foreign column, a row without source or split, an unknown evidence mark, an n
                that is no count, a figure that is no number in [−1, 1].
        """
        spec = load_yaml(PublishedSpec, folder / "table.yaml")
        if records:
            check_comparable(records)
        return cls(spec, tuple(_figures(folder / FILE, tuple(spec.columns))), tuple(records))

    @property
    def header(self) -> list[str]:
        """Printed labels of the columns."""
        labels = self.spec.columns
        return ["", "year", "split", "n", f"trivial {labels[self.spec.trivial]}", *labels.values(), "source"]

    @property
    def lines(self) -> list[list[str]]:
        """Printed rows, our own last."""
        return [*(self._published(row) for row in self.figures), self._own()]

    @property
    def footer(self) -> str:
        """What the marks mean, and where our own row is from."""
        used = [mark for mark in EVIDENCE if any(mark in row["evidence"].split("/") for row in self.figures)]
        marks = "; ".join(f"[{mark}] {EVIDENCE[mark]}" for mark in used)
        ours = f" ± is over seeds. Our own row: {provenance(self.records)}." if self.records else ""
        return (
            f"{marks}. –: not given there. Only rows on the same split can be compared. "
            f"Our own row is filled by `{self.spec.command}`.{ours}"
        )

    def to_markdown(self) -> str:
        """Title, table and footer as GitHub Markdown."""
        places = [":--", *["--:"] * (len(self.header) - 2), ":--"]
        rows = [[cell.replace("|", "\\|") for cell in line] for line in (self.header, places, *self.lines)]
        body = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        return f"{self.spec.title}\n\n{body}\n\n{self.footer}\n"

    def to_terminal(self) -> "RichTable":
        """The same for a terminal, through rich."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table as RichTable
        from rich.text import Text

        title, caption = Text(self.spec.title, style="bold"), Text(self.footer)
        table = RichTable(title=title, caption=caption, caption_justify="left", title_justify="left", box=SIMPLE_HEAD)
        for label in self.header:
            table.add_column(Text(label), justify="left" if label in ("", "source") else "right", overflow="fold")
        for line in self.lines:
            table.add_row(*map(Text, line))
        return table

    def _published(self, row: dict[str, str]) -> list[str]:
        counts = [row["year"], row["split"], row["n"] or "–", _shown(row["trivial"])]
        return [row["method"], *counts, *(_shown(row[key]) for key in self.spec.columns), _source(row)]

    def _own(self) -> list[str]:
        if not self.records:
            missing = ["–"] * (2 + len(self.spec.columns))
            return [self.spec.own, "–", self.spec.split, *missing, "not run: needs the photographs"]
        split, _, name = self.spec.trivial.partition("/")
        trivial = self._over_seeds(f"{split}/trivial/{name}")
        tested = sorted({record.n.get("test", 0) for record in self.records})
        n = f"{tested[0]:,}" if len(tested) == 1 else f"{tested[0]:,}–{tested[-1]:,}"
        values = [self._over_seeds(key).text() for key in self.spec.columns]
        year = max(record.created for record in self.records)[:4]
        return [self.spec.own, year, self.spec.split, n, number(trivial.mean), *values, "this suite"]

    def _over_seeds(self, key: str) -> Estimate:
        return Estimate.of([one.metrics.get(key, math.nan) for one in self.records], overlap(self.records))


def _figures(path: Path, metrics: tuple[str, ...]) -> list[dict[str, str]]:
    expected = [*_FIELDS, *metrics]
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, strict=True)
        if sorted(reader.fieldnames or ()) != sorted(expected):
            raise RecordError(f"{path} has the columns {reader.fieldnames}; needed are {', '.join(expected)}")
        rows = list(reader)
    for row in rows:
        _check(row, metrics, f"{path}: {row['method']!r}")
    return rows


def _check(row: dict[str, str], metrics: tuple[str, ...], where: str) -> None:
    for name in ("method", "split", "source"):
        if not row[name]:
            raise RecordError(f"{where} has no {name}; write it, or 'not stated'")
    if not set(row["evidence"].split("/")) <= EVIDENCE.keys():
        raise RecordError(f"{where} has evidence {row['evidence']!r}; use {', '.join(EVIDENCE)}, or leave it out")
    if row["n"] and not row["n"].lstrip("≈ ").replace(",", "").isdigit():
        raise RecordError(f"{where} has n {row['n']!r}; a count is needed, as 19,930 or ≈12,800, or nothing")
    for name in ("trivial", *metrics):
        try:
            fits = not row[name] or -1 <= float(row[name]) <= 1
        except ValueError:
            fits = False
        if not fits:
            raise RecordError(f"{where} has {name} {row[name]!r}; a number in [−1, 1] is needed")


def _shown(figure: str) -> str:
    """With the digits it was published with, in the style of `number`."""
    sign, digits = ("−", figure[1:]) if figure.startswith("-") else ("", figure)
    return sign + digits.removeprefix("0") if digits else "–"


def _source(row: dict[str, str]) -> str:
    return f"{row['source']} [{row['evidence']}]"
