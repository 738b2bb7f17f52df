"""Twelve planted flaws with their place, AesAM's answer and the crop: best, median and worst.

python experiments/maps/planted/picture.py --model RUN --out experiments/maps/planted/planted.jpg

Of rendered pictures, one flaw each, the kinds in turn; ordered by the area under the curve of AesAM's change.
"""

import argparse
import io
import sys
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

sys.path.insert(0, str(Path(__file__).parents[3]))
from experiments import measurement

from awcu.files import write_atomically
from awcu.images.decoding import decode
from awcu.images.flaws import LOCAL, PlantedFlaw, plant
from awcu.inference.explanation import Explanation
from awcu.inference.predictor import AestheticModel
from awcu.metrics.localization import auroc_inside
from awcu.models.cam import onto_photograph, overlay
from awcu.models.pretrained import BUNDLED
from awcu.plots.style import BLACK, VERMILION

COLUMNS = 4
GROUPS = ("best", "median", "worst")


class Shown(NamedTuple):
    """One edited picture and what the model says of it."""

    auroc: float
    fall: float
    flaw: PlantedFlaw
    change: np.ndarray
    explanation: Explanation


def main() -> None:
    """One JPEG."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=BUNDLED, help="what from_pretrained reads (default: the packaged model)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=96, help="to choose twelve from (default: 96)")
    parser.add_argument("--seed", type=int, default=0, help="draws pictures, places and edits (default: 0)")
    arguments = parser.parse_args()
    model = AestheticModel.from_pretrained(arguments.model)
    test = measurement.drawn(measurement.unseen(model, ["data=gallery"]), arguments.pictures, arguments.seed)
    found = []
    for place, (image_id, path) in enumerate(zip(test.image_ids, test.image_paths, strict=True)):
        seed = zlib.crc32(f"{arguments.seed} {image_id}".encode())
        found.append(judged(model, decode(path), LOCAL[place % len(LOCAL)], seed))
    found.sort(key=lambda one: -one.auroc)
    middle = (len(found) - COLUMNS) // 2
    write_atomically(arguments.out, drawn([*found[:COLUMNS], *found[middle : middle + COLUMNS], *found[-COLUMNS:]]))


def judged(model: AestheticModel, pixels: np.ndarray, kind: str, seed: int) -> Shown:
    """The picture with its flaw."""
    intact = measurement.at_judged_size(model, pixels)
    flaw = plant(intact, kind, seed=seed)
    before, after = model.explain(intact), model.explain(flaw.photograph)
    change = after.evidence - before.evidence
    return Shown(auroc_inside(-change, flaw.mask), before.verdict.score - after.verdict.score, flaw, change, after)


def drawn(shown: list[Shown]) -> bytes:
    """Three rows a group: the picture with place and crop, the change, the map alone."""
    figure = Figure(figsize=(2.6 * COLUMNS, 18), dpi=80, layout="constrained")
    panels = figure.subplots(3 * len(GROUPS), COLUMNS)
    for place, one in enumerate(shown):
        group, column = divmod(place, COLUMNS)
        picture, change, alone = panels[3 * group : 3 * group + 3, column]
        size = one.flaw.mask.shape
        limit = max(float(np.abs(one.change).max()), 1e-6)
        picture.imshow(one.flaw.photograph)
        change.imshow(overlay(one.flaw.photograph, onto_photograph(one.change, "warp", size), limit))
        alone.imshow(one.explanation.overlay())
        title = f"{one.flaw.kind}: AUROC {one.auroc:.2f}, fall {one.fall:+.2f}".replace("-", "−")
        picture.set_title(title if column else f"{GROUPS[group]} · {title}", fontsize=8)
        left, top, right, bottom = one.explanation.crops()[0].box
        corner = (left - 0.5, top - 0.5)
        picture.add_patch(Rectangle(corner, right - left, bottom - top, fill=False, edgecolor=VERMILION, linewidth=2))
        for axis in (picture, change, alone):
            outlined(axis, one.flaw.mask)
    file = io.BytesIO()
    figure.savefig(file, format="jpeg", pil_kwargs={"quality": 85})
    return file.getvalue()


def outlined(axis: Axes, mask: np.ndarray) -> None:
    """The place of the flaw; black on white, to be seen on anything."""
    # With a margin, or a flaw at the edge of the frame would have no outline there.
    padded = np.pad(mask, 1).astype(float)
    across, down = np.arange(-1, mask.shape[1] + 1), np.arange(-1, mask.shape[0] + 1)
    for colour, width in (("white", 2.5), (BLACK, 1.0)):
        axis.contour(across, down, padded, levels=[0.5], colors=colour, linewidths=width)
    axis.set_axis_off()


if __name__ == "__main__":
    main()
