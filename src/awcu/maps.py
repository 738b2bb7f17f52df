"""AesAM and AttAM on the photograph: where the verdict comes from, and which attribute speaks where."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Subset

from awcu.data import RatingDataset
from awcu.images import Aspect, decode, preparation
from awcu.ratings import Ratings
from awcu.results import write_atomically
from awcu.task import AestheticTask

Map = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Explanation:
    """One photograph's verdict and where it comes from.

    Attributes:
        photograph: `(H, W, 3)` RGB.
        score: Log odds of high (binary) or expected rating minus the midpoint (distribution).
        aesthetic: AesAM, `(H, W)` signed evidence for high, bias included; nan where the network saw nothing. Under
            the binary objective its mean over the network's view is the score.
        attributes: AttAM by name, `(H, W)` log odds of the attribute, bias included.
        attribute_logits: By name.
    """

    photograph: NDArray[np.uint8]
    score: float
    aesthetic: Map
    attributes: dict[str, Map]
    attribute_logits: dict[str, float]


@torch.no_grad()
def explain(task: AestheticTask, ratings: Ratings, rows: NDArray[np.int64]) -> list[Explanation]:
    """Explanations of some photographs of a data set, one forward pass each."""
    task.eval()
    settings = task.hparams["preparation"]
    dataset = RatingDataset(ratings, preparation(**settings), settings["size"])
    names = task.hparams["attribute_names"]
    explanations = []
    for row, batch in zip(rows.tolist(), DataLoader(Subset(dataset, rows.tolist())), strict=True):
        logits, maps = task.net.activation_maps(batch["image"].to(task.device))
        biases = task.net.aesthetic_head.bias, task.net.attribute_head.bias
        aesthetic, attributes = (m + bias[:, None, None] for m, bias in zip(maps, biases, strict=True))
        photograph = decode(ratings.image_paths[row])
        evidence = task.objective.evidence(aesthetic)[0].cpu().numpy()
        explanations.append(
            Explanation(
                photograph,
                task.objective.score(logits.aesthetic).item(),
                onto_photograph(evidence, settings["aspect"], photograph.shape[:2]),
                {
                    name: onto_photograph(m.cpu().numpy(), settings["aspect"], photograph.shape[:2])
                    for name, m in zip(names, attributes[0], strict=True)
                },
                dict(zip(names, logits.attributes[0].tolist(), strict=True)),
            )
        )
    return explanations


def onto_photograph(grid: Map, aspect: Aspect, shape: tuple[int, ...]) -> Map:
    """A map of the network's square view `(h, w)` laid back onto a photograph of `(H, W)`; nan where it saw nothing.

    Args:
        grid: Values per cell.
        aspect: How the photograph was fitted to the square (`awcu.images.preparation`).
        shape: Height and width of the photograph in pixels.
    """
    height, width = shape[:2]
    if aspect == "warp":
        return _resize(grid, height, width)
    longest, shortest = max(height, width), min(height, width)
    if aspect == "letterbox":
        square = _resize(grid, longest, longest)
        top, left = (longest - height) // 2, (longest - width) // 2
        return square[top : top + height, left : left + width]
    seen = np.full((height, width), np.nan, dtype=np.float32)
    top, left = (height - shortest) // 2, (width - shortest) // 2
    seen[top : top + shortest, left : left + shortest] = _resize(grid, shortest, shortest)
    return seen


def overlay(photograph: NDArray[np.uint8], values: Map, limit: float) -> NDArray[np.uint8]:
    """Signed evidence over a grey photograph: red for, blue against, clear at zero.

    Args:
        photograph: `(H, W, 3)` RGB.
        values: `(H, W)`; nan stays untinted.
        limit: The value, > 0, at which the tint is full; one for a whole set, or pictures cannot be compared.
    """
    strength = np.nan_to_num(np.clip(values / limit, -1, 1))
    tint = 255 * colormaps["bwr"]((strength + 1) / 2)[..., :3]
    grey = np.repeat(cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    opacity = 0.75 * np.abs(strength)[..., None]
    return np.asarray(np.round((1 - opacity) * grey + opacity * tint), dtype=np.uint8)


def spread(ratings: Ratings, n: int) -> NDArray[np.int64]:
    """`(n,)` rows at even steps of rank from the highest mean score to the lowest."""
    order = np.argsort(-ratings.mean_score, kind="stable")
    return np.asarray(order[np.linspace(0, len(order) - 1, min(n, len(order))).round().astype(int)])


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


def _resize(grid: Map, height: int, width: int) -> Map:
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
