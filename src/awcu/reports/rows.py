"""A model's verdicts on many photographs, one row each: as CSV, as JSON Lines, or as a table for the terminal."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Group
from rich.table import Table
from rich.text import Text

from awcu.files import write_atomically
from awcu.inference.explanation import Verdict
from awcu.inference.wording import UNSEEN, measure
from awcu.models.objective import Objective
from awcu.models.reference import Reference
from awcu.text import number, rating

Row = dict[str, Any]

SUFFIXES = (".csv", ".jsonl")
VERDICT = ("score", "rating", "probability", "level", "rank", "share_below")
LABEL = "label"
_TAKEN = {"path", *VERDICT, LABEL, "picture", "page", "error"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_SHOWN = 40  # photographs shown in a terminal
_LIKELIEST = 3  # attributes shown in a terminal


class Rows:
    """Collect rows for a file, and keep the rows so far in a partial file beside it.

    `scores.csv` is written at the end, since the ranks are not known before. Until then, `scores.partial.csv` is
    rewritten once a minute and when a run is interrupted, so that a long run never loses more than a minute's work.

    Args:
        path: Ends in .csv or .jsonl; None to write nothing.
        columns: Columns in order; a value that a row lacks stays empty.
        every: Seconds between two writes of the partial file.
        label: Gives each photograph its label by the scores of all, for the column `LABEL`; None for no labels.
    """

    def __init__(
        self,
        path: Path | None,
        columns: Sequence[str],
        every: float = 60.0,
        label: Callable[[Sequence[float]], Sequence[str | int | None]] | None = None,
    ) -> None:
        self.path = path
        self.columns = tuple(columns)
        self.rows: list[Row] = []
        self.every = every
        self._label = label
        self._written = time.monotonic()

    @property
    def partial(self) -> Path | None:
        """The partial file with the rows so far."""
        return self.path and self.path.with_name(f"{self.path.stem}.partial{self.path.suffix}")

    def add(self, row: Row) -> None:
        """Add a row."""
        self.rows.append(row)
        if time.monotonic() - self._written > self.every:
            self._write(self.partial)

    def text(self, suffix: str) -> str:
        """All rows as the content of a .csv or .jsonl file; in a .csv, no text is a formula to a spreadsheet."""
        if suffix == ".jsonl":
            rows = ({name: row.get(name) for name in self.columns} for row in self.rows)
            return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
        cells = ([row.get(name) for name in self.columns] for row in self.rows)
        return "".join(_csv_line(map(_inert, line)) for line in [self.columns, *cells])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            if self.rows:
                self._write(self.partial)
        else:
            self._write(self.path)
            if self.partial is not None:
                self.partial.unlink(missing_ok=True)

    def _write(self, path: Path | None) -> None:
        # Failures are added at once, but scored photographs only with their batch, so the order must be restored.
        self.rows.sort(key=lambda row: str(row["path"]))
        rank(self.rows)
        if self._label is not None:
            scored = [row for row in self.rows if row.get("score") is not None]
            for row, label in zip(scored, self._label([row["score"] for row in scored]), strict=True):
                row[LABEL] = label
        if path is not None:
            write_atomically(path, self.text(path.suffix))
        self._written = time.monotonic()


def _inert(cell: Any) -> Any:
    """A text that a spreadsheet would run as a formula, such as the name of a file from anywhere, after an apostrophe.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _csv_line(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    # This line ending makes csv also quote a lone carriage return in a file's name.
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n") + "\n"


def attribute_columns(names: Sequence[str]) -> list[str]:
    """The attributes' column names; one that is taken becomes "attribute NAME"."""
    return [f"attribute {name}" if name in _TAKEN else name for name in names]


def verdict_row(path: Path | str, verdict: Verdict, reference: Reference | None) -> Row:
    """The verdict on one photograph, without its rank, which is not known yet."""
    columns = attribute_columns(list(verdict.attributes))
    return {
        "path": text_of(path),
        "score": round(verdict.score, 6),
        "rating": None if verdict.rating is None else round(verdict.rating, 6),
        "probability": None if verdict.probability is None else round(verdict.probability, 6),
        "level": verdict.level,
        "share_below": None if reference is None else round(reference.share_below(verdict.score), 4),
        **dict(zip(columns, (round(share, 6) for share in verdict.attributes.values()), strict=True)),
    }


def rank(rows: Iterable[Row]) -> None:
    """Number the rows that have a score from 1 for the highest; equal scores share a rank."""
    scored = sorted((row for row in rows if row.get("score") is not None), key=lambda row: -row["score"])
    for place, row in enumerate(scored):
        before = scored[place - 1]
        row["rank"] = before["rank"] if place and before["score"] == row["score"] else place + 1


def text_of(path: Path | str) -> str:
    r"""The path as text that any file can hold: an undecodable byte becomes \udcXX."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")


def visible(text: str) -> str:
    r"""The text with control characters escaped, as \x1b: in a file's name they could control the terminal."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def table(
    rows: Sequence[Row],
    attributes: Sequence[str],
    reference: Reference | None,
    objective: Objective | None = None,
    purpose: str = "",
) -> Group:
    """The photographs as a table for the terminal, best first.

    Args:
        rows: From `verdict_row`, ranked.
        attributes: The model's, by name.
        reference: What the model says of its validation photographs.
        objective: The model's; None or a binary one knows no rating.
        purpose: What the model is for, printed below the table.
    """
    scored = sorted((row for row in rows if "rank" in row), key=lambda row: int(row["rank"]))
    shown = Table(box=None, pad_edge=False)
    columns = attribute_columns(attributes)
    likely = any(row["probability"] is not None for row in scored)
    rated = any(row["rating"] is not None for row in scored)
    labelled = any(row.get(LABEL) is not None for row in scored)
    said = measure(objective) if rated and objective else "score"
    for name in ("", said, *(["probability"] if likely else []), *(["better than"] if reference else [])):
        shown.add_column(name, justify="right", no_wrap=True)
    if labelled:
        shown.add_column(LABEL)
    shown.add_column("photograph", overflow="fold")
    shown.add_column("likeliest attributes" if columns else "", style="dim")
    for row in scored[:_SHOWN]:
        cells = [str(row["rank"])]
        cells += [rating(row["rating"]) if rated else number(row["score"], signed=True, decimals=2)]
        cells += [f"{row['probability']:.0%}"] if likely else []
        cells += [f"{row['share_below']:.0%}"] if reference else []
        cells += [visible("" if row[LABEL] is None else str(row[LABEL]))] if labelled else []
        likeliest = sorted(columns, key=lambda name: -row[name])[:_LIKELIEST]
        present = ", ".join(f"{visible(name)} {row[name]:.0%}" for name in likeliest)
        shown.add_row(*map(Text, cells), Text(visible(row["path"])), Text(present))
    return Group(shown, *_notes(len(scored), reference, purpose))


def _notes(scored: int, reference: Reference | None, purpose: str) -> list[Text]:
    notes = [purpose] if purpose else []
    if reference is not None:
        notes.append(f"Better than: the share of {reference.n:,} {UNSEEN} that score lower.")
    if scored > _SHOWN:
        notes.append(f"The best {_SHOWN} of {scored}; --out FILE.csv keeps them all.")
    return [Text(note, style="dim") for note in notes]
