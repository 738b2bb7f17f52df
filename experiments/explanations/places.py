"""Whether the place that a reason names is right: flaws planted in a known place, and where the measure says it is.

here=experiments/explanations
python $here/places.py experiment=bundled data.root=FOLDER --out $here/places/biq2021

The first arguments are settings of `awcu train`. Writes places.csv (a flaw, a rule and a measure a line, with the 95 %
interval over photographs) and table.md.
"""

import argparse
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2]))
from experiments import measurement
from experiments.measurement import Pixels, Row, shown

from awcu.images.decoding import decode
from awcu.images.flaws import plant
from awcu.images.measures import at_measured_size, measure
from awcu.inference.reasons import candidates
from awcu.inference.wording import MEASURED, THIRDS, third
from awcu.models.config import from_json
from awcu.models.pretrained import BUNDLED, CONFIG
from awcu.models.usual import End, Usual
from awcu.text import markdown_table

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

BLOCK = "explanations/places"  # of a README
PARTS = tuple(place for row in THIRDS for place in row)
FLAWS = {  # and what each should make the photograph in its place
    "smear": ("sharpness", False),
    "finger": ("sharpness", False),
    "blotch": ("lightness", False),
    "highlight": ("lightness", True),
    "noise": ("noise", True),
    "distraction": ("colourfulness", True),
}
ALWAYS = End(1.0, 0.0, 1.0, 0.0)  # so that the place is asked for whether the score goes with it or not


