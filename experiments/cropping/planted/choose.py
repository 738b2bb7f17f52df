"""Ways of cropping compared on judged crops, fitted to the validation photographs.

python experiments/cropping/planted/choose.py runs/crops/biq2021.pt --out experiments/cropping/planted/biq2021
python experiments/cropping/planted/choose.py runs/crops/gallery.pt --head --out experiments/cropping/planted/gallery

The file is that of `judge.py`. Writes measures.csv (a way and a measure a line, with the 95 % interval over
photographs) and table.md. With --head a ridge regression on the pooled features of the set's training photographs
judges instead of the model's own head.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[3]))
from experiments import measurement

from awcu.images.boxes import ious
from awcu.images.flaws import LOCAL
from awcu.inference.crop import CropWeights, worth
from awcu.inference.explanation import CELLS
from awcu.metrics.bootstrap import mean_and_interval
from awcu.metrics.ranks import spearman
from awcu.models.cam import onto_photograph
from awcu.text import markdown_table

Floats = NDArray[np.float64]
Point = tuple[float, ...]
Sample = Mapping[str, Any]  # the fields of judge.Sample

WHOLE = 0.95  # of the frame: a crop that keeps as much counts as no cut
GONE = 0.95  # of a flaw: it is cut off
PENALTIES = 10.0 ** np.arange(0, 7)  # of the ridge regression
PLAIN = CropWeights(area=0.0, border=0.0, level=0.0)  # with these the worth of a map is its integral
RISES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0)
OFFSETS = (
    *(-rise for rise in RISES[:0:-1]),
    *RISES,
    np.inf,
)  # a crop may score lower than the frame, and yet be better
DEPTHS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
AREAS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
BORDERS, LEVELS = (0.0, 0.05, 0.1), (0.0, 0.25, 0.5, 0.75, 1.0)
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
TAUS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)  # of the flaw map: the share of a cell that is said to be flawed
PRICES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)  # of a flawed share of the frame, in shares kept
PRIORS = 10.0 ** np.arange(1, 6)  # penalties of the flaw map


class Head(NamedTuple):
    """A linear head, `(C,)` and its bias, and the standard deviation of its scores."""

    weight: Floats
    bias: float
    spread: float


@dataclass(frozen=True, eq=False)
class Crops:
    """What is known of the M crops of N photographs, `(N, M)` each, the whole frame first.

    Attributes:
        names: `(N,)` of the photographs.
        cut: `(N,)` whether there is a flaw to be cut off.
        area: Share of the frame.
        overlap: IoU with the true crop.
        removed: Share of the flaw outside; nan without one.
        rise: How far the model's own score of the crop exceeds that of the frame, in rating points.
        gain: The same of the head that judges, in standard deviations of its scores.
        contrast: Mean evidence inside less that outside, likewise; 0 of the whole frame.
        salient: Share of the saliency inside.
        worths: What the crop is worth by `CropWeights`, without its area, by border and level.
        left_out: Share outside of what is lower than the map's mean by so much, by `DEPTHS`; 0 where nothing is.
        flawed: Share of the frame that is inside and said to be flawed.
        flaws_out: Share outside of what the flaw map says beyond so much, by `TAUS`; 0 where nothing is.
    """

    names: NDArray[np.str_]
    cut: NDArray[np.bool_]
    area: Floats
    overlap: Floats
    removed: Floats
    rise: Floats
    gain: Floats
    contrast: Floats
    salient: Floats
    worths: Mapping[Point, Floats]
    left_out: Mapping[float, Floats]
    flawed: Floats
    flaws_out: Mapping[float, Floats]


Way = Callable[[Crops], Iterator[tuple[Point, Floats]]]
"""By each point of its grid what every crop is worth; the first of the best is taken."""


def main() -> None:
    """Fit, test, and write both files."""
    arguments = _arguments()
    code, judged = measurement.commit(), torch.load(arguments.samples, weights_only=False)
    weight, bias = judged["head"]
    own = Head(weight[0].astype(np.float64), float(bias[0]), judged["score_sd"])
    head = ridge(judged) if arguments.head else own
    by_split = {split: [one for one in judged["samples"] if one["split"] == split] for split in ("val", "test")}
    masked = judged["masked"]
    maps = (
        flaw_maps(masked, **by_split) if masked else [[0 * _shares(one) for one in some] for some in by_split.values()]
    )
    val, test = (crops(samples, maps, head, own) for samples, maps in zip(by_split.values(), maps, strict=True))
    found = {name: measured(way, val, test) for name, way in WAYS.items() if masked or not name.startswith("flaw map")}
    facts = {name: judged[name] for name in ("data", "fingerprint", "weights", "seed")}
    facts |= {"head": "ridge" if arguments.head else "own", "judged": judged["commit"], "commit": code}
    lines = [
        {"way": name, "point": " ".join(f"{one:g}" for one in point), "measure": measure, "n": n}
        | dict(zip(("mean", "low", "high"), values, strict=True))
        for name, (point, measures) in found.items()
        for measure, (n, *values) in measures.items()
    ]
    text = table(found) + "\n\n" + caption(len(set(val.names)), len(set(test.names)), facts)
    measurement.publish(arguments, "cropping/planted", lines, facts, text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("samples", type=Path, help="the file of judge.py")
    parser.add_argument("--head", action="store_true", help="judge by a ridge regression on the training photographs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--readme", type=Path, help="with a block cropping/planted/NAME, NAME that of the folder --out")
    return parser.parse_args()


def ridge(judged: Mapping[str, Any]) -> Head:
    """The regression of the training photographs' ratings that ranks the validation photographs best."""
    features, ratings = (np.asarray(one, np.float64) for one in judged["train"])
    if not len(ratings):
        raise SystemExit("no training photographs were judged, so that no head can learn; judge.py --train 400")
    val = [one for one in judged["samples"] if one["split"] == "val" and one["kind"] not in LOCAL]
    held, rated = np.array([one["pooled"][0] for one in val], np.float64), np.array([one["score"] for one in val])
    mean, middle = features.mean(0), ratings.mean()
    gram = (features - mean) @ (features - mean).T
    best: tuple[float, Head] | None = None
    for penalty in PENALTIES:
        dual = np.linalg.solve(gram + penalty * np.eye(len(gram)), ratings - middle)
        weight = (features - mean).T @ dual
        scores = held @ weight
        rho = spearman(scores, rated)
        if best is None or rho > best[0]:
            best = rho, Head(weight, float(middle - mean @ weight), float(scores.std()))
    assert best is not None
    print(f"ridge: SRCC {best[0]:.3f} on {len(val)} validation photographs", file=sys.stderr)
    return best[1]


