"""Whether the maps are true: against the gallery's known causes, and against the network on real photographs.

python experiments/maps/measure.py causes RUNS --out experiments/maps/causes
python experiments/maps/measure.py causes RUNS --pictures 6 --methods aesam,scorecam --out experiments/maps/scorecam
python experiments/maps/measure.py faithfulness RUNS --pictures 40 --out experiments/maps/faithfulness

RUNS is the folder of an `awcu train` sweep. One record a network and method goes to results.csv, in the columns of
which `awcu table` reads them.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from methods import ATTRIBUTE_METHODS, METHODS, Grids, Maps, score_cam
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
    summary,
)
from awcu.ratings.ratings import Ratings
from awcu.runs.provenance import git_state, package_versions
from awcu.runs.record import RunRecord, write_results_csv

BATCH = 16
STEPS = 10  # of an insertion or deletion curve
AVAILABLE = METHODS | {"scorecam": score_cam}


def main() -> None:
    """One record a run and method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("question", choices=("causes", "faithfulness"))
    parser.add_argument("runs", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, help="test pictures, spread over the split (default: all)")
    parser.add_argument("--methods", default=",".join(METHODS), help=f"of {', '.join(AVAILABLE)}")
    parser.add_argument("--weightings", default="uniform", help="the first with every method, others with the first")
    arguments = parser.parse_args()
    methods, weightings = arguments.methods.split(","), arguments.weightings.split(",")
    measure = _causes if arguments.question == "causes" else _faithfulness
    records: list[RunRecord] = []
    for folder in sorted(path.parent for path in arguments.runs.glob("**/record.json")):
        run = RunRecord.load(folder / "record.json")
        weighting = next(token for token in run.variant.split() if token.startswith("weighting=")).partition("=")[2]
        if weighting not in weightings:
            continue
        model, test = load_run(folder)
        shown = _spread(test, arguments.pictures)
        for method in methods if weighting == weightings[0] else methods[:1]:
            started = time.monotonic()
            metrics = measure(model, shown, method, run.seed)
            records.append(_record(run, arguments.out.name, method, metrics, len(shown), time.monotonic() - started))
            write_results_csv(records, arguments.out / "results.csv")
            print(records[-1].variant, f"seed={run.seed}", f"{records[-1].wall_time_s:.0f} s", flush=True)


def _causes(model: AestheticModel, test: Ratings, method: str, seed: int) -> dict[str, float]:
    """Agreement with the cause maps, and of the attribute maps with the style masks."""
    pictures = []
    for rows, images in _batches(model, test):
        maps = AVAILABLE[method](model, images)
        truths = [gallery.truth(test, test.image_ids[row]) for row in rows]
        for place, truth in enumerate(truths):
            one = Maps(*(grids[place] for grids in maps))
            pictures.append(_against_causes(one, truth.cause_map))
        if method in ATTRIBUTE_METHODS:
            pictures += _styles(model, images, method, truths)
    return {f"test/{name}": average.mean for name, average in summary(pictures).items()}


def _against_causes(maps: Maps, cause_map: Grids) -> dict[str, float]:
    found = {"cause_srcc": rank_correlation(maps.signed, cause_map), "trivial/cause_srcc": 0.0}
    for name, values, sign in (("good", maps.high, 1), ("bad", maps.low, -1)):
        found |= _against_mask(name, values, located(cause_map, sign))
    return found


def _styles(
    model: AestheticModel, images: Tensor, method: str, truths: Sequence[gallery.Truth]
) -> list[dict[str, float]]:
    """One row for each style that a picture has in a place of its own."""
    local = [
        (place, style, mask)
        for place, truth in enumerate(truths)
        for style, mask in enumerate(truth.style_masks)
        if mask.any() and not mask.all()
    ]
    grids = ATTRIBUTE_METHODS[method](model, images, [(place, style) for place, style, _ in local])
    return [_against_mask("style", values, mask) for values, (_, _, mask) in zip(grids, local, strict=True)]


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


def _faithfulness(model: AestheticModel, test: Ratings, method: str, seed: int) -> dict[str, float]:
    """Insertion and deletion of the predicted level, and what randomised weights leave of the map."""
    pictures = []
    drawn = {which: _with(model, randomised(model.net, which, seed)) for which in ("head", "all")}
    for _, images in _batches(model, test):
        maps = AVAILABLE[method](model, images)
        others = {which: AVAILABLE[method](other, images) for which, other in drawn.items()}
        for place, image in enumerate(images):
            high = model.verdicts(image[None])[0].score > 0
            curve = curves(
                _probability(model, high), image, torch.as_tensor((maps.high if high else maps.low)[place]), STEPS
            )
            found = {"insertion": area_under(curve.insertion), "deletion": area_under(curve.deletion)}
            found["insertion_less_deletion"] = found["insertion"] - found["deletion"]
            for which, other in others.items():
                kept = similarity(torch.as_tensor(maps.signed[place]), torch.as_tensor(other.signed[place]))
                found |= {f"kept_{which}": kept, f"kept_size_{which}": abs(kept)}
            pictures.append(found)
    return {f"test/{name}": average.mean for name, average in summary(pictures).items()}


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


def _record(
    run: RunRecord, experiment: str, method: str, metrics: dict[str, float], n: int, seconds: float
) -> RunRecord:
    commit, dirty = git_state(Path(__file__).parent)
    return replace(
        run,
        experiment=f"maps/{experiment}",
        variant=" ".join(sorted([f"method={method}", *run.variant.split()])),
        metrics=metrics,
        # Of the runs' test photographs, those looked at; the rest are unused here.
        n=run.n | {"test": n, "unused": run.n["test"] - n},
        git_commit=commit,
        git_dirty=dirty,
        versions=package_versions(),
        wall_time_s=seconds,
    )


if __name__ == "__main__":
    main()
