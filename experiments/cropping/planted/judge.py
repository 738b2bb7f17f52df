"""Candidate crops of photographs with and without a flaw, each judged by the model: what `choose.py` chooses from.

python experiments/cropping/planted/judge.py experiment=bundled data.root=BIQ2021 --out runs/crops/biq2021.pt
python experiments/cropping/planted/judge.py data=gallery --train 400 --out runs/crops/gallery.pt

The first arguments are settings of `awcu train`. Of a photograph two samples are made: as it is, to be left whole, and
with one flaw near an edge, which a crop of its own aspect can leave out. The gallery's pictures are taken as they are,
with the crops of their truth. Of every crop the pooled features are kept, so that any linear head can judge it later.
"""

import argparse
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[3]))
from experiments import measurement
from experiments.measurement import Pixels

from awcu.datasets import gallery
from awcu.images.boxes import Box
from awcu.images.decoding import decode
from awcu.images.flaws import LOCAL, PlantedFlaw, plant
from awcu.inference.predictor import AestheticModel
from awcu.metrics.localization import located
from awcu.ratings.ratings import Ratings

Boxes = NDArray[np.int64]

SIDES = (0.85, 0.7)  # of the crops that are judged, as shares of the frame's
PLACES = 3  # along either side
FINE = tuple(np.linspace(1, 0.5, 24)), 17  # sides and places of the crops among which the true one is sought
TRIES = 64  # seeds that are looked at until a crop can leave the flaw out
LEAST = 0.5  # of the frame that such a crop keeps
TRACE = 0.05  # of the flaw that it may hold


class Shown(NamedTuple):
    """A photograph, the crop that it should have, the mask `(H, W)` and kind of its flaw; as in `Sample`."""

    image_id: str
    photograph: Pixels
    truth: tuple[int, ...]
    mask: NDArray[np.bool_] | None
    kind: str


@dataclass(frozen=True, eq=False)
class Sample:
    """One photograph, its true crop and what the model sees of it.

    Attributes:
        image_id: Of the photograph.
        split: Its own.
        kind: Of flaw; "" for a photograph that is to be left whole.
        size: Height and width.
        truth: The crop that it should have: the largest without the flaw, the whole frame where there is none.
        mask: `(H, W)` the flaw; None where there is none.
        score: What people rated it.
        saliency: `(h, w)` spectral residual, on the grid of the features.
        features: `(C, h, w)` of the whole frame.
        boxes: `(M, 4)` those of `SIDES` and `PLACES`, the whole frame first, last AesAM's crop and smartcrop's.
        pooled: `(M, C)` features of each crop, judged as a photograph of its own.
    """

    image_id: str
    split: str
    kind: str
    size: tuple[int, int]
    truth: tuple[int, ...]
    mask: NDArray[np.bool_] | None = field(repr=False)
    score: float
    saliency: NDArray[np.float16] = field(repr=False)
    features: NDArray[np.float16] = field(repr=False)
    boxes: Boxes = field(repr=False)
    pooled: NDArray[np.float16] = field(repr=False)


def main() -> None:
    """One file of samples."""
    arguments = _arguments()
    code, model, rated = measurement.commit(), measurement.judge(arguments.model), measurement.rated(arguments.settings)
    found = measurement.facts(rated, arguments.seed, code, weights=measurement.weights(model), samples=[])
    found["head"] = (model.net.aesthetic_head.weight.numpy(), model.net.aesthetic_head.bias.numpy())
    assert model.config.reference is not None
    found["score_sd"] = model.config.reference.score_sd
    train = measurement.drawn(rated.of_split("train"), arguments.train, arguments.seed)
    found["train"] = (pooled(model, map(decode, train.image_paths.tolist())), train.mean_score)
    masked = measurement.drawn(rated.of_split("train"), arguments.masks, arguments.seed)
    found["masked"] = [
        {"features": feature_maps(model, [one.photograph])[0].numpy().astype(np.float16), "mask": one.mask}
        for one in shown(model, masked)
    ]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    for split, number in (("val", arguments.val), ("test", arguments.test)):
        some = measurement.drawn(rated.of_split(split), number, arguments.seed)
        for place, sample in enumerate(samples(model, some, split), 1):
            found["samples"].append(sample.__dict__)
            print(f"\r{split} {place}", end="", file=sys.stderr, flush=True)
        torch.save(found, arguments.out)


def _arguments() -> argparse.Namespace:
    options = measurement.parser(__doc__, model=True)
    options.add_argument("--train", type=int, default=0, help="photographs for a head of their own (default: 0)")
    options.add_argument("--masks", type=int, default=0, help="training photographs for flaw maps (default: none)")
    options.add_argument("--val", type=int, default=30, help="validation photographs (default: 30)")
    options.add_argument("--test", type=int, default=60, help="test photographs (default: 60)")
    return options.parse_args()


def samples(model: AestheticModel, rated: Ratings, split: str) -> Iterator[Sample]:
    """Each of the photographs that are shown, judged."""
    scores = dict(zip(rated.image_ids.tolist(), rated.mean_score.tolist(), strict=True))
    for one in shown(model, rated):
        yield judged(model, one, split, scores[one.image_id])


def shown(model: AestheticModel, rated: Ratings) -> Iterator[Shown]:
    """The gallery's pictures as they are; of a photograph first a copy as it is, then one with a flaw."""
    for place, (image_id, path) in enumerate(zip(rated.image_ids.tolist(), rated.image_paths.tolist(), strict=True)):
        if rated.name == "gallery":
            yield Shown(image_id, decode(path), *of_gallery(rated, image_id))
            continue
        intact = measurement.at_judged_size(model, decode(path))
        yield Shown(image_id, intact, (0, 0, *intact.shape[1::-1]), None, "")
        flaw, box = near_an_edge(intact, LOCAL[place % len(LOCAL)], zlib.crc32(image_id.encode()))
        yield Shown(image_id, flaw.photograph, box, flaw.mask, flaw.kind)