def flaw_maps(masked: Sequence[Sample], val: Sequence[Sample], test: Sequence[Sample]) -> list[list[Floats]]:
    """`(h, w)` share of each cell that looks flawed, by a ridge regression on the cells of training photographs.

    It learns from masks, not from ratings. The validation photographs choose its penalty.
    """
    moments = sum(_moments(one) for one in masked)
    cells, shares = np.concatenate([_cells(one) for one in val]), np.concatenate([_shares(one).ravel() for one in val])
    tried = [_solved(moments, penalty) for penalty in PRIORS]
    best = min(tried, key=lambda weight: float(np.square(cells @ weight - shares).mean()))
    return [[(_cells(one) @ best).reshape(_shares(one).shape) for one in samples] for samples in (val, test)]


def _cells(sample: Sample) -> Floats:
    """`(h w, C + 1)` features of each cell, and a one for the bias."""
    cells = sample["features"].reshape(len(sample["features"]), -1).T.astype(np.float64)
    return np.column_stack([cells, np.ones(len(cells))])


def _shares(sample: Sample) -> Floats:
    """`(h, w)` share of each cell that the mask covers."""
    height, width = sample["features"].shape[1:]
    if sample["mask"] is None:
        return np.zeros((height, width))
    return np.asarray(cv2.resize(sample["mask"].astype(np.float64), (width, height), interpolation=cv2.INTER_AREA))


