"""Explanations as sheets: one photograph as a picture or a page for the browser, or many photographs in one picture."""

from collections.abc import Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np
from matplotlib.figure import Figure

from awcu.errors import SheetError
from awcu.files import write_atomically
from awcu.inference.crop import Proposal
from awcu.inference.explanation import Explanation
from awcu.inference.wording import against_average, attributes_shown, heading, notes, sentence
from awcu.models.cam import Map, overlay
from awcu.plots.style import GREY, save_png
from awcu.reports.html import data_uri, template
from awcu.reports.page import fitted
from awcu.reports.panels import Picture, Scale, effect, panels, resized
from awcu.reports.sheet_page import PANORAMA, PORTRAIT, page_png
from awcu.text import label, number, share

LONGEST = 900  # px of a page's pictures
SMALL = 480  # px of a contact sheet's
COLUMN, LINE, TITLE = 2.7, 2.25, 8.0  # inches and points of a contact sheet
STOPS = 16  # of a colour scale's gradient


READING = "red speaks for high, or for the attribute, blue against; one scale per kind of map"
READING_EFFECTS = "; behind an attribute its probability and, in brackets, its part in the score"


class Line(NamedTuple):
    """One attribute in the table, as printed; "" for what is unknown."""

    name: str
    probability: str
    average: str
    effect: str


class Rank(NamedTuple):
    """A score among those of the validation photographs.

    Attributes:
        n: Photographs.
        marks: Where each hundredth of them lies, in % of the width, and whether it is high.
        place: Where the score lies.
    """

    n: int
    marks: list[tuple[float, bool]]
    place: float


class Limits(NamedTuple):
    """Values at which the colours of a contact sheet are full."""

    evidence: float
    attribute: float
    cause: float


def save(
    explanation: Explanation,
    path: Path,
    caption: str = "",
    attributes: int = 3,
    crop: Proposal | Literal["best"] | None = "best",
) -> None:
    """Write a sheet, `.png` or `.html` by the name: what the model says of the photograph, and why.

    Args:
        explanation: Of the photograph.
        path: Folders are made where missing.
        caption: Set above; the photograph's name, perhaps.
        attributes: AttAM shown at the most.
        crop: Drawn on the photograph; None for none.

    Raises:
        SheetError: A name that ends otherwise.
    """
    suffix = path.suffix.lower()
    if suffix not in (".png", ".html"):
        raise SheetError(f"{path.name}: a sheet is a picture or a page; let its name end in .png or .html")
    make = png if suffix == ".png" else html
    write_atomically(path, make(explanation, caption, attributes, explanation.crops()[0] if crop == "best" else crop))


def png(explanation: Explanation, caption: str = "", attributes: int = 3, crop: Proposal | None = None) -> bytes:
    """One photograph's sheet, 1,500 pixels wide: verdict, a sentence, maps, attributes and crop.

    Args:
        explanation: Of the photograph.
        caption: Set above; the photograph's name, perhaps.
        attributes: AttAM shown at the most: of the largest effect on the score, or of the likeliest where no effect
            is known.
        crop: Drawn on the photograph and shown on its own.
    """
    return page_png(explanation, caption, attributes, crop)


def html(explanation: Explanation, caption: str = "", attributes: int = 3, crop: Proposal | None = None) -> str:
    """The same as one file for the browser that needs no other, with a table of all attributes.

    Args:
        explanation: Of the photograph.
        caption: Set above; any text.
        attributes: AttAM shown at the most.
        crop: Drawn on the photograph and shown on its own.
    """
    return template("sheet.html", picture=data_uri, gradient=gradient).render(
        shown=panels(explanation, attributes, crop, LONGEST),
        caption=caption,
        heading=heading(explanation),
        sentence=sentence(explanation),
        notes=notes(explanation),
        rank=rank(explanation),
        table=_table(explanation),
        effects=bool(explanation.contributions),
        tall=explanation.photograph.shape[1] < PORTRAIT * explanation.photograph.shape[0],
        wide=explanation.photograph.shape[1] >= PANORAMA * explanation.photograph.shape[0],
    )


