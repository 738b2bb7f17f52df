"""Figures as SVG within a page: crisp at any size, in the page's own font and colours, light or dark."""

import io
import re
from collections.abc import Sequence

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D

from awcu.plots.style import text_width

# Colours of our plots → what a page calls them; those that are not here show on light and dark alike.
_COLOURS = {
    "#000000": "ink",
    "#222222": "ink",
    "#767676": "soft",
    "#ffffff": "ground",
    "#bbbbbb": "rule",
    "#ececec": "rule",
    "#0072b2": "blue",
    "#d55e00": "vermilion",
    "#00795b": "green",
    "#9b4f96": "purple",
}
# What matplotlib writes for a file of its own: namespaces, who made it, a style for everything around it, its fonts.
_OF_A_FILE = (
    r"<metadata>.*?</metadata>\s*",
    r"<style.*?</style>\s*",
    r"<!--.*?-->\s*",
    r' xmlns(:\w+)?="[^"]*"',
    r' version="[^"]*"',
    r'font-family: [^;"]*;?\s*',
)
_KEY_SIZE = 9.0  # points


def inline_svg(figure: Figure, says: str) -> Markup:
    """The figure for a page that defines its colours as --ink, --ground and so on.

    Args:
        figure: Its ground becomes clear.
        says: What it shows, for who cannot see it.
    """
    for patch in (figure.patch, *(axis.patch for axis in figure.axes)):
        patch.set_alpha(0)
    text = io.StringIO()
    # The salt makes the ids, by which the parts refer to each other, the same every time.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "awcu"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()[text.getvalue().index("<svg") :]
    for unwanted in _OF_A_FILE:
        svg = re.sub(unwanted, "", svg, flags=re.DOTALL)
    # Other ids would be there once a figure.
    used = {*re.findall(r'href="#([^"]+)"', svg), *re.findall(r"url\(#([^)]+)\)", svg)}
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", svg)
    svg = re.sub(r"#[0-9a-f]{6}\b", lambda found: _themed(found[0]), svg)
    root = f'<svg class="figure" role="img" aria-label="{escape(says)}" fill="currentColor" stroke-linejoin="round"'
    return Markup(svg.replace("<svg", root, 1))


def key_figure(signs: Sequence[Line2D]) -> Figure:
    """A key on its own, one sign a line."""
    longest = max(text_width(str(sign.get_label()), FontProperties(size=_KEY_SIZE)) for sign in signs)
    # Beside the text its sign, and room for a page's font, which may be wider.
    figure = Figure(figsize=(0.5 + 1.15 * longest, 0.04 + 0.2 * len(signs)))
    figure.legend(
        handles=signs,
        loc="upper left",
        bbox_to_anchor=(0, 1),
        fontsize=_KEY_SIZE,
        frameon=False,
        borderaxespad=0,
        borderpad=0.2,
    )
    return figure


def _themed(colour: str) -> str:
    name = _COLOURS.get(colour)
    return f"var(--{name})" if name else colour