def _moments(sample: Sample) -> Floats:
    """`(C + 1, C + 2)` products of the features with each other and with the shares, over the cells."""
    x = _cells(sample)
    return x.T @ np.column_stack([x, _shares(sample).ravel()])


def _solved(moments: Floats, penalty: float) -> Floats:
    """`(C + 1)` weights of the ridge regression; the bias is not penalised."""
    ridge = np.diag([penalty] * (len(moments) - 1) + [0.0])
    return np.asarray(np.linalg.solve(moments[:, :-1] + ridge, moments[:, -1]))


def crops(samples: Sequence[Sample], maps: Sequence[Floats], head: Head, own: Head) -> Crops:
    """Of all samples with their flaw maps; `own` is the model's head."""
    rows = [seen(one, flaws, head, own) for one, flaws in zip(samples, maps, strict=True)]
    nested = [name for name, values in rows[0].items() if isinstance(values, dict)]
    stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0] if name not in nested}
    for name in nested:
        stacked[name] = {key: np.stack([row[name][key] for row in rows]) for key in rows[0][name]}
    return Crops(
        names=np.array([one["image_id"] for one in samples]),
        cut=np.array([one["mask"] is not None for one in samples]),
        **stacked,
    )


def seen(sample: Sample, flaws: Floats, head: Head, own: Head) -> dict[str, Any]:
    """`(M,)` each, as in `Crops`, of one photograph."""
    size, boxes = sample["size"], sample["boxes"]
    left, top, right, bottom = boxes.T
    area = (right - left) * (bottom - top) / (size[0] * size[1])
    pooled, grid = sample["pooled"].astype(np.float64), sample["features"].astype(np.float64)
    cells = CELLS / max(size)
    lattice = max(round(size[0] * cells), 1), max(round(size[1] * cells), 1)
    evidence = np.einsum("chw,c->hw", grid, head.weight) + head.bias
    evidence = onto_photograph(evidence.astype(np.float32), "keep", lattice) / head.spread
    flaws = onto_photograph(flaws.astype(np.float32), "keep", lattice)
    low = {depth: (evidence.mean() - depth - evidence).clip(min=0) for depth in DEPTHS}
    inside = worth(evidence, size, boxes, PLAIN)
    outside = (evidence.mean() - inside) / np.maximum(1 - area, 1e-9)
    salient = sample["saliency"].astype(np.float32)
    mask, removed = sample["mask"], np.full(len(boxes), np.nan)
    if mask is not None:
        removed = 1 - np.array([mask[y0:y1, x0:x1].sum() for x0, y0, x1, y1 in boxes.tolist()]) / mask.sum()
    return {
        "area": area,
        "overlap": ious(boxes, sample["truth"]),
        "removed": removed,
        "rise": (pooled - pooled[0]) @ own.weight,
        "gain": (pooled - pooled[0]) @ head.weight / head.spread,
        "contrast": np.where(area < 1, inside / area - outside, 0),
        "salient": worth(salient, size, boxes, PLAIN) / max(float(salient.mean()), 1e-9),
        "worths": {point: worth(evidence, size, boxes, CropWeights(0.0, *point)) for point in product(BORDERS, LEVELS)},
        "left_out": {depth: outside_of(field, size, boxes) for depth, field in low.items()},
        "flawed": worth(flaws.clip(min=0), size, boxes, PLAIN),
        "flaws_out": {tau: outside_of((flaws - tau).clip(min=0), size, boxes) for tau in TAUS},
    }


