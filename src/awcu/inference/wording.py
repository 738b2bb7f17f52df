"""Words for what an explanation's numbers say, and for nothing that they do not."""

from typing import NamedTuple

import numpy as np

from awcu.inference.explanation import Explanation
from awcu.models.cam import Map
from awcu.models.objective import Binary, RatingDistribution, Score
from awcu.text import label, number, percent, share

NAMED = 3  # attributes in the sentence
FAINT = 0.1  # of full colour; evidence below is next to none
THIRDS = (
    ("in the upper left", "at the top", "in the upper right"),
    ("at the left", "in the centre", "at the right"),
    ("in the lower left", "at the bottom", "in the lower right"),
)


class Heading(NamedTuple):
    """The verdict in three pieces, the most important first.

    Attributes:
        level: "High" or "Low".
        probability: As in "probability of high .83"; "" where the model has none.
        score: With its unit.
    """

    level: str
    probability: str
    score: str


def heading(explanation: Explanation) -> Heading:
    """The verdict as a sheet prints it."""
    verdict, objective = explanation.verdict, explanation.objective
    level = verdict.level.capitalize()
    likely = "" if verdict.probability is None else share(verdict.probability)
    if isinstance(objective, RatingDistribution | Score):
        above = f"{likely} of the ratings expected above {objective.midpoint:g}" if likely else ""
        rating, (low, high) = number(verdict.score + objective.midpoint, decimals=2), _ends(objective)
        return Heading(level, above, f"expected rating {rating} on a scale of {low:g} to {high:g}")
    score = f"score {number(verdict.score, signed=True, decimals=2)} (log odds of high)"
    return Heading(level, f"probability of high {likely}", score)


def _ends(objective: RatingDistribution | Score) -> tuple[float, float]:
    return objective.scale[0], objective.scale[-1]


def place(explanation: Explanation) -> str:
    """The score's place among photographs that the model has not learned from; "" where none were measured."""
    reference = explanation.reference
    if reference is None:
        return ""
    below = reference.share_below(explanation.verdict.score)
    return f"better than {_that_of(below, reference.n)} photographs it has not learned from"


def sentence(explanation: Explanation) -> str:
    """One sentence: verdict, place, the attributes that go with the score, and where the evidence is strongest."""
    parts = [_verdict(explanation), _attributes(explanation), _places(explanation)]
    return "; ".join(part for part in parts if part) + "."


def attributes_shown(explanation: Explanation, most: int) -> list[str]:
    """The attributes of largest effect on the score, or the likeliest where no effect is known."""
    logits = explanation.verdict.attribute_logits
    ranked = explanation.contributions or sorted(logits, key=lambda name: -logits[name])
    return list(ranked)[:most]


def against_average(explanation: Explanation, name: str) -> str:
    """Whether an attribute is likelier than on the average validation photograph; "" where none were measured."""
    link = explanation.reference.link if explanation.reference else None
    if link is None:
        return ""
    logits = explanation.verdict.attribute_logits
    return "above" if logits[name] > link.means[list(logits).index(name)] else "below"


def notes(explanation: Explanation) -> list[str]:
    """What a reader must know to read a sheet, a paragraph each."""
    texts = _on_colours(explanation), _on_attributes(explanation), _on_limits(explanation)
    return [text for text in texts if text]


def _on_colours(explanation: Explanation) -> str:
    reference = explanation.reference
    text = "Red speaks for, blue against, grey neither way. "
    if reference is None:
        return text + (
            "No validation photographs were measured with this model, so colours are full at the strongest place of "
            "each map and cannot be compared between photographs."
        )
    return text + (
        "The scales are the same for all photographs of this model: colours are full at what the strongest place of "
        f"one in ten of its {reference.n} validation photographs exceeds."
    )


def _on_attributes(explanation: Explanation) -> str:
    if explanation.contributions:
        unit = "log odds" if isinstance(explanation.objective, Binary) else "rating points"
        return (
            f"The number beside an attribute is its part in the score, in {unit}, against the average validation "
            "photograph; its map (AttAM) shows where the model sees it. This is what goes together in the model's "
            "answers, not what caused them."
        )
    if not explanation.verdict.attributes:
        return ""
    return f"The likeliest attributes are shown: {_why_no_effects(explanation)}."


