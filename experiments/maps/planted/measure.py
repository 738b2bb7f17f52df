"""Whether score, map and crop answer to a flaw planted in a known place of a photograph.

python experiments/maps/planted/measure.py experiment=bundled data.root=FOLDER --out experiments/maps/planted/biq2021
python experiments/maps/planted/measure.py data=gallery --own --out experiments/maps/planted/gallery

The first arguments are settings of `awcu train`, whose test photographs are taken. Writes measures.csv (a kind of flaw,
a method and a measure a line, with the 95 % interval over photographs) and table.md. With --own nothing is planted: the
gallery's pictures are rendered without their flaws, and with one of them at a time.
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
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM

sys.path.insert(0, str(Path(__file__).parents[3]))
from experiments import measurement
from experiments.maps.methods import grad_cam, last_layer
from experiments.measurement import Pixels, Row, shown

from awcu.datasets.gallery import draw_plan, render_plan
from awcu.datasets.gallery.plan import Plan
from awcu.files import write_csv
from awcu.images.boxes import Box
from awcu.images.decoding import decode
from awcu.images.flaws import LOCAL, WHOLE, PlantedFlaw, plant
from awcu.inference.explanation import Explanation
from awcu.inference.predictor import AestheticModel
from awcu.metrics.localization import area_share, auroc_inside, pointing_game, rank_correlation
from awcu.ratings.ratings import Ratings
from awcu.text import markdown_table, number

Grids = NDArray[np.float32]
Mask = NDArray[np.bool_]
Measures = dict[str, float]

BLOCK = "maps/planted"  # of a README
CENTRE = 0.5  # standard deviation of the Gaussian, in half sides
OWN = {
    "smear": "smear",
    "highlight": "highlight",
    "finger": "finger",
    "edge_object": "distraction",
}  # as kinds of LOCAL
GALLERY_SEED = 0  # that of data=gallery


def aesam(model: AestheticModel, explained: Sequence[Explanation], rng: np.random.Generator) -> Grids:
    """Ours: what speaks against the photograph."""
    return np.stack([-one.evidence for one in explained])


def gradcam(model: AestheticModel, explained: Sequence[Explanation], rng: np.random.Generator) -> Grids:
    """pytorch-grad-cam's, of low less that of high; the library stretches each to [0, 1]."""
    # None are needed below the layer that it looks at.
    last_layer(model.net).requires_grad_(True)
    images = torch.stack([model.prepare(one.photograph) for one in explained]).to(model.device)
    return -grad_cam(GradCAM)(model, images).signed


def saliency(model: AestheticModel, explained: Sequence[Explanation], rng: np.random.Generator) -> Grids:
    """OpenCV's spectral residual (Hou & Zhang 2007): what stands out."""
    detector = cv2.saliency.StaticSaliencySpectralResidual_create()
    found = [detector.computeSaliency(one.photograph[..., ::-1])[1] for one in explained]
    return np.stack(found).astype(np.float32)


def centre(model: AestheticModel, explained: Sequence[Explanation], rng: np.random.Generator) -> Grids:
    """No network: a Gaussian in the middle of the frame."""
    across, down = (np.linspace(-1, 1, cells) for cells in explained[0].evidence.shape[::-1])
    bell = np.exp(-(across**2 + down[:, None] ** 2) / (2 * CENTRE**2))
    return np.repeat(bell[None].astype(np.float32), len(explained), axis=0)


def chance(model: AestheticModel, explained: Sequence[Explanation], rng: np.random.Generator) -> Grids:
    """No network: a random number a cell, anew for each photograph."""
    return rng.normal(size=(len(explained), *explained[0].evidence.shape)).astype(np.float32)


METHODS: dict[str, tuple[str, Callable[[AestheticModel, Sequence[Explanation], np.random.Generator], Grids]]] = {
    "aesam": ("AesAM", aesam),
    "gradcam": ("GradCAM", gradcam),
    "saliency": ("saliency", saliency),
    "centre": ("centre", centre),
    "random": ("random map", chance),
}
BY_KIND = {
    "score/fell": "score falls",
    "score/fall": "by",
    "aesam/change_points": "change points at it",
    "aesam/change_rho": "ρ of the change",
    "aesam/lowest_points": "lowest place on it",
    "aesam/lowest_before": "… before it was planted",
    "crop/removed": "cut off",
    "crop/removed_anywhere": "… by a crop anywhere",
}
BY_METHOD = {
    "change_points": "change points at it",
    "change_touches": "… to a cell",
    "change_rho": "ρ",
    "change_auroc": "AUROC",
    "lowest_points": "lowest place on it",
    "lowest_touches": "… to a cell",
    "lowest_auroc": "AUROC of the map alone",
}


