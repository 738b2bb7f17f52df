"""From `Ratings` to batches: the data set and the Lightning data module."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import NotRequired, TypedDict

import albumentations  # noqa: F401 (before workers are forked: W&B's hooks on imports do not work in them)
import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Sampler

from awcu.datasets.prepared import Prepared
from awcu.errors import ImageError, RatingsError, TaskError
from awcu.images.decoding import decode, unreadable, upright_size
from awcu.images.flaws import LOCAL, WHOLE, plant
from awcu.images.transforms import Pixels, Preparation
from awcu.ratings.ratings import Floats, Ratings
from awcu.ratings.splits import SPLITS, Split
from awcu.ratings.weighting import SampleWeights
from awcu.training.frozen import FrozenOutputs
from awcu.training.sampling import EpochSampler, FrameBatches, Frames, batches_by_frame, epoch_steps, merged

FAULTS_SHOWN = 50  # lines of one message
WEAKEST = 0.2  # strength of the flaws to learn from
MANY = 20_000  # photographs whose decoding takes minutes, which a user should know of


class Batch(TypedDict):
    """What the network sees of B photographs; K rating values, A attributes."""

    image: Tensor  # (B, 3, h, w) normalised; or (B, C, h, w), the outputs of the network's frozen part
    row: Tensor  # (B,) int64, row in the split's `Ratings`
    high: Tensor  # (B,) int64, 0 low, 1 high
    distribution: Tensor  # (B, K) shares; (B, 0) where only mean scores are known
    score: Tensor  # (B,) mean score minus the midpoint, in rating points
    attributes: Tensor  # (B, A) 0, 1, nan = unlabelled
    weight: Tensor  # (B,) ≥ 0; 1 outside training
    flawed: NotRequired[Tensor]  # (B, 3, h, w) copies with a planted flaw, where training asks for them
    place: NotRequired[Tensor]  # (B, h, w) strength of the flaw in (0, 1] where it is, else 0; all 0: an unharmed copy


@dataclass(frozen=True)
class Flaws:
    """Which training photographs come with a copy that has a planted flaw.

    Attributes:
        kinds: Names in `awcu.images.flaws`, drawn with equal chances.
        share: Of the photographs, in (0, 1].

    Raises:
        TaskError: Kinds that are no list or unknown, or a share out of range.
    """

    kinds: Sequence[str]
    share: float = 0.5

    def __post_init__(self) -> None:
        if isinstance(self.kinds, str):
            raise TaskError(f"images.flaws={self.kinds} must be a list: images.flaws=[{self.kinds}]")
        unknown = sorted(set(self.kinds) - {*LOCAL, *WHOLE})
        if unknown:
            raise TaskError(f"images.flaws names {unknown[0]!r}, which is none of {', '.join((*LOCAL, *WHOLE))}")
        if not 0 < self.share <= 1:
            raise TaskError(f"images.flaw_share={self.share!r} must be in (0, 1]")

    def copy(self, pixels: Pixels, seed: int) -> tuple[Pixels, Tensor]:
        """A copy of a photograph `(h, w, 3)`, and the strength of its flaw where it is, else 0, `(h, w)` in [0, 1]."""
        random = np.random.default_rng((seed, 1))
        if random.random() >= self.share:
            return pixels, torch.zeros(pixels.shape[:2])
        strength = random.uniform(WEAKEST, 1)
        flaw = plant(pixels, str(random.choice(list(self.kinds))), seed=int(random.integers(2**31)), strength=strength)
        return flaw.photograph, torch.from_numpy(flaw.mask) * strength


def readable(
    ratings: Ratings, exclude: bool, prepared: Prepared | None = None, preparation: Preparation | None = None
) -> tuple[Ratings, int]:
    """The ratings whose photographs decode whole and fit the preparation, and how many were left out.

    Args:
        ratings: Every photograph is decoded once.
        exclude: Leave unreadable photographs out, instead of refusing the data set.
        prepared: Knows which are unreadable, so that none is decoded.
        preparation: May refuse a photograph for its size or proportions; None refuses none.

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
    if preparation is not None:
        refused = frames_of(kept, preparation, prepared)[1]
        kept = kept.select(np.setdiff1d(np.arange(len(kept)), list(refused))) if refused else kept
        faults += refused.values()
    if faults and not exclude:
        rest = len(faults) - FAULTS_SHOWN
        listed = "\n  ".join([*faults[:FAULTS_SHOWN], *([f"and {rest:,} more"] if rest > 0 else [])])
        raise ImageError(
            f"{ratings.name}: {len(faults)} of {len(ratings)} photographs cannot be read:\n  {listed}\n"
            f"Repair them, or train without them by data.on_unreadable=exclude (the record counts them)"
        )
    return kept, len(faults)


