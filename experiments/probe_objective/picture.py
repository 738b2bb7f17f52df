"""One picture of all three sets: what each weighting adds to a head's ranking, by what the head learns.

python experiments/probe_objective/picture.py    # from the committed results.csv and differences.csv

Writes gains.png beside this file.
"""

from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from awcu.plots.style import BLACK, BLUE, DPI, GREY, VERMILION, save_png
from awcu.runs.record import RESULTS, read_results_csv
from awcu.tables.intervals import Estimate
from awcu.tables.paired import FILE, read_differences
from awcu.tables.spec import SPEC, TableSpec
from awcu.tables.table import Table
from awcu.text import number

HERE = Path(__file__).parent
METRIC = "test/srcc"
SETS = {
    "biq2021": "BIQ2021 (quality)\n≈ 7,000 photographs, 5 splits",
    "oasis": "OASIS (beauty)\n≈ 530 photographs, 20 splits",
    "gallery": "rendered gallery\n≈ 1,040 pictures, 10 splits",
}
UNIFORM, STEP = "weighting=uniform", "weighting.delta=1.0 weighting.ratio={} weighting=step"
ROWS = {
    STEP.format("2.0"): "clear ones ×2",
    STEP.format("4.0"): "clear ones ×4",
    STEP.format("16.0"): "clear ones ×16",
    "weighting.gamma=1.0 weighting=power": "by the margin",
    "weighting.gamma=2.0 weighting=power": "by its square",
    "weighting.delta=1.0 weighting=drop": "clear ones only",
    f"sample_weights.permuted=True {STEP.format('4.0')}": "random ones ×4",
    "sample_weights.permuted=True weighting.delta=1.0 weighting=drop": "random ones only",
}
INSTEAD = "no weights, but this\ninstead of high or low"


class Learned(NamedTuple):
    """What a head learns, and how it is drawn."""

    label: str
    marker: str
    colour: str
    below: float  # rows


OBJECTIVES = {
    "binary": Learned("high or low", "o", BLUE, -0.24),
    "distribution": Learned("the votes", "s", GREY, 0.0),
    "score": Learned("the mean score", "D", VERMILION, 0.24),
}


def gains(table: Table) -> dict[tuple[str, str], Estimate]:
    """Objective and weighting → SRCC less the same objective under uniform weights; uniform itself less high or low."""
    found = {row.variant: row.cells[METRIC].difference for row in (*table.rows, *table.contrasts)}
    pairs = {}
    for objective in OBJECTIVES:
        for weighting in (UNIFORM, *ROWS):
            variant, base = f"objective={objective} {weighting}", f"objective={objective} {UNIFORM}"
            direct = objective == "binary" or weighting == UNIFORM
            difference = found.get(variant if direct else f"{variant} − {base}")
            if difference is not None and difference.n:
                pairs[objective, weighting] = difference
    return pairs


def draw(axis: Axes, title: str, table: Table, named: bool) -> None:
    """One set."""
    axis.axvline(0, color=BLACK, linestyle="--", linewidth=0.8, zorder=1)
    places = {UNIFORM: 0.0} | {weighting: place + 1.4 for place, weighting in enumerate(ROWS)}
    placebos = [place for weighting, place in places.items() if "permuted" in weighting]
    axis.axhspan(min(placebos) - 0.5, max(placebos) + 0.5, color="#f3f3f3", zorder=0)
    axis.axhline(0.7, color=GREY, linewidth=0.6)
    for (objective, weighting), one in gains(table).items():
        how = OBJECTIVES[objective]
        axis.errorbar(
            one.mean, places[weighting] + how.below, xerr=one.half_width, fmt=how.marker, color=how.colour, ms=5,
            elinewidth=1.5, zorder=3,
        )  # fmt: skip
    axis.set_ylim(max(places.values()) + 0.6, -0.6)
    axis.set_yticks(list(places.values()), [INSTEAD, *ROWS.values()] if named else [], fontsize=8.5)
    axis.tick_params(length=0, axis="y")
    axis.tick_params(labelsize=7.5, axis="x")
    axis.xaxis.set_major_locator(MultipleLocator(0.04))
    axis.xaxis.set_major_formatter(lambda value, _: number(value, signed=True, decimals=2))
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.set_title(title, fontsize=9.5, fontweight="bold")
    values = {row.variant: row.cells[METRIC].value.mean for row in table.rows}
    levels = [
        f"{how.label} {number(values[variant])}"
        for objective, how in OBJECTIVES.items()
        if (variant := f"objective={objective} {UNIFORM}") in values
    ]
    axis.set_xlabel("SRCC without weights:\n" + "\n".join(levels), fontsize=7.5, color=GREY)


def main() -> None:
    """Write the picture."""
    figure = Figure(figsize=(9.6, 5.6), dpi=DPI)
    axes = figure.subplots(1, len(SETS), sharex=True)
    figure.subplots_adjust(left=0.165, right=0.985, top=0.79, bottom=0.155, wspace=0.08)
    for place, (name, title) in enumerate(SETS.items()):
        folder = HERE / name
        records, differences = read_results_csv(folder / RESULTS), read_differences(folder / FILE)
        table = Table.from_records(TableSpec.load(folder / SPEC), records, differences)
        draw(axes[place], title, table, named=place == 0)
    heading = "Weights tell a head that learns high or low a part of what the scores tell it"
    figure.text(0.015, 0.975, heading, fontsize=12, fontweight="bold", va="top")
    below = (
        "SRCC gained over equal weights, 95 % intervals over splits and test photographs; linear heads on a frozen "
        "network. Clear: a point or more from the midpoint.\nGrey band: placebo, the same weights for random "
        "photographs of the same class. Top row: gained over learning high or low."
    )
    figure.text(0.015, 0.925, below, fontsize=7.5, color=GREY, va="top", linespacing=1.35)
    key = [
        Line2D([], [], color=how.colour, marker=how.marker, label=f"learns {how.label}") for how in OBJECTIVES.values()
    ]
    figure.legend(handles=key, loc="lower left", bbox_to_anchor=(0.01, 0.01), fontsize=7.5, frameon=False)
    save_png(figure, HERE / "gains.png")


if __name__ == "__main__":
    main()
