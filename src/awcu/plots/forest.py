"""The forest plot: each row's difference to the baseline with its interval, for rows that have no place on a scale."""

import math
from pathlib import Path
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from awcu.errors import ForestError
from awcu.metrics.bootstrap import CONFIDENCE
from awcu.plots.style import BLACK, BLUE, DPI, GREY, draw_heading, save_png, text_width
from awcu.tables.rows import Row
from awcu.tables.table import Table
from awcu.text import number

# Inches: a panel's width, a row's height, and the space around them.
PANEL, GAP, ROW, MARGIN, LEAST_WIDTH = 2.1, 0.25, 0.27, 0.15, 6.4
TITLE, KEY, HEAD, AXIS, LINE = 0.36, 0.26, 0.42, 0.42, 0.12
LABEL, HEADING = FontProperties(size=8.5), FontProperties(size=12, weight="bold")


def forest(table: Table, path: Path) -> None:
    """Draw the table's forest plot as a PNG: one panel per metric, one line per row, one faint dot per seed.

    Rows are in the table's order. A filled point's difference survives Holm's correction over the table's rows.

    Raises:
        ForestError: The table's spec has no forest, or no row but the baseline has runs.
    """
    plan = table.spec.forest
    if plan is None:
        raise ForestError(f"{table.spec.title!r} has no forest; add one to its table.yaml")
    rows = [row for row in table.rows if row.variant != table.spec.baseline and row.seeds]
    if not rows:
        raise ForestError(f"{table.spec.title!r} has runs of its baseline only; train another row to compare with it")
    labels = max(text_width(row.label, LABEL) for row in rows) + 2 * MARGIN
    across = len(plan.metrics) * (PANEL + GAP)
    width = max(labels + across, text_width(table.spec.title, HEADING) + 2 * MARGIN, LEAST_WIDTH)
    caption = fill(_caption(table), int(width * 17))
    below = LINE * (caption.count("\n") + 2) + AXIS
    height = TITLE + KEY + HEAD + len(rows) * ROW + below
    figure = Figure(figsize=(width, height), dpi=DPI)
    # If the title makes the figure wider, the panels share the extra width.
    panel = (width - labels) / len(plan.metrics)
    for place, metric in enumerate(plan.metrics):
        left = (labels + place * panel) / width
        axis = figure.add_axes((left, below / height, (panel - GAP) / width, len(rows) * ROW / height))
        _draw_panel(axis, table, metric, rows, named=place == 0)
    draw_heading(figure, table.spec.title, _key(table))
    figure.text(MARGIN / width, 0.6 * LINE / height, caption, fontsize=6.5, color=GREY, va="bottom", linespacing=1.3)
    save_png(figure, path)


def _draw_panel(axis: Axes, table: Table, metric: str, rows: list[Row], named: bool) -> None:
    axis.axvline(0, color=BLACK, linestyle="--", linewidth=0.8, zorder=1)
    for y, row in enumerate(rows):
        cell = row.cells[metric]
        difference = cell.difference
        assert difference is not None  # only the baseline has none
        seeds = [one for one in cell.of_seeds if math.isfinite(one)]
        axis.plot(seeds, [y + 0.22] * len(seeds), ".", color=BLUE, alpha=0.4, markersize=5, mew=0)
        if not math.isfinite(difference.mean):
            axis.text(0, y, difference.text(), ha="center", va="center", fontsize=7, color=GREY)
            continue
        bar = difference.half_width if math.isfinite(difference.half_width) else None
        inside = BLUE if cell.significant else "white"
        axis.errorbar(difference.mean, y, xerr=bar, fmt="o", color=BLUE, mfc=inside, ms=5, elinewidth=1.4, zorder=3)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_yticks(range(len(rows)), [row.label for row in rows] if named else [], fontproperties=LABEL)
    axis.tick_params(length=0, axis="y")
    axis.tick_params(labelsize=7.5, axis="x")
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.xaxis.set_major_formatter(lambda value, _: number(value, signed=True))
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.grid(axis="x", color="#ececec", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.set_title(table.spec.columns[metric], fontsize=10, fontweight="bold", pad=14)
    level = f"{table.spec.label(table.spec.baseline)}: {number(table.baseline.cells[metric].value.mean)}"
    axis.annotate(level, (0, 1), (0, 3), "axes fraction", "offset points", fontsize=7, color=GREY)
    axis.set_xlabel("difference", fontsize=8)


def _key(table: Table) -> list[Line2D]:
    """The legend: the meaning of each mark."""
    baseline = table.spec.label(table.spec.baseline)
    interval = f"difference to {baseline}, {CONFIDENCE * 100:.0f} % interval"
    return [
        Line2D([], [], color=BLUE, marker="o", mfc="white", label=interval),
        Line2D([], [], color=BLUE, marker="o", label="filled: it survives Holm's correction"),
        Line2D([], [], color=BLUE, marker=".", linestyle="", alpha=0.4, mew=0, label="one seed"),
    ]


def _caption(table: Table) -> str:
    """The caption: the source of the numbers, how they are paired, and what is missing."""
    absent = [row.label for row in table.rows if not row.seeds]
    few = [f"{row.label} ({len(row.seeds)})" for row in table.rows if 0 < len(row.seeds) < table.most_seeds]
    said = [table.provenance, f"a difference is {table.pairing}"]
    said += [f"fewer seeds: {', '.join(few)}"] * bool(few) + [f"no runs: {', '.join(absent)}"] * bool(absent)
    return "; ".join(said)
