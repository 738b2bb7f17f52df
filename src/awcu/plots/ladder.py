"""The ladder plot: metrics against the weight of the unambiguous photographs."""

import math
from pathlib import Path
from textwrap import fill
from typing import Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from awcu.errors import LadderError
from awcu.metrics.bootstrap import CONFIDENCE
from awcu.plots.style import BLACK, BLUE, DPI, GREY, VERMILION, draw_heading, save_png
from awcu.tables.rows import Cell, Row
from awcu.tables.spec import Ladder
from awcu.tables.table import TRIVIAL, Table
from awcu.text import number

# Inches; a panel grows with the number of ticks, so that their labels never touch.
PANEL_WIDTH, DOUBLING_WIDTH, LEAST_WIDTH, HEIGHT, TOP, BOTTOM = 4.2, 0.4, 6.4, 4.5, 0.75, 0.4
# Doublings from the last finite position to infinity, from there to the others, and between two of the others.
GAP = 1.5
# Colour and marker of each series in turn, and the distance between two series in doublings.
SERIES = ((BLUE, "o"), ("#00795B", "s"), ("#9B4F96", "^"))
BESIDE = 0.26
OTHERS = (VERMILION, "D")


def ladder(table: Table, path: Path) -> None:
    """Draw the table's ladder as a PNG: one panel per metric, one point per variant, one faint dot per seed.

    A point is at the baseline's level plus the difference to it, with the difference's interval. A filled point's
    difference, paired by seed, survives Holm's correction over the table's rows.

    Raises:
        LadderError: The table's spec has no ladder, or none of the ladder's variants has runs.
    """
    save_png(ladder_figure(table), path)


def ladder_figure(table: Table) -> Figure:
    """Draw the ladder as a figure, without writing it.

    Raises:
        LadderError: As `ladder`.
    """
    plan = table.spec.ladder
    if plan is None:
        raise LadderError(f"{table.spec.title!r} has no ladder; add one to its table.yaml")
    places = _places(plan)
    rows = [row for row in table.rows if row.variant in places and row.seeds]
    if not rows:
        raise LadderError(f"no run of {', '.join(places)}; train at least one of them for the ladder")
    doubling = DOUBLING_WIDTH * (1 + 0.2 * (len(plan.series) - 1))
    panel = max(PANEL_WIDTH, 1.0 + doubling * (max(places.values()) - min(places.values()) + 1))
    width = max(panel * len(plan.metrics), LEAST_WIDTH)
    figure = Figure(figsize=(width, HEIGHT), dpi=DPI, layout="constrained")
    rect = (0, BOTTOM / HEIGHT, 1, 1 - (TOP + BOTTOM) / HEIGHT)
    figure.get_layout_engine().set(rect=rect, w_pad=0.1, wspace=0.04)  # type: ignore[union-attr, call-arg]
    panels = figure.subplots(1, len(plan.metrics), squeeze=False)[0]
    trivial_drawn = False
    for axis, metric in zip(panels, plan.metrics, strict=True):
        cells = {row.variant: row.cells[metric] for row in rows}
        level = table.baseline.cells[metric].value.mean
        _draw_points(axis, cells, places, plan, level)
        trivial_drawn |= _draw_levels(axis, table, metric, list(cells.values()), level)
        _draw_ticks(axis, table, plan, places)
        axis.set_ylabel(table.spec.columns[metric], fontsize=9.5)
    draw_heading(figure, table.spec.title, _key(table, plan, trivial_drawn))
    _draw_caption(figure, table, plan, rows)
    return figure


def _places(plan: Ladder) -> dict[str, float]:
    """Variant → place on the axis: log2 of its position; infinity and the others follow after gaps."""
    positions = plan.positions
    last = max((math.log2(one) for one in positions.values() if math.isfinite(one)), default=-GAP)
    places = {
        variant: math.log2(position) if math.isfinite(position) else last + GAP
        for variant, position in positions.items()
    }
    start = max(places.values(), default=-GAP) + GAP
    return places | {variant: start + GAP * place for place, variant in enumerate(plan.others)}


