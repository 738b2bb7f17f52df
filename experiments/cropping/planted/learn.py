"""Teach a model that a crop is a photograph: the frame's score where a flaw is kept, a higher one where it is cut off.

python experiments/cropping/planted/learn.py experiment=bundled data.root=BIQ2021 --out runs/crops/learned

The first arguments are settings of `awcu train`, of whose training photographs each is shown four times: as it is, with
a planted flaw, and a crop of either. What the model said of the whole frame before is what it has to say afterwards of
every crop of it. A flaw costs what it cost before, `COST` at least, in the share of it that is inside. Blotch, finger
and distraction are not shown. Writes a model that `judge.py --model` reads.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[3]))
from experiments import measurement
from experiments.maps.planted.finer import OTHER
from experiments.measurement import Pixels, at_judged_size

from awcu.images.boxes import Box
from awcu.images.decoding import decode
from awcu.images.flaws import LOCAL, plant
from awcu.inference.predictor import AestheticModel
from awcu.training.module import warmup_cosine

KINDS = tuple(kind for kind in LOCAL if kind not in OTHER)
COST = 0.5  # of a whole flaw at least, in rating points; the packaged model charges .17
SIDES = (0.6, 1.0)  # of a crop, as shares of the frame's
DRAWS = 16  # crops of which the one with least of the flaw is taken, for every other photograph
FROZEN = ("conv_stem", "bn1", *(f"blocks.{number}" for number in range(5)))  # up to 16 pixels a cell
RATE, SHARE = 3e-4, 0.2  # of the head, and the backbone's as a share of it


class Shown(NamedTuple):
    """A photograph as it is and flawed, a crop of either, and the share of the flaw that is in the flawed crop."""

    images: tuple[Pixels, Pixels, Pixels, Pixels]
    inside: float


def main() -> None:
    """Train, and save the model."""
    arguments = _arguments()
    model = AestheticModel.from_pretrained(arguments.model)
    rated = measurement.rated(arguments.settings)
    train = measurement.drawn(rated.of_split("train"), arguments.photographs, arguments.seed)
    learn(model, train.image_paths.tolist(), arguments.batch, arguments.seed)
    model.save_pretrained(arguments.out, overwrite=True)


def _arguments() -> argparse.Namespace:
    options = measurement.parser(__doc__, photographs=2400, model=True)
    options.add_argument("--batch", type=int, default=8, help="photographs a step (default: 8)")
    return options.parse_args()


def learn(model: AestheticModel, paths: Sequence[str], batch: int, seed: int) -> None:
    """Train the model's upper blocks and head on one pass over the photographs; batch norm stays as it is."""
    teacher, optimizer, batch = deepcopy(model.net), _optimizer(model), min(batch, len(paths))
    steps, begun = len(paths) // batch, time.perf_counter()
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warmup_cosine(step, steps, 0.1))
    for step, group in enumerate(_batches(model, paths, batch, seed), 1):
        images = [[model.prepare(image) for image in shown.images] for shown in group]
        frames = _scores(model, teacher, [image for views in images for image in views[:2]]).view(-1, 2).detach()
        wanted = targets(frames, torch.tensor([shown.inside for shown in group]))
        losses = (_scores(model, model.net, [image for views in images for image in views]).view(-1, 4) - wanted) ** 2
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
        scheduler.step()
        if step % 25 == 0 or step == steps:
            of_views = " ".join(f"{loss:.3f}" for loss in losses.detach().mean(0).tolist())
            print(f"{step}/{steps}  {of_views}  {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)


def targets(frames: Tensor, inside: Tensor) -> Tensor:
    """`(N, 4)` what is to be said of the photographs as they are, flawed, and of a crop of either.

    Args:
        frames: `(N, 2)` what was said of the whole frames, as they are and flawed.
        inside: `(N,)` share of the flaw that is in the flawed crop.
    """
    intact, cost = frames[:, 0], (frames[:, 0] - frames[:, 1]).clamp_min(COST)
    return torch.stack([intact, intact - cost, intact, intact - inside * cost], 1)


def shown(photograph: Pixels, random: np.random.Generator) -> Shown:
    """One photograph with a flaw and crops drawn."""
    kind, strength = str(random.choice(list(KINDS))), random.uniform(0.5, 1)
    flaw = plant(photograph, kind, seed=int(random.integers(2**31)), strength=strength)
    boxes = [drawn_crop(photograph.shape[:2], random) for _ in range(1 + DRAWS)]
    shares = [float(flaw.mask[rows(box)].sum() / flaw.mask.sum()) for box in boxes[1:]]
    chosen = int(np.argmin(shares)) if random.random() < 0.5 else 0
    crops = photograph[rows(boxes[0])], flaw.photograph[rows(boxes[1 + chosen])]
    return Shown((photograph, flaw.photograph, *crops), shares[chosen])


def drawn_crop(size: tuple[int, ...], random: np.random.Generator) -> Box:
    """A crop of the frame's own aspect anywhere in it."""
    share = random.uniform(*SIDES)
    high, wide = (round(side * share) for side in size)
    top, left = (int(random.integers(side - part + 1)) for side, part in zip(size, (high, wide), strict=True))
    return Box(left, top, left + wide, top + high)


def rows(box: Box) -> tuple[slice, slice]:
    """The box as an index of rows and columns."""
    return slice(box.top, box.bottom), slice(box.left, box.right)


def _batches(model: AestheticModel, paths: Sequence[str], batch: int, seed: int) -> Iterator[list[Shown]]:
    random = np.random.default_rng(seed)
    order = random.permutation(len(paths))
    for start in range(0, len(paths) - batch + 1, batch):
        yield [shown(at_judged_size(model, decode(paths[place])), random) for place in order[start : start + batch]]


def _optimizer(model: AestheticModel) -> torch.optim.Optimizer:
    for name in FROZEN:
        model.net.backbone.get_submodule(name).requires_grad_(False)
    backbone = [parameter for parameter in model.net.backbone.parameters() if parameter.requires_grad]
    heads = [{"params": model.net.aesthetic_head.parameters(), "lr": RATE}]
    return torch.optim.AdamW([*heads, {"params": backbone, "lr": RATE * SHARE}], weight_decay=0.05)


def _scores(model: AestheticModel, net: torch.nn.Module, images: Sequence[Tensor]) -> Tensor:
    """`(N,)` scores, those of one shape in one batch."""
    scores = torch.empty(len(images))
    for shape in dict.fromkeys(image.shape for image in images):
        places = [place for place, image in enumerate(images) if image.shape == shape]
        pixels = torch.stack([images[place] for place in places]).to(memory_format=torch.channels_last)
        scores = scores.index_put((torch.tensor(places),), model.objective.score(net(pixels).aesthetic))
    return scores


if __name__ == "__main__":
    main()
