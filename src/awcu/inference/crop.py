"""Crops of a photograph from its evidence map: every box of a dense grid is scored, the best are proposed."""

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

LINES = 33  # of the lattice on which the edges of a crop of free aspect lie, along either side
SIZES = 24  # of a crop of fixed aspect
PLACES = 33  # along either side, of a crop of fixed aspect
SLIVER = 3.0  # sides of a free crop differ by at most this factor, unless the photograph's own do
EXTREME = 20.0
TIE = 1e-9  # in worth: what differs by less differs only by rounding


class Proposal(NamedTuple):
    """A crop and what it is worth (`CropWeights`), in standard deviations of the score."""

    box: Box
    worth: float


@dataclass(frozen=True)
class CropWeights:
    """What a crop is worth: the good evidence it keeps whole, less the bad it keeps, plus the area it keeps.

    With e the evidence less `level` times its mean over the frame,

        worth = ∫ max(e, 0) over the box, but for strips along its cut edges
              − ∫ max(−e, 0) over the box
              + area · share of the frame,

    where the frame has area 1 and a cut edge is one that lies within the frame. Evidence lost outside needs no term:
    kept and lost add up to the same for every box.

    The defaults were fitted to the validation pictures of the rendered gallery (`experiments/cropping`).

    Attributes:
        area: What any place in the frame is worth for being in the picture, in standard deviations of the score, ≥ 0.
            A region is worth cutting off where its e is below −area.
        border: Breadth of the strips as a share of the photograph's shorter side, in [0, 0.5). Good evidence so near
            a cut edge counts as lost, so that an edge keeps clear of what speaks for the photograph.
        level: Share in [0, 1] of the mean evidence that speaks of the photograph as a whole and of no place in it.
            With 0 a photograph of poor evidence throughout is cut down to the smallest box, with 1 only the
            differences between its places count.
    """

    area: float = 1.25
    border: float = 0.1
    level: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.area < math.inf:
            raise CropError(f"area={self.area} is not a weight: give a finite number ≥ 0")
        if not 0 <= self.border < 0.5:
            raise CropError(f"border={self.border} is not a breadth: give a share of the shorter side in [0, 0.5)")
        if not 0 <= self.level <= 1:
            raise CropError(f"level={self.level} is not a share: give one in [0, 1]")


DEFAULT = CropWeights()


class _Grid(NamedTuple):
    """Candidate boxes: in each of G groups every interval of columns with every interval of rows.

    columns `(2, G, n)` left and right edges, rows `(2, G, m)` top and bottom edges, in pixels.
    """

    columns: Edges
    rows: Edges

    def boxes(self, index: NDArray[np.intp]) -> Edges:
        """`(M, 4)` boxes at flat places of a `(G, m, n)` array."""
        group, row, column = np.unravel_index(index, (*self.rows.shape[1:], self.columns.shape[2]))
        (left, right), (top, bottom) = self.columns[:, group, column], self.rows[:, group, row]
        return np.stack([left, top, right, bottom], axis=1)


def parse_aspect(text: str, size: tuple[int, int]) -> float | None:
    """Width over height that "16:9", "2.39:1", "original" or "free" (None) stands for.

    Args:
        text: As the user writes it.
        size: Height and width of the photograph in pixels.

    Raises:
        CropError: Anything else, a side of zero, or more than 20 times as long as high or the reverse.
    """
    name = text.strip().lower()
    if name == "free":
        return None
    if name == "original":
        height, width = _checked_size(size)
        return width / height
    sides = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?):([0-9]+(?:\.[0-9]+)?)", name)
    if sides is None:
        raise CropError(f"aspect {text!r} is none: give width:height such as 16:9, or original, or free")
    wide, high = float(sides[1]), float(sides[2])
    if not 0 < max(wide, high) <= EXTREME * min(wide, high) < math.inf:
        raise CropError(f"aspect {text!r} is too extreme: give sides that differ by a factor of {EXTREME:g} at most")
    return wide / high


def worth(evidence: Map, size: tuple[int, int], boxes: ArrayLike, weights: CropWeights = DEFAULT) -> Floats:
    """`(M,)` worth of given crops `(M, 4)`, as `propose` counts it (`CropWeights`).

    Raises:
        CropError: No map, no photograph, or a box that is empty or reaches out of it.
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
    """The crops of a photograph that are worth most, best first; at equal worth the largest, then the most central.

    Args:
        evidence: `(h, w)` signed evidence over the whole frame at any resolution, in standard deviations of the
            model's score; nan where the network saw nothing, which is evidence neither way.
        size: Height and width of the photograph in pixels.
        aspect: Width over height, which the shorter side meets to half a pixel; None for any between 1:3 and 3:1, or
            as extreme as the photograph's own.
        smallest: Sides at least this share, in (0, 1], of the photograph's own; of those of the largest box of the
            aspect where one is given.
        keep: Boxes that every crop must contain.
        top: How many, ≥ 1; fewer are returned where no other is distinct.
        weights: What counts how much.
        distinct: Largest IoU, in [0, 1], with a better crop.

    Raises:
        CropError: An impossible argument, an aspect with no box in this photograph, or one of which no box contains
            all of `keep`.
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
            f"no crop of aspect {aspect:.4g} within {width}×{height} contains {hull}, the box around all that must be "
            "kept: keep less, or choose the aspect free"
        )
    return _best(grid, found.ravel(), size, top, distinct)


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    height, width = size
    if min(height, width) < 1:
        raise CropError(f"a photograph of {width}×{height} has no pixel to crop: give its height and width")
    return height, width