def outside_of(field: NDArray[np.float32], size: tuple[int, int], boxes: NDArray[np.int64]) -> Floats:
    """`(M,)` share of a field without negative values that lies outside of each box; 0 where there is nothing."""
    return 1 - worth(field, size, boxes, PLAIN) / field.mean() if field.any() else np.zeros(len(boxes))


def always(place: int) -> Way:
    """The crop at this place of the list."""

    def way(known: Crops) -> Iterator[tuple[Point, Floats]]:
        values = np.zeros(known.area.shape)
        values[:, place] = 1
        yield (), values

    return way


def sizes(known: Crops) -> NDArray[np.intp]:
    """`(N, M - 2)` 0 of the whole frame, 1 of the larger crops, 2 of the smaller; without the last two crops."""
    found = np.unique(known.area[0, :-2].round(2))[::-1]
    assert len(found) == 3
    return np.asarray(np.abs(known.area[:, :-2, None] - found).argmin(axis=2))


def among_its_size(known: Crops) -> Floats:
    """`(N, M)` the gain less the mean gain of the photograph's crops of that size."""
    size, gain = sizes(known), known.gain.copy()
    for one in range(3):
        mean = np.where(size == one, known.gain[:, :-2], np.nan)
        gain[:, :-2] -= np.where(size == one, np.nanmean(mean, axis=1, keepdims=True), 0)
    return gain


def offset(known: Crops, values: Floats, start: Point = ()) -> Iterator[tuple[Point, Floats]]:
    """What is gained, less what a crop of its size must gain."""
    size = sizes(known)
    for needed in product(OFFSETS, OFFSETS):
        yield (*start, *needed), values[:, :-2] - np.array((0.0, *needed))[size]


def saliency(known: Crops) -> Iterator[tuple[Point, Floats]]:
    """What stands out, and the area that is kept."""
    for area in AREAS:
        yield (area,), (known.salient + area * known.area)[:, :-2]


def rescored(known: Crops) -> Iterator[tuple[Point, Floats]]:
    """The crop that the model scores highest."""
    yield (), known.gain[:, :-2]


def lowest(known: Crops) -> Iterator[tuple[Point, Floats]]:
    """The largest crop without what is lower than the map's mean by a depth."""
    for depth in DEPTHS:
        out = known.left_out[depth] >= GONE
        # Of one size, that of the higher mean.
        yield (depth,), np.where(out, known.area + 1e-3 * np.tanh(known.contrast), 0)[:, :-2]


def flaws_left_out(known: Crops) -> Iterator[tuple[Point, Floats]]:
    """The largest crop without what the flaw map says."""
    for tau in TAUS:
        yield (tau,), np.where(known.flaws_out[tau] >= GONE, known.area + 1e-3 * known.flaws_out[tau], 0)[:, :-2]


def flaws_priced(known: Crops) -> Iterator[tuple[Point, Floats]]:
    """The area that is kept, less a price of what looks flawed in it."""
    for price in PRICES:
        yield (price,), (known.area - price * known.flawed)[:, :-2]


def confirmed(known: Crops) -> Iterator[tuple[Point, Floats]]:
    """The same, of crops that the model scores higher than the frame by as much."""
    for (depth,), values in lowest(known):
        for needed in OFFSETS[:-1]:  # at −3 any crop is taken
            yield (depth, needed), np.where(known.gain[:, :-2] >= needed, values, 0)


def weighed(known: Crops) -> Iterator[tuple[Point, Floats]]:
    """`CropWeights`, fitted."""
    for (border, level), values in known.worths.items():
        for area in AREAS:
            yield (area, border, level), (values + area * known.area)[:, :-2]


def combined(known: Crops) -> Iterator[tuple[Point, Floats]]:
    """Score and map together."""
    for factor in FACTORS:
        yield from offset(known, among_its_size(known) + factor * known.contrast, (factor,))


