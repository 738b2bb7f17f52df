"""An experiment's report as one HTML file, with tables, charts and photographs."""

import io
import math
from datetime import datetime
from statistics import fmean
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from awcu.errors import LadderError
from awcu.plots.ladder import ladder_figure
from awcu.plots.style import GREY
from awcu.reports.experiment import ExperimentReport
from awcu.reports.html import data_uri, template
from awcu.tables.intervals import Estimate
from awcu.tables.rows import Cell
from awcu.tables.table import TRIVIAL, Table
from awcu.text import number, percent

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito's


class Shade(NamedTuple):
    """A cell's interval as a bar, in % of the column's width.

    Attributes:
        left: Start of the bar.
        width: Width of the bar.
        mean: Position of the mean's dot.
        baseline: Position of the baseline's mean.
    """

    left: float
    width: float
    mean: float
    baseline: float


class Printed(NamedTuple):
    """One cell of the table.

    Attributes:
        text: The same text as in every other form of the table.
        bold: Whether the difference survives correction.
        key: Sort key within the column; "" always comes last.
        shade: The interval as a bar; None if there is none to draw.
    """

    text: str
    bold: bool
    key: str
    shade: Shade | None = None


def report_html(report: ExperimentReport) -> str:
    """The report as an HTML page."""
    table = report.table
    return template("report.html", picture=data_uri, percent=percent, signed=_signed).render(
        report=report,
        spec=table.spec,
        footer=table.footer,
        lead=lead(report),
        verdicts=verdicts(table),
        lines=_lines(table),
        trivial=TRIVIAL if table.trivial else "",
        ladder=_ladder(table),
        curves=_curves(report),
        without_curves=len(report.records) - len(report.histories),
        runs=_runs(report),
        failures=[(table.spec.label(one.variant), one.seed, one.error) for one in report.failures],
    )


def lead(report: ExperimentReport) -> str:
    """How many variants and runs there are, and the date of the last."""
    records = list(report.records.values())
    minutes = sum(record.wall_time_s for record in records) / 60
    rows, runs = sum(bool(row.seeds) for row in report.table.rows), len(records)
    text = f"{rows} {'variant' if rows == 1 else 'variants'} in {runs} {'run' if runs == 1 else 'runs'}"
    text += f" of {fmean(record.wall_time_s for record in records) / 60:.1f} min on average" if minutes else ""
    last = max(record.created for record in records)
    return f"{text}, the last {_day(last)}."


def verdicts(table: Table) -> list[str]:
    """One sentence per metric with differences that survive correction, or one that says that none does."""
    baseline = table.spec.label(table.spec.baseline)
    if len(table.rows) == 1:
        return [f"There is nothing yet to compare {baseline} with."]
    sentences = []
    for metric, label in table.spec.columns.items():
        better = [
            f"{table.spec.label(row.variant)} ({row.cells[metric].difference.text(signed=True)})"  # type: ignore[union-attr]
            for row in table.rows
            if row.cells[metric].significant
        ]
        if better:
            sentences.append(f"{label}: {', '.join(better)}.")
    if not sentences:
        return [f"No difference to {baseline} survives correction: nothing is decided."]
    rest = "" if len(sentences) == len(table.spec.columns) else " No other difference does."
    return [f"These differences to {baseline} survive correction.", *sentences[:-1], sentences[-1] + rest]


def _lines(table: Table) -> list[tuple[str, list[Printed]]]:
    """Label and cells of each row; the trivial predictor and what is published come first, if known."""
    # The page has its own section for the reasons why runs failed.
    lines = table.lines(errors=False)
    printed = []
    for _ in range(bool(table.trivial) + len(table.published.rows)):
        label, texts = lines.pop(0)
        printed.append((label, [Printed(text, False, "") for text, _ in texts]))
    for row, (label, texts) in zip(table.rows, lines[: len(table.rows)], strict=True):
        pairs = zip(row.cells.items(), texts[::2], texts[1::2], strict=True)
        cells = [one for (metric, cell), *both in pairs for one in _printed(table, metric, cell, *both)]
        printed.append((label, cells))
    contrasts = lines[len(table.rows) :]
    printed += [(label, [Printed(text, bold, "") for text, bold in texts]) for label, texts in contrasts]
    return printed


def _printed(
    table: Table, metric: str, cell: Cell, value: tuple[str, bool], difference: tuple[str, bool]
) -> tuple[Printed, Printed]:
    gain = "0" if cell.difference is None else _key(cell.difference.mean)
    return Printed(*value, _key(cell.value.mean), _shade(table, metric, cell.value)), Printed(*difference, gain)


