"""Evaluation: a model's predictions and metrics on each split, and the guard against testing on seen photographs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from awcu.errors import TaskError
from awcu.metrics.rating import Predictions, evaluate, trivial
from awcu.models.reference import Reference
from awcu.ratings.ratings import Ratings
from awcu.ratings.splits import SPLITS, Split
from awcu.runs.predictions import predictions_csv
from awcu.text import some_of
from awcu.training.module import AestheticTask


@dataclass(frozen=True, eq=False)
class Result:
    """A model's predictions for one split, and their metrics.

    Attributes:
        ratings: N photographs that were measured.
        predictions: N rows in the order of `ratings`; without attributes if the model's differ from the ratings'.
        metrics: `<split>/<metric>` and `<split>/trivial/<metric>`, never weighted.
        reference: Scores and strongest map cells of these photographs.
    """

    ratings: Ratings
    predictions: Predictions
    metrics: dict[str, float]
    reference: Reference


def measure(
    split: Split, task: AestheticTask, answers: Mapping[str, Tensor], splits: Mapping[Split, Ratings]
) -> Result:
    """Compute the metrics of a task's outputs on a split, or on part of it.

    Args:
        split: Name of the split.
        task: The task that made the outputs.
        answers: The columns of `Answers`, `(M, …)` in any order; of a photograph that appears twice, the first counts.
        splits: Ratings of this split and, for the trivial predictor, of the training split.

    Raises:
        TaskError: An output is not finite.
    """
    rows, first = np.unique(answers["row"].cpu().numpy(), return_index=True)
    names = ("aesthetic", "attributes", "strongest_evidence", "strongest_attributes")
    aesthetic, attributes, *strongest = (answers[name].float().cpu()[first] for name in names)
    if not aesthetic.isfinite().all():
        # Ranked anyway, nan would give a plausible AUROC.
        raise TaskError(
            f"the network answers {split} photographs with numbers that are not finite: training diverged; lower "
            f"task.learning_rate ({task.hparams['learning_rate']:g})"
        )
    ratings = splits[split].select(rows)
    # On a set with other attributes, or none, the model's attributes have no labels to compare with.
    same = list(ratings.attribute_names) == task.hparams["attribute_names"]
    score = task.objective.score(aesthetic)
    predictions = Predictions(score, task.objective.distribution(aesthetic), attributes if same else attributes[:, :0])
    metrics = evaluate(predictions, ratings)
    baseline = trivial(splits["train"], ratings, metrics)
    named = {f"{split}/{name}": value for name, value in metrics.items()}
    named |= {f"{split}/trivial/{name}": value for name, value in baseline.items()}
    reference = Reference.measure(*(array.double().numpy() for array in (score, attributes, *strongest)))
    return Result(ratings, predictions, named, reference)


class Evaluation(pl.Callback):
    """Evaluate the task at the end of each validation and test epoch, and log the metrics.

    Checkpoints store the reference of the latest validation and the keys of the photographs learned from.

    Args:
        splits: The ratings behind the loaders.
        learned_from: `(M,)` int64, `Ratings.photograph_keys` of all that the weights will have learned from; None
            where they are only measured.
    """

    def __init__(self, splits: Mapping[Split, Ratings], learned_from: Tensor | None = None) -> None:
        self._splits = splits
        self._learned_from = learned_from
        self._answers: list[Mapping[str, Tensor]] = []  # `Answers` of each batch
        self._results: dict[Split, Result] = {}
        self._reference: dict[str, Any] | None = None
        self._validated: Split = "val"

    @property
    def results(self) -> Mapping[Split, Result]:
        """The latest result of each split."""
        return self._results

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of all evaluated splits."""
        return {name: value for result in self._results.values() for name, value in result.metrics.items()}

    def predictions_csv(self) -> str:
        """The text of predictions.csv: one row for each photograph of validation and test."""
        said = {split: (result.ratings, result.predictions) for split, result in self._results.items()}
        said.pop("train", None)
        # Attribute columns appear only if the set has the attributes of the model.
        names = [r.attribute_names for r, predictions in said.values() if predictions.attributes.shape[1]]
        return predictions_csv(said, names[0] if names else ())

    @contextmanager
    def on_training_photographs(self) -> Iterator[None]:
        """Meanwhile what is validated are the training photographs, which gives `train/<metric>`."""
        self._validated = "train"
        try:
            yield
        finally:
            self._validated = "val"

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Collect the outputs of a batch."""
        self._answers.append(outputs)

    on_test_batch_end = on_validation_batch_end

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log `val/<metric>`, and keep the reference that later scores are ranked against."""
        self._measure(self._validated, trainer, pl_module)
        if self._validated == "val":
            self._reference = self._results["val"].reference.as_dict()

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log `test/<metric>`."""
        self._measure("test", trainer, pl_module)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Store the reference, and which photographs the weights learned from."""
        checkpoint["reference"] = self._reference
        checkpoint["learned_from"] = self._learned_from

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Go on with the reference: the next checkpoint may come before the next validation."""
        self._reference = checkpoint.get("reference")

    def _measure(self, split: Split, trainer: pl.Trainer, task: pl.LightningModule) -> None:
        assert isinstance(task, AestheticTask)
        answers = {name: torch.cat([one[name] for one in self._answers]) for name in self._answers[0]}
        self._answers.clear()
        if trainer.world_size > 1:
            answers = {name: torch.cat(list(task.all_gather(column))) for name, column in answers.items()}
        self._results[split] = result = measure(split, task, answers, self._splits)
        # Lightning keeps float32; a record takes the full precision from `metrics`.
        logged = {name: torch.tensor(value, dtype=torch.float32) for name, value in result.metrics.items()}
        task.log_dict(logged, sync_dist=True)


def learned_from(ratings: Ratings) -> Tensor:
    """`(M,)` int64, `Ratings.photograph_keys` of all but the test photographs: those of validation choose the epoch."""
    return torch.from_numpy(ratings.photograph_keys[ratings.split != "test"].view(np.int64).copy())


def lookalikes_apart(ratings: Ratings, first: NDArray[np.int64], leave_out: bool) -> Ratings:
    """Leave out, or name, training and validation photographs that look like one of a later split under another id.

    Test photographs always stay, so that results remain comparable.

    Args:
        ratings: N photographs with their splits.
        first: `(N,)` the first row that looks the same, as `Prepared.first_alike`.
        leave_out: False to print a warning instead.
    """
    place = np.array([SPLITS.index(split) for split in ratings.split.tolist()])
    last = np.zeros_like(place)
    np.maximum.at(last, first, place)
    leaks = place < last[first]
    if not leaks.any():
        return ratings
    what = f"{leaks.sum():,} training or validation photographs of {ratings.name} look like one of a later split"
    other = np.empty_like(first)
    keeps = ~leaks
    other[first[keeps]] = np.flatnonzero(keeps)
    pairs = zip(ratings.image_ids[leaks].tolist(), ratings.image_ids[other[first[leaks]]].tolist(), strict=True)
    named = some_of([" = ".join(pair) for pair in pairs])
    if leave_out:
        print(f"{what} ({named}); they are left out", flush=True)
        return ratings.select(keeps)
    print(f"LEAK by looks: {what} ({named}); train without them by leave_out_alike=true", flush=True)
    return ratings


def both(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    """What two models together have learned from; None where that of either is not known."""
    return None if one is None or other is None else torch.unique(torch.cat([one, other]))


def leaked_count(learned: Tensor | None, test: Ratings, source: str | None, allowed: bool) -> dict[str, int]:
    """How many test photographs a model has learned from, as "leaked" for the record; nothing where none.

    Args:
        learned: `(M,)` keys of what it has learned from, as its checkpoint says.
        test: The photographs it is tested on.
        source: The checkpoint that it comes from, for messages.
        allowed: Count a leak instead of refusing it.

    Raises:
        TaskError: A leak that is not allowed, or a model that does not say what it learned from.
    """
    if learned is None:
        raise TaskError(
            f"{source} does not say which photographs it learned from, so none can be told from those it is tested on; "
            f"train it again with this version"
        )
    seen = np.isin(test.photograph_keys, learned.numpy().view(np.uint64))
    if not seen.any():
        return {}
    if not allowed:
        raise TaskError(
            f"LEAK: {source} has learned from {seen.sum():,} of the {len(test):,} test photographs of {test.name} "
            f"({some_of(test.image_ids[seen])}); test on others, or record the result with its stamp by allow_leak=true"
        )
    print(f"LEAK: the model has learned from {seen.sum():,} of the {len(test):,} test photographs", flush=True)
    return {"leaked": int(seen.sum())}
