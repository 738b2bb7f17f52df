"""The pictures of a sheet: the photograph, its maps and its crop, each with its title, note and colour scale."""

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from awcu.images.boxes import Box
from awcu.inference.crop import Proposal
from awcu.inference.explanation import Explanation
from awcu.inference.wording import against_average, attributes_shown
from awcu.models.cam import Map, onto_photograph, overlay
from awcu.models.objective import RatingDistribution
from awcu.text import label, number, percent, share

Picture = NDArray[np.uint8]

STEPS = 256  # colours in a scale
GROUND = 176  # grey level behind a colour scale
LIKELIHOOD, OPACITY = colormaps["viridis"], 0.65
EVIDENCE = "where the score comes from"
FRAME = (255, 176, 0)  # unlike any colour of the maps
STRIPE = 9  # px between hatching lines, on a picture of 900 px


class Scale(NamedTuple):
    """What a map's colours mean.

    Attributes:
        colours: `(1, STEPS, 3)` RGB from left to right.
        ends: Labels below the left end, the middle and the right end.
    """

    colours: Picture
    ends: tuple[str, str, str]


class Panel(NamedTuple):
    """One picture of a sheet.

    Attributes:
        title: The picture's name.
        note: A few words on what it shows.
        picture: `(H, W, 3)` RGB.
        scale: None for photographs.
        effect: What an attribute adds to the score, as printed; "" if unknown, or for other pictures.
    """

    title: str
    note: str
    picture: Picture
    scale: Scale | None = None
    effect: str = ""


class Panels(NamedTuple):
    """All pictures of a sheet; likelihood is None if the model knows none, crop if none is drawn."""

    photograph: Panel
    evidence: Panel
    likelihood: Panel | None
    attributes: list[Panel]
    crop: Panel | None


def panels(explanation: Explanation, attributes: int, crop: Proposal | None, longest: int = 900) -> Panels:
    """Draw the pictures, with a longer side of `longest` pixels for the photograph."""
    seen = resized(explanation, longest)
    box = None if crop is None or _is_whole(crop.box, explanation) else crop.box
    return Panels(
        _photograph(explanation, seen, crop, box),
        _evidence(seen),
        None if seen.likelihood is None else _likelihood(seen, seen.likelihood),
        [_attribute(seen, name) for name in attributes_shown(seen, attributes)],
        _crop(explanation, box, longest) if box else None,
    )


def resized(explanation: Explanation, longest: int) -> Explanation:
    """The explanation with a smaller photograph: a map on 24 megapixels is slow to draw and shows no more."""
    return replace(explanation, photograph=fitted(explanation.photograph, longest))


def _photograph(explanation: Explanation, seen: Explanation, crop: Proposal | None, box: Box | None) -> Panel:
    if box:
        factor = seen.photograph.shape[1] / explanation.photograph.shape[1]
        return Panel("Photograph", "the frame is the suggested crop", _framed(seen.photograph, box, factor))
    return Panel("Photograph", "suggested crop: all of it" if crop else "", seen.photograph)


def _evidence(seen: Explanation) -> Panel:
    scale = Scale(signed_colours(seen.limit()), scale_ends())
    return Panel("Evidence (AesAM)", EVIDENCE, _tinted(seen, None), scale)


def _attribute(seen: Explanation, name: str) -> Panel:
    scale = Scale(signed_colours(seen.limit(name)), scale_ends(name))
    return Panel(label(name), attribute_note(seen, name), _tinted(seen, name), scale, effect(seen, name))


def attribute_note(explanation: Explanation, name: str) -> str:
    """How likely the attribute is."""
    average = against_average(explanation, name)
    probability = f"probability {share(explanation.verdict.attributes[name])}"
    return probability + (f", {average} average" if average else "")


def effect(explanation: Explanation, name: str) -> str:
    """What the attribute adds to the score, as printed; "" if unknown."""
    effects = explanation.contributions
    return number(effects[name], signed=True, decimals=2) if effects else ""


