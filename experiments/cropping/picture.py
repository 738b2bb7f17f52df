"""Where AesAM crops best and worst: the gallery's test pictures with their true box and ours.

python experiments/cropping/picture.py RUN --out experiments/cropping/gallery/cropping.png

RUN is the folder of one run of `awcu train experiment=cropping`. Of the pictures that are to be cut, the four with the
highest IoU stand above, the four with the lowest below.
"""

import argparse
import io
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from methods import METHODS, read_fit

from awcu.commands.maps import load_run
from awcu.datasets import cropping as crops
from awcu.files import write_atomically
from awcu.images.boxes import Box, iou
from awcu.images.decoding import decode
from awcu.plots.style import BLUE, VERMILION

COLUMNS = 4
TRUE, OURS = {"edgecolor": BLUE, "linewidth": 2.5}, {"edgecolor": VERMILION, "linewidth": 2.5, "linestyle": (0, (3, 2))}


def main() -> None:
    """One PNG."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, help="only the first so many (default: all)")
    arguments = parser.parse_args()
    fit = read_fit(Path(__file__).with_name("fit.csv"))["aesam"]
    model, test = load_run(arguments.run)
    crop_set = crops.gallery.of_ratings(test)
    found = []
    for place, (width, height) in enumerate(crops.check_sizes(crop_set)[: arguments.pictures].tolist()):
        path, truth = Path(str(crop_set.image_paths[place])), Box(*crop_set.boxes[place][0].tolist())
        if truth != (0, 0, width, height):
            box = METHODS["aesam"].box(model, path, (height, width), fit)
            found.append((iou(box, truth), path, truth, box))
    # Equal ones by name.
    found.sort(key=lambda one: (-one[0], one[1].name))
    _draw([*found[:COLUMNS], *found[-COLUMNS:]], arguments.out)


def _draw(shown: list[tuple[float, Path, Box, Box]], path: Path) -> None:
    figure = Figure(figsize=(3 * COLUMNS, 5.6), dpi=110, layout="constrained")
    for axis, (overlap, picture, truth, ours) in zip(figure.subplots(2, COLUMNS).flat, shown, strict=True):
        axis.imshow(decode(picture))
        axis.set_axis_off()
        _outline(axis, truth, TRUE)
        _outline(axis, ours, OURS)
        axis.set_title(f"{picture.stem}: IoU {overlap:.2f}", fontsize=10)
    keys = [Line2D([], [], color=style["edgecolor"], linestyle=style.get("linestyle", "-")) for style in (TRUE, OURS)]
    figure.legend(keys, ["true crop", "AesAM"], loc="outside lower center", ncols=2, frameon=False)
    png = io.BytesIO()
    figure.savefig(png, format="png")
    write_atomically(path, png.getvalue())


def _outline(axis: Axes, box: Box, style: dict[str, object]) -> None:
    # From edge to edge: the middle of the first pixel is at 0.
    corner = np.subtract((box.left, box.top), 0.5)
    axis.add_patch(Rectangle(tuple(corner), box.width, box.height, fill=False, clip_on=False, **style))


if __name__ == "__main__":
    main()
