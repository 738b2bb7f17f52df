"""Which photographs look the same, whatever their names and bytes, and how alike two of one scene are."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SIDE = 64  # pixels of the grey picture that is hashed
KEPT = 16  # lowest frequencies of it, each way
SAME = 8
"""Most bits of 256 in which one picture, saved anew, differs from itself. Of 10,000 photographs of BIQ2021, 292 pairs
are within 8; of twelve that were looked at, each was the same picture. The next, from 12 on, are the same scene taken
again, or in other light."""

ALIKE = 0.8
"""Likeness of two outlines from which they show one scene. Of 300 photographs of BIQ2021 and OASIS, 99.3 % of their
copies reach it (shifted by 5 to 20 % of the frame, cut to its inner 70 to 90 %, turned by two degrees, blurred, exposed
by −1 to +.7 EV), and none of 1,026 pairs of different photographs; at .75 it is 99.7 and .1 %. With broad light left
in, frames with a bright sky over dark ground are taken for each other: at .9, 97.8 and .1 %. The cosine of the pooled
features of the package's model is no use here: at .7 it keeps 70 % of such copies and 6 % of the blurred ones, since
sharpness is what that network looks for."""
_OUTLINE = 32  # pixels of an outline's long side
_MARGIN = _OUTLINE // 8  # of one outline that may lie outside of the other
_SCALES = (1.0, 0.9, 0.8, 0.7)  # of one outline within the other: the photographer zoomed or stepped nearer
_LIGHT = 6.0  # pixels: what changes more slowly over an outline is light, which many scenes share
_BLANK = 0.5  # standard deviation of levels below which an outline shows nothing to compare


def look(pixels: NDArray[np.uint8]) -> bytes | None:
    """Hash what a photograph looks like: 32 bytes that a new size or compression hardly changes.

    Which of its lowest cosine frequencies are above their median (pHash: Zauner 2010, Implementation and Benchmarking
    of Perceptual Image Hash Functions). Of 256 frequencies, since the usual 64 take different photographs for one.

    Args:
        pixels: `(H, W, 3)` uint8, RGB.

    Returns:
        None for a blank picture, which would look like every other.
    """
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    if grey.std() < 1:
        return None
    low = cv2.dct(grey)[:KEPT, :KEPT]
    return np.packbits(low > np.median(low)).tobytes()


def outline(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A photograph without broad light, so small and smooth that blur leaves it as it is: `(h, w, 3)`, for `likeness`.

    Args:
        pixels: `(H, W, 3)` uint8, RGB.
    """
    scale = _OUTLINE / max(pixels.shape[:2])
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(small.astype(np.float32), (0, 0), 1)
    return np.asarray(smooth - cv2.GaussianBlur(smooth, (0, 0), _LIGHT), np.float32)


def likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """How alike two photographs are, at most 1: the middle of either is sought in the other, at several sizes.

    Normalised cross-correlation (Lewis 1995, Fast Normalized Cross-Correlation): another exposure changes little.

    Args:
        one: From `outline`.
        other: From `outline`.

    Returns:
        0 where one is blank, or of other proportions, such as upright.
    """
    if one.shape != other.shape or min(one.std(), other.std()) < _BLANK or min(one.shape[:2]) <= 2 * _MARGIN:
        return 0.0
    return max(_found(*pair, scale) for scale in _SCALES for pair in ((one, other), (other, one)))


def _found(within: NDArray[np.float32], sought: NDArray[np.float32], scale: float) -> float:
    middle = sought[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    if middle.std() < _BLANK:
        return 0.0
    if scale < 1:
        middle = np.asarray(cv2.resize(middle, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
    return float(cv2.matchTemplate(within, middle, cv2.TM_CCOEFF_NORMED).max())


def first_alike(looks: Sequence[bytes | None]) -> NDArray[np.int64]:
    """`(N,)` the first row that looks the same, also by way of others: a row's own, unless an earlier one does.

    Args:
        looks: As `look` gives them.
    """
    known = np.array([row for row, one in enumerate(looks) if one is not None], np.int64)
    hashes = np.frombuffer(b"".join(one for one in looks if one is not None), np.uint8).reshape(-1, KEPT**2 // 8)
    one, other = known[_pairs(hashes)].T
    n = len(looks)
    group = connected_components(coo_array((np.ones(len(one)), (one, other)), (n, n)), directed=False)[1]
    first = np.unique(group, return_index=True)[1]
    return np.asarray(first[group], np.int64)


def _pairs(hashes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """`(M, 2)` rows that differ in at most `SAME` bits.

    They are equal in one of `SAME` + 1 parts at least, so only rows that share a part are compared.
    """
    bits, found = np.unpackbits(hashes, axis=1), [np.empty((0, 2), np.int64)]
    for part in range(SAME + 1):
        keys = np.packbits(bits[:, part :: SAME + 1], axis=1)
        place, count = np.unique(keys, axis=0, return_inverse=True, return_counts=True)[1:]
        rows = np.flatnonzero(count[place] > 1)
        rows = rows[np.argsort(place[rows], kind="stable")]
        for mine in np.split(rows, np.flatnonzero(np.diff(place[rows])) + 1):
            for row in range(len(mine) - 1):
                rest = mine[row + 1 :]
                near = rest[np.bitwise_count(hashes[rest] ^ hashes[mine[row]]).sum(axis=1) <= SAME]
                found.append(np.column_stack([np.full(len(near), mine[row]), near]))
    return np.concatenate(found)
