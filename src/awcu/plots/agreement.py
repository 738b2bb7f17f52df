"""The agreement plot: each variant's difference to the baseline in one group of records, plotted against the other."""

import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox, IdentityTransform

from awcu.errors import TableError
from awcu.metrics.bootstrap import CONFIDENCE
from awcu.plots.style import BLACK, BLUE, DPI, GREY, save_png, text_width
from awcu.tables.agreement import Point, RankAgreement
from awcu.tables.spec import Agreement, TableSpec
from awcu.text import number

PANEL, TOP, BOTTOM = 4.6, 0.66, 0.5  # inches
DOT, NUMBER_SIZE = 6.0, 8.5  # typographic points
# Where a number may be drawn: directions from its point, up and right first, and distances in typographic points.
DIRECTIONS = tuple(math.pi / 4 + math.pi / 8 * step for step in range(16))
DISTANCES = (4.0, 7.0, 11.0, 16.0, 24.0)


def agreement_plot(spec: TableSpec, found: Sequence[RankAgreement], path: Path) -> None:
    """Draw the rank agreements as a PNG: one panel per metric, one point per variant, intervals as crosses.

    A variant has the same number in every panel; its name is in the list at the right.

    Raises:
        TableError: The spec has no agreement.
    """
    plan = spec.agreement
    if plan is None:
        raise TableError(f"{spec.title!r} has no agreement; add one to its table.yaml")
    font = FontProperties(size=NUMBER_SIZE)
    key = max(text_width(point.label, font) for one in found for point in one.points) + 0.7
    width, height = PANEL * len(found) + key, PANEL + TOP + BOTTOM
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    rect = (0, BOTTOM / height, 1 - key / width, 1 - (TOP + BOTTOM) / height)
    figure.get_layout_engine().set(rect=rect, w_pad=0.1, wspace=0.06)  # type: ignore[union-attr, call-arg]
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for axis, one in zip(panels, found, strict=True):
        _draw_points(axis, one.points)
        _draw_frame(axis, spec, plan, one)
    _draw_texts(figure, spec, found)
    # Numbers can only avoid one another once the panels have been laid out.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axis, one in zip(panels, found, strict=True):
        _draw_numbers(axis, one.points)
    _draw_names(figure, panels[-1], found[0].points)
    save_png(figure, path)


def _draw_points(axis: Axes, points: Sequence[Point]) -> None:
    """Draw points and crosses with equal scales on both axes, and lines for no difference and equal differences."""
    axis.axhline(0, linestyle="--", color=GREY, linewidth=0.8, zorder=1)
    axis.axvline(0, linestyle="--", color=GREY, linewidth=0.8, zorder=1)
    axis.axline((0, 0), slope=1, linestyle=":", color=GREY, linewidth=0.8, zorder=1)
    for point in points:
        place = (point.x.mean, point.y.mean)
        axis.errorbar(*place, point.y.half_width, point.x.half_width, color=BLUE, alpha=0.3, elinewidth=0.8, zorder=2)
        axis.plot(*place, "o", color=BLUE, mec="white", mew=0.6, markersize=DOT, zorder=3)
    both = [one for point in points for one in (point.x, point.y)]
    ends = [0.0, *(one.mean + sign * one.half_width for one in both for sign in (-1, 1))]
    low, high = min(ends), max(ends)
    margin = 0.04 * (high - low)
    axis.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin), aspect="equal")


