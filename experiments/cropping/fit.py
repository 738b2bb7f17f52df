"""What the methods of cropping learn, all of it from the gallery's validation pictures: each point of a grid tried.

python experiments/cropping/fit.py RUNS

RUNS is the folder of `awcu train experiment=cropping`. fit.csv has a line a method and point: mean IoU with the true
crop, of each network and of all. What needs a network is fitted to the uniform ones of all seeds together.
"""

import argparse
import csv
import io
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from methods import METHODS, NETWORK, SOURCES, TIE, Holding, Map, Proposed, Size, candidates, held, smallest_holding
from numpy.typing import NDArray
from omegaconf import OmegaConf

from awcu.datasets import cropping as crops
from awcu.files import write_atomically
from awcu.images.boxes import ious
from awcu.inference.crop import CropWeights, worth
from awcu.inference.predictor import AestheticModel
from awcu.ratings.ratings import Ratings
from awcu.runs.record import RunRecord
from awcu.training.build import read_ratings

AREAS = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 12, 16)
BORDERS = (0, 0.02, 0.05, 0.1)
LEVELS = (0, 0.25, 0.5, 0.75, 1)
SHARES = tuple(round(share, 3) for share in np.linspace(0.3, 1, 29).tolist())
COLUMNS = ("area", "border", "level", "share")

Point = tuple[float, ...]
Ious = dict[tuple[str, Point], NDArray[np.float64]]


def main() -> None:
    """One line a method and point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("fit.csv"))
    parser.add_argument("--pictures", type=int, help="only so many validation pictures (default: all)")
    arguments = parser.parse_args()
    found: dict[str, Ious] = {}
    for folder in sorted(path.parent for path in arguments.runs.glob("**/record.json")):
        run = RunRecord.load(folder / "record.json")
        if "weighting=uniform" not in run.variant.split():
            continue
        val = crops.gallery.of_ratings(_validation(folder))
        model = AestheticModel.from_pretrained(run.checkpoint)
        if not found:
            found[""] = _searched([name for name in SOURCES if name not in NETWORK], None, val, arguments.pictures)
        found[f"seed={run.seed}"] = _searched(["aesam"], model, val, arguments.pictures)
        write_atomically(arguments.out, _lines(found))
        print(f"seed={run.seed}", flush=True)
    for (method, point), iou in _best(found).items():
        print(f"{method:28}", *(f"{name}={value:g}" for name, value in _named(method, point)), f"IoU {iou:.4f}")


def _validation(folder: Path) -> Ratings:
    return read_ratings(OmegaConf.load(folder / ".hydra" / "config.yaml"))[0].of_split("val")


def _searched(sources: Sequence[str], model: AestheticModel | None, val: crops.CropSet, pictures: int | None) -> Ious:
    """Each picture's map is drawn once; `(N,)` IoUs of every point."""
    rows: dict[tuple[str, Point], list[float]] = {}
    for place, (width, height) in enumerate(crops.check_sizes(val)[:pictures].tolist()):
        size, truth = (height, width), val.boxes[place][0].tolist()
        overlap = ious(candidates(size), truth)
        for source in sources:
            values = SOURCES[source](model, Path(str(val.image_paths[place])))
            for method, one in METHODS.items():
                if one.fitted == method and isinstance(one, Proposed | Holding) and one.source == source:
                    tried = _weighted if isinstance(one, Proposed) else _held
                    for point, iou in tried(values, size, overlap):
                        rows.setdefault((method, point), []).append(iou)
    return {key: np.array(values) for key, values in rows.items()}


def _weighted(values: Map, size: Size, overlap: NDArray[np.float64]) -> Iterator[tuple[Point, float]]:
    """Worth is linear in `area`, so the integrals of a map do for all areas."""
    boxes = candidates(size)
    left, top, right, bottom = boxes.T
    share = (right - left) * (bottom - top) / (size[0] * size[1])
    for border, level in product(BORDERS, LEVELS):
        kept = worth(values, size, boxes, CropWeights(0.0, border, level))
        for area in AREAS:
            whole = kept + area * share
            # The first is the largest of those worth the same.
            yield (area, border, level), float(overlap[np.argmax(whole >= whole.max() - TIE)])


def _held(values: Map, size: Size, overlap: NDArray[np.float64]) -> Iterator[tuple[Point, float]]:
    shares, boxes = held(values, size), candidates(size)
    for share in SHARES:
        box = smallest_holding(shares, size, share)
        yield (share,), float(overlap[np.flatnonzero((boxes == box).all(axis=1))[0]])


def _named(method: str, point: Point) -> Iterator[tuple[str, float]]:
    return zip(COLUMNS[:3] if isinstance(METHODS[method], Proposed) else COLUMNS[3:], point, strict=True)


def _means(found: dict[str, Ious]) -> dict[tuple[str, Point], dict[str, float]]:
    """Mean IoU of each point, by network."""
    means: dict[tuple[str, Point], dict[str, float]] = {}
    for network, points in found.items():
        for key, values in points.items():
            means.setdefault(key, {})[network] = float(values.mean())
    return means


def _best(found: dict[str, Ious]) -> dict[tuple[str, Point], float]:
    """The best point of each method; the first of several."""
    best: dict[str, tuple[Point, float]] = {}
    for (method, point), means in _means(found).items():
        iou = float(np.mean(list(means.values())))
        if method not in best or iou > best[method][1]:
            best[method] = point, iou
    return {(method, point): iou for method, (point, iou) in best.items()}


def _lines(found: dict[str, Ious]) -> str:
    networks = [network for network in found if network]
    text = io.StringIO()
    writer = csv.DictWriter(
        text, ["method", *COLUMNS, "iou", *(f"iou/{network}" for network in networks)], lineterminator="\n"
    )
    writer.writeheader()
    for (method, point), means in _means(found).items():
        each = {f"iou/{network}": f"{iou:.6f}" for network, iou in means.items() if network}
        iou = f"{np.mean(list(means.values())):.6f}"
        writer.writerow({"method": method, "iou": iou} | dict(_named(method, point)) | each)
    return text.getvalue()


if __name__ == "__main__":
    main()
