"""Explanations as sheets: one photograph as a page or a picture, or many photographs in one picture."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from textwrap import fill
from typing import Literal, NamedTuple

import cv2
import numpy as np
from markupsafe import escape
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from awcu.errors import SheetError
from awcu.files import write_atomically
from awcu.inference.crop import Proposal
from awcu.inference.explanation import Explanation
from awcu.inference.wording import against_average, attributes_shown, heading, in_short, notes, reasons, sentence
from awcu.models.cam import Map, overlay
from awcu.models.purpose import purpose
from awcu.plots.style import DPI, GREY, save_png
from awcu.reports.html import data_uri, template
from awcu.reports.panels import Panel, Panels, Scale, effect, panels, resized
from awcu.text import label, number, rating, share

LONGEST = 900  # px along the longer side of a sheet's pictures
SMALL = 480  # the same in a contact sheet
WIDTH, FLAT, TALL = 10.0, 0.5, 6.0  # inches: a sheet's width, and its pictures' least and greatest height
COLUMN, LINE = 2.7, 2.25  # inches: width and height of a contact sheet's cells
GAP = 0.16  # inches between pictures
TEXT, LETTERS = 8.0, 15.5  # text size in points, and letters of that size per inch
STOPS = 16  # colours in a CSS gradient

READING = "red speaks for high, or for the attribute, blue against; one scale per kind of map"
READING_EFFECTS = "; behind an attribute its probability and, in brackets, its part in the score"


class Line(NamedTuple):
    """One attribute in the table, as printed; unknown values are ""."""

    name: str
    probability: str
    average: str
    effect: str


class Rank(NamedTuple):
    """A score's place among those of the validation photographs.

    Attributes:
        n: Number of validation photographs.
        marks: Position of each percentile of their scores, in % of the width, and whether it is high.
        place: Position of the score, in % of the width.
    """

    n: int
    marks: list[tuple[float, bool]]
    place: float


class Limits(NamedTuple):
    """Values at which a contact sheet's colours reach full strength."""

    evidence: float
    attribute: float
    cause: float


