"""How well a map locates: against the region that is meant, and against the signed map of what caused a rating.

A map covers the same frame as the mask or cause map it is judged by, at any resolution, and nan where the network
saw nothing; what was not seen counts nowhere. A map coarser than its mask is drawn out bilinearly to the mask's
pixels, a finer one averaged over them.
"""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awcu.errors import MapError
from awcu.metrics.ranks import auroc, spearman

Values = NDArray[np.floating]
Mask = NDArray[np.bool_]

# Rating points that a pixel's evidence would come to over a whole frame: the gallery's weakest cause, 0.5 x 0.6
# points, exceeds it wherever it lies on less than the frame; the half precision of its cause maps stays far below.
LEAST_EXCESS = 0.3
DECIMALS = 12  # kept of what resampling computes, or its rounding errors would break ties and order constant areas


class Average(NamedTuple):
    """Mean of the `n` values that are defined; nan where n is 0."""

    mean: float
    n: int


def pointing_game(values: Values, mask: Mask) -> float:
    """1 if the map is largest inside the mask, 0 if outside; the share inside of several equal maxima.

    A hit needs the very pixel: the 15 pixels that Zhang et al. 2016 (Top-down Neural Attention by Excitation
    Backprop) forgive are for objects known roughly. Chance is `area_share`.

    Args:
        values: `(h, w)`.
        mask: `(H, W)`; nan is returned if nothing of it was seen.

    Raises:
        MapError: Not two-dimensional, infinite, or a mask that is not boolean.
    """
    seen, inside = _on_mask(values, mask)
    return float(inside[seen == seen.max()].mean()) if inside.any() else math.nan


def energy_inside(values: Values, mask: Mask) -> float:
    """Share of the map's positive part that lies inside the mask, in [0, 1]; by chance it is `area_share`.

    Source: Wang et al. 2020, Score-CAM (energy-based pointing game).

    Args:
        values: `(h, w)`.
        mask: `(H, W)`; nan is returned if nothing of it was seen, or nothing is positive.

    Raises:
        MapError: Not two-dimensional, infinite, or a mask that is not boolean.
    """
    seen, inside = _on_mask(values, mask)
    positive = np.maximum(seen, 0)
    if not inside.any() or not positive.any():
        return math.nan
    return float(positive[inside].sum() / positive.sum())


def area_share(values: Values, mask: Mask) -> float:
    """Share of what the map saw that the mask covers: the chance level `a` of `pointing_game` and `energy_inside`.

    That of `iou_at_area` is near a / (2 − a).

    Args:
        values: `(h, w)`; only where it is nan matters.
        mask: `(H, W)`; nan is returned if nothing of it was seen.

    Raises:
        MapError: Not two-dimensional, infinite, or a mask that is not boolean.
    """
    _, inside = _on_mask(values, mask)
    return float(inside.mean()) if inside.any() else math.nan


def iou_at_area(values: Values, mask: Mask) -> float:
    """Intersection over union, in [0, 1], of the mask with as many of the map's highest pixels as it has itself.

    No threshold is chosen. Where equal values straddle the cut, each counts by the share of them that fits, the
    overlap expected of a random choice among them.

    Args:
        values: `(h, w)`.
        mask: `(H, W)`; nan is returned if nothing of it was seen.

    Raises:
        MapError: Not two-dimensional, infinite, or a mask that is not boolean.
    """
    seen, inside = _on_mask(values, mask)
    area = int(inside.sum())
    if not area:
        return math.nan
    cut = np.partition(seen, -area)[-area]
    above, tied = seen > cut, seen == cut
    overlap = above[inside].sum() + tied[inside].sum() * (area - above.sum()) / tied.sum()
    return float(overlap / (2 * area - overlap))


def auroc_inside(values: Values, mask: Mask) -> float:
    """Area under the ROC curve, in [0, 1]: how often a pixel of the mask has more than one outside; .5 by chance.

    Args:
        values: `(h, w)`.
        mask: `(H, W)`; nan is returned if nothing of it was seen, or nothing else.

    Raises:
        MapError: Not two-dimensional, infinite, or a mask that is not boolean.
    """
    return float(auroc(*_on_mask(values, mask)))


def rank_correlation(values: Values, cause_map: Values) -> float:
    """Spearman's correlation in [−1, 1] of a signed map with a signed cause map, or of two maps.

    The finer of the two is averaged over the cells of the coarser: a coarse map claims no more than one value a
    cell, and pixels drawn out between cells would be ranked by the interpolation. So hand over maps on their own
    grid where that covers the frame.

    Args:
        values: `(h, w)`.
        cause_map: `(H, W)`; nan as in a map.

    Returns:
        nan if either is constant where both were seen.

    Raises:
        MapError: Not two-dimensional, or infinite.
    """
    values, cause_map = _checked(values, "map"), _checked(cause_map, "cause map")
    grid = (min(len(values), len(cause_map)), min(values.shape[1], cause_map.shape[1]))
    a, b = _resample(values, grid), _resample(cause_map, grid)
    both = ~(np.isnan(a) | np.isnan(b))
    return float(spearman(a[both], b[both]))