def parts_of(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """`(h, w)` the part of the frame that each pixel is in, as `third` counts them."""
    down, across = (3 * (2 * np.arange(side) + 1) // (2 * side) for side in shape)
    return np.asarray(3 * down[:, None] + across)


def largest_mean(values: Map) -> str:
    """The part with the largest mean."""
    parts = parts_of(values.shape)
    return PARTS[int(np.argmax([values[parts == part].mean() for part in range(9)]))]


def averaged(window: float) -> Callable[[Map], str]:
    """The part with the peak of the map averaged over a window of this share of the sides."""

    def named(values: Map) -> str:
        size = tuple(round(side * window) | 1 for side in values.shape[::-1])
        return third(cv2.blur(values, size, borderType=cv2.BORDER_REFLECT))

    return named


RULES: dict[str, tuple[str, Callable[[Map], str]]] = {
    "peak": ("where the map is largest", third),
    "sixth": ("… averaged over a sixth of the sides", averaged(1 / 6)),
    "window": ("… over a third of the sides", averaged(1 / 3)),
    "mean": ("the ninth with the largest mean", largest_mean),
}


def main() -> None:
    """Measure, and write both files."""
    arguments = _arguments()
    code, known = measurement.commit(), usual_of_packaged()
    rated, rows = measurement.rated(arguments.settings).of_split(arguments.split), list[Row]()
    rated = measurement.drawn(rated, arguments.photographs, arguments.seed)
    for image_id, path in measurement.each(rated):
        rows += judged(at_measured_size(decode(path)), known, f"{arguments.seed} {image_id}")
    lines = summary(rows)
    facts = measurement.facts(rated, arguments.seed, code, split=arguments.split, photographs=len(rated))
    text = "\n\n".join([flaws_table(lines), rules_table(lines), caption(facts)])
    measurement.publish(arguments, BLOCK, lines, facts, text, "places.csv")


def _arguments() -> argparse.Namespace:
    options = measurement.parser(__doc__, BLOCK, photographs=60)
    options.add_argument("--split", choices=("val", "test"), default="test", help="val: to choose a rule by")
    return options.parse_args()


def usual_of_packaged() -> dict[str, Usual]:
    """What is usual of the packaged model's photographs, by attribute; every end is taken to go with the score."""
    config, _ = from_json((BUNDLED / CONFIG).read_text(encoding="utf-8"), CONFIG)
    assert config.reference is not None
    return {one.name: replace(one, low=ALWAYS, high=ALWAYS) for one in config.reference.usual}


def judged(copy: Pixels, known: Mapping[str, Usual], name: str) -> list[Row]:
    """A row for each kind of flaw in one photograph; the name seeds place and edit."""
    rows = []
    for kind, (attribute, high) in FLAWS.items():
        flaw = plant(copy, kind, seed=zlib.crc32(name.encode()))
        row: Row = {"photograph": name, "kind": kind, "named": False} | by_chance(flaw.mask)
        for when, pixels in (("before", copy), ("after", flaw.photograph)):
            places = measure(pixels, [attribute])[attribute].places
            assert places is not None
            values = places if high else -places
            for rule, (_, named) in RULES.items():
                row |= {f"{rule} {when}/{what}": value for what, value in right(named(values), flaw.mask).items()}
            at = np.unravel_index(values.argmax(), values.shape)
            row[f"peak {when}/on it"] = float(flaw.mask[at])
        # A place is named only where the attribute is unusual and differs over the frame.
        (named_of, *_) = [*candidates(flaw.photograph, [known[attribute]]), None]
        row["named"] = named_of is not None and named_of.high == high and named_of.places is not None
        rows.append(row)
    return rows


def right(place: str, mask: Mask) -> dict[str, float]:
    """Whether the part of the frame that the words stand for holds the flaw's centre, and whether it has any of it."""
    parts = parts_of(mask.shape)
    inside = mask & (parts == PARTS.index(place))
    return {"centre": float(PARTS.index(place) == parts[centre_of(mask)]), "touches": float(inside.any())}


def centre_of(mask: Mask) -> tuple[int, int]:
    """The pixel at the mean of the mask's."""
    down, across = np.argwhere(mask).mean(axis=0)
    return round(float(down)), round(float(across))


def by_chance(mask: Mask) -> dict[str, float]:
    """The same of a part drawn at random, a pixel drawn at random, and of always the same part, the middle."""
    touched = len(np.unique(parts_of(mask.shape)[mask]))
    chance = {"centre": 1 / 9, "touches": touched / 9, "on it": float(mask.mean())}
    middle = right(THIRDS[1][1], mask)
    return {f"chance/{what}": value for what, value in chance.items()} | {
        f"middle/{what}": value for what, value in middle.items()
    }


def summary(rows: Sequence[Row]) -> list[Row]:
    """Means over photographs, of all and of those whose place could be named; "all" averages a photograph's flaws."""
    found = []
    for group, some in (("all photographs", rows), ("place named", [row for row in rows if row["named"]])):
        for kind in ("all", *FLAWS):
            mine = [row for row in some if kind in ("all", row["kind"])]
            for key in (key for key in rows[0] if "/" in key):
                method, _, what = key.partition("/")
                names = {"group": group, "kind": kind, "rule": method, "measure": what}
                found.append(names | measurement.estimate(mine, key))
    return found


def flaws_table(lines: Sequence[Row]) -> str:
    """Of each flaw: what is named, beside the intact photograph, the middle and chance."""
    cells = {
        "centre in the named ninth": ("peak after", "centre"),
        "… intact": ("peak before", "centre"),
        "… the middle": ("middle", "centre"),
        "ninth touches it": ("peak after", "touches"),
        "… intact ": ("peak before", "touches"),
        "… chance": ("chance", "touches"),
        "peak on it": ("peak after", "on it"),
        "… intact  ": ("peak before", "on it"),
        "… chance ": ("chance", "on it"),
    }
    named = {"could be named: centre in it": ("peak after", "centre"), "touches it": ("peak after", "touches")}
    header = ("flaw", "said to be", *(title.rstrip() for title in cells), *named, "photographs")
    rows = []
    for kind in (*FLAWS, "all"):
        said = f"{MEASURED[FLAWS[kind]][2]}" if kind in FLAWS else ""
        texts = [shown(lines, "all photographs", kind, *cell) for cell in cells.values()]
        # Chance has no interval.
        texts = [
            text.split()[0] if "chance" in cell else text for text, cell in zip(texts, cells.values(), strict=True)
        ]
        texts += [shown(lines, "place named", kind, *cell) for cell in named.values()]
        rows.append((kind, said, *texts, str(measurement.line(lines, "place named", kind)["n"])))
    return markdown_table(header, rows, "ll" + "r" * (len(header) - 2))


def rules_table(lines: Sequence[Row]) -> str:
    """How ways of naming a place compare over all flaws."""
    header = ["place named", "centre in it", "touches it", *FLAWS]
    rows = []
    for rule, (title, _) in RULES.items():
        both = [shown(lines, "all photographs", "all", f"{rule} after", what) for what in ("centre", "touches")]
        each = [shown(lines, "all photographs", kind, f"{rule} after", "centre") for kind in FLAWS]
        rows.append((title, *both, *each))
    return markdown_table(header, rows, "l" + "r" * (len(header) - 1))


def caption(facts: Mapping[str, Any]) -> str:
    """Of what the tables are."""
    split = {"val": "validation", "test": "test"}[facts["split"]]
    return (
        f"{facts['data']} ({facts['fingerprint']}), {facts['photographs']} {split} photographs, seed {facts['seed']}; "
        f"commit {measurement.short(facts['commit'])}. In brackets the 95 % bootstrap interval over photographs."
    )


if __name__ == "__main__":
    main()
