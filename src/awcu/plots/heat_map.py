"""The heat map: how much each variant beats the baseline by, in each column of records."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import fill, wrap

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from awcu.errors import TableError
from awcu.plots.style import BLACK, DPI, GREY, save_png, text_width
from awcu.runs.record import RunRecord
from awcu.tables.comparability import provenance, split_records
from awcu.tables.intervals import LEVEL, Estimate, holm
from awcu.tables.paired import PairedDifference
from awcu.tables.rows import Row
from awcu.tables.spec import HeatMap, TableSpec
from awcu.tables.table import Table
from awcu.text import number

# Red and blue can be told apart with any common colour blindness, and the sign of each number says the same. The
# darkest shades are left out, since a frame would not show on them.
COLOURS, EMPTY = ListedColormap(matplotlib.colormaps["RdBu"](np.linspace(0.12, 0.88, 255))), "#ececec"
# Inches. HEAD holds a panel's name and the labels of its columns, LEVELS the baseline's means.
CELL_WIDTH, CELL_HEIGHT, GAP, MARGIN, LEAST_WIDTH = 0.78, 0.4, 0.35, 0.15, 6.4
TITLE, HEAD, LEVELS, BAR, LINE = 0.34, 0.82, 0.26, 0.72, 0.12
LABEL_SIZE, LABEL_CHARACTERS, TITLE_SIZE = 9.0, 12, 12.0
MOST_ABREAST = 12  # columns side by side; panels with more are stacked, or they would be too small on a page


@dataclass(frozen=True)
class Square:
    """One variant in one column of records, under one metric.

    Attributes:
        difference: The difference to the baseline of the same column, paired as in its table; n is 0 without runs.
        stopped: Whether some of its runs did not converge.
        significant: Whether the difference survives Holm's correction over all squares of its panel.
    """

    difference: Estimate
    stopped: bool
    significant: bool = False


@dataclass(frozen=True)
class Panel:
    """One metric.

    Attributes:
        label: The metric's printed label.
        squares: One list per variant, with one square per column.
        levels: The baseline's values, one per column; n is 0 without runs.
    """

    label: str
    squares: list[list[Square]]
    levels: list[Square]


def heat_map(
    spec: TableSpec, records: Iterable[RunRecord], path: Path, differences: Sequence[PairedDifference] = ()
) -> None:
    """Draw the spec's heat map as a PNG: a panel per metric, a row per listed variant, a column per group of records.

    A square's colour is the mean difference to the baseline of the same column. Differences that survive Holm's
    correction over all squares of the panel are framed and bold.

    Args:
        spec: The table's specification.
        records: The records of all columns.
        path: The PNG to write.
        differences: Differences paired by photograph, where known.

    Raises:
        TableError: The spec has no heat map or lists no variant but the baseline, a record fits no column, or the
            records of a column cannot be compared.
    """
    plan, records = spec.heat_map, list(records)
    if plan is None:
        raise TableError(f"{spec.title!r} has no heat_map; add one to its table.yaml")
    others = [variant for variant in spec.rows if variant != spec.baseline]
    if not others:
        raise TableError(
            f"{spec.title!r} lists no row but the baseline; add others to rows for the heat map to compare"
        )
    tables = _tables(spec, plan, records, differences)
    panels = [_panel(spec, others, metric, tables) for metric in plan.metrics]
    names = [f"{spec.label(spec.baseline)} (mean)", *map(spec.label, others)]
    layout = _Layout.of(spec.title, names, plan, _legend(panels, tables), provenance(records))
    figure = Figure(figsize=(layout.width, layout.height), dpi=DPI)
    _draw_texts(figure, layout, spec.title)
    for place, panel in enumerate(panels):
        axis = figure.add_axes(layout.rows_at(place))
        scale = _draw_squares(axis, panel)
        _draw_labels(axis, plan, panel.label, names, named=place % layout.abreast == 0)
        bar = figure.colorbar(scale, cax=figure.add_axes(layout.bar_at(place)), orientation="horizontal")
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=7.5, length=2)
        bar.locator = MaxNLocator(max(2, layout.across), symmetric=True)
        bar.ax.xaxis.set_major_formatter(lambda value, _: number(value, signed=True))
        bar.set_label(f"difference to {spec.label(spec.baseline)}", fontsize=8)
    save_png(figure, path)


@dataclass(frozen=True)
class _Layout:
    """The layout in inches: title, panels of equal squares, a colour bar below each, legend and caption."""

    labels: float
    abreast: int
    floors: int
    across: int
    down: int
    head: float
    width: float
    legend: str
    caption: str

    @classmethod
    def of(cls, title: str, names: Sequence[str], plan: HeatMap, legend: str, caption: str) -> "_Layout":
        labels = max(text_width(name, FontProperties(size=LABEL_SIZE)) for name in names) + 2 * MARGIN
        panels, across = len(plan.metrics), len(plan.columns)
        abreast = max(1, min(panels, MOST_ABREAST // across))
        heading = text_width(title, FontProperties(size=TITLE_SIZE, weight="bold")) + 2 * MARGIN
        width = max(labels + abreast * (across * CELL_WIDTH + GAP) - GAP + MARGIN, heading, LEAST_WIDTH)
        lines = max(len(_wrapped(label)) for label in plan.columns.values())
        head = HEAD + (lines - 1) * LABEL_SIZE * 1.2 / 72
        legend, caption = fill(legend, int(width * 18)), fill(caption, int(width * 17))
        return cls(labels, abreast, -(-panels // abreast), across, len(names) - 1, head, width, legend, caption)

    @property
    def words(self) -> float:
        """Height of legend and caption."""
        return LINE * (self.legend.count("\n") + self.caption.count("\n") + 3.5)

    @property
    def floor(self) -> float:
        """Height of one line of panels: labels, rows and colour bars."""
        return self.head + LEVELS + self.down * CELL_HEIGHT + BAR

    @property
    def height(self) -> float:
        return TITLE + self.floors * self.floor + self.words

    def rows_at(self, place: int) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a panel's rows, including the baseline's, as shares of the figure."""
        return self._shares(0, 1, place, BAR, LEVELS + self.down * CELL_HEIGHT)

    def bar_at(self, place: int) -> tuple[float, float, float, float]:
        """The same for a panel's colour bar."""
        return self._shares(0.1, 0.8, place, BAR - 0.22, 0.1)

    def _shares(
        self, start: float, share: float, place: int, bottom: float, height: float
    ) -> tuple[float, float, float, float]:
        panel = self.across * CELL_WIDTH
        floor, column = divmod(place, self.abreast)
        left = self.labels + column * (panel + GAP) + start * panel
        bottom += self.words + (self.floors - 1 - floor) * self.floor
        return left / self.width, bottom / self.height, share * panel / self.width, height / self.height


