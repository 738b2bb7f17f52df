"""Words for what an explanation's numbers say, and for nothing that they do not."""

from typing import NamedTuple

import numpy as np

from awcu.inference.explanation import Explanation
from awcu.inference.reasons import Reason
from awcu.models.cam import Map
from awcu.models.objective import Binary, Objective, RatingDistribution, Score
from awcu.models.usual import TAIL
from awcu.text import label, number, percent, rating, share

NAMED = 3  # attributes in the sentence
UNSEEN = "photographs the model has not learned from"
FAINT = 0.1  # of full colour; evidence below is next to none
THIRDS = (
    ("in the upper left", "at the top", "in the upper right"),
    ("at the left", "in the centre", "at the right"),
    ("in the lower left", "at the bottom", "in the lower right"),
)
# Of a measured attribute, and whether there is much of it: the photograph, more of the attribute, the superlative.
MEASURED = {
    ("sharpness", False): ("soft", "sharper", "softest"),
    ("sharpness", True): ("sharp", "sharper", "sharpest"),
    ("noise", False): ("smooth", "noisier", "smoothest"),
    ("noise", True): ("noisy", "noisier", "noisiest"),
    ("lightness", False): ("dark", "lighter", "darkest"),
    ("lightness", True): ("light", "lighter", "lightest"),
    ("contrast", False): ("flat", "richer in contrast", "flattest"),
    ("contrast", True): ("contrasty", "richer in contrast", "most contrasty"),
    ("colourfulness", False): ("pale", "more colourful", "palest"),
    ("colourfulness", True): ("colourful", "more colourful", "most colourful"),
}


class Heading(NamedTuple):
    """What is read first, the most important part first.

    Attributes:
        level: "High" or "Low".
        verdict: As in "3.41 on a scale of 0 to 5", or "probability of high .83" of a model that knows no rating.
        detail: What makes it high, or a number behind it.
        place: Among photographs that the model has not learned from; "" where none were measured.
    """

    level: str
    verdict: str
    detail: str
    place: str


def heading(explanation: Explanation) -> Heading:
    """What a sheet says first."""
    verdict, objective, reference = explanation.verdict, explanation.objective, explanation.reference
    likely = "" if verdict.probability is None else share(verdict.probability)
    place = "" if reference is None else better_than(reference.share_below(verdict.score), reference.n)
    if isinstance(objective, RatingDistribution | Score):
        said = (
            f"{rating(objective.rating(verdict.score))} on a scale of {objective.scale[0]:g} to {objective.scale[-1]:g}"
        )
        detail = f"high is above {objective.midpoint:g}"
        detail += f"; {likely} of the ratings are expected there" if likely else ""
    else:
        said = f"probability of high {likely}"
        detail = f"score {number(verdict.score, signed=True, decimals=2)}, log odds of high"
    return Heading(verdict.level.capitalize(), said, detail, place)


def measure(objective: Objective) -> str:
    """The head of a column of verdicts: "rating (0–5)", or "probability of high" where the model knows no rating."""
    if isinstance(objective, RatingDistribution | Score):
        return f"rating ({objective.scale[0]:g}–{objective.scale[-1]:g})"
    return "probability of high"


def better_than(below: float, n: int) -> str:
    """A score's place among n photographs that the model has not learned from, of which that share scores lower."""
    # A count tells what a share of a few photographs pretends to know more finely.
    some = f"{percent(below)} of {n:,}" if n >= 100 else f"about {round(below * n)} of {n}"
    some = f"all {n:,}" if below >= 1 else f"none of {n:,}" if below <= 0 else some
    return f"Better than {some} {UNSEEN}"


def reasons(explanation: Explanation) -> list[str]:
    """Each reason with its place, a paragraph each; one that there is none, or nothing where reasons are not known."""
    found, reference = explanation.reasons, explanation.reference
    if found is None or reference is None:
        return []
    if not found:
        return ["No measured reason: nothing unusual in its pixels goes with the score and changes it."]
    whole = f"{reference.n:,} {UNSEEN}"
    return [_reason(explanation, one, "of them" if place else f"of {whole}") for place, one in enumerate(found)]


def in_short(explanation: Explanation) -> str:
    """The reasons in one line, as "For it: light. Against it: soft, softest at the left"; "" where there are none."""
    sides = []
    for says, sign in (("For it", 1), ("Against it", -1)):
        parts = [_part(reason) for reason in explanation.reasons or () if np.sign(reason.gap) == sign]
        sides += [f"{says}: {'; '.join(parts)}"] if parts else []
    return ". ".join(sides)


