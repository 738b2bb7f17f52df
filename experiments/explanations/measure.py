"""Whether named reasons are true: what another edit does to the score, and whether planted flaws are named.

python experiments/explanations/measure.py experiment=bundled data.root=FOLDER --out experiments/explanations/biq2021

The first arguments are settings of `awcu train`, whose test photographs are taken. Writes ends.csv (an end of a
measured attribute a line, on validation and on test photographs), measures.csv (a rule and a measure a line), table.md.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2]))
from experiments import measurement
from experiments.measurement import Pixels, Row, shown

from awcu.files import write_csv
from awcu.images.decoding import decode
from awcu.images.flaws import plant
from awcu.images.measures import at_measured_size, measure
from awcu.inference.predictor import AestheticModel
from awcu.inference.reasons import Reason, candidates, reasons
from awcu.metrics.bootstrap import mean_and_interval
from awcu.models.usual import End, Usual, usual
from awcu.ratings.ratings import Ratings
from awcu.text import markdown_table, number

BLOCK = "explanations"  # of a README
PLANTED = {  # kind of flaw, its strength, and the reason that should then be named
    "blur": (0.15, "sharpness", False),
    "grain": (0.25, "noise", True),
    "dark": (0.7, "lightness", False),
    "bright": (0.7, "lightness", True),
}
RULES = {
    "ours": "named (all three conditions)",
    "candidates": "without the edit (unusual, and goes with the score)",
    "extreme": "the most unusual measure, sign by its plain gap",
}
CHECKS = {
    "taken": "taken away by another edit: the score moves as said",
    "given": "given more of by another edit: the score moves as said",
}


def deconvolved(pixels: Pixels) -> Pixels:
    """Eight rounds of Richardson & Lucy's deconvolution, for a Gaussian of one pixel."""
    seen = pixels.astype(np.float32) + 1
    found = seen.copy()
    for _ in range(8):
        found *= cv2.GaussianBlur(seen / cv2.GaussianBlur(found, (0, 0), 1.0), (0, 0), 1.0)
    return rounded(found - 1)