def _wrapped(label: str) -> list[str]:
    return [line for part in label.split("\n") for line in wrap(part, LABEL_CHARACTERS)]


def _tables(
    spec: TableSpec, plan: HeatMap, records: Sequence[RunRecord], differences: Sequence[PairedDifference]
) -> list[Table | None]:
    """Each column's table; None for a column without runs."""
    # What else the spec has is for the main column: contrasts, published figures, plots.
    plain = TableSpec(spec.title, spec.baseline, {metric: spec.columns[metric] for metric in plan.metrics}, spec.rows)
    tables: list[Table | None] = []
    for column, mine in split_records(records, plan.columns).items():
        try:
            known = [one for one in differences if one.column == column]
            tables.append(Table.of_column(plain, mine, known) if mine else None)
        except TableError as error:
            raise TableError(f"column {column!r} of the heat map: {error}") from error
    if not any(tables):
        raise TableError("no runs; a heat map needs at least the baseline's: train them first")
    return tables


def _panel(spec: TableSpec, others: Sequence[str], metric: str, tables: Sequence[Table | None]) -> Panel:
    found = [{row.variant: row for row in table.rows} if table else {} for table in tables]
    squares = [[_square(metric, rows.get(variant)) for rows in found] for variant in others]
    levels = [_square(metric, rows.get(spec.baseline)) for rows in found]
    adjusted = iter(holm([square.difference.p_value for line in squares for square in line]))
    marked = [[replace(square, significant=next(adjusted) < LEVEL) for square in line] for line in squares]
    return Panel(spec.columns[metric], marked, levels)


def _square(metric: str, row: Row | None) -> Square:
    """The difference to the baseline, or the value itself in the baseline's row."""
    if row is None:
        return Square(Estimate.of([]), False)
    cell = row.cells[metric]
    return Square(cell.difference or cell.value, row.not_converged > 0)


