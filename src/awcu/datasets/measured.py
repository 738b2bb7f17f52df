"""Labels of measured attributes (`awcu.images.measures`), so that any photographs can train an attribute head."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from awcu.datasets.prepared import Pictures
from awcu.errors import RatingsError
from awcu.images.decoding import decode
from awcu.images.measures import AREA, MEASURES, measure
from awcu.ratings.ratings import Floats, Ratings

LABELLED = 1 / 3
"""Share of the training photographs with the most, and with the least, that are labelled; those between are not."""
MANY = 1_000  # photographs take half a minute on one core
_SIDE = 2 * round(AREA**0.5)  # pixels: a JPEG may be decoded at a part of its size, not below this


def with_measured(ratings: Ratings, pictures: Pictures | list[NDArray[np.uint8]] | None = None) -> Ratings:
    """The ratings with a label for each of `MEASURES`: 1 in the training photographs' upper third, 0 in the lower.

    Those between are unlabelled (nan), as are all of an attribute whose thirds are equal, such as clipped shadows that
    few photographs have. The set keeps its own attributes.

    Args:
        ratings: N readable photographs.
        pictures: `(N,)` their pixels, where smaller copies are at hand; None to read the photographs.

    Raises:
        RatingsError: The set has an attribute of its own by the same name.
        ImageError: A photograph cannot be read.
    """
    taken = sorted(set(MEASURES) & set(ratings.attribute_names))
    if taken:
        raise RatingsError(
            f"{ratings.name} has attributes of its own named {', '.join(taken)}; rename them, or train without "
            f"data.attributes=measured"
        )
    if len(ratings) > MANY:
        print(f"Measuring attributes of {len(ratings):,} photographs", flush=True)
    values = _measured(ratings, pictures)
    low, high = np.quantile(values[ratings.split == "train"], [LABELLED, 1 - LABELLED], axis=0)
    # Many photographs may share the lowest value, such as no clipped pixel: all of them lack it.
    labels = np.where(values >= high, 1.0, np.where(values <= low, 0.0, np.nan))
    labels[:, low == high] = np.nan
    return replace(
        ratings,
        attributes=np.hstack([ratings.attributes, labels]),
        attribute_names=(*ratings.attribute_names, *MEASURES),
    )


def _measured(ratings: Ratings, pictures: Pictures | list[NDArray[np.uint8]] | None) -> Floats:
    """`(N, A)` the measures of each photograph."""

    def values(row: int) -> list[float]:
        photograph = decode(ratings.image_paths[row], _SIDE) if pictures is None else pictures[row]
        return [one.value for one in measure(photograph).values()]

    # Decoding and OpenCV let other threads run.
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return np.array(list(threads.map(values, range(len(ratings)))))
