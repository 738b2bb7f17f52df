"""Does AesAM crop? Boxes of every method against the gallery's true ones and the annotated ones of published sets.

python experiments/cropping/measure.py RUNS --data gallery --out experiments/cropping/gallery
python experiments/cropping/measure.py RUNS --data flms --root FOLDER --out experiments/cropping/flms

RUNS is the folder of an `awcu train` sweep. fit.csv (`fit.py`) says what the methods learned from the gallery's
validation pictures; nothing is fitted to another set. One record a network and method goes to results.csv; what needs
no network is measured once and stands under every seed. What other pictures would change of the differences between
methods goes to differences.csv.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from methods import GALLERY, METHODS, Fit, Method, Size, read_fit
from numpy.typing import NDArray

from awcu.commands.maps import load_run
from awcu.datasets import cropping as crops
from awcu.datasets.cropping.cuhk_icd import ANNOTATORS, annotator
from awcu.images.boxes import Box
from awcu.inference.predictor import AestheticModel
from awcu.metrics.cropping import acc, best_of, srcc
from awcu.runs.record import RunRecord

sys.path.append(str(Path(__file__).parents[2]))
from experiments.measurement import Measured, measured_record, write_measured

WHOLE = 0.95  # of the frame: a box that keeps as much counts as no cut
BEYOND = ("flms", "fcdb")  # sets with boxes that reach beyond the frame and are to be cut there

Floats = NDArray[np.float64]
Values = dict[str, Floats]
"""By metric, one of each photograph; nan where a photograph does not count."""


def main() -> None:
    """One record a run and method."""
    arguments = _arguments()
    fits = read_fit(Path(__file__).with_name("fit.csv"))
    found: list[tuple[RunRecord, Measured]] = []
    known: dict[tuple[str, str], Measured] = {}
    for folder in sorted(path.parent for path in arguments.runs.glob("**/record.json")):
        run = RunRecord.load(folder / "record.json")
        if not any(f"weighting={name}" in run.variant.split() for name in arguments.weightings.split(",")):
            continue
        model, crop_set = _read(folder, run, arguments)
        shown, sizes = _sized(_spread(crop_set, arguments.pictures))
        for name in _chosen(arguments, run):
            started, method, key = time.monotonic(), METHODS[name], (name, shown.fingerprint)
            measured = known.get(key) or _measured(model, method, fits.get(method.fitted), shown, sizes)
            if not method.network:
                known[key] = measured
            record = _record(run, arguments, name, measured, shown, len(crop_set), time.monotonic() - started)
            found.append((record, measured))
            print(record.variant, f"seed={run.seed}", f"{record.wall_time_s:.0f} s", flush=True)
    write_measured(found, arguments.out)


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
) -> Measured:
    """Where boxes have scores, whether the method ranks them alike; else whether it finds them."""
    photographs = list(zip(map(Path, shown.image_paths.tolist()), sizes, strict=True))
    if shown.scores is not None:
        ranks = [
            method.rank(model, path, size, fit, boxes)
            for (path, size), boxes in zip(photographs, shown.boxes, strict=True)
        ]
        found = _ranked(ranks, shown.scores)
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
    return Measured.of(shown.image_ids.tolist(), {name: values[:, None] for name, values in found.items()})


def _ranked(ranks: Sequence[Floats], scores: Sequence[Floats]) -> Values:
    """SRCC and Acc K/N of each photograph."""
    pairs = [([one], [truth]) for one, truth in zip(ranks, scores, strict=True)]
    found = {"srcc": np.array([srcc(*pair) for pair in pairs])}
    if np.isnan(found["srcc"]).any():
        found["srcc"][:] = np.nan  # a mean over the others would be over another set of photographs
    for n in (5, 10):
        found[f"acc{n}"] = np.array([np.mean([acc(*pair, k, n) for k in (1, 2, 3, 4)]) for pair in pairs])
    return found


def _agreement(boxes: Sequence[Box], crop_set: crops.CropSet, sizes: Sequence[Size]) -> Values:
    """Of each photograph IoU, BDE and whether it is left whole, also among those to cut alone and those to leave."""
    found = [best_of(box, truths, size) for box, truths, size in zip(boxes, crop_set.boxes, sizes, strict=True)]
    overlap, displacement = np.array(found).T
    area = np.array([_areas(np.array([box]), size)[0] for box, size in zip(boxes, sizes, strict=True)])
    cut = np.array(
        [_areas(truths, size).max() < WHOLE for truths, size in zip(crop_set.boxes, sizes, strict=True)], dtype=np.bool_
    )
    left = (area >= WHOLE).astype(np.float64)
    return {
        "iou": overlap,
        "bde": displacement,
        "iou_cut": np.where(cut, overlap, np.nan),
        "bde_cut": np.where(cut, displacement, np.nan),
        "iou_whole": np.where(cut, np.nan, overlap),
        "left_wrongly": np.where(cut, left, np.nan),
        "left_rightly": np.where(cut, np.nan, left),
        "area": area,
        "cut": cut.astype(np.float64),
    }


def _areas(boxes: np.ndarray, size: Size) -> np.ndarray:
    """Shares of the frame."""
    return np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) / (size[0] * size[1])


def _record(
    run: RunRecord,
    arguments: argparse.Namespace,
    method: str,
    measured: Measured,
    shown: crops.CropSet,
    there: int,
    seconds: float,
) -> RunRecord:
    unused = {"unused": there - len(shown)}
    if arguments.data == "gallery":
        tested: dict[str, Any] = {"n": run.n | {"test": len(shown)} | unused}
    else:
        tested = {
            "data": shown.name,
            "data_fingerprint": shown.fingerprint,
            "split_fingerprint": shown.fingerprint,
            "n": {"test": len(shown), "excluded": shown.missing} | unused,
        }
    return measured_record(run, f"cropping/{arguments.out.name}", method, seconds, metrics=measured.means(), **tested)


if __name__ == "__main__":
    main()
