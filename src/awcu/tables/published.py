"""Figures that others have published, beside our runs where both were tested on the same photographs."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from awcu.errors import TableError
from awcu.runs.record import RunRecord
from awcu.tables.spec import Published
from awcu.text import number

MISSING = 0.001
"""Share of a published list that our copy of the set may lack. The common download of AVA lacks about 20 of 255,530
photographs; the test list of ILGNet, by contrast, is .35 % longer than the authors' own."""
COMPUTED = "C"  # evidence of rows that nobody has published, such as always high, which a table computes itself
_NEEDED = ("method", "year", "split", "n", "evidence", "source")


@dataclass(frozen=True)
class PublishedRow:
    """A row of `published.csv`.

    Attributes:
        method: Its name.
        year: As written, maybe "".
        split: Name of the split, as `data.ratings.split` has it.
        n: Test photographs; None where no exact number is known.
        figures: Metric key → figure as written, such as "0.7126".
        evidence: Letters that say whether figures were read (S) in the source or derived from it (D).
        source: Where the figures are from.
    """

    method: str
    year: str
    split: str
    n: int | None
    figures: dict[str, str]
    evidence: str
    source: str

    @property
    def label(self) -> str:
        """As printed."""
        return f"{self.method} ({self.year})" if self.year else self.method

    def text(self, metric: str) -> str:
        """A figure with the decimals that it was published with; "–" where there is none."""
        written = self.figures.get(metric)
        return "–" if written is None else number(float(written), decimals=len(written.partition(".")[2]))


@dataclass(frozen=True)
class Beside:
    """What is published on the photographs that some runs were tested on.

    Attributes:
        rows: Empty where the runs were tested on other photographs.
        note: Sentences for the table's footer.
    """

    rows: tuple[PublishedRow, ...]
    note: str


NOTHING_BESIDE = Beside((), "")


def beside(asked: Published, metrics: Iterable[str], records: Sequence[RunRecord]) -> Beside:
    """The published rows that may stand beside these runs, or why there are none.

    A row may if it is on the split that is asked for, and all runs were tested on that split of that set: by name, and
    by count to within `MISSING`.

    Args:
        asked: From a `TableSpec`.
        metrics: Columns of the table; a row with none of them is left out.
        records: At least one run.

    Raises:
        TableError: As in `read_published`.
    """
    keys = set(metrics)
    rows = [row for row in read_published(Path(asked.file)) if row.split == asked.split and keys & set(row.figures)]
    rows = [row for row in rows if row.evidence != COMPUTED]
    shown = tuple(row for row in rows if all(_same_photographs(row, asked.data, record) for record in records))
    return Beside(shown, _sources(shown, records) if shown else _refusal(asked, rows, records))


def read_published(path: Path) -> list[PublishedRow]:
    """The rows of a `published.csv`, whose columns with a "/" are metrics.

    Raises:
        TableError: It is not there, lacks a column, or a figure is no number.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            lacking = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
            if lacking:
                raise TableError(f"{path} has no column {lacking[0]}; a file of published figures needs it")
            return [_row(line, f"{path}, line {reader.line_num}") for line in reader]
    except OSError as error:
        raise TableError(f"{path} cannot be read ({error.strerror}); correct published.file in table.yaml") from error


def _row(line: dict[str, str], where: str) -> PublishedRow:
    figures = {key: text for key, text in line.items() if "/" in key and text}
    for key, text in figures.items():
        if not text.replace(".", "", 1).isdecimal():
            raise TableError(f"{where}, column {key}: {text!r} is no number; correct the cell")
    digits = line["n"].replace(",", "")
    n = int(digits) if digits.isdecimal() else None
    return PublishedRow(line["method"], line["year"], line["split"], n, figures, line["evidence"], line["source"])


def _same_photographs(row: PublishedRow, data: str, run: RunRecord) -> bool:
    lacks = None if row.n is None else row.n - run.n.get("test", 0)
    return run.data == data and run.split == row.split and lacks is not None and 0 <= lacks <= MISSING * (row.n or 0)


def _counts(records: Sequence[RunRecord]) -> str:
    low, *_, high = sorted([run.n.get("test", 0) for run in records] * 2)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _sources(rows: Sequence[PublishedRow], records: Sequence[RunRecord]) -> str:
    methods: dict[str, list[str]] = {}
    for row in rows:
        methods.setdefault(f"{row.source} [{row.evidence}]", []).append(row.method)
    listed = " ".join(f"From {source}: {'; '.join(names)}." for source, names in methods.items())
    return (
        f"Rows with a year are published, one figure each, on the same test list ({rows[0].split}, {rows[0].n:,} "
        f"photographs; here {_counts(records)}); they have no interval and are not compared. [S]: read in the source; "
        f"[D]: derived from it. {listed}"
    )


def _refusal(asked: Published, rows: Sequence[PublishedRow], records: Sequence[RunRecord]) -> str:
    listed = sorted({row.n for row in rows if row.n is not None})
    theirs = " or ".join(f"{n:,}" for n in listed) or "an unknown number of"
    ours = sorted({f"{run.split or 'an unnamed'} split of {run.data}" for run in records})
    return (
        f"No published figures are shown: they are on {theirs} test photographs (the {asked.split} split of "
        f"{asked.data}), and these runs on {_counts(records)} (the {', the '.join(ours)})."
    )
