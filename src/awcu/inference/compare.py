"""Two models on the same photograph: what the second sees otherwise than the first."""

from typing import NamedTuple

import numpy as np

from awcu.inference.explanation import Explanation
from awcu.inference.wording import heading, third
from awcu.models.cam import Map
from awcu.text import number, percent, share

ALIKE = 0.25  # standard deviations of the score; what two maps differ by less, nobody would see
LEAST_SPREAD = 1e-6


class Comparison(NamedTuple):
    """What a second model sees otherwise.

    Attributes:
        sentence: In words.
        difference: `(h, w)` evidence of the second less that of the first, each in standard deviations of its model's
            scores, since scores of two models have no common unit; on the lattice of crops, nan where one saw nothing.
    """

    sentence: str
    difference: Map


def compare(names: tuple[str, str], first: Explanation, second: Explanation) -> Comparison:
    """The comparison of two explanations of one photograph.

    Args:
        names: The models' names.
        first: What the first model says.
        second: What the second says.
    """
    one, other = (explanation.on_lattice() / _spread(explanation) for explanation in (first, second))
    parts = _levels(names, first, second), _numbers(names, first, second), _maps(names[1], one, other)
    return Comparison("; ".join(parts) + ".", other - one)


def _spread(explanation: Explanation) -> float:
    reference = explanation.reference
    return max(reference.score_sd if reference else float(explanation.evidence.std()), LEAST_SPREAD)


def _levels(names: tuple[str, str], first: Explanation, second: Explanation) -> str:
    levels = first.verdict.level, second.verdict.level
    if levels[0] == levels[1]:
        return f"Both judge it {levels[0]}"
    return f"“{names[0]}” judges it {levels[0]}, “{names[1]}” {levels[1]}"


def _numbers(names: tuple[str, str], first: Explanation, second: Explanation) -> str:
    one, other = first.verdict.probability, second.verdict.probability
    if one is None or other is None:
        text = f"“{names[0]}” says {heading(first).verdict}, “{names[1]}” {heading(second).verdict}"
    else:
        text = f"the probability is {share(one)} for “{names[0]}” and {share(other)} for “{names[1]}”"
    if first.reference is None or second.reference is None:
        return text
    below = (percent(one.reference.share_below(one.verdict.score)) for one in (first, second) if one.reference)
    return f"{text}, which is better than {' and '.join(below)} of the photographs that each has not learned from"


def _maps(name: str, one: Map, other: Map) -> str:
    seen = ~np.isnan(one + other)
    gap = other - one
    if not seen.any() or np.nanmax(np.abs(gap)) < ALIKE:
        return "their maps are alike"
    place = third(np.abs(gap))
    more = gap.ravel()[np.nanargmax(np.abs(gap))] > 0
    says = f"they differ most {place}, where “{name}” sees {'more' if more else 'less'} that speaks for the photograph"
    # A map that is the same all over goes with no other.
    if min(one[seen].std(), other[seen].std()) < LEAST_SPREAD:
        return says
    return f"their maps correlate by {number(float(np.corrcoef(one[seen], other[seen])[0, 1]), decimals=2)}; {says}"
