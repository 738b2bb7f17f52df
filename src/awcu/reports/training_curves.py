"""Training curves as the lines of a chart, for a page to draw."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.ticker import MaxNLocator

from awcu.runs.history import Epoch
from awcu.text import number

WIDTH, HEIGHT = 420, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 32  # margins
_TICKS, _DOTTED = 5, 15  # ticks of an axis; epochs up to which each has a dot


class Run(NamedTuple):
    """One run's history.

    Attributes:
        row: Of the table, from 0.
        name: As printed.
        epochs: From the first.
    """

    row: int
    name: str
    epochs: Sequence[Epoch]


class Line(NamedTuple):
    """One run in one chart.

    Attributes:
        row: Of the table, from 0.
        says: Run, and its last value.
        path: As SVG writes it.
        dots: Places of single epochs.
    """

    row: int
    says: str
    path: str
    dots: list[tuple[float, float]]


class Chart(NamedTuple):
    """One column of the histories over the epochs.

    Attributes:
        title: What is drawn.
        lines: One a run.
        across: Place and text of each tick of the horizontal axis.
        up: Of the vertical axis.
    """

    title: str
    lines: list[Line]
    across: list[tuple[float, str]]
    up: list[tuple[float, str]]


def charts(runs: Sequence[Run], titles: Mapping[str, str]) -> list[Chart]:
    """One chart for each column that any run has a finite value of.

    Args:
        runs: In the order in which they are drawn.
        titles: Column → title.
    """
    return [chart for column, title in titles.items() if (chart := _chart(runs, column, title))]


def _chart(runs: Sequence[Run], column: str, title: str) -> Chart | None:
    drawn = [(run, [(one["epoch"], one.get(column, math.nan)) for one in run.epochs]) for run in runs if run.epochs]
    values = [value for _, points in drawn for _, value in points if math.isfinite(value)]
    if not values:
        return None
    last = max(epoch for _, points in drawn for epoch, _ in points)
    # An axis of one value has no length.
    room = 0.04 * (max(values) - min(values)) or 0.01
    low, high = min(values) - room, max(values) + room

    def x(epoch: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (0.5 if last == 1 else (epoch - 1) / (last - 1)), 1)

    def y(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low), 1)

    lines = [
        _line(run, [(x(epoch), y(value) if math.isfinite(value) else math.nan, value) for epoch, value in points], last)
        for run, points in drawn
    ]
    epochs = MaxNLocator(_TICKS, integer=True).tick_values(1, max(last, 2))
    # Of steps that one decimal more tells apart.
    marks = MaxNLocator(_TICKS, steps=[1, 2, 5, 10]).tick_values(low, high)
    return Chart(
        title,
        lines,
        [(x(epoch), f"{epoch:.0f}") for epoch in epochs if 1 <= epoch <= last],
        [(y(value), number(value, decimals=_decimals(marks[1] - marks[0]))) for value in marks if low <= value <= high],
    )


def _line(run: Run, points: Sequence[tuple[float, float, float]], last: float) -> Line:
    """Points are places across and up, the latter nan where undefined, and the value."""
    path, pen = [], "M"
    for x, y, _ in points:
        if math.isnan(y):
            pen = "M"
            continue
        path.append(f"{pen}{x:g} {y:g}")
        pen = "L"
    dots = [(x, y) for x, y, _ in points if not math.isnan(y)] if last <= _DOTTED else []
    return Line(run.row, f"{run.name}: {number(points[-1][2])} after epoch {len(points)}", " ".join(path), dots)


def _decimals(step: float) -> int:
    return max(1, -math.floor(math.log10(step) + 1e-9))
