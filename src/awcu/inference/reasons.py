"""Reasons for a score that can be checked: attributes measured from the photograph's own pixels.

An attribute is named only where three things hold.

1. The photograph is not usual in it: it lies among the lowest or highest 15 % of the validation photographs.
2. The score of such photographs differs from that of the usual ones, alone and with the other attributes held fixed;
   both intervals exclude zero (`awcu.models.usual`).
3. Taking the attribute away changes this photograph's own score the same way: the model judges a copy that is edited
   just so far that it lies in the middle half (`awcu.images.edits`).
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awcu.images.edits import EDITS, brought_towards
from awcu.images.measures import at_measured_size, measure
from awcu.models.cam import Map
from awcu.models.usual import TAIL, End, Usual, usual

Pixels = NDArray[np.uint8]
Scores = Callable[[Sequence[Pixels]], Sequence[float]]
"""A model's scores of photographs `(H, W, 3)`."""

MOST = 3  # that are named
BATCH = 32  # photographs in memory at a time
LEAST_CHANGE = 0.05  # of the scores' standard deviation; less is no change


class Reason(NamedTuple):
    """Why a photograph scores as it does.

    Attributes:
        name: The attribute, one of `awcu.images.measures.MEASURES`.
        high: Whether there is much of it; else there is little.
        share_below: Share of the validation photographs that have less, in [0, 1].
        gap: Mean score of photographs with as much, or as little, less that of the usual ones.
        change: What this photograph's score gains where the attribute is made usual; its sign is the gap's opposite.
        places: `(h, w)` how far each place goes the way the photograph does; None where its places differ less than the
            middle half of the photographs does.
    """

    name: str
    high: bool
    share_below: float
    gap: float
    change: float
    places: Map | None = None


def reasons(photograph: Pixels, usual: Sequence[Usual], spread: float, scores: Scores) -> tuple[Reason, ...]:
    """The reasons for a photograph's score, that of the widest gap first, at most three.

    Args:
        photograph: `(H, W, 3)` RGB.
        usual: Of the attributes, on the model's validation photographs.
        spread: Standard deviation of the model's scores.
        scores: The model's; called once, with one copy more than there are candidates, and not at all without one.
    """
    found = candidates(photograph, usual)
    if not found:
        return ()
    copy, by_name = at_measured_size(photograph), {one.name: one for one in usual}
    values = {name: one.value for name, one in measure(copy, [one.name for one in found]).items()}
    edited = (brought_towards(copy, name, by_name[name].nearest(value)) for name, value in values.items())
    before, *after = scores([copy, *edited])
    changed = (one._replace(change=score - before) for one, score in zip(found, after, strict=True))
    true = [one for one in changed if one.change * -np.sign(one.gap) > LEAST_CHANGE * spread]
    return tuple(sorted(true, key=lambda one: -abs(one.gap))[:MOST])


def candidates(photograph: Pixels, usual: Sequence[Usual]) -> list[Reason]:
    """What is not usual of the photograph and goes with the score, before any edit has been tried."""
    if not usual:
        return []
    measured, found = measure(photograph, [one.name for one in usual]), []
    for one in usual:
        value, places = measured[one.name]
        below = one.share_below(value)
        end: End | None = one.low if below < TAIL else one.high if below > 1 - TAIL else None
        if end is not None and end.holds and one.name in EDITS:
            high = below > 0.5
            found.append(Reason(one.name, high, below, end.gap, 0.0, _departing(places, high, one)))
    return found


def _departing(places: Map | None, high: bool, one: Usual) -> Map | None:
    """Where a photograph has most of what it has much of, or least; None where places differ less than photographs."""
    if places is None or np.ptp(places) < one.nearest(np.inf) - one.nearest(-np.inf):
        return None
    return places if high else -places


def usual_of(photographs: Iterable[Pixels], scores: Scores) -> tuple[Usual, ...]:
    """What is usual of photographs `(H, W, 3)` RGB under a model, in every attribute that an edit changes.

    Args:
        photographs: That the model has not learned from, upright; they are held 32 at a time.
        scores: The model's.
    """
    left, judged, values = iter(photographs), list[float](), {name: list[float]() for name in EDITS}
    while batch := list(islice(left, BATCH)):
        judged += scores(batch)
        for photograph in batch:
            for name, measured in measure(photograph, tuple(EDITS)).items():
                values[name].append(measured.value)
    return usual(np.array(judged), {name: np.array(found) for name, found in values.items()})