WAYS: Mapping[str, Way] = {
    "never cutting": always(0),
    "centred, 85 % of the sides": always(5),
    "saliency and area": saliency,
    "smartcrop": always(-1),
    "AesAM (`awcu crop --aspect original`)": always(-2),
    "rescored: the highest score": rescored,
    "rescored, less what a size must gain": lambda known: offset(known, known.gain),
    "rescored, against the other crops of its size": lambda known: offset(known, among_its_size(known)),
    "map inside less outside, likewise": lambda known: offset(known, known.contrast),
    "map's worth, weights fitted": weighed,
    "without the map's lowest places": lowest,
    "… where the score rises": confirmed,
    "score and map together, likewise": combined,
    "flaw map: without what looks flawed": flaws_left_out,
    "flaw map: area less its price": flaws_priced,
    "upper bound: the best of these crops": lambda known: iter([((), known.overlap[:, :-2])]),
}
COLUMNS = {
    "val": "IoU, validation",
    "iou": "IoU",
    "gained": "Δ to never cutting",
    "iou_cut": "IoU, to cut",
    "gone": "flaw cut off",
    "kept": "kept of the frame",
    "left_whole": "left whole rightly",
    "rise": "score rises by",
}


def measured(way: Way, val: Crops, test: Crops) -> tuple[Point, dict[str, tuple[float, ...]]]:
    """The point of the grid with the highest mean IoU on the validation photographs, and what it does in the test."""
    tried = {point: taken(val, values) for point, values in way(val)}
    # The last of equal ones: the more cautious.
    point = max(reversed(tried), key=lambda one: float(picked(val.overlap, tried[one]).mean()))
    chosen = taken(test, dict(way(test))[point])
    iou, area = picked(test.overlap, chosen), picked(test.area, chosen)
    values = {
        "val": (val.names, picked(val.overlap, tried[point])),
        "iou": (test.names, iou),
        "gained": (test.names, iou - test.overlap[:, 0]),
        "iou_cut": (test.names[test.cut], iou[test.cut]),
        "gone": (test.names[test.cut], picked(test.removed, chosen)[test.cut] >= GONE),
        "kept": (test.names[test.cut], area[test.cut]),
        "left_whole": (test.names[~test.cut], area[~test.cut] >= WHOLE),
        "rise": (test.names[test.cut], picked(test.rise, chosen)[test.cut]),
    }
    return point, {name: by_photograph(*known) for name, known in values.items()}


def taken(known: Crops, values: Floats) -> NDArray[np.intp]:
    """`(N,)` the first of the best crops."""
    return values.argmax(axis=1)


def picked(values: Floats, chosen: NDArray[np.intp]) -> Floats:
    """`(N,)` of the chosen crops."""
    return values[np.arange(len(values)), chosen]


def by_photograph(names: NDArray[np.str_], values: NDArray[Any]) -> tuple[float, ...]:
    """Number of photographs, mean over them, and its interval."""
    _, which = np.unique(names, return_inverse=True)
    means = np.bincount(which, values.astype(np.float64)) / np.bincount(which)
    return len(means), *mean_and_interval(means)


def table(found: Mapping[str, tuple[Point, Mapping[str, tuple[float, ...]]]]) -> str:
    """A way a line."""
    lines = []
    for name, (_, measures) in found.items():
        cells = [measurement.bracketed(measures[one][1:]) for one in COLUMNS]
        lines.append((name, *cells))
    return markdown_table(("way", *COLUMNS.values()), lines, "l" + "r" * len(COLUMNS))


def caption(val: int, test: int, facts: Mapping[str, Any]) -> str:
    """Of what the table is."""
    head = "its own head" if facts["head"] == "own" else "a ridge regression on the training photographs as its head"
    return (
        f"{facts['data']} ({facts['fingerprint']}), {val} validation and {test} test photographs; model "
        f"{facts['weights']} with {head}; seed {facts['seed']}; commit {measurement.short(facts['commit'])}. "
        f"In brackets the 95 % bootstrap interval over photographs."
    )


if __name__ == "__main__":
    main()