@dataclass(frozen=True, eq=False)
class Sheet:
    """What a model says of one photograph, and why: verdict, maps, attributes and crop. A notebook shows it.

    Attributes:
        explanation: Explanation of the photograph.
        caption: Text above the sheet, such as the photograph's name.
        attributes: Most AttAM to show: those with the largest effect on the score or, if no effect is known, the
            likeliest.
        crop: Crop to draw on the photograph and to show separately; None for none.
    """

    explanation: Explanation
    caption: str = ""
    attributes: int = 3
    crop: Proposal | Literal["best"] | None = "best"

    @cached_property
    def panels(self) -> Panels:
        """The sheet's pictures."""
        crop = self.explanation.crops()[0] if self.crop == "best" else self.crop
        return panels(self.explanation, self.attributes, crop, LONGEST)

    def html(self) -> str:
        """The sheet as one self-contained HTML file, with a table of all attributes."""
        height, width = self.explanation.photograph.shape[:2]
        return template("sheet.html", picture=data_uri, gradient=gradient).render(
            shown=self.panels,
            caption=self.caption,
            heading=heading(self.explanation),
            purpose=purpose(self.explanation.trained_on).model,
            reasons=reasons(self.explanation),
            sentence=sentence(self.explanation),
            notes=notes(self.explanation),
            rank=rank(self.explanation),
            table=_table(self.explanation),
            effects=bool(self.explanation.contributions),
            aspect=width / height,
        )

    def png(self) -> bytes:
        """The sheet as a picture 1,500 pixels wide, without the likelihood map and the table."""
        file = io.BytesIO()
        _figure(self).savefig(file, format="png")
        return file.getvalue()

    def save(self, path: Path | str) -> None:
        """Write the page or the picture, as the name ends in `.html` or `.png`; create missing folders.

        Raises:
            SheetError: The name ends otherwise.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in (".html", ".png"):
            raise SheetError(f"{path.name}: a sheet is a page or a picture; let its name end in .html or .png")
        write_atomically(path, self.html() if suffix == ".html" else self.png())

    def _repr_html_(self) -> str:
        # In a frame, so that its style does not affect the notebook.
        fit = "this.style.height = this.contentDocument.documentElement.scrollHeight + 'px'"
        style = "width: 100%; height: 900px; border: 0"
        return f'<iframe srcdoc="{escape(self.html())}" style="{style}" onload="{fit}"></iframe>'


def contact_sheet(
    explanations: Sequence[Explanation],
    captions: Sequence[str],
    path: Path,
    attributes: int = 3,
    causes: Sequence[Map] = (),
) -> None:
    """Draw many photographs in one PNG, one row each: the photograph, AesAM, its causes if known, and AttAM.

    Args:
        explanations: At least one; all from one model.
        captions: One per photograph, drawn above it.
        path: PNG to write.
        attributes: Most AttAM to show, chosen as for a `Sheet`.
        causes: One signed `(H, W)` map per photograph of what really raised or lowered its rating, which the gallery
            knows; empty if unknown.

    Raises:
        SheetError: There are no photographs, or the number of captions or causes differs from theirs.
    """
    if not explanations or len(captions) != len(explanations) or len(causes) not in (0, len(explanations)):
        raise SheetError(
            f"{len(explanations)} photographs, {len(captions)} captions, {len(causes)} causes: give at least one "
            f"photograph, a caption for each, and a cause for each or none"
        )
    limits = _limits(explanations, causes)
    rows = [
        _row(resized(one, SMALL), caption, cause, limits, attributes)
        for one, caption, cause in zip_longest(explanations, captions, causes)
    ]
    columns = len(rows[0])
    effects = READING_EFFECTS if attributes and explanations[0].contributions else ""
    figure = _grid([panel for row in rows for panel in row], columns, COLUMN * columns, LINE * len(rows) + 0.6)
    figure.suptitle(fill(READING + effects, int(LETTERS * COLUMN * columns)), fontsize=TEXT, color=GREY)
    save_png(figure, path)


def _figure(sheet: Sheet) -> Figure:
    """Draw one photograph's panels, with the verdict above and the text below."""
    shown, explanation = sheet.panels, sheet.explanation
    drawn = [shown.photograph, shown.evidence, *shown.attributes, *([shown.crop] if shown.crop else [])]
    aspect = explanation.photograph.shape[1] / explanation.photograph.shape[0]
    # The taller the photograph, the fewer rows; all rows full if possible.
    rows = math.ceil(len(drawn) / max(2, round(3.3 / math.sqrt(aspect))))
    columns = math.ceil(len(drawn) / rows)
    words = heading(explanation)
    verdict = f"{words.level}: {words.verdict} ({words.detail})"
    first = sheet.caption, verdict, words.place, in_short(explanation)
    above = "\n".join(fill(text, int(0.6 * LETTERS * WIDTH)) for text in first if text)
    said = purpose(explanation.trained_on).model, *reasons(explanation), sentence(explanation)
    below = "\n".join(fill(text, int(LETTERS * WIDTH)) for text in (*said, "", *notes(explanation)))
    tall = min(max(WIDTH / columns / aspect, FLAT), TALL)
    written = 0.25 * above.count("\n") + 0.14 * below.count("\n") + 0.55
    figure = _grid(drawn, columns, WIDTH, rows * (tall + 0.75) + written)
    figure.suptitle(above, x=0.008, ha="left", fontsize=12, fontweight="bold", parse_math=False)
    figure.supxlabel(below, x=0.008, ha="left", fontsize=TEXT, parse_math=False)
    return figure