def main() -> None:
    """Measure, and write both files."""
    arguments = _arguments()
    code, model = measurement.commit(), measurement.judge(arguments.model)
    test = chosen(model, arguments.settings, arguments.photographs, arguments.seed, arguments.own)
    kinds, methods = arguments.kinds.split(","), arguments.methods.split(",")
    rows: list[Row] = []
    for image_id, path in measurement.each(test):
        name = f"{arguments.seed} {image_id}"
        intact, flaws = own_flaws(image_id) if arguments.own else planted(model, path, kinds, name, arguments.strength)
        found = judged(model, intact, flaws, methods, name)
        rows += [{"photograph": image_id, "kind": kind} | measures for kind, measures in found.items()]
    if arguments.rows:
        write_csv(arguments.rows, tuple(dict.fromkeys(name for row in rows for name in row)), rows)
    lines = summary(rows, kinds)
    strength = "its own" if arguments.own else number(arguments.strength, decimals=1)
    weights = measurement.weights(model)
    facts = measurement.facts(test, arguments.seed, code, weights=weights, strength=strength)
    text = tables(lines, kinds, methods) + "\n\n" + caption(model, len(test), facts)
    measurement.publish(arguments, BLOCK, lines, facts, text)


def _arguments() -> argparse.Namespace:
    options = measurement.parser(__doc__, BLOCK, photographs=200, model=True)
    options.add_argument("--strength", type=float, default=1.0, help="in (0, 1] (default: 1)")
    options.add_argument("--kinds", default=",".join(LOCAL + WHOLE), help="separated by commas (default: all)")
    options.add_argument("--methods", default=",".join(METHODS), help="separated by commas (default: all)")
    options.add_argument("--own", action="store_true", help="data=gallery's own flaws, for which there is the truth")
    options.add_argument("--rows", type=Path, help="CSV of every photograph and kind, to compare two models in pairs")
    return options.parse_args()


def chosen(model: AestheticModel, settings: Sequence[str], photographs: int, seed: int, own: bool = False) -> Ratings:
    """Photographs of the test split, drawn, in the order of the list; the gallery's that have flaws of their own."""
    test = measurement.unseen(model, settings)
    if own:
        if test.name != "gallery":
            raise SystemExit(
                f"{test.name}: only the gallery knows flaws of its own; add data=gallery or leave out --own"
            )
        test = test.select(np.array([bool(OWN.keys() & plan(image_id).causes) for image_id in test.image_ids.tolist()]))
    return measurement.drawn(test, photographs, seed)


def planted(
    model: AestheticModel, path: str, kinds: Sequence[str], name: str, strength: float
) -> tuple[Pixels, list[PlantedFlaw]]:
    """The photograph, and each kind of flaw by itself in it; the name seeds place and edit."""
    intact, seed = measurement.at_judged_size(model, decode(path)), zlib.crc32(name.encode())
    return intact, [plant(intact, kind, seed=seed, strength=strength) for kind in kinds]


def plan(image_id: str) -> Plan:
    """The plan of a picture of the gallery."""
    return draw_plan(GALLERY_SEED, int(image_id.removeprefix("g")))


def own_flaws(image_id: str) -> tuple[Pixels, list[PlantedFlaw]]:
    """A picture of the gallery rendered without its flaws in a place, and with each of them by itself."""
    full = plan(image_id)
    without = {name: strength for name, strength in full.causes.items() if name not in OWN}
    intact, flaws = render_plan(replace(full, causes=without)), []
    for name in sorted(OWN.keys() & full.causes):
        one = render_plan(replace(full, causes=without | {name: full.causes[name]}))
        lost = intact.cause_map - one.cause_map
        flaws.append(PlantedFlaw(OWN[name], one.image, lost > lost.max() / 2))
    return intact.image, flaws


def judged(
    model: AestheticModel, intact: Pixels, flaws: Sequence[PlantedFlaw], methods: Sequence[str], name: str
) -> dict[str, Measures]:
    """What each flaw does to one photograph, by kind; the name seeds what a method draws."""
    before, *after = [model.explain(one) for one in (intact, *(flaw.photograph for flaw in flaws))]
    found = {flaw.kind: fallen(model, before, one) for flaw, one in zip(flaws, after, strict=True)}
    local = [(flaw, one) for flaw, one in zip(flaws, after, strict=True) if flaw.kind in LOCAL]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for method in methods if local else ():
        maps = METHODS[method][1](model, [before, *(one for _, one in local)], rng)
        intact_map, *edited_maps = on_grid(maps, before.evidence.shape)
        for (flaw, _), edited_map in zip(local, edited_maps, strict=True):
            # The centre knows nothing of a change.
            change = edited_map if method == "centre" else edited_map - intact_map
            measures = located(change, intact_map, edited_map, flaw.mask)
            found[flaw.kind] |= {f"{method}/{measure}": value for measure, value in measures.items()}
    crop = before.crops()[0].box
    for flaw, one in local:
        found[flaw.kind] |= cropped(crop, one.crops()[0].box, flaw.mask)
    return found


def on_grid(maps: Grids, shape: tuple[int, ...]) -> Grids:
    """Every map in the network's cells, finer ones averaged, so that all are asked the same."""
    return np.stack([cv2.resize(one, shape[::-1], interpolation=cv2.INTER_AREA) for one in maps])


