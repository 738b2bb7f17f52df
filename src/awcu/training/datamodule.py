"""From `Ratings` to batches: the data set, the order of an epoch, the Lightning data module."""

import os
from collections.abc import Iterator
from typing import TypedDict

import albumentations as A
import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Sampler

from awcu.datasets.prepared import Prepared
from awcu.errors import ImageError, RatingsError
from awcu.images.decoding import decode, unreadable
from awcu.ratings.ratings import Floats, Ratings
from awcu.ratings.splits import SPLITS, Split
from awcu.ratings.weighting import SampleWeights

FAULTS_SHOWN = 50  # lines of one message
MANY = 20_000  # photographs whose decoding takes minutes, which a user should know of


class Batch(TypedDict):
    """What the network sees of B photographs; K rating values, A attributes."""

    image: Tensor  # (B, 3, S, S) normalised
    row: Tensor  # (B,) int64, row in the split's `Ratings`
    high: Tensor  # (B,) int64, 0 low, 1 high
    distribution: Tensor  # (B, K) shares; (B, 0) where only mean scores are known
    score: Tensor  # (B,) mean score minus the midpoint, in rating points
    attributes: Tensor  # (B, A) 0, 1, nan = unlabelled
    weight: Tensor  # (B,) ≥ 0; 1 outside training


def readable(ratings: Ratings, exclude: bool, prepared: Prepared | None = None) -> tuple[Ratings, int]:
    """The ratings whose photographs decode whole, and how many were left out.

    Args:
        ratings: Every photograph is decoded once.
        exclude: Leave unreadable photographs out, instead of refusing the data set.
        prepared: Knows which are unreadable, so that none is decoded.

    Raises:
        ImageError: Some photographs are unreadable and `exclude` is false; they are listed.
        PreparedError: A photograph that was not prepared, or whose file changed afterwards.
    """
    if prepared is None:
        if len(ratings) > MANY:
            print(
                f"Looking for unreadable ones among {len(ratings):,} photographs; awcu prepare does so once", flush=True
            )
        by_row = unreadable(ratings.image_paths)
        keep = np.setdiff1d(np.arange(len(ratings)), list(by_row))
        kept, faults = (ratings.select(keep) if by_row else ratings), list(by_row.values())
    else:
        kept, by_id = prepared.readable(ratings)
        faults = list(by_id.values())
    if faults and not exclude:
        rest = len(faults) - FAULTS_SHOWN
        listed = "\n  ".join([*faults[:FAULTS_SHOWN], *([f"and {rest:,} more"] if rest > 0 else [])])
        raise ImageError(
            f"{ratings.name}: {len(faults)} of {len(ratings)} photographs cannot be read:\n  {listed}\n"
            f"Repair them, or train without them by data.on_unreadable=exclude (the record counts them)"
        )
    return kept, len(faults)


class RatingDataset(Dataset[Batch]):
    """Photographs of one split with all that was rated.

    Args:
        ratings: The split.
        preparation: From `awcu.images.transforms.preparation`.
        size: The side it prepares, in pixels.
        weights: `(N,)`; None for 1 each.
        seed: Item i is augmented by (seed, i) alone, whatever the order or the worker.
        prepared: Holds the photographs, whose files are then not opened.

    Raises:
        PreparedError: A photograph that was not prepared, or is unreadable.
    """

    def __init__(
        self,
        ratings: Ratings,
        preparation: A.Compose,
        size: int,
        weights: Floats | None = None,
        seed: tuple[int, ...] = (0,),
        prepared: Prepared | None = None,
    ) -> None:
        self.photographs = ratings.image_paths if prepared is None else prepared.of(ratings)
        self.size = size
        self.preparation = preparation
        self.seed = seed
        shares = ratings.rating_distribution
        self.high = torch.from_numpy(ratings.high.astype(np.int64))
        self.distribution = _float32(np.empty((len(ratings), 0)) if shares is None else shares)
        self.score = _float32(ratings.mean_score - ratings.midpoint)
        self.attributes = _float32(ratings.attributes)
        self.weight = torch.ones(len(ratings)) if weights is None else _float32(weights)

    def __len__(self) -> int:
        return len(self.photographs)

    def __getitem__(self, row: int) -> Batch:
        state = np.random.SeedSequence((*self.seed, row)).generate_state(1)
        self.preparation.set_random_seed(int(state[0]))
        photograph = self.photographs[row]
        pixels = decode(photograph, self.size) if isinstance(photograph, str) else photograph
        return Batch(
            image=self.preparation(image=pixels)["image"],
            row=torch.tensor(row),
            high=self.high[row],
            distribution=self.distribution[row],
            score=self.score[row],
            attributes=self.attributes[row],
            weight=self.weight[row],
        )


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


