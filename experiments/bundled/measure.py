"""What the bundled model says of its test photographs, of damaged copies of them, and of another set's beauty.

python experiments/bundled/measure.py --biq2021 FOLDER --oasis FOLDER

Writes results.csv (a record for `awcu table`), stress.csv (a damage, its strength, the mean rating and its 95 %
interval), stress.png and transfer.csv.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2]))
from experiments import measurement
from experiments.measurement import Pixels

from awcu.files import write_csv
from awcu.images.decoding import decode
from awcu.inference.predictor import AestheticModel
from awcu.metrics.bootstrap import point_and_interval
from awcu.metrics.rating import Predictions, evaluate, trivial
from awcu.models.pretrained import BUNDLED
from awcu.plots.style import BLUE, DPI, GREY, save_png
from awcu.ratings.ratings import Ratings
from awcu.ratings.splits import SPLITS
from awcu.ratings.weighting import SampleWeights, Uniform
from awcu.runs.provenance import git_state, package_versions
from awcu.runs.record import RunRecord, write_results_csv

HERE = Path(__file__).parent
PHOTOGRAPHS = 300  # test photographs that are damaged, drawn at random


def exposure(pixels: Pixels, stops: float) -> Pixels:
    """As if exposed so many stops more: linear light times 2^stops, clipped, by the sRGB curve."""
    linear = np.where(pixels <= 10.31475, pixels / 3294.6, ((pixels / 255 + 0.055) / 1.055) ** 2.4) * 2.0**stops
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clip(0) ** (1 / 2.4) - 0.055)
    return (255 * curve.clip(0, 1)).round().astype(np.uint8)


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian blur of a standard deviation in pixels."""
    return cv2.GaussianBlur(pixels, (0, 0), sigma) if sigma else pixels


