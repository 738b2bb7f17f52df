"""One photograph's sheet as a picture: what stands where."""

from typing import NamedTuple

from awcu.inference.crop import Proposal
from awcu.inference.explanation import Explanation
from awcu.inference.wording import heading, notes, sentence
from awcu.plots.style import BLACK, GREY
from awcu.reports.page import Page, fitted, line_height, wrapped
from awcu.reports.panels import Panel, Panels, Scale, panels

RED, BLUE = "#B2182B", "#2166AC"  # high and low
# Inches, points and pixels per inch.
WIDTH, MARGIN, GAP, DPI = 10.0, 0.35, 0.28, 150
LEVEL, VERDICT, TITLE, BODY, NOTE, TICK = 24.0, 11.0, 9.5, 10.0, 8.0, 7.5
CAPTION, TOP = 0.34, 0.64  # what caption and verdict take from the top
HEAD, BAR, FOOT = 0.42, 0.09, 0.32  # above a picture, a colour scale, and below a picture with one
TALL, HERO = 3.6, 5.0  # pictures at the most
INNER, LEAST_NOTES, LEAST_SCALE = WIDTH - 2 * MARGIN, 2.8, 2.5
PORTRAIT, PANORAMA = 1.15, 2.6  # width over height below, or from, which a sheet is arranged otherwise
LONGEST = 1000  # px, of a picture


class Row(NamedTuple):
    """Pictures side by side.

    Attributes:
        panels: From the left.
        columns: Places, of which some may stay free.
        height: Of the photograph in this row, in inches.
    """

    panels: list[Panel]
    columns: int
    height: float

    @property
    def cell(self) -> float:
        """Width of a place in inches."""
        return (INNER - (self.columns - 1) * GAP) / self.columns

    @property
    def full_height(self) -> float:
        """With titles and scales, in inches."""
        return HEAD + self.height + FOOT * any(panel.scale for panel in self.panels)

    def left(self, place: int) -> float:
        """Where a place begins, in inches from the page's edge."""
        return MARGIN + place * (self.cell + GAP)


class Notes(NamedTuple):
    """Paragraphs in lines, and where they begin.

    Attributes:
        x: In inches from the page's edge.
        lines: "" between paragraphs.
    """

    x: float
    lines: list[str]

    @property
    def height(self) -> float:
        """In inches."""
        return line_height(NOTE) * len(self.lines)


def page_png(explanation: Explanation, caption: str, attributes: int, crop: Proposal | None) -> bytes:
    """The sheet, 1,500 pixels wide; arguments as in `awcu.reports.sheet.png`."""
    rows = _rows(panels(explanation, attributes, crop, LONGEST), explanation.photograph.shape)
    says = wrapped(sentence(explanation), INNER, BODY)
    reading = _notes(explanation, rows[-1])
    heights = [MARGIN + CAPTION * bool(caption) + TOP + line_height(BODY) * len(says)]
    heights += [row.full_height for row in rows]
    # Beside the last pictures where there is room, else below them.
    heights += [reading.height] if reading.x == MARGIN else []
    page = Page(WIDTH, sum(heights) + GAP * (len(heights) - 1) + MARGIN, DPI)
    _draw_head(page, explanation, caption, says)
    top = heights[0] + GAP
    for row in rows:
        _draw_row(page, row, top)
        top += row.full_height + GAP
    if reading.x != MARGIN:
        top -= rows[-1].full_height + GAP
    for place, line in enumerate(reading.lines):
        page.text(reading.x, top + place * line_height(NOTE), line, NOTE, color=GREY)
    return page.png()


def _rows(shown: Panels, shape: tuple[int, ...]) -> list[Row]:
    """Above, large, what is to be compared; below, the rest."""
    aspect = shape[1] / shape[0]
    first, rest = [shown.photograph, shown.evidence], [*shown.attributes, shown.likelihood]
    if aspect < PORTRAIT:
        first, rest = [*first, shown.likelihood], shown.attributes
    rest = [*rest, *([shown.crop] if shown.crop else [])]
    columns = 4 if aspect < PORTRAIT else 3 if aspect < PANORAMA else 2
    large = _grid(first, 1 if aspect >= PANORAMA else len(first), aspect, HERO)
    return large + _grid(rest, columns, aspect, TALL)


