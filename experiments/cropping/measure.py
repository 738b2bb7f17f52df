"""Does AesAM crop? Boxes of every method against the gallery's true ones and the annotated ones of published sets.

python experiments/cropping/measure.py RUNS --data gallery --out experiments/cropping/gallery
python experiments/cropping/measure.py RUNS --data flms --root FOLDER --out experiments/cropping/flms

RUNS is the folder of an `awcu train` sweep. fit.csv (`fit.py`) says what the methods learned from the gallery's
validation pictures; nothing is fitted to another set. One record a network and method goes to results.csv; what needs
no network is measured once and stands under every seed.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from methods import GALLERY, METHODS, Fit, Method, Size, read_fit

from awcu.commands.maps import load_run
from awcu.datasets import cropping as crops
from awcu.datasets.cropping.cuhk_icd import ANNOTATORS, annotator
from awcu.images.boxes import Box
from awcu.inference.predictor import AestheticModel
from awcu.metrics.cropping import acc, best_of, srcc
from awcu.runs.provenance import git_state, package_versions
from awcu.runs.record import RunRecord, write_results_csv

WHOLE = 0.95  # of the frame: a box that keeps as much counts as no cut
BEYOND = ("flms", "fcdb")  # sets with boxes that reach beyond the frame and are to be cut there

Metrics = dict[str, float]


def main() -> None:
    """One record a run and method."""
    arguments = _arguments()
    fits = read_fit(Path(__file__).with_name("fit.csv"))
    records: list[RunRecord] = []
    known: dict[tuple[str, str], Metrics] = {}
    for folder in sorted(path.parent for path in arguments.runs.glob("**/record.json")):
        run = RunRecord.load(folder / "record.json")
        if not any(f"weighting={name}" in run.variant.split() for name in arguments.weightings.split(",")):
            continue
        model, crop_set = _read(folder, run, arguments)
        shown, sizes = _sized(_spread(crop_set, arguments.pictures))
        for name in _chosen(arguments, run):
            started, method, key = time.monotonic(), METHODS[name], (name, shown.fingerprint)
            metrics = known.get(key) or _measured(model, method, fits.get(method.fitted), shown, sizes)
            if not method.network:
                known[key] = metrics
            records.append(_record(run, arguments, name, metrics, shown, len(crop_set), time.monotonic() - started))
            write_results_csv(records, arguments.out / "results.csv")
            print(records[-1].variant, f"seed={run.seed}", f"{records[-1].wall_time_s:.0f} s", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path)
    parser.add_argument("--data", choices=crops.NAMES, required=True)
    parser.add_argument("--root", type=Path, help="folder of a published set")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, help="test pictures, spread over the split (default: all)")
    parser.add_argument("--methods", default=",".join(METHODS), help="separated by commas (default: all)")
    parser.add_argument("--weightings", default="uniform,power", help="the runs to look into")
    return parser.parse_args()


def _chosen(arguments: argparse.Namespace, run: RunRecord) -> list[str]:
    """Without those that know the gallery elsewhere, and what needs no network only beside the uniform runs."""
    uniform = "weighting=uniform" in run.variant.split()
    names = [name for name in arguments.methods.split(",") if METHODS[name].network or uniform]
    return [name for name in names if name not in GALLERY or arguments.data == "gallery"]


def _read(folder: Path, run: RunRecord, arguments: argparse.Namespace) -> tuple[AestheticModel, crops.CropSet]:
    """The network, and the photographs to test it on."""
    if arguments.data == "gallery":
        model, test = load_run(folder)
        return model, crops.gallery.of_ratings(test)
    return AestheticModel.from_pretrained(run.checkpoint), crops.read(arguments.data, arguments.root).of_split("test")


def _spread(crop_set: crops.CropSet, pictures: int | None) -> crops.CropSet:
    if pictures is None or pictures >= len(crop_set):
        return crop_set
    rows = np.linspace(0, len(crop_set) - 1, pictures).round().astype(int)
    return replace(
        crop_set,
        image_ids=crop_set.image_ids[rows],
        image_paths=crop_set.image_paths[rows],
        boxes=tuple(crop_set.boxes[row] for row in rows),
        scores=crop_set.scores and tuple(crop_set.scores[row] for row in rows),
        split=crop_set.split[rows],
    )


def _sized(crop_set: crops.CropSet) -> tuple[crops.CropSet, list[Size]]:
    """With every box within its photograph, and the photographs' heights and widths."""
    if crop_set.name in BEYOND:
        crop_set = crops.cut_to_photographs(crop_set, crops.photograph_sizes(crop_set))
    return crop_set, [(height, width) for width, height in crops.check_sizes(crop_set).tolist()]