def contact_sheet(
    explanations: Sequence[Explanation],
    captions: Sequence[str],
    path: Path,
    attributes: int = 3,
    causes: Sequence[Map] = (),
) -> None:
    """Many photographs in one PNG, a row each: itself, its AesAM, its causes where known, its first AttAM.

    Args:
        explanations: At least one; of one model.
        captions: One a photograph, set above it.
        path: Where to write.
        attributes: AttAM shown at the most, chosen as in `png`.
        causes: One signed map `(H, W)` a photograph of what really raised or lowered its rating, as the gallery knows.

    Raises:
        SheetError: No photograph, or not one caption, or cause, for each.
    """
    if not explanations or len(captions) != len(explanations) or len(causes) not in (0, len(explanations)):
        raise SheetError(
            f"{len(explanations)} photographs, {len(captions)} captions, {len(causes)} causes: give at least one "
            f"photograph, a caption for each, and a cause for each or none"
        )
    limits = _limits(explanations, causes)
    rows = [
        _pictures(resized(one, SMALL), caption, cause, limits, attributes)
        for one, caption, cause in zip_longest(explanations, captions, causes)
    ]
    figure = Figure(figsize=(COLUMN * len(rows[0]), LINE * len(rows) + 0.6), dpi=110, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # type: ignore[union-attr, call-arg]
    axes = figure.subplots(len(rows), len(rows[0]), squeeze=False)
    for axis, (picture, title) in zip(axes.flat, chain.from_iterable(rows), strict=True):
        axis.imshow(picture)
        axis.set_title(fitted(title, COLUMN - 0.1, TITLE), fontsize=TITLE, parse_math=False)
        axis.axis("off")
    effects = READING_EFFECTS if attributes and explanations[0].contributions else ""
    figure.suptitle(READING + effects, fontsize=TITLE, color=GREY)
    save_png(figure, path)


def _pictures(
    seen: Explanation, caption: str, cause: Map | None, limits: Limits, attributes: int
) -> list[tuple[Picture, str]]:
    """One row of a contact sheet: pictures and their titles."""
    photograph = seen.photograph
    score = number(seen.verdict.score, signed=True, decimals=2)
    row = [
        (photograph, " ".join(caption.split())),
        (overlay(photograph, seen.on_photograph(), limits.evidence), f"AesAM, score {score}"),
    ]
    if cause is not None:
        size = photograph.shape[1], photograph.shape[0]
        resized_cause = np.asarray(cv2.resize(cause, size), dtype=np.float32)
        row.append((overlay(photograph, resized_cause, limits.cause), "what caused the rating"))
    return row + [
        (overlay(photograph, seen.on_photograph(name), limits.attribute), _attribute_title(seen, name))
        for name in attributes_shown(seen, attributes)
    ]


def _attribute_title(explanation: Explanation, name: str) -> str:
    part = effect(explanation, name)
    return f"{label(name)} {share(explanation.verdict.attributes[name])}" + (f" ({part})" if part else "")


def _limits(explanations: Sequence[Explanation], causes: Sequence[Map]) -> Limits:
    """One value for the whole set: the model's own if it has any."""
    reference = explanations[0].reference
    if reference is not None:
        return Limits(reference.evidence_limit, reference.attribute_limit, _limit(causes))
    attributes = [one for explanation in explanations for one in explanation.attributes.values()]
    return Limits(_limit([one.evidence for one in explanations]), _limit(attributes), _limit(causes))


def _limit(maps: Sequence[Map]) -> float:
    """The value only one cell in a hundred exceeds: a single outlier must not pale the whole set."""
    values = np.concatenate([np.abs(one).ravel() for one in maps]) if maps else np.ones(1)
    return float(max(np.nanpercentile(values, 99), 1e-6))


def gradient(scale: Scale) -> str:
    """The scale as CSS."""
    colours = scale.colours[0, np.linspace(0, scale.colours.shape[1] - 1, STOPS).round().astype(int)]
    return f"linear-gradient(to right, {', '.join(f'rgb({r} {g} {b})' for r, g, b in colours.tolist())})"


def rank(explanation: Explanation) -> Rank | None:
    """Where the score lies; None without validation photographs."""
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