def _looks(plan: Ladder) -> dict[str, tuple[str, str, float]]:
    """Variant → colour, marker and sideways shift, so that series do not cover one another."""
    looks: dict[str, tuple[str, str, float]] = dict.fromkeys(plan.others, (*OTHERS, 0.0))
    for place, (sign, positions) in enumerate(zip(SERIES, plan.series.values(), strict=False)):
        beside = (place - (len(plan.series) - 1) / 2) * BESIDE
        for variant in positions:
            shared = sum(variant in one for one in plan.series.values()) > 1
            looks.setdefault(variant, (*sign, 0.0 if shared else beside))
    return looks


class _Point(NamedTuple):
    """A variant at the baseline's level plus its difference to the baseline, paired by seed.

    The error bar is then the difference's, which is what the ladder shows; levels vary far more between splits.
    """

    mean: float
    half_width: float  # nan in the baseline's own point
    seeds: list[float]
    undefined: str  # text drawn instead of the point; "" if there is a point

    @classmethod
    def of(cls, cell: Cell, level: float) -> "_Point":
        if cell.difference is None:
            return cls(level, math.nan, [], cell.value.text() if math.isnan(level) else "")
        mean = level + cell.difference.mean
        seeds = [level + one for one in cell.of_seeds if math.isfinite(level + one)]
        return cls(mean, cell.difference.half_width, seeds, cell.value.text() if math.isnan(mean) else "")


def _draw_points(axis: Axes, cells: dict[str, Cell], places: dict[str, float], plan: Ladder, level: float) -> None:
    looks = _looks(plan)
    for variant, cell in cells.items():
        colour, marker, beside = looks[variant]
        place = places[variant] + beside
        point = _Point.of(cell, level)
        # Beside the interval rather than on it, on the side away from the other series.
        axis.plot(
            [place + (0.2 if beside > 0 else -0.2)] * len(point.seeds),
            point.seeds,
            ".",
            color=colour,
            alpha=0.4,
            markersize=5,
            mew=0,
        )
        if point.undefined:
            axis.annotate(
                point.undefined,
                (place, 0.99),
                xycoords=axis.get_xaxis_transform(),
                rotation=90,
                ha="center",
                va="top",
                fontsize=7.5,
                color=colour,
            )
            continue
        axis.errorbar(
            place,
            point.mean,
            yerr=None if math.isnan(point.half_width) else point.half_width,
            fmt=marker,
            color=colour,
            mfc=colour if cell.significant else "white",
            markersize=6,
            elinewidth=1.4,
            capsize=3,
            zorder=3,
        )


