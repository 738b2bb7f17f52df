"""How well AesAM points at planted flaws when the packaged model looks at a photograph more than once.

python experiments/maps/planted/finer.py experiment=bundled data.root=FOLDER --out FOLDER

Arguments, photographs and flaws are those of `measure.py`. Writes measures.csv, a way of looking, a group of kinds and
a measure a line, with the difference to one look, paired by photograph; and table.md. With --ranked N it also says how
well each way ranks N intact test photographs.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[3]))
from experiments import measurement
from experiments.maps.planted.measure import Grids, Mask, Measures, chosen, own_flaws, planted, touches
from experiments.measurement import Interval, Pixels, Row, bracketed

from awcu.images.decoding import decode
from awcu.images.flaws import LOCAL
from awcu.inference.predictor import AestheticModel
from awcu.metrics.bootstrap import Floats, mean_and_interval, redraws, sample_metrics
from awcu.metrics.localization import pointing_game
from awcu.ratings.ratings import Ratings
from awcu.text import markdown_table

BLOCK = "maps/planted/finer"  # of a README
OTHER = ("blotch", "finger", "distraction")  # held out from the packaged model's training: conf bundled_flaws
GROUPS = {
    "local": LOCAL,
    "learned": tuple(kind for kind in LOCAL if kind not in OTHER),
    "other": OTHER,
} | {kind: (kind,) for kind in LOCAL}
MEASURES = ("change_points", "change_touches", "lowest_points", "lowest_touches")
COLUMNS = ("way", "kinds", "measure", "n", "mean", "low", "high", "difference", "difference_low", "difference_high")


class View(NamedTuple):
    """One look at a photograph, and what it answers: the score, and the evidence `(h, w)` whose mean it is."""

    score: float
    evidence: Grids


class Way(NamedTuple):
    """Arguments of `AestheticModel.explain`, and what the table calls them."""

    title: str
    flip: bool
    scales: tuple[float, ...]

    @property
    def work(self) -> float:
        """Pixels looked at, of those that one look takes."""
        return (1 + self.flip) * sum(scale**2 for scale in self.scales)

    @property
    def looks(self) -> list[tuple[float, bool]]:
        """Scale, and whether mirrored."""
        return list(product(self.scales, (False, True)[: 1 + self.flip]))


WAYS = {
    "one": Way("one look", False, (1.0,)),
    "mirror": Way("and mirrored", True, (1.0,)),
    "larger": Way("one look, 1.5 times as large", False, (1.5,)),
    "two": Way("both sizes", False, (1.0, 1.5)),
    "four": Way("both sizes, and mirrored", True, (1.0, 1.5)),
}


def main() -> None:
    """Measure, and write both files."""
    arguments = _arguments()
    code, model = measurement.commit(), measurement.judge(arguments.model)
    test = chosen(model, arguments.settings, arguments.photographs, arguments.seed, arguments.own)
    rows = list(located_rows(model, test, arguments.seed, arguments.own))
    lines = summary(rows)
    if arguments.ranked:
        lines += ranking(model, chosen(model, arguments.settings, arguments.ranked, arguments.seed))
    facts = measurement.facts(test, arguments.seed, code, weights=measurement.weights(model))
    text = table(lines) + "\n\n" + caption(len(test), arguments.ranked, facts)
    measurement.publish(arguments, BLOCK, [dict(zip(COLUMNS, line, strict=True)) for line in lines], facts, text)


def _arguments() -> argparse.Namespace:
    options = measurement.parser(__doc__, BLOCK, photographs=60, model=True)
    options.add_argument("--own", action="store_true", help="data=gallery's own flaws, for which there is the truth")
    options.add_argument("--ranked", type=int, default=0, help="test photographs to rank, intact (default: none)")
    return options.parse_args()


def located_rows(model: AestheticModel, test: Ratings, seed: int, own: bool) -> Iterator[Row]:
    """A photograph, a kind and a way a row."""
    for image_id, path in measurement.each(test):
        intact, flaws = own_flaws(image_id) if own else planted(model, path, LOCAL, f"{seed} {image_id}", 1.0)
        before, *after = [seen(model, one) for one in (intact, *(flaw.photograph for flaw in flaws))]
        for way in WAYS:
            for flaw, one in zip(flaws, after, strict=True):
                measures = pointed(before[way].evidence, one[way].evidence, flaw.mask)
                yield {"photograph": image_id, "kind": flaw.kind, "way": way} | measures


def seen(model: AestheticModel, photograph: Pixels) -> dict[str, View]:
    """The answer of every way; a look that several ways share is taken once."""
    image, taken = model.prepare(photograph), dict[tuple[float, bool], View]()
    for scale, mirrored in dict.fromkeys(look for way in WAYS.values() for look in way.looks):
        logits, maps = model.averaged(image.flip(2) if mirrored else image, scales=(scale,))
        evidence = model.objective.evidence(maps.aesthetic)[0].cpu().numpy()
        taken[scale, mirrored] = View(
            float(model.objective.score(logits.aesthetic)), evidence[:, ::-1].copy() if mirrored else evidence
        )
    return {name: together([taken[look] for look in way.looks]) for name, way in WAYS.items()}


def together(views: Sequence[View]) -> View:
    """The mean of looks, on the finest of their grids, as `AestheticModel.explain` takes it."""
    finest = max((one.evidence.shape for one in views), key=lambda shape: shape[0])
    grids = (torch.from_numpy(one.evidence)[None, None] for one in views)
    drawn = [grid if grid.shape[2:] == finest else F.interpolate(grid, size=finest, mode="bicubic") for grid in grids]
    return View(float(np.mean([one.score for one in views])), torch.stack(drawn).mean(0)[0, 0].numpy())


def pointed(before: Grids, after: Grids, mask: Mask) -> Measures:
    """Whether the strongest fall, and the lowest place of the edited photograph alone, lie on the flaw."""
    return {
        "change_points": pointing_game(before - after, mask),
        "change_touches": touches(before - after, mask),
        "lowest_points": pointing_game(-after, mask),
        "lowest_touches": touches(-after, mask),
    }


def summary(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Of each way, group of kinds and measure a line of `COLUMNS`; the flaws of a photograph are averaged first."""
    photographs = list(dict.fromkeys(row["photograph"] for row in rows))
    found = []
    for way, group, measure in product(WAYS, GROUPS, MEASURES):
        own, one = (means(rows, name, GROUPS[group], measure, photographs) for name in (way, "one"))
        known = ~np.isnan(own)
        if known.any():
            both = mean_and_interval(own[known]), mean_and_interval((own - one)[known])
            found.append((way, group, measure, int(known.sum()), *both[0], *both[1]))
    return found