def frames_of(
    ratings: Ratings, preparation: Preparation, prepared: Prepared | None = None
) -> tuple[Frames, dict[int, str]]:
    """The frame of each photograph, and row → reason for those that are unreadable or refused, whose frame is 0 × 0.

    Args:
        ratings: N photographs.
        preparation: Decides the frames; only where it keeps proportions does a file have to be opened.
        prepared: Knows the sizes.
    """
    if preparation.aspect != "keep":
        return np.full((len(ratings), 2), preparation.size), {}
    faults: dict[int, str] = {}

    def frame(row: int) -> tuple[int, int]:
        path = ratings.image_paths[row]
        try:
            height, width = upright_size(path) if sizes is None else sizes[row]
        except ImageError as error:
            faults[row] = str(error)
            return 0, 0
        try:
            return preparation.frame(int(height), int(width))
        except ImageError as error:
            faults[row] = f"{path}: {error}"
            return 0, 0

    sizes = None if prepared is None else prepared.sizes(ratings)
    with ThreadPoolExecutor() as pool:
        frames = list(pool.map(frame, range(len(ratings))))
    return np.array(frames, np.int64).reshape(-1, 2), dict(sorted(faults.items()))


class RatingDataset(Dataset[Batch]):
    """Photographs of one split with all that was rated.

    Args:
        ratings: The split.
        preparation: What the network sees of a photograph.
        weights: `(N,)`; None for 1 each.
        seed: Item i is augmented by (seed, i) alone, whatever the order or the worker.
        prepared: Holds the photographs, whose files are then not opened.
        frames: `(N, 2)` height and width to prepare each photograph at; None for its own.
        flaws: With copies that have a planted flaw; not of outputs.
        frozen: The outputs of the network's frozen part, in place of images.

    Raises:
        PreparedError: A photograph that was not prepared, or is unreadable.
    """

    def __init__(
        self,
        ratings: Ratings,
        preparation: Preparation,
        weights: Floats | None = None,
        seed: tuple[int, ...] = (0,),
        prepared: Prepared | None = None,
        frames: Frames | None = None,
        flaws: Flaws | None = None,
        frozen: FrozenOutputs | None = None,
    ) -> None:
        self.photographs = ratings.image_paths if prepared is None else prepared.of(ratings)
        self.frozen = frozen
        self.frozen_rows = None if frozen is None else frozen.rows(ratings)
        self.preparation = preparation
        self.seed = seed
        self.frames = frames
        self.flaws = flaws
        shares = ratings.rating_distribution
        self.high = torch.from_numpy(ratings.high.astype(np.int64))
        self.distribution = _float32(np.empty((len(ratings), 0)) if shares is None else shares)
        self.score = _float32(ratings.mean_score - ratings.midpoint)
        self.attributes = _float32(ratings.attributes)
        self.weight = torch.ones(len(ratings)) if weights is None else _float32(weights)

    def __len__(self) -> int:
        return len(self.photographs)

    def __getitem__(self, row: int) -> Batch:
        seed = int(np.random.SeedSequence((*self.seed, row)).generate_state(1)[0])
        seen = self._seen(row, seed) if self.frozen is None else None
        item = Batch(
            image=self._outputs(row, seed) if seen is None else self.preparation.normalised(seen),
            row=torch.tensor(row),
            high=self.high[row],
            distribution=self.distribution[row],
            score=self.score[row],
            attributes=self.attributes[row],
            weight=self.weight[row],
        )
        if self.flaws is not None and seen is not None:
            copy, place = self.flaws.copy(seen, seed)
            item |= {"flawed": self.preparation.normalised(copy), "place": place}
        return item

    def _outputs(self, row: int, seed: int) -> Tensor:
        assert self.frozen is not None
        assert self.frozen_rows is not None
        return self.frozen.of(int(self.frozen_rows[row]), self.preparation.mirrors(seed))

    def _seen(self, row: int, seed: int) -> Pixels:
        photograph = self.photographs[row]
        pixels = decode(photograph, self.preparation.size) if isinstance(photograph, str) else photograph
        frame = None if self.frames is None else (int(self.frames[row, 0]), int(self.frames[row, 1]))
        return self.preparation.seen(pixels, frame, seed)