def noise(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian noise of a standard deviation in levels of 255, the same for every photograph of a size."""
    drawn = np.random.default_rng(0).normal(0, sigma, pixels.shape)
    return (pixels + drawn).clip(0, 255).round().astype(np.uint8)


def jpeg(pixels: Pixels, quality: float) -> Pixels:
    """Compressed once more; 100 leaves the photograph alone."""
    if quality == 100:
        return pixels
    content = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    return np.ascontiguousarray(cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1])


def resize(pixels: Pixels, factor: float) -> Pixels:
    """Reduced to a share of its sides and enlarged again: the detail of a smaller copy."""
    height, width = pixels.shape[:2]
    small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


DAMAGES: dict[str, tuple[Callable[[Pixels, float], Pixels], str, float, list[float]]] = {
    "exposure": (exposure, "stops", 0, [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2]),
    "Gaussian blur": (blur, "σ, pixels", 0, [0, 0.5, 1, 2, 4]),
    "noise": (noise, "σ, levels of 255", 0, [0, 5, 10, 20, 40]),
    "JPEG": (jpeg, "quality", 100, [100, 75, 50, 25, 10]),
    "resize": (resize, "share of the sides", 1, [1, 0.75, 0.5, 0.25, 0.125]),
}


def main() -> None:
    """Measure the bundled model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--biq2021", type=Path, required=True, help="folder of mos_all.csv and images/")
    parser.add_argument("--oasis", type=Path, required=True, help="folder of ratings.csv and images/")
    arguments = parser.parse_args()
    code = git_state(HERE)  # before any file is written
    model = AestheticModel.from_pretrained(BUNDLED)
    transfer(model, measurement.rated(["data=oasis", f"data.root={arguments.oasis}"]))
    rated = measurement.rated(["experiment=bundled", f"data.root={arguments.biq2021}"])
    write_results_csv([record(model, rated, code)], HERE / "results.csv")
    test = rated.of_split("test")
    test = test.select(np.sort(np.random.default_rng(0).choice(len(test), PHOTOGRAPHS, replace=False)))
    curves = {name: list(curve(model, test, name)) for name in DAMAGES}
    header = ("damage", "unit", "strength", "photographs", "score", "half_width", "change", "change_half_width")
    points = ((name, DAMAGES[name][1], *point) for name in curves for point in curves[name])
    write_csv(HERE / "stress.csv", header, (dict(zip(header, point, strict=True)) for point in points))
    save_png(drawn(curves), HERE / "stress.png")


def record(model: AestheticModel, rated: Ratings, code: tuple[str, bool]) -> RunRecord:
    """The packaged weights on the test photographs, by the metrics of a run."""
    started, train, test = time.monotonic(), rated.of_split("train"), rated.of_split("test")
    if train.split_fingerprint != model.config.train_fingerprint:
        raise SystemExit(f"{rated.name}: the model has learned from other photographs than the training split's")
    score = torch.tensor([verdict.score for verdict in model.score(test.image_paths.tolist())], dtype=torch.float64)
    nothing = torch.empty(len(test), 0)
    found = evaluate(Predictions(score, nothing, nothing), test)
    metrics = {f"test/{name}": value for name, value in found.items()}
    metrics |= {f"test/trivial/{name}": value for name, value in trivial(train, test, found).items()}
    return RunRecord(
        experiment="bundled",
        variant="default",
        weighting=str(SampleWeights(Uniform())),
        seed=0,
        overrides=("experiment=bundled",),
        data=rated.name,
        data_fingerprint=rated.fingerprint,
        split_fingerprint=rated.split_fingerprint,
        n={split: len(rated.of_split(split)) for split in SPLITS} | {"excluded": 0},
        metrics=metrics,
        git_commit=code[0],
        git_dirty=code[1],
        versions=package_versions(),
        wall_time_s=time.monotonic() - started,
        checkpoint="",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        train_fingerprint=train.split_fingerprint,
    )


def transfer(model: AestheticModel, other: Ratings) -> None:
    """How the scores go with the ratings of a set that the model has not learned from."""
    score = np.array([verdict.score for verdict in model.score(other.image_paths.tolist())])
    point, low, high = point_and_interval(score, other.high, other.mean_score)["srcc"]
    row = {"data": other.name, "fingerprint": other.fingerprint, "photographs": len(other)}
    row |= {"srcc": point, "low": low, "high": high}
    write_csv(HERE / "transfer.csv", tuple(row), [row])


def curve(model: AestheticModel, test: Ratings, name: str) -> Iterator[tuple[float, int, float, float, float, float]]:
    """Strength, n, mean rating and its half-width, mean change against the undamaged and its half-width."""
    damage, _, none, strengths = DAMAGES[name]
    paths = test.image_paths.tolist()

    def scores(strength: float) -> NDArray[np.float64]:
        copies = (damage(decode(path), strength) for path in paths)
        return np.array([verdict.score for verdict in model.score(copies)]) + model.config.midpoint

    whole = scores(none)
    for strength in strengths:
        found = whole if strength == none else scores(strength)
        half, change = (1.96 * values.std(ddof=1) / len(values) ** 0.5 for values in (found, found - whole))
        yield strength, len(found), float(found.mean()), float(half), float((found - whole).mean()), float(change)


def drawn(curves: dict[str, list[tuple[float, int, float, float, float, float]]]) -> Figure:
    """A panel a damage, from none at the left to the strongest."""
    figure = Figure(figsize=(11, 2.8), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, len(curves), sharey=True)
    for axis, (name, points) in zip(panels, curves.items(), strict=True):
        strength, _, score, half, _, _ = (np.array(column) for column in zip(*points, strict=True))
        places = np.arange(len(strength))
        axis.axhline(score[strength.tolist().index(DAMAGES[name][2])], color=GREY, linewidth=0.8, linestyle="--")
        axis.errorbar(places, score, yerr=half, color=BLUE, marker="o", markersize=4, capsize=2)
        axis.set(title=name, xlabel=DAMAGES[name][1])
        every = 2 if len(places) > 6 else 1
        axis.set_xticks(places[::every], [f"{one:g}" for one in strength[::every]])
        axis.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("mean expected rating")
    return figure


if __name__ == "__main__":
    main()