def _part(reason: Reason) -> str:
    is_so, _, most = MEASURED[reason.name, reason.high]
    return is_so if reason.places is None else f"{is_so}, {most} {third(reason.places)}"


def _reason(explanation: Explanation, reason: Reason, whole: str) -> str:
    is_so, more, most = MEASURED[reason.name, reason.high]
    only = "only " if reason.share_below < 0.5 else ""
    part = "almost none" if reason.share_below < 0.005 else f"{only}{percent(reason.share_below)}"
    than = f"{more} than {part} {whole}"
    gap = number(abs(reason.gap), decimals=1 if abs(reason.gap) >= 0.1 else 2)
    side = "above" if reason.gap > 0 else "below"
    said = f"{is_so.capitalize()}: {than}; such photographs score {gap} {side} usual ones."
    place = _place(explanation, reason)
    return f"{said} {most.capitalize()} {place}." if place else said


def _place(explanation: Explanation, reason: Reason) -> str:
    """Where there is most of it, and whether the map is lowest there too, or highest; "" where it is so all over."""
    if reason.places is None:
        return ""
    where, sign = third(reason.places), np.sign(reason.gap)
    if where != third(sign * explanation.on_lattice()):
        return where
    return f"{where}, where the map is {'highest' if sign > 0 else 'lowest'} too"


def sentence(explanation: Explanation) -> str:
    """One sentence: the attributes that go with the score, and what in the photograph speaks for and against it."""
    text = "; ".join(part for part in (_attributes(explanation), _places(explanation)) if part)
    return f"{text[0].upper()}{text[1:]}."


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
    texts = _on_colours(explanation), _on_reasons(explanation), _on_attributes(explanation), _on_limits(explanation)
    return [text for text in texts if text]


def _on_colours(explanation: Explanation) -> str:
    reference = explanation.reference
    text = "Red speaks for the photograph, blue against it, grey neither way. " + _on_range(explanation)
    if reference is None:
        return text + (
            "No validation photographs were measured with this model, so colours are full at the strongest place of "
            "each map and cannot be compared between photographs."
        )
    return text + (
        "The colours mean the same on all photographs of this model: one in ten of "
        f"{reference.n:,} {UNSEEN} has a place where they are full."
    )


def _on_range(explanation: Explanation) -> str:
    limit, grid = explanation.limit(), explanation.evidence
    full = number(limit, decimals=1 if limit >= 1 else 2)
    low, high = (number(float(value), signed=True, decimals=1) for value in (grid.min(), grid.max()))
    units = {RatingDistribution: "", Score: " rating points"}
    unit = units.get(type(explanation.objective), " log odds")
    return f"The map of this photograph goes from {low} to {high}{unit}; its colours are full at ±{full}. "


def _on_reasons(explanation: Explanation) -> str:
    if explanation.reasons is None:
        return ""
    return (
        f"A reason is named only where the photograph is among the {percent(TAIL)} at one end of what is usual, where "
        "such photographs score otherwise than usual ones (with the other measured attributes held fixed, too), and "
        "where the model scores a copy of this photograph, edited to be usual, otherwise in the same way."
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
        return "hardly anything in the frame speaks for or against the photograph"
    if high - low < faint:
        return f"all of the frame speaks {'for' if high > 0 else 'against'} the photograph alike"
    best, worst = third(evidence), third(-evidence)
    if low > -faint:
        return f"what speaks most for the photograph lies {best}, and hardly anything speaks against it"
    if high < faint:
        return f"what speaks most against the photograph lies {worst}, and hardly anything speaks for it"
    if best == worst:
        return f"what speaks most for and what speaks most against the photograph both lie {best}"
    return f"what speaks most for the photograph lies {best}, what speaks most against it {worst}"


def third(evidence: Map) -> str:
    """Which of the nine parts of the frame holds the largest value."""
    places = zip(np.unravel_index(np.nanargmax(evidence), evidence.shape), evidence.shape, strict=True)
    # Of a cell, its middle.
    row, column = (3 * (2 * int(place) + 1) // (2 * cells) for place, cells in places)
    return THIRDS[row][column]


def _listed(parts: list[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)
