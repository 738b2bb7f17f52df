"""Crops of a photograph from its evidence map: every box of a dense grid is scored, and the best are proposed."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from awcu.errors import BoxError, CropError
from awcu.images.boxes import Box, inside, ious

Map = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Edges = Floats | Ints

LINES = 33  # grid lines along each side, on which the edges of a free crop lie
SIZES = 24  # number of sizes tried for a crop of fixed aspect
PLACES = 33  # number of places along each side tried for a crop of fixed aspect
SLIVER = 3.0  # largest ratio of the sides of a free crop, unless the photograph itself is more extreme
EXTREME = 20.0
TIE = 1e-9  # smaller differences in worth are rounding errors


class Proposal(NamedTuple):
    """A crop and what it is worth (`CropWeights`), in standard deviations of the score."""

    box: Box
    worth: float


@dataclass(frozen=True)
class CropWeights:
    """What a crop is worth: the good evidence it keeps, minus the bad evidence it keeps, plus the area it keeps.

    With e the evidence minus `level` times its mean over the frame,

        worth = ∫ max(e, 0) over the box, except strips along its cut edges
              − ∫ max(−e, 0) over the box
              + area · share of the frame,

    where the frame has area 1 and a cut edge is one that lies within the frame. Evidence outside the box needs no term,
    since kept and lost evidence add up to the same total for every box.

    The defaults were fitted to the validation pictures of the rendered gallery (`experiments/cropping`).

    Attributes:
        area: What the whole area is worth, in standard deviations of the score, ≥ 0. Cutting off a region pays if its
            e is below −area.
        border: Width of the strips as a share of the photograph's shorter side, in [0, 0.5). Good evidence that close
            to a cut edge counts as lost, so edges keep clear of what speaks for the photograph.
        level: Share in [0, 1] of the mean evidence that is attributed to the photograph as a whole rather than to any
            place in it. At 0, a photograph with negative evidence everywhere is cut down to the smallest box; at 1,
            only the differences between places count.
    """

    area: float = 1.25
    border: float = 0.1
    level: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.area < math.inf:
            raise CropError(f"area={self.area} is not a weight: give a finite number ≥ 0")
        if not 0 <= self.border < 0.5:
            raise CropError(f"border={self.border} is not a width: give a share of the shorter side in [0, 0.5)")
        if not 0 <= self.level <= 1:
            raise CropError(f"level={self.level} is not a share: give one in [0, 1]")


DEFAULT = CropWeights()


class _Grid(NamedTuple):
    """Candidate boxes: in each of G groups, every interval of columns combined with every interval of rows.

    `columns` `(2, G, n)` holds left and right edges, `rows` `(2, G, m)` top and bottom edges, in pixels.
    """

    columns: Edges
    rows: Edges

    def boxes(self, index: NDArray[np.intp]) -> Edges:
        """`(M, 4)` boxes at flat indices into a `(G, m, n)` array."""
        group, row, column = np.unravel_index(index, (*self.rows.shape[1:], self.columns.shape[2]))
        (left, right), (top, bottom) = self.columns[:, group, column], self.rows[:, group, row]
        return np.stack([left, top, right, bottom], axis=1)


def parse_aspect(text: str, size: tuple[int, int]) -> float | None:
    """Parse "16:9", "2.39:1", "original" or "free" (None) as width over height.

    Args:
        text: As the user writes it.
        size: Height and width of the photograph in pixels.

    Raises:
        CropError: The text is none of these, a side is zero, or one side is more than 20 times the other.
    """
    name = text.strip().lower()
    if name == "free":
        return None
    if name == "original":
        height, width = _checked_size(size)
        return width / height
    sides = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?):([0-9]+(?:\.[0-9]+)?)", name)
    if sides is None:
        raise CropError(f"{text!r} is not an aspect: give width:height such as 16:9, or original, or free")
    wide, high = float(sides[1]), float(sides[2])
    if not 0 < max(wide, high) <= EXTREME * min(wide, high) < math.inf:
        raise CropError(f"aspect {text!r} is too extreme: give sides that differ by a factor of {EXTREME:g} at most")
    return wide / high


def worth(evidence: Map, size: tuple[int, int], boxes: ArrayLike, weights: CropWeights = DEFAULT) -> Floats:
    """`(M,)` worth of given crops `(M, 4)`, as in `propose` (see `CropWeights`).

    Raises:
        CropError: The map or the photograph is empty, or a box is empty or reaches beyond the photograph.
    """
    edges = _within(boxes, _checked_size(size))
    grid = _Grid(edges[:, ::2].T[..., None], edges[:, 1::2].T[..., None])
    return _worth(_known(evidence, weights.level), grid, size, weights).ravel()


def propose(
    evidence: Map,
    size: tuple[int, int],
    aspect: float | None = None,
    smallest: float = 0.5,
    keep: Sequence[Box] = (),
    top: int = 1,
    weights: CropWeights = DEFAULT,
    distinct: float = 0.8,
) -> list[Proposal]:
    """The crops of a photograph that are worth most, best first; ties go to the largest, then the most central.

    Args:
        evidence: `(h, w)` signed evidence over the whole frame at any resolution, in standard deviations of the
            model's score; nan where the network saw nothing, which counts as no evidence.
        size: Height and width of the photograph in pixels.
        aspect: Width over height, met to half a pixel on the shorter side; None allows any aspect between 1:3 and 3:1,
            or up to the photograph's own.
        smallest: Smallest sides, as a share in (0, 1] of the photograph's sides or, with an `aspect`, of the sides of
            the largest box with that aspect.
        keep: Boxes that every crop must contain.
        top: Number of crops, ≥ 1; fewer are returned if no further one is distinct.
        weights: How evidence and area are weighed.
        distinct: Largest IoU, in [0, 1], with a better crop.

    Raises:
        CropError: An argument is impossible, no box in this photograph has the aspect, or none of those contains all
            of `keep`.
    """
    height, width = _checked_size(size)
    if not (0 < smallest <= 1 and 0 <= distinct <= 1 and top >= 1):
        raise CropError(
            f"smallest={smallest}, distinct={distinct}, top={top}: give shares in (0, 1] and [0, 1] and a count ≥ 1"
        )
    hull = _hull(keep, size)
    if aspect is None:
        grid = _Grid(_intervals(width, smallest, hull[::2]), _intervals(height, smallest, hull[1::2]))
    else:
        widths, heights = _sizes(float(aspect), size, smallest)
        grid = _Grid(_places(widths, width, hull[::2]), _places(heights, height, hull[1::2]))
    found = _worth(_known(evidence, weights.level), grid, size, weights)
    found[~_allowed(grid, size, aspect, hull)] = -np.inf
    if hull and aspect is not None and not np.isfinite(found).any():
        raise CropError(
            f"no crop of aspect {aspect:.4g} within {width}×{height} contains {hull}, the box around everything to "
            "keep: keep less, or choose the aspect free"
        )
    return _best(grid, found.ravel(), size, top, distinct)


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    height, width = size
    if min(height, width) < 1:
        raise CropError(f"a photograph of {width}×{height} has no pixel to crop: give its height and width")
    return height, width


def _within(boxes: ArrayLike, size: tuple[int, int]) -> Floats:
    """Boxes `(M, 4)`, checked to be neither empty nor outside."""
    try:
        return inside(boxes, size)
    except BoxError as error:
        raise CropError(str(error)) from error


def _hull(keep: Sequence[Box], size: tuple[int, int]) -> tuple[int, ...]:
    """Left, top, right, bottom of the smallest box around everything to keep; () for nothing."""
    if len(keep) == 0:
        return ()
    left, top, right, bottom = _within(keep, size).T
    return int(left.min()), int(top.min()), math.ceil(right.max()), math.ceil(bottom.max())


def _intervals(side: int, smallest: float, also: tuple[int, ...]) -> Ints:
    """`(2, 1, n)` starts and ends on grid lines that include `also`."""
    lines = np.unique(np.append(np.rint(np.linspace(0, side, LINES)), also)).astype(np.int64)
    start, end = (lines[index] for index in np.triu_indices(len(lines), k=1))
    long = end - start >= smallest * side - TIE
    return np.stack([start[long], end[long]])[:, None]


def _sizes(aspect: float, size: tuple[int, int], smallest: float) -> tuple[Ints, Ints]:
    """`(G,)` widths and heights of crops of one aspect."""
    height, width = size
    if not 0 < aspect < math.inf:
        raise CropError(f"aspect {aspect} is not width over height: give a finite number > 0")
    # The longer side is an integer and the shorter one is rounded from it, which changes the aspect least.
    ratio = max(aspect, 1 / aspect)
    long_side, short_side = (width, height) if aspect >= 1 else (height, width)
    if long_side < ratio - TIE:
        raise CropError(
            f"aspect {aspect:.4g} needs {ratio:.4g} pixels along the longer side, but the photograph of "
            f"{width}×{height} has {long_side}: choose a less extreme aspect, or free"
        )
    longest = min(long_side, round(short_side * ratio))
    long = np.unique(np.ceil(np.linspace(smallest * longest, longest, SIZES) - TIE).astype(np.int64))
    short = np.minimum(np.rint(long / ratio).astype(np.int64), short_side)
    long, short = long[short >= 1], short[short >= 1]
    return (long, short) if aspect >= 1 else (short, long)


def _places(lengths: Ints, side: int, kept: tuple[int, ...]) -> Ints:
    """`(2, G, n)` starts and ends of intervals of G lengths, including those aligned with what is kept."""
    slack = side - lengths
    start = np.rint(np.linspace(0, slack, PLACES, axis=1)).astype(np.int64)
    if kept:
        aligned = np.stack([np.full_like(lengths, kept[0]), kept[1] - lengths], axis=1)
        start = np.append(start, aligned.clip(0, slack[:, None]), axis=1)
    return np.stack([start, start + lengths[:, None]])


def _known(evidence: Map, level: float) -> Floats:
    """Local evidence `(h, w)`: the evidence minus `level` times its mean, and 0 where it is unknown."""
    values = np.asarray(evidence, dtype=np.float64)
    if values.ndim != 2 or values.size == 0 or np.isinf(values).any():
        raise CropError(f"evidence of shape {values.shape} is not a map: give (height, width) of finite numbers or nan")
    seen = ~np.isnan(values)
    return np.where(seen, values - level * values[seen].mean(), 0.0) if seen.any() else np.zeros(values.shape)


def _worth(evidence: Floats, grid: _Grid, size: tuple[int, int], weights: CropWeights) -> Floats:
    """`(G, m, n)` worth of every candidate."""
    height, width = size
    breadth = weights.border * min(size)
    columns, rows = grid.columns / width, grid.rows / height
    clear = _clear(columns, breadth / width), _clear(rows, breadth / height)
    kept = _integrals(evidence.clip(min=0), *clear) - _integrals((-evidence).clip(min=0), columns, rows)
    share = (columns[1] - columns[0])[:, None, :] * (rows[1] - rows[0])[..., None]
    return np.asarray(kept + weights.area * share)


def _clear(intervals: Floats, breadth: float) -> Floats:
    """Intervals within [0, 1] minus a strip at each end inside (0, 1); their length is at least 0."""
    start, end = intervals
    start = np.where(start > 0, np.minimum(start + breadth, end), start)
    return np.stack([start, np.where(end < 1, np.maximum(end - breadth, start), end)])


def _integrals(values: Floats, columns: Floats, rows: Floats) -> Floats:
    """`(G, m, n)` integrals of a map, constant within each cell, over boxes with edges in [0, 1].

    Between the corners of cells an integral image is linear in each coordinate, so interpolating it is exact.
    """
    table = np.zeros((values.shape[1] + 1, values.shape[0] + 1))
    table[1:, 1:] = values.T.cumsum(axis=0).cumsum(axis=1) / values.size
    across = _differences(table[None], columns)
    return _differences(np.ascontiguousarray(across.swapaxes(1, 2)), rows)


def _differences(table: Floats, intervals: Floats) -> Floats:
    """`(G, n, c)` differences of cumulative tables, `(G or 1, cells + 1, c)`, over intervals `(2, G, n)`."""
    cells = table.shape[1] - 1
    places = intervals * cells
    below = np.minimum(places.astype(np.int64), cells - 1)
    part, group = (places - below)[..., None], np.arange(len(table))[:, None]
    start, end = table[group, below] * (1 - part) + table[group, below + 1] * part
    return np.asarray(end - start)


def _allowed(grid: _Grid, size: tuple[int, int], aspect: float | None, hull: tuple[int, ...]) -> NDArray[np.bool_]:
    """`(G, m, n)` whether a candidate contains what is kept and is not a sliver."""
    (left, right), (top, bottom) = grid.columns[:, :, None, :], grid.rows[..., None]
    allowed = np.ones(np.broadcast_shapes(left.shape, top.shape), dtype=np.bool_)
    if hull:
        allowed &= (left <= hull[0]) & (right >= hull[2]) & (top <= hull[1]) & (bottom >= hull[3])
    if aspect is None:
        (height, width), wide, high = size, right - left, bottom - top
        # Integer products, so that the photograph's own aspect does not fail by rounding.
        allowed &= (wide <= SLIVER * high) | (wide * height <= width * high)
        allowed &= (high <= SLIVER * wide) | (high * width <= height * wide)
    return allowed


def _best(grid: _Grid, worth: Floats, size: tuple[int, int], top: int, distinct: float) -> list[Proposal]:
    """Pick the best candidates greedily, skipping those that overlap a better one too much or are worth −inf."""
    proposals: list[Proposal] = []
    left = np.flatnonzero((worth >= worth.max() - TIE) if top == 1 else (worth > -np.inf))
    boxes, worth = grid.boxes(left), worth[left]
    while len(boxes) and len(proposals) < top:
        tied = np.flatnonzero(worth >= worth.max() - TIE)
        first = tied[_preferred(boxes[tied], size)]
        box = Box(*(int(edge) for edge in boxes[first]))
        proposals.append(Proposal(box, float(worth[first])))
        overlap = ious(boxes, box)
        other = (overlap <= distinct) & (overlap < 1)
        boxes, worth = boxes[other], worth[other]
    return proposals


def _preferred(boxes: Edges, size: tuple[int, int]) -> int:
    """Index of the largest box; ties go to the most central, then to the topmost and leftmost."""
    left, top, right, bottom = boxes.T
    height, width = size
    off_centre = ((left + right - width) / width) ** 2 + ((top + bottom - height) / height) ** 2
    area = (right - left) * (bottom - top)
    return int(np.lexsort((left, top, np.round(off_centre, 12), -area))[0])