def _shade(table: Table, metric: str, value: Estimate) -> Shade | None:
    values = [row.cells[metric].value for row in table.rows if not math.isnan(row.cells[metric].value.mean)]
    if math.isnan(value.mean):
        return None
    ends = [one.mean + sign * _half(one) for one in values for sign in (-1, 1)]
    low, span = min(ends), (max(ends) - min(ends)) or 1.0
    baseline = table.baseline.cells[metric].value.mean
    places = (100 * (one - low) / span for one in (value.mean - _half(value), value.mean, baseline))
    left, middle, reference = (round(place, 1) for place in places)
    return Shade(left, round(200 * _half(value) / span, 1), middle, reference)


def _half(value: Estimate) -> float:
    return 0.0 if math.isnan(value.half_width) else value.half_width


def _ladder(table: Table) -> str:
    """The ladder as an image; "" if there is nothing to draw."""
    try:
        return _drawn(ladder_figure(table)) if table.spec.ladder else ""
    except LadderError:
        return ""


def _curves(report: ExperimentReport) -> str:
    """A panel for the training loss and for each validation metric; "" if no run kept a history."""
    titles = {"train/loss": "training loss, weighted"}
    for metric, label in report.table.spec.columns.items():
        titles["val/" + metric.partition("/")[2]] = f"validation {label}"
    epochs = [epoch for history in report.histories.values() for epoch in history]
    drawn = [name for name in titles if any(math.isfinite(epoch.get(name, math.nan)) for epoch in epochs)]
    if not drawn:
        return ""
    rows = math.ceil(len(drawn) / 2)
    figure = Figure(figsize=(9, 2.6 * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False).ravel()
    for axis, name in zip(axes, drawn, strict=False):
        _draw_runs(axis, report, name)
        axis.set_title(titles[name], loc="left", fontsize=9.5)
        axis.set_xlabel("epoch", fontsize=8.5)
    for axis in axes[len(drawn) :]:
        axis.remove()
    signs = {str(line.get_label()): line for line in axes[0].lines}
    key = [signs[one.label] for one in report.shown if one.label in signs]
    figure.legend(handles=key, loc="outside upper left", ncols=3, fontsize=8.5, frameon=False)
    return _drawn(figure)


def _draw_runs(axis: Axes, report: ExperimentReport, name: str) -> None:
    """Draw one quantity by epoch: one line per run, grey except for rows whose photographs are shown."""
    colours = dict(zip((one.label for one in report.shown), COLOURS, strict=False))
    for (variant, _), history in report.histories.items():
        label = report.table.spec.label(variant)
        looks: dict[str, Any] = {"color": GREY, "alpha": 0.5, "linewidth": 0.8}
        if label in colours:
            looks = {"color": colours[label], "linewidth": 1.4, "zorder": 3, "label": label}
        # A single epoch cannot be drawn as a line.
        marker = "." if label in colours or len(history) == 1 else ""
        values = [epoch.get(name, math.nan) for epoch in history]
        axis.plot([epoch["epoch"] for epoch in history], values, marker=marker, markersize=4, **looks)
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axis.tick_params(labelsize=8)
    axis.grid(axis="y", color="#dddddd", linewidth=0.7)
    axis.spines[["top", "right"]].set_visible(False)


def _drawn(figure: Figure) -> str:
    """The figure as an SVG data URI, with a transparent background for light and dark pages."""
    file = io.BytesIO()
    # With a fixed salt, the same figure gives the same file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "awcu"}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return data_uri(file.getvalue(), "svg+xml")


def _runs(report: ExperimentReport) -> list[dict[str, Any]]:
    spec = report.table.spec
    order = {row.variant: place for place, row in enumerate(report.table.rows)}
    return [
        {
            "row": spec.label(variant),
            "place": order[variant],
            "seed": seed,
            "cells": [_cell(record.metrics.get(metric)) for metric in spec.columns],
            "seconds": record.wall_time_s,
            "commit": record.git_commit[:7] + "+" * record.git_dirty,
        }
        for (variant, seed), record in sorted(report.records.items(), key=lambda item: (order[item[0][0]], item[0][1]))
    ]


def _cell(value: float | None) -> Printed:
    return Printed("–", False, "") if value is None else Printed(number(value), False, _key(value))


def _key(value: float) -> str:
    return repr(value) if math.isfinite(value) else ""


def _signed(value: float) -> str:
    return number(value, signed=True, decimals=2)


def _day(created: str) -> str:
    try:
        return f"on {datetime.fromisoformat(created):%-d %B %Y}"
    except ValueError:
        return "at an unknown time"
