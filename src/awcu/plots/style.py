"""What all plots share: colours, resolution, headings, and writing the file."""

import io
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath

from awcu.files import write_atomically

# Okabe and Ito's colours can be told apart with any common colour blindness; the markers differ as well.
BLUE, VERMILION, GREY, BLACK = "#0072B2", "#D55E00", "#767676", "#222222"
DPI = 150


def save_png(figure: Figure, path: Path) -> None:
    """Write the figure completely, or leave the existing file untouched."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    write_atomically(path, picture.getvalue())


def text_width(text: str, font: FontProperties) -> float:
    """The width of one line of text in this font, in inches."""
    return float(TextPath((0, 0), text, prop=font).get_extents().width) / 72


def draw_heading(figure: Figure, title: str, key: list[Line2D]) -> None:
    """Draw the title, with the legend below it, at the upper left."""
    width, height = figure.get_size_inches()
    figure.text(0.15 / width, 1 - 0.09 / height, title, fontsize=12, fontweight="bold", va="top")
    corner = (0.1 / width, 1 - 0.33 / height)
    figure.legend(
        handles=key,
        loc="upper left",
        bbox_to_anchor=corner,
        ncols=3,
        fontsize=7.5,
        frameon=False,
        borderaxespad=0,
    )