class RatingData(LightningDataModule):
    """The splits of one data set as loaders; the weights of an epoch are settled when it begins.

    Args:
        ratings: With train, val and test rows.
        sample_weights: Weights of the training photographs.
        training: With augmentation.
        evaluation: Without, otherwise the same.
        batch_size: Photographs a step, of all processes together.
        workers: Loader processes; None for one a core but one, at most 8.
        seed: Of order and augmentation.
        prepared: Holds the photographs, whose files are then not opened.
        weighted_sampling: A photograph's weight says how often it is drawn; drawn, it counts 1 in the loss.
        epoch_length: Photographs that an epoch draws, rounded to whole batches; None: as many as there are to train on.
        flaws: Training photographs come with copies that have a planted flaw.
        frozen: The outputs of the network's frozen part, in place of images.

    Raises:
        PreparedError: Photographs prepared smaller than `size`.
        RatingsError: From the training loader, a batch that the processes cannot share evenly.
    """

    def __init__(
        self,
        ratings: Ratings,
        sample_weights: SampleWeights,
        training: Preparation,
        evaluation: Preparation,
        batch_size: int,
        workers: int | None,
        seed: int,
        prepared: Prepared | None = None,
        weighted_sampling: bool = False,
        epoch_length: int | None = None,
        flaws: Flaws | None = None,
        frozen: FrozenOutputs | None = None,
    ) -> None:
        super().__init__()
        if prepared is not None:
            prepared.check_size(evaluation.size)
        self.splits = {split: ratings.of_split(split) for split in SPLITS}
        self.sample_weights = sample_weights
        self.training = training
        self.evaluation = evaluation
        self.batch_size = batch_size
        self.workers = min((os.cpu_count() or 1) - 1, 8) if workers is None else workers
        self.seed = seed
        self.prepared = prepared
        self.weighted_sampling = weighted_sampling
        self.flaws = flaws
        self.frozen = frozen
        self.epoch_length = len(self.splits["train"]) if epoch_length is None else epoch_length

    def weights(self, epoch: int, epochs: int) -> Floats:
        """`(N_train,)` weights of one epoch of `epochs`; the last epoch has them at full strength."""
        progress = epoch / (epochs - 1) if epochs > 1 else 1.0
        return self.sample_weights.at(self.splits["train"], min(progress, 1.0), self.seed)

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
        length, batch = self.steps * self.batch_size, self._batch_of_a_process()
        share = (self.trainer.global_rank, self.trainer.world_size)
        rows = np.flatnonzero(weights > 0)
        chances, losses = (weights[rows], None) if self.weighted_sampling else (None, weights)
        if self.training.aspect != "keep":
            sampler = EpochSampler(rows, length, seed, done * self.batch_size, share, batch, chances)
            dataset = RatingDataset(
                train, self.training, losses, seed, self.prepared, flaws=self.flaws, frozen=self.frozen
            )
            return self._loader(dataset, sampler)
        frames = merged(self.frames["train"], rows, batch)
        batches = FrameBatches(EpochSampler(rows, length, seed, weights=chances), frames, batch, seed, done, share)
        dataset = RatingDataset(train, self.training, losses, seed, self.prepared, frames, self.flaws)
        return self._in_batches(dataset, batches)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The validation split in order."""
        return self.evaluation_loader("val")

    def test_dataloader(self) -> DataLoader[Batch]:
        """The test split in order."""
        return self.evaluation_loader("test")

    def evaluation_loader(self, split: Split) -> DataLoader[Batch]:
        """One split in order, without augmentation."""
        dataset = RatingDataset(self.splits[split], self.evaluation, prepared=self.prepared, frozen=self.frozen)
        rank, processes = (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)
        if self.evaluation.aspect == "keep":
            batches = batches_by_frame(self.frames[split], self._batch_of_a_process())
            # As many for each process; what comes twice is known by its row.
            count = -(-len(batches) // processes) * processes
            return self._in_batches(dataset, [batches[place % len(batches)] for place in range(rank, count, processes)])
        if processes == 1:
            return self._loader(dataset, None)
        # It repeats photographs until all processes have as many.
        return self._loader(dataset, DistributedSampler(dataset, processes, rank, shuffle=False))

    @cached_property
    def frames(self) -> dict[Split, Frames]:
        """The frame of each photograph, by split.

        Raises:
            ImageError: A photograph that cannot be read, or that the preparation refuses.
        """
        found: dict[Split, Frames] = {}
        for split, ratings in self.splits.items():
            found[split], faults = frames_of(ratings, self.evaluation, self.prepared)
            if faults:
                raise ImageError(next(iter(faults.values())))
        return found

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

    def _in_batches(self, dataset: RatingDataset, batches: Iterable[list[int]]) -> DataLoader[Batch]:
        return DataLoader(
            dataset, batch_sampler=batches, num_workers=self.workers, pin_memory=torch.cuda.is_available()
        )


def _float32(array: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(array.astype(np.float32))
