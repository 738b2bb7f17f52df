"""A report on photographs on the terminal."""

import sys

from rich import box
from rich.console import Console
from rich.table import Table

from awcu.photograph_report import DELTAS, PhotographReport
from awcu.report_wording import findings, lead, part_of, particulars, share, table_notes
from awcu.summary_page import Kept


def print_report(report: PhotographReport, kept: Kept, command: str) -> None:
    """Say what was found, where it is, and what to type next."""
    # A pipe or a log file has no width to fit into.
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
        cells = [row.split, f"{row.photographs:,}", *classes, *map(share, row.dropped)]
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
    _say(console, "" if found else "Every photograph is there once and can be read.\n")


def _say(console: Console, text: str, style: str = "") -> None:
    """A line as it is, since a path or a command that was wrapped could not be copied."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