def located(cause_map: Values, sign: int) -> Mask:
    """Where the picture's good (+1) or bad (−1) causes lie, without what is spread over the frame; `(H, W)`.

    Evidence is measured from the map's median, the level that a graded or merely blank frame has nearly
    everywhere, and only where it has the sign itself: beside broad good light the dark rest is no flaw. In the
    mask is what then exceeds the mean over the frame, more than its share if all were spread evenly. Half of the
    maximum would not do: a small glare is ten times as dense as a large smear that costs as many points, which
    would be lost beside it. Where causes of either sign overlap, the stronger one shows.

    Args:
        cause_map: `(H, W)` rating points per pixel; its sum is the causes' effect on the rating.
        sign: +1 or −1.

    Returns:
        All False without a located cause of this sign, i.e. if nowhere `LEAST_EXCESS` is reached.

    Raises:
        MapError: Not two-dimensional, nan or infinite anywhere, or another sign.
    """
    if sign not in (1, -1):
        raise MapError(f"sign {sign}: causes are good or bad; ask for +1 or -1")
    evidence = _checked(cause_map, "cause map") * cause_map.size
    if np.isnan(evidence).any():
        raise MapError("a cause map with nan: every pixel's causes must be known; pass it as the gallery stored it")
    excess = sign * (evidence - np.median(evidence))
    excess = np.where(sign * evidence > 0, np.maximum(excess, 0), 0)
    return np.asarray(excess > max(excess.mean(), LEAST_EXCESS))


def summary(pictures: Iterable[Mapping[str, float]]) -> dict[str, Average]:
    """Mean of each metric over pictures; a nan, or a metric that a picture lacks, does not enter.

    Args:
        pictures: One mapping from metric to value a picture.

    Returns:
        By metric, in the order of first appearance.
    """
    columns: dict[str, list[float]] = {}
    for picture in pictures:
        for name, value in picture.items():
            columns.setdefault(name, [])
            if not math.isnan(value):
                columns[name].append(float(value))
    return {name: Average(math.fsum(c) / len(c) if c else math.nan, len(c)) for name, c in columns.items()}


def _on_mask(values: Values, mask: Mask) -> tuple[NDArray[np.float64], Mask]:
    """The map's value at each pixel it covers, `(n,)`, and which of these lie in the mask."""
    if mask.dtype != np.bool_ or mask.ndim != 2:
        raise MapError(
            f"a mask of shape {mask.shape} and type {mask.dtype}: it is (H, W) and boolean; pick one style, compare > 0"
        )
    drawn_out = _resample(_checked(values, "map"), mask.shape)
    seen = ~np.isnan(drawn_out)
    return drawn_out[seen], mask[seen]


def _checked(values: Values, name: str) -> NDArray[np.float64]:
    if values.ndim != 2 or not values.size:
        raise MapError(f"a {name} of shape {values.shape}: it is (h, w) and not empty; pass one picture and one output")
    if np.isinf(values).any():
        raise MapError(f"a {name} with infinite values: evidence is finite, nan where not seen; look at the network")
    return np.asarray(values, dtype=np.float64)


def _resample(values: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The map `(h, w)` on a grid of `shape`; nan where less than half of what a pixel draws on was seen."""
    if values.shape == shape:
        return values
    rows, columns = (_weights(*sizes) for sizes in zip(values.shape, shape, strict=True))
    seen = ~np.isnan(values)
    share = rows @ seen @ columns.T
    enough = share > 0.5 - 1e-9
    total = rows @ np.where(seen, values, 0.0) @ columns.T
    scale = np.abs(values[seen]).max(initial=0.0) or 1.0
    rounded = np.round(total / np.where(enough, share, 1.0) / scale, DECIMALS) * scale
    return np.where(enough, rounded, np.nan)


def _weights(before: int, after: int) -> NDArray[np.float64]:
    """`(after, before)`, rows that sum to 1: linear between cell centres to a finer grid, else the share of overlap."""
    step = before / after
    if after >= before:
        centres = (np.arange(after) + 0.5) * step - 0.5
        cells = np.arange(before)
        return np.stack([np.interp(centres, cells, one) for one in np.eye(before)], axis=1)
    low, cell = np.arange(after)[:, None] * step, np.arange(before)[None, :]
    overlap = np.minimum(low + step, cell + 1) - np.maximum(low, cell)
    return np.asarray(np.clip(overlap, 0, None) / step)