def _legend(panels: Sequence[Panel], tables: Sequence[Table | None]) -> str:
    squares = [square for panel in panels for line in [*panel.squares, panel.levels] for square in line]
    said = [f"Bold in a frame: survives Holm's correction over its panel (adjusted p < {number(LEVEL, decimals=2)})"]
    said += [f"±: {text}" for text in dict.fromkeys(table.plus_minus for table in tables if table and table.intervals)]
    said += [f"a difference is {text}" for text in dict.fromkeys(table.pairing for table in tables if table)]
    if any(square.difference.n == 0 for square in squares):
        said.append("–: no runs")
    if len({square.difference.n for panel in panels for line in panel.squares for square in line} - {0}) > 1:
        said.append("n: pairs of seeds, where fewer than elsewhere")
    if any(square.stopped for square in squares):
        said.append("†: some of its runs did not converge")
    return "; ".join(said)


def _draw_texts(figure: Figure, layout: _Layout, title: str) -> None:
    """Draw the title above, the legend and caption below."""
    left, line = MARGIN / layout.width, LINE / layout.height
    figure.text(left, 1 - 0.12 / layout.height, title, fontsize=TITLE_SIZE, fontweight="bold", va="top")
    above = line * (layout.caption.count("\n") + 2.2)
    for text, bottom, size, colour in ((layout.legend, above, 7.2, BLACK), (layout.caption, 0.7 * line, 6.5, GREY)):
        figure.text(left, bottom, text, fontsize=size, color=colour, va="bottom", linespacing=1.3)


def _draw_squares(axis: Axes, panel: Panel) -> ScalarMappable:
    """Draw the baseline's means with the squares below, and return the colour scale."""
    squares = [square for line in panel.squares for square in line]
    means = [abs(square.difference.mean) for square in squares if math.isfinite(square.difference.mean)]
    limit = max(means, default=0) or 0.01
    most = max(square.difference.n for square in squares)
    axis.set(xlim=(0, len(panel.levels)), ylim=(len(panel.squares), -LEVELS / CELL_HEIGHT))
    for x, level in enumerate(panel.levels):
        text = number(level.difference.mean) + " †" * level.stopped if level.difference.n else "–"
        axis.text(x + 0.5, -LEVELS / CELL_HEIGHT / 2, text, ha="center", va="center", fontsize=7.5, color=GREY)
    for y, line in enumerate(panel.squares):
        for x, square in enumerate(line):
            _draw_square(axis, x, y, square, limit, most)
    return ScalarMappable(Normalize(-limit, limit), COLOURS)


def _draw_square(axis: Axes, x: int, y: int, square: Square, limit: float, most: int) -> None:
    one = square.difference
    known = math.isfinite(one.mean)
    colour = COLOURS(0.5 + one.mean / limit / 2) if known else EMPTY
    axis.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.2))
    if square.significant:
        axis.add_patch(Rectangle((x + 0.035, y + 0.06), 0.93, 0.88, fill=False, edgecolor=BLACK, linewidth=1.5))
    # Large differences have dark colours, on which black does not show.
    ink = "white" if known and abs(one.mean) > 0.75 * limit else BLACK
    above = number(one.mean, signed=True) if known else "nan" if one.n else "–"
    spread = one.spread and f"±{one.spread}" if known else f"{one.undefined} of {one.n}" if one.n else ""
    below = ", ".join(filter(None, [spread, f"n = {one.n}" if 0 < one.n < most else ""])) + " †" * square.stopped
    weight = "bold" if square.significant else "normal"
    axis.text(x + 0.5, y + (0.37 if below else 0.5), above, ha="center", va="center", size=9, color=ink, weight=weight)
    axis.text(x + 0.5, y + 0.73, below, ha="center", va="center", size=6.5, color=ink)


def _draw_labels(axis: Axes, plan: HeatMap, metric: str, names: Sequence[str], named: bool) -> None:
    """Label the panel and its columns above the squares and, if `named`, its rows at the left."""
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    axis.xaxis.tick_top()
    axis.xaxis.set_label_position("top")
    places = [x + 0.5 for x in range(len(plan.columns))]
    axis.set_xticks(places, ["\n".join(_wrapped(label)) for label in plan.columns.values()], fontsize=LABEL_SIZE)
    axis.set_xlabel(plan.x_label, fontsize=8, color=GREY, labelpad=6)
    axis.set_title(metric, fontsize=10.5, fontweight="bold", pad=8)
    levels = [-LEVELS / CELL_HEIGHT / 2, *(y + 0.5 for y in range(len(names) - 1))]
    axis.set_yticks(levels, names if named else [], fontsize=LABEL_SIZE)
    if named:
        axis.get_yticklabels()[0].set_color(GREY)
