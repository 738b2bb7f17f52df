"""The gallery: rendered pictures with simulated votes, for machines without data and for results with a known truth.

Pictures of seven kinds (landscape, water, street, night, still life, flower, bust) in 3:2, 1:1 and 2:3, with the
14 AVA photographic styles at about the rates of AVA's style test list. Every rating has known reasons: good and
bad causes painted at known places (70 % of the variance of the latent quality) and a context that no pixel shows
(30 %). Votes 1..10 come from an ordinal rater model with AVA's published statistics; nothing is tuned to a
training result.

Format: `images/<id>.jpg`, `truth/<id>.npz` and `votes.csv` in one folder per seed, number and size. Counts: 1,600
pictures by default, split by a hash of the id into 65 % train, 10 % val and 25 % test. Known faults: subjects are few
and simple, causes are independent of each other, and raters share one scale, so scores here say nothing about
photographs. Licence: the project's own, since this package renders them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from awcu.datasets.gallery.cache import Truth, read, truth
from awcu.datasets.gallery.plan import CAUSES, STYLES, draw_plan
from awcu.datasets.gallery.sample import Sample, render, render_plan
from awcu.errors import GalleryError

__all__ = [
    "CAUSES",
    "STYLES",
    "Sample",
    "Truth",
    "contact_sheet",
    "draw_plan",
    "read",
    "render",
    "render_plan",
    "truth",
]

MOUNT = 26  # grey of the card the pictures lie on


def contact_sheet(seed: int, indices: Sequence[int], columns: int = 6, short_side: int = 160) -> NDArray[np.uint8]:
    """Pictures of a gallery side by side, `columns` in a row, each centred in its square, (H, W, 3) RGB.

    Raises:
        GalleryError: `indices` is empty or `columns` is less than 1.
    """
    if len(indices) == 0 or columns < 1:
        raise GalleryError(f"{len(indices)} pictures in {columns} columns: a contact sheet needs at least 1 of each")
    cell = round(short_side * 1.5) + 8
    sheet = np.full((-(-len(indices) // columns) * cell, min(columns, len(indices)) * cell, 3), MOUNT, np.uint8)
    for place, index in enumerate(indices):
        image = render(seed, index, short_side).image
        height, width = image.shape[:2]
        top = place // columns * cell + (cell - height) // 2
        left = place % columns * cell + (cell - width) // 2
        sheet[top : top + height, left : left + width] = image
    return sheet