def _within(boxes: ArrayLike, size: tuple[int, int]) -> Floats:
    """`(M, 4)`, none of them empty or outside."""
    try:
        return inside(boxes, size)
    except BoxError as error:
        raise CropError(str(error)) from error


def _hull(keep: Sequence[Box], size: tuple[int, int]) -> tuple[int, ...]:
    """Left, top, right, bottom of the smallest box around all that is kept; () for nothing."""
    if len(keep) == 0:
        return ()
    left, top, right, bottom = _within(keep, size).T
    return int(left.min()), int(top.min()), math.ceil(right.max()), math.ceil(bottom.max())


def _intervals(side: int, smallest: float, also: tuple[int, ...]) -> Ints:
    """`(2, 1, n)` starts and ends on a lattice that has `also` among its lines."""
    lines = np.unique(np.append(np.rint(np.linspace(0, side, LINES)), also)).astype(np.int64)
    start, end = (lines[index] for index in np.triu_indices(len(lines), k=1))
    long = end - start >= smallest * side - TIE
    return np.stack([start[long], end[long]])[:, None]


def _sizes(aspect: float, size: tuple[int, int], smallest: float) -> tuple[Ints, Ints]:
    """`(G,)` widths and heights of crops of one aspect."""
    height, width = size
    if not 0 < aspect < math.inf:
        raise CropError(f"aspect {aspect} is no width over height: give a finite number > 0")
    # The longer side is whole and the shorter one follows, since rounding that bends the aspect less.
    ratio = max(aspect, 1 / aspect)
    long_side, short_side = (width, height) if aspect >= 1 else (height, width)
    if long_side < ratio - TIE:
        raise CropError(
            f"aspect {aspect:.4g} needs {ratio:.4g} pixels along the longer side, the photograph of "
            f"{width}×{height} has {long_side}: choose a less extreme aspect, or free"
        )
    longest = min(long_side, round(short_side * ratio))
    long = np.unique(np.ceil(np.linspace(smallest * longest, longest, SIZES) - TIE).astype(np.int64))
    short = np.minimum(np.rint(long / ratio).astype(np.int64), short_side)
    long, short = long[short >= 1], short[short >= 1]
    return (long, short) if aspect >= 1 else (short, long)


def _places(lengths: Ints, side: int, kept: tuple[int, ...]) -> Ints:
    """`(2, G, n)` starts and ends of intervals of G lengths, among them those that begin or end with what is kept."""
    slack = side - lengths
    start = np.rint(np.linspace(0, slack, PLACES, axis=1)).astype(np.int64)
    if kept:
        aligned = np.stack([np.full_like(lengths, kept[0]), kept[1] - lengths], axis=1)
        start = np.append(start, aligned.clip(0, slack[:, None]), axis=1)
    return np.stack([start, start + lengths[:, None]])


def _known(evidence: Map, level: float) -> Floats:
    """Evidence that speaks of places, `(h, w)`: less the share of the mean that speaks of none, 0 where unknown."""
    values = np.asarray(evidence, dtype=np.float64)
    if values.ndim != 2 or values.size == 0 or np.isinf(values).any():
        raise CropError(f"evidence of shape {values.shape} is no map: give (height, width) of finite numbers or nan")
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
    """Intervals within [0, 1] less a strip at each end that is no end of [0, 1]; their length is 0 at the least."""
    start, end = intervals
    start = np.where(start > 0, np.minimum(start + breadth, end), start)
    return np.stack([start, np.where(end < 1, np.maximum(end - breadth, start), end)])


def _integrals(values: Floats, columns: Floats, rows: Floats) -> Floats:
    """`(G, m, n)` integrals of a map, constant within each cell, over boxes with edges in [0, 1].

    Between the corners of cells an integral image is linear in either coordinate, so interpolating it is exact.
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
    """`(G, m, n)` whether a candidate contains what is kept and is no sliver."""
    (left, right), (top, bottom) = grid.columns[:, :, None, :], grid.rows[..., None]
    allowed = np.ones(np.broadcast_shapes(left.shape, top.shape), dtype=np.bool_)
    if hull:
        allowed &= (left <= hull[0]) & (right >= hull[2]) & (top <= hull[1]) & (bottom >= hull[3])
    if aspect is None:
        (height, width), wide, high = size, right - left, bottom - top
        # Products of whole numbers, since the photograph's own aspect must not fail by rounding.
        allowed &= (wide <= SLIVER * high) | (wide * height <= width * high)
        allowed &= (high <= SLIVER * wide) | (high * width <= height * wide)
    return allowed


def _best(grid: _Grid, worth: Floats, size: tuple[int, int], top: int, distinct: float) -> list[Proposal]:
    """Greedily the best of the candidates that overlap no better one too much; one of worth −inf is none."""
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
    """Place of the largest box, then of the most central, then of the topmost and leftmost."""
    left, top, right, bottom = boxes.T
    height, width = size
    off_centre = ((left + right - width) / width) ** 2 + ((top + bottom - height) / height) ** 2
    area = (right - left) * (bottom - top)
    return int(np.lexsort((left, top, np.round(off_centre, 12), -area))[0])