def of_gallery(rated: Ratings, image_id: str) -> tuple[tuple[int, ...], NDArray[np.bool_] | None, str]:
    """A picture's true crop, the flaws that it is cut for, and their kind."""
    truth = gallery.truth(rated, image_id)
    if truth.crop == (0, 0, *truth.cause_map.shape[::-1]):
        return truth.crop, None, ""
    return truth.crop, located(truth.cause_map, -1), "its own"


def near_an_edge(photograph: Pixels, kind: str, seed: int) -> tuple[PlantedFlaw, Box]:
    """A flaw and the largest crop without it, of the first seed where this keeps `LEAST`, else of the best."""
    best: tuple[float, PlantedFlaw, Box] | None = None
    for attempt in range(TRIES):
        flaw = plant(photograph, kind, seed=seed + attempt)
        box = largest_without(flaw.mask)
        share = box.width * box.height / flaw.mask.size
        if best is None or share > best[0]:
            best = share, flaw, box
        if share >= LEAST:
            break
    assert best is not None
    return best[1:]


def largest_without(mask: NDArray[np.bool_]) -> Box:
    """The largest crop of the frame's own aspect that holds a trace of the mask at most; of such, that with least."""
    boxes = crops_of(mask.shape, *FINE)
    left, top, right, bottom = boxes.T
    total = cv2.integral(mask.astype(np.uint8))
    inside = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
    free = np.flatnonzero(inside <= TRACE * mask.sum())
    if not len(free):
        return Box(*boxes[0].tolist())
    area = (right - left) * (bottom - top)
    return Box(*boxes[free[np.lexsort((inside[free], -area[free]))[0]]].tolist())


def crops_of(size: tuple[int, ...], sides: Sequence[float], places: int) -> Boxes:
    """`(M, 4)` crops of the frame's own aspect with these shares of its sides, the whole frame first."""
    height, width = size
    boxes = [np.array([[0, 0, width, height]])]
    for side in sides:
        high, wide = round(height * side), round(width * side)
        tops, lefts = (np.unique(np.rint(np.linspace(0, left, places))) for left in (height - high, width - wide))
        top, left = (corner.ravel().astype(np.int64) for corner in np.meshgrid(tops, lefts, indexing="ij"))
        boxes.append(np.stack([left, top, left + wide, top + high], axis=1))
    return np.concatenate(boxes)


def judged(model: AestheticModel, one: Shown, split: str, score: float) -> Sample:
    """The sample of one photograph."""
    photograph, size = one.photograph, one.photograph.shape[:2]
    aesam = model.explain(photograph).crops(aspect=size[1] / size[0])[0].box
    boxes = np.concatenate([crops_of(size, SIDES, PLACES), [aesam, by_smartcrop(photograph)]])
    crops = (photograph[top:bottom, left:right] for left, top, right, bottom in boxes.tolist())
    features = feature_maps(model, [photograph])[0]
    detector = cv2.saliency.StaticSaliencySpectralResidual_create()
    salient = cv2.resize(
        detector.computeSaliency(photograph[..., ::-1])[1], features.shape[:0:-1], interpolation=cv2.INTER_AREA
    )
    return Sample(
        image_id=one.image_id,
        split=split,
        kind=one.kind,
        size=size,
        truth=one.truth,
        mask=one.mask,
        score=score,
        saliency=salient.astype(np.float16),
        features=features.numpy().astype(np.float16),
        boxes=boxes,
        pooled=pooled(model, crops),
    )


def by_smartcrop(photograph: Pixels) -> Box:
    """The best crop of smartcrop, of the frame's own aspect and sides from 70 % to the whole."""
    # Here, since nothing else needs it; it is in no group of the project.
    from smartcrop import SmartCrop

    height, width = photograph.shape[:2]
    found = SmartCrop().crop(Image.fromarray(photograph), width // 2, height // 2, min_scale=0.7, num_scale_steps=4)
    left, top, wide, high = (found["top_crop"][name] for name in ("x", "y", "width", "height"))
    left, top = min(max(round(left), 0), width - 1), min(max(round(top), 0), height - 1)
    return Box(left, top, min(round(left + wide), width), min(round(top + high), height))


@torch.inference_mode()
def feature_maps(model: AestheticModel, photographs: Iterable[Pixels]) -> list[torch.Tensor]:
    """`(C, h, w)` of each, those of one shape in one batch."""
    images = [model.prepare(photograph) for photograph in photographs]
    found: dict[int, torch.Tensor] = {}
    for shape in dict.fromkeys(image.shape for image in images):
        places = [place for place, image in enumerate(images) if image.shape == shape]
        batch = torch.stack([images[place] for place in places]).to(memory_format=torch.channels_last)
        found |= zip(places, model.net.features(batch), strict=True)
    return [found[place] for place in range(len(images))]


def pooled(model: AestheticModel, photographs: Iterable[Pixels]) -> NDArray[np.float16]:
    """`(N, C)` mean features, a few photographs at a time."""
    rows, batch = [], []
    for photograph in photographs:
        batch.append(photograph)
        if len(batch) == 32:
            rows += feature_maps(model, batch)
            batch = []
    rows += feature_maps(model, batch)
    return np.array([row.mean((1, 2)).numpy() for row in rows], np.float16).reshape(len(rows), model.net.channels)


if __name__ == "__main__":
    main()
