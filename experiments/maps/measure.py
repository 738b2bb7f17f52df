"""Whether the maps are true: against the gallery's known causes, and against the network on real photographs.

python experiments/maps/measure.py causes RUNS --out experiments/maps/causes
python experiments/maps/measure.py faithfulness RUNS --pictures 20 --out experiments/maps/faithfulness

RUNS is the folder of an `awcu train` sweep. One record a network and method goes to results.csv and the differences
between methods, with what other pictures would change of them, to differences.csv, as `awcu table` reads them.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from methods import ATTRIBUTE_METHODS, METHODS, WITHOUT_NETWORK, Grids, Maps
from torch import Tensor

from awcu.commands.maps import load_run
from awcu.datasets import gallery
from awcu.inference.faithfulness import area_under, curves, randomised, similarity
from awcu.inference.predictor import AestheticModel
from awcu.metrics.localization import (
    area_share,
    energy_inside,
    iou_at_area,
    located,
    pointing_game,
    rank_correlation,
)
from awcu.ratings.ratings import Ratings
from awcu.runs.record import RunRecord

sys.path.append(str(Path(__file__).parents[2]))
from experiments.measurement import Measured, measured_record, write_measured

BATCH = 16
STEPS = 10  # of an insertion or deletion curve

Found = dict[str, list[dict[str, float]]]
"""By photograph, what was measured of it: once, or once for each thing in it."""


def main() -> None:
    """One record a run and method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("question", choices=("causes", "faithfulness"))
    parser.add_argument("runs", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, help="test pictures, spread over the split (default: all)")
    parser.add_argument("--methods", default=",".join(METHODS), help="separated by commas (default: all)")
    parser.add_argument("--weightings", default="uniform", help="the first with every method, others with the first")
    arguments = parser.parse_args()
    methods, weightings = arguments.methods.split(","), arguments.weightings.split(",")
    measure = _causes if arguments.question == "causes" else _faithfulness
    found: list[tuple[RunRecord, Measured]] = []
    for folder in sorted(path.parent for path in arguments.runs.glob("**/record.json")):
        run = RunRecord.load(folder / "record.json")
        weighting = next(token for token in run.variant.split() if token.startswith("weighting=")).partition("=")[2]
        if weighting not in weightings:
            continue
        model, test = load_run(folder)
        shown = _spread(test, arguments.pictures)
        for method in methods if weighting == weightings[0] else methods[:1]:
            started = time.monotonic()
            measured = _measured(measure(model, shown, method, run.seed))
            # Of the run's test photographs, those looked at; the rest are unused here.
            n = run.n | {"test": len(shown), "unused": run.n["test"] - len(shown)}
            experiment, seconds = f"maps/{arguments.out.name}", time.monotonic() - started
            record = measured_record(run, experiment, method, seconds, metrics=measured.means(), n=n)
            found.append((record, measured))
            print(record.variant, f"seed={run.seed}", f"{seconds:.0f} s", flush=True)
    write_measured(found, arguments.out)


def _measured(found: Found) -> Measured:
    names = dict.fromkeys(name for rows in found.values() for row in rows for name in row)
    return Measured.of(
        list(found), {name: [[row[name] for row in rows if name in row] for rows in found.values()] for name in names}
    )


def _causes(model: AestheticModel, test: Ratings, method: str, seed: int) -> Found:
    """Agreement with the cause maps, and of the attribute maps with the style masks."""
    found: Found = {}
    for rows, images in _batches(model, test):
        maps = METHODS[method](model, images)
        ids = test.image_ids[rows].tolist()
        truths = [gallery.truth(test, image_id) for image_id in ids]
        for place, (image_id, truth) in enumerate(zip(ids, truths, strict=True)):
            one = Maps(*(grids[place] for grids in maps))
            found[image_id] = [_against_causes(one, truth.cause_map)]
        if method in ATTRIBUTE_METHODS:
            for place, row in _styles(model, images, method, truths):
                found[ids[place]].append(row)
    return found


def _against_causes(maps: Maps, cause_map: Grids) -> dict[str, float]:
    found = {"cause_srcc": rank_correlation(maps.signed, cause_map), "trivial/cause_srcc": 0.0}
    for name, values, sign in (("good", maps.high, 1), ("bad", maps.low, -1)):
        found |= _against_mask(name, values, located(cause_map, sign))
    return found


def _styles(
    model: AestheticModel, images: Tensor, method: str, truths: Sequence[gallery.Truth]
) -> Iterator[tuple[int, dict[str, float]]]:
    """For each style that a picture has in a place of its own, the picture's place and a row."""
    local = [
        (place, style, mask)
        for place, truth in enumerate(truths)
        for style, mask in enumerate(truth.style_masks)
        if mask.any() and not mask.all()
    ]
    grids = ATTRIBUTE_METHODS[method](model, images, [(place, style) for place, style, _ in local])
    for values, (place, _, mask) in zip(grids, local, strict=True):
        yield place, _against_mask("style", values, mask)


def _against_mask(name: str, values: Grids, mask: np.ndarray) -> dict[str, float]:
    chance = area_share(values, mask)
    return {
        f"pointing_{name}": pointing_game(values, mask),
        f"energy_{name}": energy_inside(values, mask),
        f"iou_{name}": iou_at_area(values, mask),
        f"trivial/pointing_{name}": chance,
        f"trivial/energy_{name}": chance,
        f"trivial/iou_{name}": chance / (2 - chance),
    }


def _faithfulness(model: AestheticModel, test: Ratings, method: str, seed: int) -> Found:
    """Insertion and deletion of the predicted level, and what randomised weights leave of the map."""
    measured: Found = {}
    asked = () if method in WITHOUT_NETWORK else ("head", "all")
    drawn = {which: _with(model, randomised(model.net, which, seed)) for which in asked}
    for rows, images in _batches(model, test):
        maps = METHODS[method](model, images)
        others = {which: METHODS[method](other, images) for which, other in drawn.items()}
        for place, (row, image) in enumerate(zip(rows, images, strict=True)):
            high = model.verdicts(image[None])[0].score > 0
            curve = curves(
                _probability(model, high), image, torch.as_tensor((maps.high if high else maps.low)[place]), STEPS
            )
            found = {"insertion": area_under(curve.insertion), "deletion": area_under(curve.deletion)}
            found["insertion_less_deletion"] = found["insertion"] - found["deletion"]
            for which, other in others.items():
                kept = similarity(torch.as_tensor(maps.signed[place]), torch.as_tensor(other.signed[place]))
                found |= {f"kept_{which}": kept, f"kept_size_{which}": abs(kept)}
            measured[str(test.image_ids[row])] = [found]
    return measured


def _with(model: AestheticModel, net: torch.nn.Module) -> AestheticModel:
    return AestheticModel(model.config, net, model.device)


def _probability(model: AestheticModel, high: bool):  # noqa: ANN202
    def predicted(images: Tensor) -> Tensor:
        with torch.inference_mode():
            shares = model.objective.probability(model.net(images).aesthetic)
        return shares if high else 1 - shares

    return predicted


def _batches(model: AestheticModel, test: Ratings) -> Iterator[tuple[list[int], Tensor]]:
    for start in range(0, len(test), BATCH):
        rows = list(range(start, min(start + BATCH, len(test))))
        yield rows, torch.stack([model.prepare(test.image_paths[row]) for row in rows])


def _spread(test: Ratings, pictures: int | None) -> Ratings:
    if pictures is None or pictures >= len(test):
        return test
    return test.select(np.linspace(0, len(test) - 1, pictures).round().astype(int))


if __name__ == "__main__":
    main()
