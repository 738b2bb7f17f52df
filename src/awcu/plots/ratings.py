"""Two panels on a set's ratings: the distribution of mean scores, and the effect of dropping ambiguous photographs."""

import io
import math
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from awcu.datasets.audit import DELTAS, ambiguity
from awcu.plots.style import BLACK, DPI, GREY
from awcu.ratings.ratings import Floats, Ratings
from awcu.text import counted, percent

WIDTH, HEIGHT, TOP = 8.6, 3.5, 0.36  # inches; TOP is for the title
BINS, FEW = 50, 20  # most bins, roughly, of a scale; fewest photographs for which a share is drawn
DASHES = (0, (4, 1.2))


class Colours(NamedTuple):
    """The colours of a figure for a light or a dark page."""

    ground: str
    ink: str
    soft: str
    rule: str
    high: str
    low: str


LIGHT = Colours("#ffffff", BLACK, GREY, "#ececec", "#b2182b", "#2166ac")
DARK = Colours("#17181a", "#e8e8e6", "#a3a3a0", "#303134", "#f4877d", "#7fb8ea")


def ratings_png(ratings: Ratings, colours: Colours = LIGHT, titled: bool = True) -> bytes:
    """Draw the ratings of at least one photograph as a PNG; if `titled`, with the set's name above."""
    top = TOP * titled
    height = HEIGHT + top
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained", facecolor=colours.ground)
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - top / height), w_pad=0.1, h_pad=0.08, wspace=0.06)  # type: ignore[union-attr, call-arg]
    left, right = figure.subplots(1, 2)
    _draw_scores(left, ratings, colours)
    _draw_ambiguity(right, ratings, colours)
    if titled:
        title, place = f"{ratings.name}: {counted(len(ratings), 'photograph')}", (0.13 / WIDTH, 1 - 0.1 / height)
        figure.text(*place, title, fontsize=12, fontweight="bold", va="top", color=colours.ink, parse_math=False)
    picture = io.BytesIO()
    with warnings.catch_warnings():
        # The font lacks some scripts and draws boxes instead; the page shows the name as text anyway.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(picture, format="png")
    return picture.getvalue()


def bin_edges(scores: Floats, ratings: Ratings) -> Floats:
    """The bin edges of a histogram of these mean scores: ascending, 1, 2 or 5 · 10ᵏ apart, one of them the midpoint."""
    extent = float(np.ptp(ratings.scale))
    widest = np.ptp(np.histogram_bin_edges(scores, "fd")[:2]).clip(extent / BINS, extent / 5)
    power = 10.0 ** math.floor(math.log10(widest))
    width = max(step * power for step in (1, 2, 5) if step * power <= widest * (1 + 1e-9))
    first = math.floor((scores.min() - ratings.midpoint) / width)
    last = math.floor((scores.max() - ratings.midpoint) / width) + 1
    return ratings.midpoint + width * np.arange(first, last + 1)


def _draw_scores(axis: Axes, ratings: Ratings, colours: Colours) -> None:
    # A score at the midpoint is low, although the bin that begins there holds the high ones.
    middle, below = ratings.midpoint, np.nextafter(ratings.midpoint, -np.inf)
    scores = np.where(ratings.high, np.maximum(ratings.mean_score, middle), np.minimum(ratings.mean_score, below))
    edges = bin_edges(scores, ratings)
    counts, _ = np.histogram(scores, edges)
    drawn = [colours.low if edge < ratings.midpoint else colours.high for edge in edges[:-1]]
    axis.bar(edges[:-1], counts, np.diff(edges), align="edge", color=drawn, edgecolor=colours.ground, linewidth=0.3)
    axis.axvline(ratings.midpoint, color=colours.ink, linestyle="--", linewidth=0.9)
    axis.set_xlim(ratings.scale[0], ratings.scale[-1])
    axis.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10], integer=True))
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axis.set_xlabel("mean score", fontsize=9.5)
    axis.set_ylabel(f"photographs per {edges[1] - edges[0]:g} rating points", fontsize=9.5)
    part = float(ratings.high.mean())
    keys = [
        Patch(color=colours.low, label=f"low, {percent(1 - part)}"),
        Patch(color=colours.high, label=f"high, {percent(part)}"),
        Line2D([], [], color=colours.ink, linestyle="--", linewidth=0.9, label=f"midpoint {ratings.midpoint:g}"),
    ]
    _frame(axis, keys, colours)


def _draw_ambiguity(axis: Axes, ratings: Ratings, colours: Colours) -> None:
    reach = max(abs(float(end) - ratings.midpoint) for end in (ratings.scale[0], ratings.scale[-1]))
    end = min(max(1.1 * max(DELTAS), float(np.quantile(ratings.margin, 0.995))), reach)
    deltas = np.linspace(0, end, 400)
    nearer, high = ambiguity(ratings, deltas)
    high[len(ratings) * (1 - nearer) < FEW] = np.nan
    axis.plot(deltas, nearer, color=colours.ink, linewidth=1.8)
    axis.plot(deltas, high, color=colours.high, linewidth=1.8, linestyle=DASHES)
    marked = np.array([delta for delta in DELTAS if delta < end])
    _mark(axis, marked, *ambiguity(ratings, marked), colours)
    # The second line often ends at 100 %, where a limit of exactly 1 would cut off half its width.
    axis.set(xlim=(0, end), ylim=(0, 1.012), yticks=np.arange(0, 1.01, 0.25))
    axis.set_yticklabels([f"{100 * tick:.0f} %" for tick in axis.get_yticks()])
    axis.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    axis.set_xlabel("δ, distance from the midpoint in rating points", fontsize=9.5)
    keys = [
        Line2D([], [], color=colours.ink, linewidth=1.8, label="nearer than δ, so dropped"),
        Line2D([], [], color=colours.high, linewidth=1.8, linestyle=DASHES, label="high among the rest"),
    ]
    _frame(axis, keys, colours)


def _mark(axis: Axes, deltas: Floats, nearer: Floats, high: Floats, colours: Colours) -> None:
    for values, colour in ((nearer, colours.ink), (high, colours.high)):
        axis.plot(deltas, values, "o", color=colour, mec=colours.ground, mew=0.8, markersize=6, zorder=3)
    for delta in deltas:
        axis.axvline(delta, color=colours.soft, linestyle=":", linewidth=1.2, zorder=1)
    # Placed beside their lines, these labels would overlap when the δ axis is long.
    text = ", ".join(f"{percent(part)} at δ = {delta:g}" for delta, part in zip(deltas, nearer, strict=True))
    if text:
        axis.text(0, 1.01, f"dropped: {text}", transform=axis.transAxes, fontsize=8, va="bottom", color=colours.soft)


def _frame(axis: Axes, keys: Sequence[Artist], colours: Colours) -> None:
    axis.set_facecolor(colours.ground)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(colours.soft)
    axis.tick_params(labelsize=8.5, colors=colours.soft, labelcolor=colours.ink)
    axis.xaxis.label.set_color(colours.ink)
    axis.yaxis.label.set_color(colours.ink)
    axis.grid(axis="y", color=colours.rule, linewidth=0.7)
    axis.set_axisbelow(True)
    axis.legend(
        handles=keys, loc="lower left", bbox_to_anchor=(0, 1.06), ncols=len(keys), fontsize=8, frameon=False,
        borderaxespad=0, handlelength=2.2, columnspacing=1.4, labelcolor=colours.ink,
    )  # fmt: skip