def _on_limits(explanation: Explanation) -> str:
    objective = explanation.objective
    # A regression on the score knows a probability of attributes alone.
    some = explanation.verdict.probability is not None or explanation.verdict.attributes
    text = "Probabilities are the model's own and not calibrated." if some else ""
    if isinstance(objective, RatingDistribution):
        text = "Shares of ratings are the model's own and not calibrated."
        text += f" A rating of {objective.midpoint:g} counts half." if objective.midpoint in objective.scale else ""
    if np.isnan(explanation.on_lattice()).any():
        text += " The hatched part was cut off before the network saw it."
    return text.strip()


def _verdict(explanation: Explanation) -> str:
    words = heading(explanation)
    if isinstance(explanation.objective, RatingDistribution):
        text = f"Judged {words.level.lower()} ({words.score}, with {words.probability})"
    else:
        text = f"Judged {words.level.lower()} ({words.probability or words.score})"
    return f"{text}, {place(explanation) or 'without other photographs to rank it among'}"


def _that_of(below: float, n: int) -> str:
    # A count tells what a share of a few photographs pretends to know more finely.
    some = percent(below) if n >= 100 else f"about {round(below * n)}"
    return f"all {n:,}" if below >= 1 else f"none of {n:,}" if below <= 0 else f"{some} of {n:,}"


def _attributes(explanation: Explanation) -> str:
    if not explanation.verdict.attributes:
        return ""
    effects = explanation.contributions
    if not effects:
        named = attributes_shown(explanation, NAMED)
        likeliest = [f"{label(name)} ({share(explanation.verdict.attributes[name])})" for name in named]
        return f"{_why_no_effects(explanation)}, the likeliest being {_listed(likeliest)}"
    assert explanation.reference is not None
    assert explanation.reference.link is not None
    together = f"all attributes together account for {percent(explanation.reference.link.r2)} of the score's variance"
    clauses = [clause for sign in (1, -1) if (clause := _one_way(explanation, sign))]
    said = f"against their average, {', '.join(clauses)}" if clauses else "no attribute departs from its average"
    return f"{said}; {together}"


def _one_way(explanation: Explanation, sign: int) -> str:
    """The attributes that go with a higher (1) or a lower (−1) score."""
    effects = explanation.contributions
    # What rounds to zero has no sign.
    named = [name for name in list(effects)[:NAMED] if effects[name] * sign >= 0.005]
    parts = [
        f"a {'likelier' if against_average(explanation, name) == 'above' else 'less likely'} {label(name)} "
        f"({number(effects[name], signed=True, decimals=2)})"
        for name in named
    ]
    higher = "higher" if sign > 0 else "lower"
    return f"{_listed(parts)} {'goes' if len(parts) == 1 else 'go'} with a {higher} score" if parts else ""


def _why_no_effects(explanation: Explanation) -> str:
    link = explanation.reference.link if explanation.reference else None
    if link is None:
        return "how attributes go with the score was not measured"
    return f"attributes account for none of the score's variance over the {explanation.reference.n} photographs"  # type: ignore[union-attr]


def _places(explanation: Explanation) -> str:
    # Between cells, interpolation overshoots what the network said.
    evidence = explanation.on_lattice().clip(explanation.evidence.min(), explanation.evidence.max())
    high, low = float(np.nanmax(evidence)), float(np.nanmin(evidence))
    faint = FAINT * explanation.limit()
    if max(high, -low) < faint:
        return "evidence is faint all over the frame"
    if high - low < faint:
        return f"the evidence is {'for' if high > 0 else 'against'} high and even over the frame"
    best, worst = third(evidence), third(-evidence)
    if low > -faint:
        return f"the strongest evidence for high lies {best}, and next to none speaks against"
    if high < faint:
        return f"the strongest evidence against high lies {worst}, and next to none speaks for"
    if best == worst:
        return f"the strongest evidence for and against high lies {best} alike"
    return f"the strongest evidence for high lies {best}, the strongest against {worst}"


def third(evidence: Map) -> str:
    """Which of the nine parts of the frame holds the largest value."""
    places = zip(np.unravel_index(np.nanargmax(evidence), evidence.shape), evidence.shape, strict=True)
    # Of a cell, its middle.
    row, column = (3 * (2 * int(place) + 1) // (2 * cells) for place, cells in places)
    return THIRDS[row][column]


def _listed(parts: list[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)