class RatingData(LightningDataModule):
    """The splits of one data set as loaders; the weights of an epoch are settled when it begins.

    Args:
        ratings: With train, val and test rows.
        sample_weights: Weights of the training photographs.
        training: Preparation with augmentation.
        evaluation: Preparation without.
        size: The side in pixels that both prepare.
        batch_size: Photographs a step, of all processes together.
        workers: Loader processes; None for one a core but one, at most 8.
        seed: Of order and augmentation.
        prepared: Holds the photographs, whose files are then not opened.
        weighted_sampling: A photograph's weight says how often it is drawn; drawn, it counts 1 in the loss.
        epoch_length: Photographs that an epoch draws, rounded to whole batches; None: as many as there are to train on.

    Raises:
        PreparedError: Photographs prepared smaller than `size`.
        RatingsError: From the training loader, a batch that the processes cannot share evenly.
    """

    def __init__(
        self,
        ratings: Ratings,
        sample_weights: SampleWeights,
        training: A.Compose,
        evaluation: A.Compose,
        size: int,
        batch_size: int,
        workers: int | None,
        seed: int,
        prepared: Prepared | None = None,
        weighted_sampling: bool = False,
        epoch_length: int | None = None,
    ) -> None:
        super().__init__()
        if prepared is not None:
            prepared.check_size(size)
        self.splits = {split: ratings.of_split(split) for split in SPLITS}
        self.sample_weights = sample_weights
        self.training = training
        self.evaluation = evaluation
        self.size = size
        self.batch_size = batch_size
        self.workers = min((os.cpu_count() or 1) - 1, 8) if workers is None else workers
        self.seed = seed
        self.prepared = prepared
        self.weighted_sampling = weighted_sampling
        self.epoch_length = len(self.splits["train"]) if epoch_length is None else epoch_length

    def weights(self, epoch: int, epochs: int) -> Floats:
        """`(N_train,)` weights of one epoch of `epochs`; the last epoch has them at full strength."""
        progress = epoch / (epochs - 1) if epochs > 1 else 1.0
        return self.sample_weights.at(self.splits["train"], min(progress, 1.0))

    @property
    def steps(self) -> int:
        """Steps of an epoch, the same under every weighting."""
        return epoch_steps(self.epoch_length, self.batch_size)

    def train_dataloader(self) -> DataLoader[Batch]:
        """The current epoch's batches, all full; of an epoch that was interrupted, the rest."""
        assert self.trainer is not None
        assert self.trainer.max_epochs is not None
        epoch = self.trainer.current_epoch
        weights = self.weights(epoch, self.trainer.max_epochs)
        train = self.splits["train"]
        seed = (self.seed, epoch)
        # Behind the last step the index still is that of the epoch before.
        done = (self.trainer.fit_loop.epoch_loop.batch_idx + 1) % self.steps
        length, done = (count * self.batch_size for count in (self.steps, done))
        share = (self.trainer.global_rank, self.trainer.world_size)
        rows = np.flatnonzero(weights > 0)
        chances, losses = (weights[rows], None) if self.weighted_sampling else (None, weights)
        sampler = EpochSampler(rows, length, seed, done, share, self._batch_of_a_process(), chances)
        dataset = RatingDataset(train, self.training, self.size, losses, seed, self.prepared)
        return self._loader(dataset, sampler)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The validation split in order."""
        return self.evaluation_loader("val")

    def test_dataloader(self) -> DataLoader[Batch]:
        """The test split in order."""
        return self.evaluation_loader("test")

    def evaluation_loader(self, split: Split) -> DataLoader[Batch]:
        """One split in order, without augmentation."""
        dataset = RatingDataset(self.splits[split], self.evaluation, self.size, prepared=self.prepared)
        if self.trainer is None or self.trainer.world_size == 1:
            return self._loader(dataset, None)
        # It repeats photographs until all processes have as many; what comes back twice is known by its row.
        rank, processes = self.trainer.global_rank, self.trainer.world_size
        return self._loader(dataset, DistributedSampler(dataset, processes, rank, shuffle=False))

    def _batch_of_a_process(self) -> int:
        processes = 1 if self.trainer is None else self.trainer.world_size
        if self.batch_size % processes:
            raise RatingsError(
                f"loader.batch_size={self.batch_size} cannot be shared by {processes} processes; give a multiple"
            )
        return self.batch_size // processes

    def _loader(self, dataset: RatingDataset, sampler: Sampler[int] | None) -> DataLoader[Batch]:
        return DataLoader(
            dataset,
            self._batch_of_a_process(),
            sampler=sampler,
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available(),
        )


def epoch_steps(photographs: int, batch_size: int) -> int:
    """Full batches of an epoch that draws that many photographs."""
    return max(1, round(photographs / batch_size))


def _float32(array: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(array.astype(np.float32))
