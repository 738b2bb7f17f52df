"""The order of an epoch: which photographs are drawn, and which of them share a batch."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from awcu.ratings.ratings import Floats

Frames = NDArray[np.int64]
"""`(N, 2)` height and width at which the network sees each photograph."""


class EpochSampler(Sampler[int]):
    """One epoch: the given rows in random order, again and again until `length` draws.

    An epoch has the same number of steps under every weighting, so that dropping photographs does not also
    shorten training; rows left out of `rows` are never drawn, so never decoded.

    Args:
        rows: `(M,)` rows with a positive weight.
        length: Draws.
        seed: Order of the draws.
        done: Draws of this epoch that an earlier start of the run has trained on.
        share: (r, W): process r of W takes, of every W · n draws, the r-th n, so that together the processes
            see the batches that one alone would.
        batch_size: The n.
        weights: `(M,)` > 0, to which the probability of every draw is in proportion, with replacement; None: the rows
            pass after pass.
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        length: int,
        seed: tuple[int, ...],
        done: int = 0,
        share: tuple[int, int] = (0, 1),
        batch_size: int = 1,
        weights: Floats | None = None,
    ) -> None:
        self.rows = rows
        self.length = length
        self.seed = seed
        self.done = done
        self.share = share
        self.batch_size = batch_size
        self.weights = weights

    def __len__(self) -> int:
        return self.length // self.share[1]

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng(self.seed)
        if self.weights is None:
            drawn = np.concatenate([random.permutation(self.rows) for _ in range(-(-self.length // len(self.rows)))])
        else:
            drawn = random.choice(self.rows, self.length, p=self.weights / self.weights.sum())
        # One at a time: a list of them would be copied into every forked worker as its counts of references change.
        rank, processes = self.share
        steps = drawn[self.done : self.length].reshape(-1, processes, self.batch_size)
        return map(int, steps[:, rank].ravel())


class FrameBatches(Sampler[list[int]]):
    """One epoch in batches whose photographs share a frame, in random order.

    A frame gets batches in proportion to the draws of its photographs, rounded up or down at random; where it has
    fewer draws than its batches hold, they begin again.

    Args:
        drawn: The rows of a whole epoch, of one process.
        frames: `(N, 2)`, indexed by row.
        batch_size: Photographs a batch.
        seed: Of the rounding and the order.
        done: Batches, of each process, that an earlier start of the run has trained on.
        share: (r, W): process r of W takes every W-th batch.
    """

    def __init__(
        self,
        drawn: EpochSampler,
        frames: Frames,
        batch_size: int,
        seed: tuple[int, ...],
        done: int = 0,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.drawn = drawn
        self.frames = frames
        self.batch_size = batch_size
        self.seed = seed
        self.done = done
        self.share = share

    def __len__(self) -> int:
        return len(self.drawn) // self.batch_size // self.share[1]

    def __iter__(self) -> Iterator[list[int]]:
        random = np.random.default_rng((*self.seed, 1))
        rows = np.fromiter(self.drawn, np.int64)
        _, kind, counts = np.unique(self.frames[rows], axis=0, return_inverse=True, return_counts=True)
        exact = counts / self.batch_size
        batches = np.floor(exact).astype(int)
        left = len(rows) // self.batch_size - batches.sum()
        if left:
            batches[random.choice(len(batches), left, replace=False, p=(exact - batches) / left)] += 1
        grouped = [
            np.resize(rows[kind.ravel() == number], (count, self.batch_size)) for number, count in enumerate(batches)
        ]
        rank, processes = self.share
        yield from random.permutation(np.concatenate(grouped))[self.done * processes :][rank::processes].tolist()


def merged(frames: Frames, rows: NDArray[np.int64], batch_size: int) -> Frames:
    """Frames in which every row's is shared by a batch: a rarer one becomes the one nearest to it in proportion.

    Args:
        frames: `(N, 2)`.
        rows: `(M,)` the rows that are drawn.
        batch_size: What a frame must have among them; if none has, all take the most frequent.
    """
    kinds, kind, counts = np.unique(frames[rows], axis=0, return_inverse=True, return_counts=True)
    common = kinds[counts >= min(batch_size, counts.max())]
    apart = np.abs(np.log(kinds[:, :1] / kinds[:, 1:]) - np.log(common[:, 0] / common[:, 1]))
    # Ties go to the frame that comes first, whatever the order of the rows.
    shared = frames.copy()
    shared[rows] = common[apart.argmin(1)][kind.ravel()]
    return shared


def batches_by_frame(frames: Frames, batch_size: int) -> list[list[int]]:
    """Rows in batches of one frame, frame after frame, rows in their order."""
    kinds, kind = np.unique(frames, axis=0, return_inverse=True)
    groups = (np.flatnonzero(kind.ravel() == number) for number in range(len(kinds)))
    return [rows[first : first + batch_size].tolist() for rows in groups for first in range(0, len(rows), batch_size)]


def epoch_steps(photographs: int, batch_size: int) -> int:
    """Full batches of an epoch that draws that many photographs."""
    return max(1, round(photographs / batch_size))