def _measured(
    model: AestheticModel, method: Method, fit: Fit | None, shown: crops.CropSet, sizes: Sequence[Size]
) -> Metrics:
    """Where boxes have scores, whether the method ranks them alike; else whether it finds them."""
    photographs = list(zip(map(Path, shown.image_paths.tolist()), sizes, strict=True))
    if shown.scores is not None:
        ranks = [
            method.rank(model, path, size, fit, boxes)
            for (path, size), boxes in zip(photographs, shown.boxes, strict=True)
        ]
        found = {"srcc": srcc(ranks, shown.scores)}
        for n in (5, 10):
            found[f"acc{n}"] = float(np.mean([acc(ranks, shown.scores, k, n) for k in (1, 2, 3, 4)]))
    else:
        boxes = [method.box(model, path, size, fit) for path, size in photographs]
        if shown.name == "cuhk_icd":
            found = {
                f"annotator_{number}/{name}": value
                for number in range(1, ANNOTATORS + 1)
                for name, value in _agreement(boxes, annotator(shown, number), sizes).items()
            }
        else:
            found = _agreement(boxes, shown, sizes)
    return {f"test/{name}": value for name, value in found.items()}


def _agreement(boxes: Sequence[Box], crop_set: crops.CropSet, sizes: Sequence[Size]) -> Metrics:
    """IoU and BDE over all photographs and over those to cut, and how often the method leaves either kind whole."""
    found = [best_of(box, truths, size) for box, truths, size in zip(boxes, crop_set.boxes, sizes, strict=True)]
    overlap, displacement = np.array(found).T
    area = np.array([_areas(np.array([box]), size)[0] for box, size in zip(boxes, sizes, strict=True)])
    cut = np.array(
        [_areas(truths, size).max() < WHOLE for truths, size in zip(crop_set.boxes, sizes, strict=True)], dtype=np.bool_
    )
    return {
        "iou": _mean(overlap),
        "bde": _mean(displacement),
        "iou_cut": _mean(overlap[cut]),
        "bde_cut": _mean(displacement[cut]),
        "iou_whole": _mean(overlap[~cut]),
        "left_wrongly": _mean(area[cut] >= WHOLE),
        "left_rightly": _mean(area[~cut] >= WHOLE),
        "area": _mean(area),
        "cut": _mean(cut),
    }


def _areas(boxes: np.ndarray, size: Size) -> np.ndarray:
    """Shares of the frame."""
    return np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) / (size[0] * size[1])


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _record(
    run: RunRecord,
    arguments: argparse.Namespace,
    method: str,
    metrics: Metrics,
    shown: crops.CropSet,
    there: int,
    seconds: float,
) -> RunRecord:
    commit, dirty = git_state(Path(__file__).parent)
    unused = {"unused": there - len(shown)}
    if arguments.data == "gallery":
        tested = replace(run, n=run.n | {"test": len(shown)} | unused)
    else:
        tested = replace(
            run,
            data=shown.name,
            data_fingerprint=shown.fingerprint,
            split_fingerprint=shown.fingerprint,
            n={"test": len(shown), "excluded": shown.missing} | unused,
        )
    return replace(
        tested,
        experiment=f"cropping/{arguments.out.name}",
        variant=" ".join(sorted([f"method={method}", *run.variant.split()])),
        metrics=metrics,
        git_commit=commit,
        git_dirty=dirty,
        versions=package_versions(),
        wall_time_s=seconds,
    )


if __name__ == "__main__":
    main()
