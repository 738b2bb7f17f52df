"""Whether a head that learns measured attributes learns them, and whether its maps (AttAM) show where they are.

here=experiments/maps/attributes
python $here/measure.py experiment=bundled data.root=FOLDER --out $here/biq2021

The first arguments are settings of `awcu train`. Heads on two frozen backbones are solved on training photographs,
validation photographs choose their penalty, and test photographs measure. Writes measures.csv (a backbone, an
attribute, a method and a measure a line, with the 95 % interval over photographs) and table.md.
"""

import argparse
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[3]))
from experiments import measurement
from experiments.measurement import Interval, Row, shown

from awcu.datasets.measured import with_measured
from awcu.images.decoding import decode
from awcu.images.measures import MEASURES, measure
from awcu.images.transforms import Preparation
from awcu.inference.predictor import AestheticModel
from awcu.metrics.bootstrap import redraws
from awcu.metrics.localization import pointing_game, rank_correlation
from awcu.metrics.ranks import auroc
from awcu.metrics.rating import Predictions, evaluate
from awcu.models.network import AestheticNet, normalization
from awcu.models.pretrained import BUNDLED
from awcu.probing.as_network import solve_attributes
from awcu.probing.cross_validation import Search, solve
from awcu.probing.grid import grid_rows
from awcu.probing.heads import Heads
from awcu.ratings.ratings import Ratings
from awcu.text import markdown_table
from awcu.training.features import extract

Map = NDArray[np.float32]

BLOCK = "maps/attributes"  # of a README
MAPPED = ("sharpness", "lightness", "shadows", "lights", "contrast", "colourfulness", "noise")  # have maps of their own
PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # those of conf/probe.yaml
CENTRE = 0.5  # standard deviation of the Gaussian, in half sides
TOP = 0.9  # quantile of the measure's map above which a place is where the attribute is
BACKBONES = {"packaged": "the packaged model", "imagenet": "ImageNet EfficientNet-Lite0"}
METHODS = {
    "attam": "AttAM",
    "other": "AttAM of another attribute",
    "aesam": "AesAM",
    "centre": "centre",
    "random": "random map",
    "gain": "AttAM less that of another attribute, paired",
}


def main() -> None:
    """Solve, measure, and write both files."""
    arguments = _arguments()
    code, rated = measurement.commit(), labelled(arguments)
    rows: list[Row] = []
    lines: list[Row] = []
    for backbone in BACKBONES:
        model = MODELS[backbone]()
        learn(model, rated, arguments.features)
        found, logits = judged(model, rated.of_split("test"))
        rows += [{"backbone": backbone} | row for row in found]
        lines += [{"backbone": backbone} | line for line in learned(logits, rated.of_split("test"))]
    lines += summary(rows)
    n = {split: len(rated.of_split(split)) for split in ("train", "val", "test")}
    facts = measurement.facts(rated, arguments.seed, code, **n)
    text = "\n\n".join([learned_table(lines), maps_table(lines), attributes_table(lines), caption(facts)])
    measurement.publish(arguments, BLOCK, lines, facts, text)


def _arguments() -> argparse.Namespace:
    options = measurement.parser(__doc__, BLOCK)
    options.add_argument("--train", type=int, default=300, help="photographs to learn from (default: 300)")
    options.add_argument("--val", type=int, default=100, help="photographs that choose the penalty (default: 100)")
    options.add_argument("--test", type=int, default=120, help="photographs that measure (default: 120)")
    options.add_argument("--features", type=Path, help="folder of the features (default: the user's cache folder)")
    return options.parse_args()


def labelled(arguments: argparse.Namespace) -> Ratings:
    """Photographs drawn from each split, with measured attributes and no others."""
    whole = measurement.rated(arguments.settings)
    rng, kept = np.random.default_rng(arguments.seed), []
    for split in ("train", "val", "test"):
        of_split = np.flatnonzero(whole.split == split)
        kept.append(rng.permutation(of_split)[: getattr(arguments, split)])
    drawn = whole.select(np.sort(np.concatenate(kept)))
    measured = with_measured(replace(drawn, attributes=drawn.attributes[:, :0], attribute_names=()))
    train = measured.of_split("train").attributes
    both = [{0.0, 1.0} <= set(column.tolist()) for column in train.T]
    names = tuple(name for name, fine in zip(MEASURES, both, strict=True) if fine)
    print("no head for:", sorted(set(MEASURES) - set(names)) or "none", file=sys.stderr)
    return replace(measured, attributes=measured.attributes[:, both], attribute_names=names)