def _grid(shown: list[Panel], columns: int, aspect: float, tallest: float) -> list[Row]:
    height = min(Row([], columns, 0).cell / aspect, tallest)
    return [Row(shown[start : start + columns], columns, height) for start in range(0, len(shown), columns)]


def _notes(explanation: Explanation, last: Row) -> Notes:
    x = last.left(len(last.panels))
    room = WIDTH - MARGIN - x
    if room >= LEAST_NOTES:
        beside = Notes(x, _paragraphs(explanation, room))
        if beside.height <= last.full_height:
            return beside
    return Notes(MARGIN, [line for line in _paragraphs(explanation, INNER) if line])


def _paragraphs(explanation: Explanation, width: float) -> list[str]:
    lines: list[str] = []
    for note in notes(explanation):
        lines += [""] * bool(lines) + wrapped(note, width, NOTE)
    return lines


def _draw_head(page: Page, explanation: Explanation, caption: str, says: list[str]) -> None:
    words, y, beside = heading(explanation), MARGIN, MARGIN + 1.02
    if caption:
        page.text(MARGIN, y, fitted(" ".join(caption.split()), INNER, TITLE), TITLE, color=GREY)
        y += CAPTION
    # The large letters have more room to their left and above than the small ones below.
    level_colour = RED if words.level == "High" else BLUE
    page.text(MARGIN - 0.03, y - 0.03, words.level, LEVEL, color=level_colour, weight="bold")
    page.text(beside, y + 0.02, words.probability, VERDICT, weight="bold")
    page.text(beside, y + 0.23, words.score, TITLE, color=GREY)
    _draw_rank(page, explanation, y)
    for place, line in enumerate(says):
        page.text(MARGIN, y + TOP + place * line_height(BODY), line, BODY)


def _draw_rank(page: Page, explanation: Explanation, y: float) -> None:
    """The score among those of the validation photographs, a line for each of their hundredths."""
    reference, score = explanation.reference, explanation.verdict.score
    if reference is None:
        return
    width = 3.2
    axes = page.axes(WIDTH - MARGIN - width, y + 0.1, width, 0.16)
    low, high = min(reference.scores[0], score), max(reference.scores[-1], score)
    colours = [RED if one > 0 else BLUE for one in reference.scores]
    axes.vlines(reference.scores, 0, 1, colors=colours, lw=0.8, alpha=0.5)
    axes.plot([score], [1.1], marker="v", color=BLACK, markersize=7, clip_on=False)
    axes.set(xlim=(low - 0.01 * (high - low), high + 0.01 * (high - low)), ylim=(0, 1))
    text = f"score among {reference.n} validation photographs"
    page.text(WIDTH - MARGIN, y + 0.3, text, TICK, color=GREY, ha="right")


def _draw_row(page: Page, row: Row, top: float) -> None:
    for place, panel in enumerate(row.panels):
        x = row.left(place)
        _draw_title(page, panel, x, top, row.cell)
        rows, columns = panel.picture.shape[:2]
        # A crop has other proportions than the photograph.
        scale = min(row.cell / columns, row.height / rows)
        axes = page.axes(x, top + HEAD, columns * scale, rows * scale)
        axes.imshow(panel.picture, aspect="auto")
        if panel.scale:
            # Below a narrow picture its words need more room than the picture has.
            width = max(columns * scale, min(row.cell, LEAST_SCALE))
            _draw_scale(page, panel.scale, x, top + HEAD + row.height, width)


def _draw_title(page: Page, panel: Panel, x: float, y: float, width: float) -> None:
    room = width - (0.65 if panel.effect else 0)
    page.text(x, y, fitted(panel.title, room, TITLE, "bold"), TITLE, weight="bold")
    page.text(x, y + 0.19, fitted(panel.note, width, NOTE), NOTE, color=GREY)
    if panel.effect:
        # Without the maps' colours, which here would say something else.
        page.text(x + width, y, panel.effect, TITLE, weight="bold", ha="right")


def _draw_scale(page: Page, scale: Scale, x: float, y: float, width: float) -> None:
    axes = page.axes(x, y + 0.06, width, BAR)
    axes.imshow(scale.colours, aspect="auto")
    for place, (text, align) in enumerate(zip(scale.ends, ("left", "center", "right"), strict=True)):
        page.text(x + place * width / 2, y + 0.08 + BAR, text, TICK, color=GREY, ha=align)