def _grid(shown: Sequence[Panel], columns: int, width: float, height: float) -> Figure:
    """Draw panels in rows; width and height are in inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=GAP / 2, h_pad=GAP / 2)  # type: ignore[union-attr, call-arg]
    axes = figure.subplots(math.ceil(len(shown) / columns), columns, squeeze=False)
    for axis, panel in zip_longest(axes.flat, shown):
        axis.axis("off")
        if panel:
            _draw(axis, panel, int(LETTERS * (width / columns - GAP)))
    return figure


def _draw(axis: Axes, panel: Panel, letters: int) -> None:
    axis.imshow(panel.picture)
    axis.set_anchor("NW")
    title = f"{panel.title} {panel.effect}".strip()
    lines = "\n".join(fill(line, letters) for line in (title, panel.note) if line)
    axis.set_title(lines, loc="left", fontsize=TEXT, parse_math=False)
    if panel.scale:
        colours = ScalarMappable(cmap=ListedColormap(panel.scale.colours[0] / 255))
        bar = axis.figure.colorbar(colours, ax=axis, location="bottom", panchor=False, aspect=50, pad=0.02)
        bar.set_ticks((0, 0.5, 1), labels=[fill(text, letters * 2 // 5) for text in panel.scale.ends], fontsize=TEXT)
        bar.ax.tick_params(length=0)
        first, _, last = bar.ax.get_xticklabels()
        first.set_horizontalalignment("left")
        last.set_horizontalalignment("right")
        bar.outline.set_visible(False)


def _row(seen: Explanation, caption: str, cause: Map | None, limits: Limits, attributes: int) -> list[Panel]:
    """One photograph's panels in a contact sheet."""
    photograph = seen.photograph
    known = seen.objective.rating(seen.verdict.score)
    score = (
        f"score {number(seen.verdict.score, signed=True, decimals=2)}" if known is None else f"rating {rating(known)}"
    )
    row = [
        Panel(" ".join(caption.split()), "", photograph),
        Panel(f"AesAM, {score}", "", overlay(photograph, seen.on_photograph(), limits.evidence)),
    ]
    if cause is not None:
        size = photograph.shape[1], photograph.shape[0]
        resized_cause = np.asarray(cv2.resize(cause, size), dtype=np.float32)
        row.append(Panel("what caused the rating", "", overlay(photograph, resized_cause, limits.cause)))
    return row + [
        Panel(_attribute_title(seen, name), "", overlay(photograph, seen.on_photograph(name), limits.attribute))
        for name in attributes_shown(seen, attributes)
    ]


def _attribute_title(explanation: Explanation, name: str) -> str:
    part = effect(explanation, name)
    return f"{label(name)} {share(explanation.verdict.attributes[name])}" + (f" ({part})" if part else "")


def _limits(explanations: Sequence[Explanation], causes: Sequence[Map]) -> Limits:
    """Limits for the whole set: the model's own if it has any."""
    reference = explanations[0].reference
    if reference is not None:
        return Limits(reference.evidence_limit, reference.attribute_limit, _limit(causes))
    attributes = [one for explanation in explanations for one in explanation.attributes.values()]
    return Limits(_limit([one.evidence for one in explanations]), _limit(attributes), _limit(causes))


def _limit(maps: Sequence[Map]) -> float:
    """The value that only one cell in a hundred exceeds, so that a single outlier does not make the whole set pale."""
    values = np.concatenate([np.abs(one).ravel() for one in maps]) if maps else np.ones(1)
    return float(max(np.nanpercentile(values, 99), 1e-6))


def gradient(scale: Scale) -> str:
    """The scale as a CSS gradient."""
    colours = scale.colours[0, np.linspace(0, scale.colours.shape[1] - 1, STOPS).round().astype(int)]
    return f"linear-gradient(to right, {', '.join(f'rgb({r} {g} {b})' for r, g, b in colours.tolist())})"


def rank(explanation: Explanation) -> Rank | None:
    """The score's place among the validation photographs; None without them."""
    if explanation.reference is None:
        return None
    scores, score = explanation.reference.scores, explanation.verdict.score
    low, high = min(scores[0], score), max(scores[-1], score)
    places = [100 * (one - low) / max(high - low, 1e-6) for one in (*scores, score)]
    return Rank(explanation.reference.n, list(zip(places, (one > 0 for one in scores), strict=False)), places[-1])


def _table(explanation: Explanation) -> list[Line]:
    return [
        Line(
            label(name),
            share(explanation.verdict.attributes[name]),
            against_average(explanation, name),
            effect(explanation, name),
        )
        for name in attributes_shown(explanation, len(explanation.attributes))
    ]