def _draw_frame(axis: Axes, spec: TableSpec, plan: Agreement, one: RankAgreement) -> None:
    axis.set_title(spec.columns[one.metric], fontsize=10.5, fontweight="bold", loc="left", pad=18)
    axis.text(0, 1.02, one.text, transform=axis.transAxes, fontsize=8.5, va="bottom")
    gain = f"difference to {spec.label(spec.baseline)}"
    axis.set_xlabel(fill(f"{gain}, {plan.x.label}", 54), fontsize=8.5)
    axis.set_ylabel(fill(f"{gain}, {plan.y.label}", 54), fontsize=8.5)
    for each in (axis.xaxis, axis.yaxis):
        each.set_major_locator(MaxNLocator(6))
        each.set_major_formatter(lambda value, _: number(value, signed=True))
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def _draw_texts(figure: Figure, spec: TableSpec, found: Sequence[RankAgreement]) -> None:
    """Draw the title and legend above and the caption below."""
    width, height = figure.get_size_inches()
    keys = [
        Line2D([], [], color=BLUE, marker="o", label="one weighting, mean over seeds, with 95 % intervals"),
        Line2D([], [], color=GREY, linestyle="--", linewidth=0.8, label="no difference"),
        Line2D([], [], color=GREY, linestyle=":", linewidth=0.8, label="equal differences"),
    ]
    figure.text(0.15 / width, 1 - 0.09 / height, spec.title, fontsize=12, fontweight="bold", va="top")
    corner = (0.1 / width, 1 - 0.35 / height)
    figure.legend(
        handles=keys, loc="upper left", bbox_to_anchor=corner, ncols=3, fontsize=7.5, frameon=False, borderaxespad=0
    )
    caption = f"Crosses: ± {found[0].plus_minus}. Brackets: {CONFIDENCE * 100:.0f} % bootstrap interval over seeds. "
    text = fill(caption + found[0].provenance, int(width * 17))
    figure.text(0.15 / width, 0.07 / height, text, fontsize=6.5, color=GREY, va="bottom", linespacing=1.3)


def _draw_names(figure: Figure, last: Axes, points: Sequence[Point]) -> None:
    """List what the numbers stand for, right of the last panel."""
    width, height = figure.get_size_inches()
    frame = last.get_position()
    for count, point in enumerate(points, start=1):
        y = frame.y1 - (count - 0.5) * 0.2 / height
        number_at, name_at = frame.x1 + 0.38 / width, frame.x1 + 0.45 / width
        figure.text(number_at, y, str(count), fontsize=NUMBER_SIZE, fontweight="bold", ha="right", va="center")
        figure.text(name_at, y, point.label, fontsize=NUMBER_SIZE, va="center")


def _draw_numbers(axis: Axes, points: Sequence[Point]) -> None:
    """Draw each point's number at the nearest free place around it."""
    radius = DOT / 2 * DPI / 72
    places = axis.transData.transform([(point.x.mean, point.y.mean) for point in points])
    taken = [Bbox.from_bounds(x - radius, y - radius, 2 * radius, 2 * radius) for x, y in places]
    for count, (x, y) in enumerate(places, start=1):
        text = axis.text(
            x, y, str(count), fontsize=NUMBER_SIZE, fontweight="bold", color=BLACK, ha="center", va="center"
        )
        text.set(transform=IdentityTransform(), path_effects=[withStroke(linewidth=2, foreground="white")], zorder=4)
        size = text.get_window_extent()
        box = _free_place((x, y), size.width, size.height, taken, axis.get_window_extent())
        text.set_position(((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))
        taken.append(box)


def _free_place(place: tuple[float, float], width: float, height: float, taken: Sequence[Bbox], inside: Bbox) -> Bbox:
    """The box near a place, in pixels, that overlaps other boxes and the outside least; among equals, the nearest."""
    best, least = inside, math.inf
    for distance in DISTANCES:
        for direction in DIRECTIONS:
            x = place[0] + math.cos(direction) * (distance * DPI / 72 + width / 2)
            y = place[1] + math.sin(direction) * (distance * DPI / 72 + height / 2)
            box = Bbox.from_bounds(x - width / 2, y - height / 2, width, height)
            covered = sum(_shared(box, other) for other in taken) + width * height - _shared(box, inside)
            if covered < least - 1e-6:
                best, least = box, covered
    return best


def _shared(one: Bbox, other: Bbox) -> float:
    """The area that two boxes share."""
    shared = Bbox.intersection(one, other)
    return float(shared.width * shared.height) if shared else 0.0