def fallen(model: AestheticModel, before: Explanation, after: Explanation) -> Measures:
    """Whether the score falls, and by how much: as it is, and in its standard deviations over photographs."""
    fall = before.verdict.score - after.verdict.score
    spread = model.config.reference.score_sd if model.config.reference else np.nan
    return {"score/fell": float(fall > 0), "score/fall": fall, "score/fall_sd": fall / spread}


def located(change: Grids, before: Grids, after: Grids, mask: Mask) -> Measures:
    """Where the change is strongest, and where the map is lowest: of the intact photograph, and of the edited one."""
    return {
        "change_points": pointing_game(change, mask),
        "change_touches": touches(change, mask),
        "change_rho": rank_correlation(change, mask.astype(np.float64)),
        "change_auroc": auroc_inside(change, mask),
        "lowest_points": pointing_game(after, mask),
        "lowest_touches": touches(after, mask),
        "lowest_auroc": auroc_inside(after, mask),
        "lowest_before": pointing_game(before, mask),
        "area": area_share(after, mask),
    }


def touches(values: Grids, mask: Mask) -> float:
    """1 if the cell where the map is largest has a pixel of the mask, else 0."""
    at = np.unravel_index(values.argmax(), values.shape)
    cell = (
        slice(first * side // cells, -(-(first + 1) * side // cells))
        for first, cells, side in zip(map(int, at), values.shape, mask.shape, strict=True)
    )
    return float(mask[tuple(cell)].any())


def cropped(before: Box, after: Box, mask: Mask) -> Measures:
    """Share of the flaw that the crop removes, that one of its size anywhere would, and that the intact one's does."""
    return {
        "crop/removed": 1 - kept(after, mask),
        "crop/removed_anywhere": 1 - kept_anywhere(after, mask),
        "crop/removed_before": 1 - kept(before, mask),
        "crop/area": after.width * after.height / mask.size,
    }


def kept(box: Box, mask: Mask) -> float:
    """Share of the mask inside the box."""
    return float(mask[box.top : box.bottom, box.left : box.right].sum() / mask.sum())


def kept_anywhere(box: Box, mask: Mask) -> float:
    """The mean of `kept` over every place of a box of this size."""
    down, across = (covered(side, length) for side, length in zip(mask.shape, (box.height, box.width), strict=True))
    return float(down @ mask @ across / mask.sum())


def covered(side: int, length: int) -> NDArray[np.float64]:
    """`(side,)` share of the places of an interval that hold each pixel."""
    places = side - length + 1
    pixel = np.arange(side)
    return (np.minimum(pixel, side - length) - np.maximum(pixel - length + 1, 0) + 1) / places


def summary(rows: Sequence[Row], kinds: Sequence[str]) -> list[Row]:
    """Of each kind, method and measure, over photographs where it is known, a line.

    The kinds "local" and "whole" first average the flaws of a photograph.
    """
    groups = {kind: (kind,) for kind in kinds} | {
        name: tuple(kind for kind in kinds if kind in which) for name, which in (("local", LOCAL), ("whole", WHOLE))
    }
    found = []
    for name, members in groups.items():
        of_kind = [row for row in rows if row["kind"] in members]
        for measure in dict.fromkeys(key for row in of_kind for key in row if "/" in key):
            method, _, what = measure.partition("/")
            found.append({"kind": name, "method": method, "measure": what} | measurement.estimate(of_kind, measure))
    return found


def tables(lines: Sequence[Row], kinds: Sequence[str], methods: Sequence[str]) -> str:
    """What each kind of flaw does, and how the maps compare over all local kinds."""

    def cell(kind: str, measure: str) -> str:
        return shown(lines, kind, *measure.split("/"), decimals=3)

    groups = {kind: kind for kind in kinds} | {"local": "all in a place", "whole": "all over the frame"}
    by_kind = [
        (title, *(cell(kind, measure) for measure in BY_KIND))
        for kind, title in groups.items()
        if any((line["kind"], line["method"]) == (kind, "score") for line in lines)
    ]
    by_method = [
        (METHODS[method][0], *(cell("local", f"{method}/{measure}") for measure in BY_METHOD)) for method in methods
    ]
    return "\n\n".join(
        markdown_table((first, *titles.values()), rows, "l" + "r" * len(titles))
        for first, titles, rows in (("flaw", BY_KIND, by_kind), ("map", BY_METHOD, by_method))
    )


def caption(model: AestheticModel, photographs: int, facts: Mapping[str, Any]) -> str:
    """Of what the tables are."""
    learned = model.config.trained_on or "a set it does not name"
    return (
        f"{facts['data']} ({facts['fingerprint']}), {photographs} test photographs; model {facts['weights']} "
        f"trained on {learned}; strength {facts['strength']}, seed {facts['seed']}; commit "
        f"{measurement.short(facts['commit'])}. In brackets the 95 % bootstrap interval over photographs."
    )


if __name__ == "__main__":
    main()