def _draw_levels(axis: Axes, table: Table, metric: str, cells: list[Cell], level: float) -> bool:
    """Draw the baseline's and the trivial predictor's levels, and return whether the latter is in view."""
    seen = [level]
    for point in (_Point.of(cell, level) for cell in cells):
        seen += [*point.seeds, point.mean, point.mean - point.half_width, point.mean + point.half_width]
    seen = [value for value in seen if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(seen), max(seen)
    span = (high - low) or 0.01
    if math.isfinite(level):
        axis.axhline(level, color=BLACK, linestyle="--", linewidth=0.8, zorder=1)
    trivial = table.trivial[metric].mean if metric in table.trivial else math.nan
    # If it were farther away, showing it would squeeze the points into less than two thirds of the panel.
    within_sight = low - span / 2 <= trivial <= high + span / 2
    if within_sight:
        axis.axhline(trivial, color=GREY, linestyle=":", linewidth=1.4, zorder=1)
        low, high = min(low, trivial), max(high, trivial)
    elif math.isfinite(trivial):
        below = trivial < low
        text, corner = f"{TRIVIAL} {number(trivial)} {'↓' if below else '↑'}", (0.02, 0.02 if below else 0.98)
        va: Literal["bottom", "top"] = "bottom" if below else "top"
        axis.annotate(text, corner, xycoords="axes fraction", va=va, fontsize=7.5, color=GREY)
        low, high = low - 0.08 * span * below, high + 0.08 * span * (not below)
    axis.set_ylim(low - 0.06 * span, high + 0.06 * span)
    return within_sight


def _draw_ticks(axis: Axes, table: Table, plan: Ladder, places: dict[str, float]) -> None:
    positions = plan.positions
    ticks = {
        places[variant]: f"{position:g}" if math.isfinite(position) else "∞\n(drop)"
        for variant, position in positions.items()
    }
    for variant in plan.others:
        parts = table.spec.label(variant).split(", ")
        ticks[places[variant]] = ",\n".join(fill(part, 10, break_long_words=False) for part in parts)
    axis.set_xticks(list(ticks), list(ticks.values()), fontsize=8.5)
    for text in axis.get_xticklabels()[len(ticks) - len(plan.others) :]:
        text.set_fontsize(7)
    axis.set_xlim(min(places.values()) - 0.6, max(places.values()) + 0.6)
    finite = [places[variant] for variant, one in positions.items() if math.isfinite(one)]
    for group in (finite, [places[variant] for variant in positions]):
        if group and max(group) < max(places.values()):
            axis.axvline(max(group) + GAP / 2, color="#bbbbbb", linewidth=0.8, zorder=0)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(axis="y", labelsize=8.5)
    axis.grid(axis="y", color="#ececec", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.set_xlabel(fill(plan.x_label, 46), fontsize=9)


def _key(table: Table, plan: Ladder, trivial_drawn: bool) -> list[Line2D]:
    """The legend: the meaning of each mark of a ladder."""
    baseline = table.spec.label(table.spec.baseline)
    interval = f"mean, {CONFIDENCE * 100:.0f} % interval of the difference to {baseline}"
    signs = list(zip(plan.series, SERIES, strict=False)) if len(plan.series) > 1 else [("", SERIES[0])]
    keys = [
        *(
            Line2D(
                [], [], color=colour, marker=marker, mfc="white", label=f"{label}: {interval}" if label else interval
            )
            for label, (colour, marker) in signs
        ),
        Line2D([], [], color=BLUE, marker="o", label="filled: the difference survives Holm's correction"),
        Line2D([], [], color=BLUE, marker=".", linestyle="", alpha=0.4, mew=0, label="one seed's difference"),
        Line2D([], [], color=BLACK, linestyle="--", linewidth=0.8, label=f"mean of {baseline}"),
    ]
    if trivial_drawn:
        keys.append(Line2D([], [], color=GREY, linestyle=":", linewidth=1.4, label=TRIVIAL))
    if plan.others:
        keys.append(Line2D([], [], color=VERMILION, marker="D", mfc="white", label="not on the scale"))
    return keys


def _draw_caption(figure: Figure, table: Table, plan: Ladder, rows: list[Row]) -> None:
    """The caption: the source of the numbers, and what is missing."""
    width, height = figure.get_size_inches()
    few = [f"{table.spec.label(row.variant)} ({len(row.seeds)})" for row in rows if len(row.seeds) < table.most_seeds]
    drawn = {row.variant for row in rows}
    absent = [table.spec.label(variant) for variant in _places(plan) if variant not in drawn]
    caption = table.provenance + (f"; fewer seeds: {', '.join(few)}" if few else "")
    caption += f"; no runs: {', '.join(absent)}" if absent else ""
    caption += "".join(f"; {row.label}" for row in rows if row.not_converged)
    caption += "; no interval from one seed" if any(len(row.seeds) == 1 for row in rows) else ""
    text = fill(caption, int(width * 17))
    figure.text(0.15 / width, 0.07 / height, text, fontsize=6.5, color=GREY, va="bottom", linespacing=1.3)