def packaged() -> AestheticModel:
    """Its aesthetic head stays, so that AesAM is that of the package."""
    model = AestheticModel.from_pretrained(BUNDLED)
    model.config = replace(model.config, reference=None)
    return model


def imagenet() -> AestheticModel:
    """A backbone that knows no aesthetics, prepared as the packaged model is."""
    known, name = packaged().config, "tf_efficientnet_lite0"
    mean, std = normalization(name)
    preparation = known.preparation | {"mean": tuple(mean), "std": tuple(std)}
    network = known.network | {"backbone": name}
    net = AestheticNet(name, aesthetic_outputs=1, pretrained="package")
    return AestheticModel(replace(known, network=network, preparation=preparation, trained_on=""), net)


MODELS = {"packaged": packaged, "imagenet": imagenet}


def learn(model: AestheticModel, rated: Ratings, folder: Path | None) -> None:
    """Give the model an attribute head, and where it has learned nothing of aesthetics an aesthetic one."""
    known = rated.select(rated.split != "test")
    preparation = Preparation(**model.config.preparation)
    description = {"backbone": model.config.network["backbone"]} | dict(model.config.preparation)
    features = extract(known, model.net, description, preparation, folder=folder, workers=0, batch_size=8)
    train, val = (rated.of_split(split) for split in ("train", "val"))
    seen, held_out = (torch.from_numpy(features.of(part.image_ids)) for part in (train, val))
    heads = solve_attributes(train, seen, val, held_out, list(PENALTIES))
    assert heads is not None
    model.net.attribute_head = linear(heads, heads.weight[:, 0], heads.bias[:, 0])
    model.config = replace(model.config, attribute_names=rated.attribute_names)
    if not model.config.trained_on:
        search = Search(PENALTIES, folds=5, objective="score")
        one = solve(grid_rows(["weighting=uniform"]), train, seen, search, seed=0).heads
        model.net.aesthetic_head = linear(one, one.weight[0], one.bias[0])


def linear(heads: Heads, weight: torch.Tensor, bias: torch.Tensor) -> torch.nn.Linear:
    """The layer that answers what solved heads answer."""
    layer = torch.nn.Linear(heads.weight.shape[-1], len(bias))
    layer.load_state_dict({"weight": weight.float(), "bias": bias.float()})
    return layer


def judged(model: AestheticModel, test: Ratings) -> tuple[list[Row], NDArray[np.float64]]:
    """A row for each photograph and each attribute that it has, and `(N, A)` logits."""
    rows, logits = list[Row](), []
    for (image_id, path), labels in zip(measurement.each(test), test.attributes, strict=True):
        photograph = decode(path)
        explained = model.explain(photograph)
        logits.append(list(explained.verdict.attribute_logits.values()))
        rng = np.random.default_rng(zlib.crc32(image_id.encode()))
        own = {name: one.places for name, one in measure(photograph, MAPPED).items()}
        maps = {name: explained.attributes[name] for name in MAPPED if name in explained.attributes}
        present = dict(zip(test.attribute_names, labels == 1, strict=True))
        for name in (name for name in maps if present[name]):
            another = maps[str(rng.choice([one for one in maps if one != name]))]
            tried = {"attam": maps[name], "other": another, "aesam": explained.evidence}
            tried |= {"centre": centre(maps[name].shape), "random": rng.normal(size=maps[name].shape)}
            measures = {f"{method}/{key}": value for method, grid in tried.items() for key, value in
                        compared(grid, own[name]).items()}  # fmt: skip
            measures |= {
                f"gain/{key}": measures[f"attam/{key}"] - measures[f"other/{key}"] for key in ("rho", "points")
            }
            rows.append({"photograph": image_id, "attribute": name} | measures)
    return rows, np.array(logits)


def centre(shape: tuple[int, ...]) -> Map:
    """No network: a Gaussian in the middle of the frame."""
    down, across = (np.linspace(-1, 1, cells) for cells in shape)
    return np.exp(-(across**2 + down[:, None] ** 2) / (2 * CENTRE**2)).astype(np.float32)


def compared(grid: Map, places: Map) -> dict[str, float]:
    """Spearman's ρ over cells with the measure's map `(H, W)`, and whether the peak lies in its top tenth."""
    averaged = cv2.resize(places, grid.shape[::-1], interpolation=cv2.INTER_AREA)
    rho = rank_correlation(grid, averaged)
    return {"rho": rho, "points": pointing_game(grid, places > np.quantile(places, TOP))}


