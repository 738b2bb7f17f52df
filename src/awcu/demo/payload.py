"""What a model says of a photograph, as the web page shows it: words, pictures and boxes, ready for JSON."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awcu.errors import CropError
from awcu.inference.crop import parse_aspect
from awcu.inference.explanation import Explanation, Verdict
from awcu.inference.wording import attributes_shown, heading, notes, reasons, sentence
from awcu.models.cam import Map, layer, onto_photograph
from awcu.models.reference import Reference
from awcu.reports.html import data_uri
from awcu.reports.panels import (
    EVIDENCE,
    Scale,
    attribute_note,
    effect,
    fitted,
    hatching,
    resized,
    scale_ends,
    signed_colours,
)
from awcu.reports.rows import verdict_row
from awcu.reports.sheet import gradient, rank
from awcu.text import label, percent, rating, share

ASPECTS = ("free", "original", "1:1", "4:5", "5:4", "2:3", "3:2", "9:16", "16:9")
PROPOSALS = 3  # crops of each aspect
SHOWN, THUMBNAIL, LAYER = 1200, 120, 160  # px along the long side: the photograph, in a list, a map's tint

Answer = dict[str, Any]


def explained(explanation: Explanation) -> Answer:
    """All that the page shows of one photograph.

    Returns:
        `level`, `verdict`, `detail`, `place`, `reasons`, `sentence`, `notes` and `rank` as on a sheet; `size` in
        pixels; `photograph`, a JPEG; `maps`, AesAM first; `crops`, up to three boxes for each of `ASPECTS`, best first.
    """
    place = rank(explanation)
    return {
        **heading(explanation)._asdict(),
        "reasons": reasons(explanation),
        "sentence": sentence(explanation),
        "notes": notes(explanation),
        "rank": place and place._asdict(),
        "size": [explanation.photograph.shape[1], explanation.photograph.shape[0]],
        "photograph": data_uri(resized(explanation, SHOWN).photograph),
        "colours": gradient(Scale(signed_colours(1), ("", "", ""))),
        "maps": _maps(explanation),
        "crops": {aspect: _crops(explanation, aspect) for aspect in ASPECTS},
    }


def judged(name: str, verdict: Verdict, reference: Reference | None, pixels: NDArray[np.uint8]) -> Answer:
    """One row of a list of photographs: as `awcu score` writes it, and a small picture.

    Args:
        name: The photograph's name.
        verdict: On it.
        reference: The model's reference.
        pixels: `(H, W, 3)` RGB at any size.
    """
    better_than = "–" if reference is None else percent(reference.share_below(verdict.score))
    likely = "–" if verdict.probability is None else share(verdict.probability)
    said = {
        "said": [likely if verdict.rating is None else rating(verdict.rating), better_than],
        "thumbnail": data_uri(fitted(pixels, THUMBNAIL)),
    }
    return verdict_row(name, verdict, reference) | said


def tinted(values: Map, limit: float) -> str:
    """A map's tint as a PNG within an address; white lines where the network saw nothing.

    Args:
        values: `(H, W)` of the photograph's proportions, nan where unseen.
        limit: Where the colours are full.
    """
    picture = layer(values, limit)
    picture[hatching(values)] = 255
    return data_uri(picture, "png")


def lattice(explanation: Explanation) -> tuple[int, int]:
    """Height and width of the photograph's maps on the page."""
    height, width = explanation.photograph.shape[:2]
    factor = LAYER / max(height, width)
    return max(round(height * factor), 1), max(round(width * factor), 1)


def _maps(explanation: Explanation) -> list[Answer]:
    aesam = _map(explanation, None) | {"title": "Evidence (AesAM)", "note": EVIDENCE}
    attributes = [
        _map(explanation, name)
        | {
            "title": label(name),
            "note": attribute_note(explanation, name),
            "effect": effect(explanation, name),
            "share": explanation.verdict.attributes[name],
        }
        for name in attributes_shown(explanation, len(explanation.attributes))
    ]
    return [aesam, *attributes]


def _map(explanation: Explanation, attribute: str | None) -> Answer:
    grid = explanation.evidence if attribute is None else explanation.attributes[attribute]
    values = onto_photograph(grid, explanation.aspect, lattice(explanation))
    return {"layer": tinted(values, explanation.limit(attribute)), "ends": scale_ends(attribute)}


def _crops(explanation: Explanation, aspect: str) -> list[Sequence[int]]:
    height, width = explanation.photograph.shape[:2]
    try:
        proposals = explanation.crops(parse_aspect(aspect, (height, width)), top=PROPOSALS)
    except CropError:
        # A photograph of a few pixels has not room for every shape; the page says so.
        return []
    return [list(proposal.box) for proposal in proposals]