def _likelihood(seen: Explanation, likelihood: Map) -> Panel:
    shape = seen.photograph.shape[:2]
    values = onto_photograph(likelihood, seen.aspect, shape).clip(0, 1)
    grey = np.asarray(cv2.cvtColor(seen.photograph, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, axis=2), dtype=np.uint8)
    picture = np.where(np.isnan(values)[..., None], grey, _blended(grey, values))
    ground = np.full((1, STEPS, 3), GROUND, dtype=np.uint8)
    colours = _blended(ground, np.linspace(0, 1, STEPS, dtype=np.float32)[None])
    objective = seen.objective
    note = "probability of high at each place"
    if isinstance(objective, RatingDistribution):
        note = f"share of ratings above {objective.midpoint:g} at each place"
    return Panel("Likelihood of high", note, _hatched(picture, values), Scale(colours, ("0", ".5", "1")))


def _crop(explanation: Explanation, box: Box, longest: int) -> Panel:
    height, width = explanation.photograph.shape[:2]
    cut = explanation.photograph[box.top : box.bottom, box.left : box.right]
    picture = fitted(cut, round(longest * max(box.width, box.height) / max(height, width)))
    part = percent(box.width * box.height / (width * height))
    return Panel("Suggested crop", f"keeps {part} of the photograph", picture)


def _tinted(seen: Explanation, attribute: str | None) -> Picture:
    return _hatched(seen.overlay(attribute), seen.on_photograph(attribute))


def signed_colours(limit: float) -> Picture:
    """The colours of `overlay` on uniform grey, from −limit to limit."""
    ground = np.full((1, STEPS, 3), GROUND, dtype=np.uint8)
    return overlay(ground, np.linspace(-limit, limit, STEPS, dtype=np.float32)[None], limit)


def scale_ends(attribute: str | None = None) -> tuple[str, str, str]:
    """The labels below the colour scale of AesAM, or of an attribute's AttAM."""
    what = "" if attribute is None else " it"
    return f"against{what}", "", f"for{what}"


def _blended(ground: Picture, values: Map) -> Picture:
    tint = 255 * LIKELIHOOD(np.nan_to_num(values))[..., :3]
    return np.asarray(np.round((1 - OPACITY) * ground + OPACITY * tint), dtype=np.uint8)


def _hatched(picture: Picture, values: Map) -> Picture:
    return np.where(hatching(values)[..., None], np.uint8(255), picture)


def hatching(values: Map) -> NDArray[np.bool_]:
    """`(H, W)` mask of diagonal lines where the map has no values."""
    unseen = np.isnan(values)
    if not unseen.any():
        return unseen
    rows, columns = np.indices(values.shape)
    return np.asarray(unseen & ((rows + columns) % STRIPE < 2))


def _framed(photograph: Picture, box: Box, factor: float) -> Picture:
    """The photograph with a crop's frame, a little darker outside."""
    left, top, right, bottom = (round(edge * factor) for edge in box)
    picture = np.asarray(np.round(photograph * 0.6), dtype=np.uint8)
    picture[top:bottom, left:right] = photograph[top:bottom, left:right]
    # Drawn inside the crop, so that a frame at the photograph's edge shows, and on a dark line, to show on any colour.
    for thickness, colour in ((8, (30, 30, 30)), (4, FRAME)):
        cv2.rectangle(picture, (left + 3, top + 3), (right - 4, bottom - 4), colour, thickness)
    return picture


def fitted(picture: Picture, longest: int) -> Picture:
    """The picture resized to `longest` pixels along its longer side."""
    height, width = picture.shape[:2]
    factor = longest / max(height, width)
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=interpolation), dtype=np.uint8)


def _is_whole(box: Box, explanation: Explanation) -> bool:
    height, width = explanation.photograph.shape[:2]
    return box == (0, 0, width, height)
