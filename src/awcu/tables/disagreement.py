"""Find the test photographs that a model ranks like the raters, and those that it does not."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from awcu.metrics.ranks import midranks
from awcu.runs.predictions import ScoredPhotographs


class Disagreement(NamedTuple):
    """How raters and the model rank one photograph; score and ranks are means over the seeds that tested on it.

    Attributes:
        image_id: The photograph's name.
        rating: The raters' mean score.
        high: Whether the rating is high.
        score: The model's score.
        rated: Share of the test photographs that raters put below it, in (0, 1); ties count half.
        ranked: The same for the model.
        distance: |rated − ranked| in [0, 1); SRCC sums its squares.
        seeds: Seeds whose test split contains it.
    """

    image_id: str
    rating: float
    high: bool
    score: float
    rated: float
    ranked: float
    distance: float
    seeds: tuple[int, ...]


def disagreements(said: Mapping[int, ScoredPhotographs]) -> list[Disagreement]:
    """List every test photograph, largest disagreement first.

    Ranks are compared, not scores, since log odds and rating points have no common unit.

    Args:
        said: Seed → its model's scores of its test photographs.
    """
    seen: dict[str, list[tuple[int, float, float, float]]] = {}
    facts: dict[str, tuple[float, bool]] = {}
    for seed, one in sorted(said.items()):
        n = len(one.image_ids)
        columns = one.image_ids, one.score, midranks(one.mean_score) / n, midranks(one.score) / n
        for image_id, score, rated, ranked in zip(*(column.tolist() for column in columns), strict=True):
            seen.setdefault(image_id, []).append((seed, score, rated, ranked))
        facts |= dict(
            zip(one.image_ids.tolist(), zip(one.mean_score.tolist(), one.high.tolist(), strict=True), strict=True)
        )
    found = [_averaged(image_id, *facts[image_id], times) for image_id, times in seen.items()]
    return sorted(found, key=lambda one: (-one.distance, -len(one.seeds), one.image_id))


def _averaged(image_id: str, rating: float, high: bool, times: list[tuple[int, float, float, float]]) -> Disagreement:
    seeds, score, rated, ranked = (np.array(column) for column in zip(*times, strict=True))
    return Disagreement(
        image_id,
        rating,
        high,
        score=float(score.mean()),
        rated=float(rated.mean()),
        ranked=float(ranked.mean()),
        distance=float(np.abs(rated - ranked).mean()),
        seeds=tuple(seeds.tolist()),
    )
