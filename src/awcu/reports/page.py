"""A page measured in inches from its upper left corner, with text that is fitted to its place before it is set."""

import io
from functools import cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont
from PIL import ImageFont

from awcu.plots.style import BLACK

LEADING = 1.38  # of the size, from line to line
HINTING = 1.03  # letters that are set on whole pixels come out wider than drawn


class Page:
    """One page.

    Args:
        width: In inches.
        height: In inches.
        dpi: Pixels per inch.
    """

    def __init__(self, width: float, height: float, dpi: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white")

    def text(self, x: float, y: float, text: str, size: float, **options: Any) -> None:
        """One line of text, its upper edge at y; options of matplotlib's Text."""
        # A caption may hold dollars.
        settings: dict[str, Any] = {"va": "top", "color": BLACK, "parse_math": False} | options
        self.figure.text(x / self.width, 1 - y / self.height, text, fontsize=size, **settings)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Axes without frame or ticks."""
        place = (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(place)
        axes.axis("off")
        return axes

    def png(self) -> bytes:
        """The page as a picture."""
        picture = io.BytesIO()
        self.figure.savefig(picture, format="png")
        return picture.getvalue()


def fitted(text: str, width: float, size: float, weight: str = "normal") -> str:
    """The text on one line, cut short with an ellipsis where it is wider than `width` inches."""
    if _width(text, size, weight) <= width:
        return text
    kept, cut = 0, len(text)
    while cut - kept > 1:
        middle = (kept + cut) // 2
        fits = _width(text[:middle].rstrip() + "…", size, weight) <= width
        kept, cut = (middle, cut) if fits else (kept, middle)
    return text[:kept].rstrip() + "…"


def wrapped(text: str, width: float, size: float) -> list[str]:
    """The text in lines of `width` inches at most."""
    lines: list[str] = []
    # Not split(), which would part "5 %" at its no-break space.
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(fitted(word, width, size))
    return lines


def line_height(size: float) -> float:
    """From one line to the next, in inches."""
    return LEADING * size / 72


def _width(text: str, size: float, weight: str = "normal") -> float:
    return HINTING * _font(weight).getlength(text) * size / 100 / 72


@cache
def _font(weight: str) -> ImageFont.FreeTypeFont:
    """The font that matplotlib sets text in, large, so that rounding to pixels does not add up."""
    return ImageFont.truetype(findfont(FontProperties(weight=weight)), 100)
