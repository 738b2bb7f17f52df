"""Explanations as pictures: one sheet a photograph, or many photographs in one."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from awcu.explanation import Explanation
from awcu.maps import Map, overlay
from awcu.results import write_atomically


def sheet(
    explanations: list[Explanation], captions: list[str], path: Path, attributes: int = 3, causes: Sequence[Map] = ()
) -> None:
    """One PNG, a row a photograph: itself, its AesAM, its causes where known, AttAM of its likeliest attributes.

    Args:
        explanations: At least one.
        captions: One a photograph, set above it.
        path: Where to write.
        attributes: AttAM shown at the most.
        causes: One signed map `(H, W)` a photograph of what really raised or lowered its rating, as the gallery knows.
    """
    shown = min(attributes, len(explanations[0].attributes))
    columns = 2 + bool(causes) + shown
    limits = [_limit([e.aesthetic for e in explanations]), _limit(list(causes))]
    attribute_limit = _limit([m for e in explanations for m in e.attributes.values()])
    figure = Figure(figsize=(2.7 * columns, 2.25 * len(explanations) + 0.6), layout="constrained")
    axes = figure.subplots(len(explanations), columns, squeeze=False)
    for place, (row, explanation) in enumerate(zip(axes, explanations, strict=True)):
        photograph = explanation.photograph
        _show(row[0], photograph, captions[place])
        verdict = f"AesAM: score {explanation.score:+.2f}".replace("-", "−")
        _show(row[1], overlay(photograph, explanation.aesthetic, limits[0]), verdict)
        if causes:
            _show(row[2], overlay(photograph, causes[place], limits[1]), "what caused the rating")
        likeliest = sorted(explanation.attribute_logits, key=explanation.attribute_logits.__getitem__, reverse=True)
        for axis, name in zip(row[columns - shown :], likeliest, strict=False):
            probability = 1 / (1 + np.exp(-explanation.attribute_logits[name]))
            tinted = overlay(photograph, explanation.attributes[name], attribute_limit)
            _show(axis, tinted, f"{name.replace('_', ' ')} {probability:.0%}")
    figure.suptitle("red speaks for high (or for the attribute), blue against; one scale per kind of map", fontsize=9)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    write_atomically(path, picture.getvalue())


def _show(axis: Axes, picture: NDArray[np.uint8], title: str) -> None:
    axis.imshow(picture)
    axis.set_title(title, fontsize=8)
    axis.axis("off")


def _limit(maps: list[Map]) -> float:
    """The value only one cell in a hundred exceeds: a single outlier must not pale the whole set."""
    values = np.concatenate([np.abs(m).ravel() for m in maps]) if maps else np.ones(1)
    return float(max(np.nanpercentile(values, 99), 1e-6))