def means(rows: Sequence[Row], way: str, kinds: Sequence[str], measure: str, photographs: Sequence[str]) -> Floats:
    """`(N,)` mean over the flaws of these kinds; nan for a photograph without any."""
    values = measurement.by_photograph([row for row in rows if row["way"] == way and row["kind"] in kinds], measure)
    return np.array([np.mean(values.get(name, np.nan)) for name in photographs])


def ranking(model: AestheticModel, ranked: Ratings) -> list[tuple[Any, ...]]:
    """SRCC of every way on intact photographs, a line of `COLUMNS` each."""
    answers = [seen(model, decode(path)) for path in ranked.image_paths.tolist()]
    found = {way: correlations(np.array([one[way].score for one in answers]), ranked) for way in WAYS}
    once = found["one"]
    return [(way, "intact", "srcc", len(ranked), *ends(own), *ends(own - once)) for way, own in found.items()]


def correlations(score: Floats, ranked: Ratings) -> Floats:
    """SRCC, and after it that of every resample."""
    n = len(ranked)
    redrawn = (
        sample_metrics(score, ranked.high, ranked.mean_score, times)["srcc"] for times in (np.ones((1, n)), *redraws(n))
    )
    return np.concatenate(list(redrawn))


def ends(values: Floats) -> Interval:
    """What was found, and the ends of the 95 % interval of the resamples after it."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return float(values[0]), float(low), float(high)


def table(lines: Sequence[tuple[Any, ...]]) -> str:
    """A way a row."""
    cells = {line[:3]: (line[4:7], line[7:]) for line in lines}
    columns = {
        "change points at it": ("local", "change_points", 0),
        "Δ": ("local", "change_points", 1),
        "… kinds not learned": ("other", "change_points", 0),
        "lowest place on it": ("local", "lowest_points", 0),
        "Δ ": ("local", "lowest_points", 1),
        "… kinds not learned ": ("other", "lowest_points", 0),
        "SRCC": ("intact", "srcc", 0),
        "Δ  ": ("intact", "srcc", 1),
    }
    columns = {title: what for title, what in columns.items() if ("one", *what[:2]) in cells}

    def shown(way: str, group: str, measure: str, which: int) -> str:
        return "" if which and way == "one" else bracketed(cells[way, group, measure][which], signed=bool(which))

    body = [
        (way.title, f"{way.work:g}", *(shown(name, *what) for what in columns.values())) for name, way in WAYS.items()
    ]
    header = ("AesAM of", "work", *(title.strip() for title in columns))
    return markdown_table(header, body, "l" + "r" * (len(header) - 1))


def caption(photographs: int, ranked: int, facts: Mapping[str, Any]) -> str:
    """Of what the table is."""
    last = f"; SRCC of {ranked} intact ones" if ranked else ""
    return (
        f"{facts['data']} ({facts['fingerprint']}), {photographs} test photographs{last}; model {facts['weights']}; "
        f"seed {facts['seed']}; commit {measurement.short(facts['commit'])}. In brackets the 95 % bootstrap "
        f"interval over photographs; Δ is the difference to one look, paired by photograph."
    )


if __name__ == "__main__":
    main()
