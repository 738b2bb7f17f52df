"""A report on a set of photographs, as a self-contained HTML file that prints on one page, and for the terminal."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from awcu.datasets.audit import DELTAS, Alike, PhotographReport, Spread, spread
from awcu.plots.ratings import DARK, LIGHT, ratings_png
from awcu.ratings.ratings import Ratings
from awcu.reports.html import data_uri, template
from awcu.text import counted, percent, size, some_of


@dataclass(frozen=True)
class Kept:
    """The prepared photographs.

    Attributes:
        folder: The folder they are in.
        bytes: Size on disk.
        short_side: Short side in pixels.
        quality: JPEG quality.
        fingerprint: Fingerprint of the pictures.
    """

    folder: str
    bytes: int
    short_side: int
    quality: int
    fingerprint: str


def summary_html(report: PhotographReport, kept: Kept, command: str) -> str:
    """The report as an HTML page.

    Args:
        report: Audit of the photographs.
        kept: The prepared photographs.
        command: The command to type next, ready for a shell.
    """
    ratings = report.ratings
    return template("summary.html", percent=percent, part_of=part_of).render(
        name=ratings.name,
        lead=lead(report),
        deltas=DELTAS,
        counts=report.counts,
        left_out=report.counts[-1].left_out > 0,
        table_notes=table_notes(report),
        findings=findings(report),
        notes=ratings.notes,
        facts=particulars(report, kept.bytes, kept.short_side, kept.quality),
        kept=kept,
        command=command,
        fingerprints={"ratings": ratings.fingerprint, "split": ratings.split_fingerprint, "pictures": kept.fingerprint},
        light=data_uri(ratings_png(ratings, LIGHT, titled=False), "png"),
        dark=data_uri(ratings_png(ratings, DARK, titled=False), "png"),
    )


NAMED = 5
LOOK_LEAK = "in more than one split by their looks; leave_out_alike=true trains without those that leak"


class Finding(NamedTuple):
    """Something about a set that its users should know.

    Attributes:
        photographs: Number of photographs it applies to; several files of one photograph count once.
        what: The finding in words, to follow that number.
        named: Lines that name some of the photographs.
        more: Number of photographs that are not named.
        warns: Whether it can make results misleading.
    """

    photographs: int
    what: str
    named: tuple[str, ...]
    more: int
    warns: bool

    @property
    def text(self) -> str:
        """The finding's first line."""
        return f"{'Warning: ' if self.warns else ''}{counted(self.photographs, 'photograph')} {self.what}"


def lead(report: PhotographReport) -> str:
    """Describe the set in two sentences."""
    ratings, everything = report.ratings, report.counts[-1]
    first, *others = ((percent(part), f"{delta:g}") for delta, part in zip(DELTAS, everything.dropped, strict=True))
    near = f"{first[0]} lie within {first[1]} rating points of it"
    near += "".join(f", {part} within {delta}" for part, delta in others)
    return (
        f"{counted(len(ratings), 'photograph')} rated from {ratings.scale[0]:g} to {ratings.scale[-1]:g}. "
        f"{percent(everything.high / everything.photographs)} are high, their mean score above the midpoint "
        f"{ratings.midpoint:g}; {near}."
    )


def table_notes(report: PhotographReport) -> list[str]:
    """What the columns of the table mean."""
    said = ["dropped: less than δ rating points from the midpoint; weighting=drop leaves these out of training"]
    return said + ["left out: rated, but missing or unreadable"] * (report.counts[-1].left_out > 0)


def findings(report: PhotographReport) -> list[Finding]:
    """What is wrong with the set; the most serious comes last, where a reader of the terminal looks first."""
    found = [
        Finding(len(report.missing), "missing", (some_of(report.missing),), 0, False),
        _unreadable(report.unreadable),
        _alike(report.repeated, "more than once within a split", False),
        _alike(report.lookalikes, "more than once within a split by their looks", False),
        _alike(report.leaks, "in more than one split, byte for byte the same", True),
        _alike(report.look_leaks, LOOK_LEAK, True),
    ]
    return [one for one in found if one.photographs]