def learned(logits: NDArray[np.float64], test: Ratings) -> Iterator[Row]:
    """Average precision and AUROC of each attribute on the photographs that are labelled for it."""
    nothing = torch.zeros(len(test))
    answers = Predictions(nothing, nothing[:, None][:, :0], torch.from_numpy(logits))
    metrics = evaluate(answers, test)
    for name, scores, column in zip(test.attribute_names, logits.T, test.attributes.T, strict=True):
        known = ~np.isnan(column)
        present = column[known] == 1
        drawn = np.concatenate([auroc(scores[known], present, times) for times in redraws(len(present))])
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        for what, found in (
            ("ap", (metrics[f"ap/{name}"], np.nan, np.nan)),
            ("trivial ap", (float(present.mean()), np.nan, np.nan)),
            ("auroc", (float(auroc(scores[known], present)), float(low), float(high))),
        ):
            yield line(name, "head", what, len(present), found)


def line(attribute: str, method: str, what: str, n: int, found: Interval) -> Row:
    """A line of measures.csv but its backbone."""
    mean, low, high = found
    return {"attribute": attribute, "method": method, "measure": what, "n": n, "mean": mean, "low": low, "high": high}


def summary(rows: Sequence[Row]) -> list[Row]:
    """Means over photographs of each backbone, attribute, method and measure; of "all", attributes averaged first."""
    found = []
    for backbone in BACKBONES:
        for attribute in ("all", *MAPPED):
            mine = [row for row in rows if row["backbone"] == backbone and attribute in ("all", row["attribute"])]
            for key in dict.fromkeys(key for row in mine for key in row if "/" in key):
                method, _, what = key.partition("/")
                names = {"backbone": backbone, "attribute": attribute, "method": method, "measure": what}
                found.append(names | measurement.estimate(mine, key))
    return found


def learned_table(lines: Sequence[Row]) -> str:
    """Whether the attributes are learned."""
    heads = {one["attribute"]: one["n"] for one in lines if one["method"] == "head"}
    header = ["attribute", "labelled", "AP, trivial"]
    for title in BACKBONES.values():
        header += [f"AP, {title}", "AUROC"]
    rows = []
    for name, n in heads.items():
        found = [shown(lines, one, name, "head", what) for one in BACKBONES for what in ("ap", "auroc")]
        rows.append((name, str(n), shown(lines, next(iter(BACKBONES)), name, "head", "trivial ap"), *found))
    return markdown_table(header, rows, "l" + "r" * (len(header) - 1))


def maps_table(lines: Sequence[Row]) -> str:
    """Whether the maps show where, over all attributes."""
    header = ("map", *(f"{what}, {title}" for title in BACKBONES.values() for what in ("ρ", "peak in the top tenth")))
    rows = [
        (title, *(shown(lines, one, "all", method, what) for one in BACKBONES for what in ("rho", "points")))
        for method, title in METHODS.items()
    ]
    return markdown_table(header, rows, "lrrrr")


def attributes_table(lines: Sequence[Row]) -> str:
    """The same for each attribute: its own map, and beside it another attribute's and the middle of the frame."""
    header = ["attribute", "photographs"]
    for title in BACKBONES.values():
        header += [f"ρ, {title}", "… of another", "peak in the top tenth", "… of another", "… centre"]
    cells = (("attam", "rho"), ("other", "rho"), ("attam", "points"), ("other", "points"), ("centre", "points"))
    rows = []
    for name in MAPPED:
        n = [one["n"] for one in lines if (one["attribute"], one["method"], one["measure"]) == (name, "attam", "rho")]
        found = [shown(lines, backbone, name, *cell) for backbone in BACKBONES for cell in cells]
        rows.append((name, str(n[0]) if n else "–", *found))
    return markdown_table(header, rows, "l" + "r" * (len(header) - 1))


def caption(facts: Mapping[str, Any]) -> str:
    """Of what the tables are."""
    return (
        f"{facts['data']} ({facts['fingerprint']}): {facts['train']} photographs to learn from, {facts['val']} that "
        f"choose the penalty, {facts['test']} that measure; seed {facts['seed']}; commit "
        f"{measurement.short(facts['commit'])}. In brackets the 95 % bootstrap interval over test photographs."
    )


if __name__ == "__main__":
    main()