def shrunk(pixels: Pixels) -> Pixels:
    """Reduced to half of its sides and enlarged again."""
    half = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(half, pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def curved(pixels: Pixels, gamma: float) -> Pixels:
    """Levels in [0, 1] to the power of gamma: darker above 1; black and white stay."""
    return rounded(255 * (pixels / np.float32(255)) ** gamma)


def steepened(pixels: Pixels, steepness: float) -> Pixels:
    """Levels through a logistic curve around the middle, or where negative through its inverse."""
    levels, steep = pixels / np.float32(255), abs(steepness)
    low, high = 1 / (1 + np.exp(steep / 2)), 1 / (1 + np.exp(-steep / 2))
    if steepness > 0:
        return rounded(255 * (1 / (1 + np.exp(-steep * (levels - 0.5))) - low) / (high - low))
    between = low + levels * (high - low)
    return rounded(255 * (0.5 + np.log(between / (1 - between)) / steep))


def chroma(pixels: Pixels, factor: float) -> Pixels:
    """CIELAB a and b multiplied."""
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab[..., 1:] *= factor
    return rounded(255 * cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def rounded(values: NDArray[np.float32]) -> Pixels:
    """Levels of 255."""
    return np.asarray(np.rint(values).clip(0, 255), np.uint8)


OTHER: dict[str, tuple[Callable[[Pixels], Pixels], Callable[[Pixels], Pixels]]] = {
    # More of the attribute, less of it; none of them is an edit of awcu.images.edits.
    "sharpness": (deconvolved, shrunk),
    "noise": (
        lambda pixels: plant(pixels, "grain", seed=1, strength=0.2).photograph,
        lambda pixels: cv2.fastNlMeansDenoisingColored(pixels, None, 5, 5, 5, 15),
    ),
    "lightness": (lambda pixels: curved(pixels, 0.7), lambda pixels: curved(pixels, 1.4)),
    "contrast": (lambda pixels: steepened(pixels, 5.0), lambda pixels: steepened(pixels, -4.0)),
    "colourfulness": (lambda pixels: chroma(pixels, 1.6), lambda pixels: chroma(pixels, 0.4)),
}


def main() -> None:
    """Measure, and write all files."""
    arguments = _arguments()
    code, model = measurement.commit(), AestheticModel.from_pretrained(arguments.model)
    reference = model.config.reference
    if reference is None or not reference.usual:
        raise SystemExit(f"{arguments.model}: what is usual of its photographs is not known; export it with --reasons")
    rated = measurement.unseen(model, arguments.settings)
    test = measurement.drawn(rated, arguments.photographs, arguments.seed)
    compared_on = measurement.drawn(rated, arguments.compared, arguments.seed)
    rows: list[Row] = []
    for _, path in measurement.each(test):
        rows += judged(model, path)
    if arguments.rows:
        write_csv(arguments.rows, tuple(dict.fromkeys(key for row in rows for key in row)), rows)
    lines, ends = summary(rows), compared(model, reference.usual, compared_on)
    write_csv(arguments.out / "ends.csv", tuple(ends[0]), ends)
    weights = measurement.weights(model)
    facts = measurement.facts(test, arguments.seed, code, weights=weights, photographs=len(test))
    text = "\n\n".join([ends_table(ends), rules_table(lines), planted_table(lines), caption(facts, len(compared_on))])
    measurement.publish(arguments, BLOCK, lines, facts, text)


def _arguments() -> argparse.Namespace:
    options = measurement.parser(__doc__, BLOCK, photographs=100, model=True)
    options.add_argument(
        "--compared", type=int, default=10**9, help="test photographs of the first table (default: all)"
    )
    options.add_argument("--rows", type=Path, help="CSV of every photograph and reason")
    return options.parse_args()


def compared(model: AestheticModel, known: Sequence[Usual], test: Ratings) -> list[Row]:
    """Each end of each attribute: its gap on validation photographs, on test photographs, and in people's ratings."""
    scores, values = list[float](), {one.name: list[float]() for one in known}
    for path in test.image_paths.tolist():
        pixels = decode(path)
        scores += model.scores([pixels])
        for name, found in measure(pixels, list(values)).items():
            values[name].append(found.value)
    arrays = {name: np.array(found) for name, found in values.items()}
    tested, by_people = usual(np.array(scores), arrays), usual(test.mean_score, arrays)
    rows = []
    for one, test, people in zip(known, tested, by_people, strict=True):
        for side in ("low", "high"):
            row: Row = {"attribute": one.name, "end": side}
            for name, end in (("val", one), ("test", test), ("people", people)):
                row |= of_end(name, getattr(end, side))
            rows.append(row)
    return rows


def of_end(name: str, end: End | None) -> Row:
    """The numbers of an end, nan where it is not known."""
    gap, half, given, given_half = (
        (np.nan,) * 4 if end is None else (end.gap, end.half_width, end.given_others, end.given_others_half_width)
    )
    held = "" if end is None else end.holds
    return dict(zip((f"{name}_{key}" for key in ("gap", "half", "given", "given_half", "holds")),
                    (gap, half, given, given_half, held), strict=True))  # fmt: skip


def judged(model: AestheticModel, path: str) -> list[Row]:
    """A row for each reason of each rule, and for each planted flaw."""
    copy = at_measured_size(decode(path))
    reference = model.config.reference
    assert reference is not None
    known, spread = reference.usual, reference.score_sd
    named = {
        "ours": reasons(copy, known, spread, model.scores),
        "candidates": candidates(copy, known),
        "extreme": [most_unusual(copy, known)],
    }
    wanted = sorted({one.name for found in named.values() for one in found})
    copies = [copy, *(edit(copy) for name in wanted for edit in OTHER[name])]
    before, *after = model.scores(copies)
    change = {name: (after[2 * place] - before, after[2 * place + 1] - before) for place, name in enumerate(wanted)}
    rows = [
        {"photograph": Path(path).name, "rule": rule, "attribute": one.name, "high": one.high} | checked(one, change)
        for rule, found in named.items()
        for one in found
    ]
    # So that a photograph without reasons counts, too.
    rows += [
        {"photograph": Path(path).name, "rule": f"{rule}/named", "number": len(found)} for rule, found in named.items()
    ]
    return rows + planted(model, copy, Path(path).name, before)


def most_unusual(copy: Pixels, known: Sequence[Usual]) -> Reason:
    """No rule: the measure that is farthest from the middle, with the sign of its plain gap."""
    measured = measure(copy, [one.name for one in known])
    below = {one: one.share_below(measured[one.name].value) for one in known}
    one = max(below, key=lambda one: abs(below[one] - 0.5))
    end = one.high if below[one] > 0.5 else one.low
    return Reason(one.name, below[one] > 0.5, below[one], end.gap if end else 0.0, 0.0)


def checked(reason: Reason, change: Mapping[str, tuple[float, float]]) -> Row:
    """Whether the score moves as the reason says, when the attribute is taken away and when there is more of it."""
    more, less = change[reason.name]
    given, taken = (more, less) if reason.high else (less, more)
    return {
        "gap": reason.gap,
        "change_taken": taken,
        "change_given": given,
        "taken": float(taken * reason.gap < 0),
        "given": float(given * reason.gap > 0),
    }


def planted(model: AestheticModel, copy: Pixels, name: str, intact: float) -> list[Row]:
    """Of each planted flaw: whether its reason is named, and whether each reason is true of the intact photograph."""
    reference, rows = model.config.reference, []
    assert reference is not None
    before = {(one.name, one.high) for one in candidates(copy, reference.usual)}
    for kind, (strength, attribute, high) in PLANTED.items():
        flawed = plant(copy, kind, seed=0, strength=strength).photograph
        fallen = model.scores([flawed])[0] < intact
        found = [
            (one.name, one.high, one.gap) for one in reasons(flawed, reference.usual, reference.score_sd, model.scores)
        ]
        row: Row = {"photograph": name, "rule": "planted", "attribute": kind, "fell": float(fallen)}
        if (attribute, high) not in before and fallen:
            row["recalled"] = float(any(one[:2] == (attribute, high) and one[2] < 0 for one in found))
            edge = [one for one in candidates(flawed, reference.usual) if (one.name, one.high) == (attribute, high)]
            row["candidate"] = float(bool(edge))
        rows.append(row)
    return rows


def summary(rows: Sequence[Row]) -> list[Row]:
    """A line for each rule, attribute and measure: its mean over reasons, with an interval over photographs."""
    lines = []
    for rule in RULES:
        mine = [row for row in rows if row["rule"] == rule]
        numbers = [row for row in rows if row["rule"] == f"{rule}/named"]
        lines.append(line(rule, "all", "reasons a photograph", numbers, "number"))
        some = [row | {"some": float(row["number"] > 0)} for row in numbers]
        lines.append(line(rule, "all", "photographs with one", some, "some"))
        names = ["all", *sorted({f"{row['attribute']} {'high' if row['high'] else 'low'}" for row in mine})]
        for name in names:
            of_name = [row for row in mine if name in ("all", f"{row['attribute']} {'high' if row['high'] else 'low'}")]
            lines += [line(rule, name, check, of_name, check) for check in CHECKS]
    for kind in (*PLANTED, "all"):
        mine = [row for row in rows if row["rule"] == "planted" and kind in ("all", row["attribute"])]
        for what in ("fell", "candidate", "recalled"):
            lines.append(line("planted", kind, what, [row for row in mine if what in row], what))
    return lines


def line(rule: str, attribute: str, what: str, rows: Sequence[Row], key: str) -> Row:
    """A mean over rows, and its interval over photographs, which keep their rows."""
    values = measurement.by_photograph(rows, key).values()
    sums, counts = (np.array([of(one) for one in values], np.float64) for of in (sum, len))
    ends = dict(zip(("mean", "low", "high"), mean_and_interval(sums, counts), strict=True))
    return {"rule": rule, "attribute": attribute, "measure": what, "n": len(rows)} | ends


def ends_table(ends: Iterable[Row]) -> str:
    """What goes with the score, where it was learned and where it was not, and what goes with people's ratings."""

    def cell(row: Row, name: str) -> str:
        if np.isnan(row[f"{name}_gap"]):
            return "–"
        parts = (
            f"{number(row[f'{name}_{key}'], signed=True, decimals=2)} ± {number(row[f'{name}_{half}'], decimals=2)}"
            for key, half in (("gap", "half"), ("given", "given_half"))
        )
        text = "{} ({})".format(*parts)
        return f"**{text}**" if row[f"{name}_holds"] else text

    header = ("end of the attribute", "score, validation", "score, test", "people's rating, test")
    lines = (
        (f"{row['attribute']}, {row['end']}", *(cell(row, name) for name in ("val", "test", "people"))) for row in ends
    )
    return markdown_table(header, list(lines), "lrrr")


def rules_table(lines: Sequence[Row]) -> str:
    """How many reasons each rule names, and how many are true."""
    header = ("rule", "reasons a photograph", "photographs with one", *CHECKS.values(), "reasons")
    names = sorted({one["attribute"] for one in lines if one["rule"] == "ours"} - {"all"})

    def row(rule: str, attribute: str, title: str) -> tuple[str, ...]:
        wanted = ("reasons a photograph", "photographs with one", *CHECKS)
        found = (shown(lines, rule, attribute, what) for what in wanted)
        return title, *found, str(measurement.line(lines, rule, attribute, "taken")["n"])

    own, *others = ((rule, "all", title) for rule, title in RULES.items())
    rows = [row(*one) for one in (own, *(("ours", name, f"… {name}") for name in names), *others)]
    return markdown_table(header, rows, "lrrrrr")


def planted_table(lines: Sequence[Row]) -> str:
    """How often a planted flaw is named."""
    header = (
        "planted all over the frame",
        "score falls",
        "of these: made unusual, and goes with the score",
        "named",
        "photographs",
    )
    rows = [
        (
            kind,
            *(shown(lines, "planted", kind, what) for what in ("fell", "candidate", "recalled")),
            str(measurement.line(lines, "planted", kind, "recalled")["n"]),
        )
        for kind in (*PLANTED, "all")
    ]
    return markdown_table(header, rows, "lrrrr")


def caption(facts: Mapping[str, Any], tested: int) -> str:
    """Of what the tables are."""
    return (
        f"{facts['data']} ({facts['fingerprint']}); model {facts['weights']}. First table: {tested:,} test "
        f"photographs; in brackets with the other attributes held fixed; 95 % intervals for all ends together, bold "
        f"where both exclude zero. Other tables: {facts['photographs']} of them, seed {facts['seed']}, 95 % bootstrap "
        f"intervals over photographs; commit {measurement.short(facts['commit'])}."
    )


if __name__ == "__main__":
    main()