def particulars(report: PhotographReport, kept: int, short_side: int, quality: int) -> dict[str, str]:
    """Further facts, by name.

    Args:
        report: Audit of the photographs.
        kept: Size of the prepared photographs in bytes.
        short_side: Their short side in pixels.
        quality: Their JPEG quality.
    """
    ratings, files = report.ratings, report.total - len(report.missing)
    side = f"{_spread(report.short_side)} pixels"
    if report.smaller:
        side += f"; {report.smaller:,} below {short_side} keep their size"
    prepared = f"{size(kept)} as JPEG of quality {quality}, short side {short_side} pixels"
    if kept > report.bytes:
        prepared += "; more than the originals, which are small already"
    return {
        "mean score": f"{ratings.mean_score.mean():.2f} on average, standard deviation {ratings.mean_score.std():.2f}",
        **_votes(ratings),
        "short side": side,
        "originals": f"{size(report.bytes)} in {counted(files, 'file')}",
        "prepared": prepared,
    }


def part_of(count: int, whole: int) -> str:
    """A count, with its share of the whole unless the whole is 0."""
    return f"{count:,} ({percent(count / whole)})" if whole else f"{count:,}"


def _unreadable(faults: dict[str, str]) -> Finding:
    """The most common reasons, each with some photographs."""
    ids: dict[str, list[str]] = {}
    for image_id, reason in faults.items():
        ids.setdefault(reason, []).append(image_id)
    reasons = sorted(ids, key=lambda reason: -len(ids[reason]))
    lines = tuple(f"{some_of(ids[reason])}: {reason}" for reason in reasons[:NAMED])
    return Finding(len(faults), "unreadable", lines, sum(len(ids[reason]) for reason in reasons[NAMED:]), False)


def _alike(groups: Sequence[Alike], what: str, warns: bool) -> Finding:
    return Finding(len(groups), what, tuple(map(_same, groups[:NAMED])), max(len(groups) - NAMED, 0), warns)


def _same(alike: Alike) -> str:
    if len(set(alike.splits)) == 1:
        names, where = alike.image_ids, f" ({alike.splits[0]})"
    else:
        names, where = tuple(f"{image_id} ({split})" for image_id, split in zip(*alike, strict=True)), ""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{' = '.join(names[:NAMED])}{more}{where}"


def _votes(ratings: Ratings) -> dict[str, str]:
    known = ratings.vote_count[~np.isnan(ratings.vote_count)]
    return {"ratings each": _spread(spread(known))} if len(known) else {}


def _spread(values: Spread) -> str:
    if values.least == values.most:
        return f"{values.median:,g}"
    return f"{values.least:,.0f} to {values.most:,.0f}, median {values.median:,.0f}"


def print_report(report: PhotographReport, kept: Kept, command: str) -> None:
    """Print what was found, where the files are, and what to type next."""
    # A pipe or a log file has no width of its own.
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(f"\n{lead(report)}", markup=False, highlight=False)
    console.print(_table(report))
    for note in (*table_notes(report), "", *report.ratings.notes):
        _say(console, note)
    _say_findings(console, report)
    known = particulars(report, kept.bytes, kept.short_side, kept.quality)
    files = {name: f"{kept.folder}/{name}" for name in ("summary.html", "manifest.csv")}
    for label, value in (known | {"folder": kept.folder} | files).items():
        _say(console, f"{label:<14}{value}")
    _say(console, f"\nTrain on them:\n{command}")


def _table(report: PhotographReport) -> Table:
    left_out = report.counts[-1].left_out > 0
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("split")
    for name in ("photographs", "high", "low", *(f"dropped at\nδ = {delta:g}" for delta in DELTAS)):
        table.add_column(name, justify="right")
    if left_out:
        table.add_column("left out", justify="right")
    for row in report.counts:
        classes = [part_of(count, row.photographs) for count in (row.high, row.low)]
        cells = [row.split, f"{row.photographs:,}", *classes, *map(percent, row.dropped)]
        cells += [f"{row.left_out:,}"] if left_out else []
        table.add_row(*cells, style="bold" if row.split == "all" else "")
    return table


def _say_findings(console: Console, report: PhotographReport) -> None:
    found = findings(report)
    for finding in found:
        _say(console, finding.text, "bold red" if finding.warns else "bold")
        for one in finding.named:
            _say(console, f"  {one}")
        if finding.more:
            _say(console, f"  and {finding.more:,} more, in manifest.csv")
    _say(console, "" if found else "No photograph is missing, unreadable or duplicated.\n")


def _say(console: Console, text: str, style: str = "") -> None:
    """Print a line without wrapping, so that paths and commands can be copied."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
