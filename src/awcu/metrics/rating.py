"""The metrics of the field, never weighted, each beside what a predictor that looks at no photograph gets."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics.functional.classification import (
    binary_accuracy,
    binary_average_precision,
    binary_f1_score,
    multiclass_accuracy,
)

from awcu.metrics.ranks import auroc, spearman
from awcu.ratings.ratings import Ratings

UNAMBIGUOUS = (0.5, 1.0)
"""Margins in rating points; `<metric>@0.5` is over the photographs at least that far from the midpoint."""


class Predictions(NamedTuple):
    """A model's predictions for the photographs of a `Ratings`, in its row order.

    score `(N,)` signed, > 0 is high; distribution `(N, K)` shares or `(N, 0)`; attributes `(N, A)` logits.
    """

    score: Tensor
    distribution: Tensor
    attributes: Tensor


def evaluate(predictions: Predictions, ratings: Ratings) -> dict[str, float]:
    """All metrics of predictions against ratings; nan where a metric is undefined.

    Keys: accuracy, balanced_accuracy, auroc, f1 (of high), srcc and plcc (score against mean score); emd_r1 and
    emd_r2 where both sides are distributions; ap/<attribute> and map where attributes are labelled. Each again with
    @0.5 and @1 on the unambiguous.
    """
    metrics = _metrics(predictions, ratings)
    for delta in UNAMBIGUOUS:
        clear = ratings.margin >= delta
        part = Predictions(*(column[torch.from_numpy(clear)] for column in predictions))
        metrics |= {f"{name}@{delta:g}": value for name, value in _metrics(part, ratings.select(clear)).items()}
    return metrics


def trivial(train: Ratings, ratings: Ratings, metrics: dict[str, float]) -> dict[str, float]:
    """The same keys for a predictor that knows the training ratings and no photograph.

    It always says the training set's majority class, ranks at random (AUROC .5, correlations 0, average
    precision at the positive rate) and answers the mean training distribution.
    """
    always = torch.full((len(ratings),), 1.0 if train.high.mean() > 0.5 else -1.0)
    shares = torch.empty(len(ratings), 0)
    if train.rating_distribution is not None and "emd_r1" in metrics:
        shares = torch.from_numpy(train.rating_distribution.mean(0)).expand(len(ratings), -1)
    unlabelled = torch.zeros(ratings.attributes.shape)
    values = evaluate(Predictions(always, shares, unlabelled), ratings)
    # A constant has no correlation; one drawn at random has 0 on average, where the metric is defined at all.
    uncorrelated = {key for key, value in metrics.items() if key[:4] in ("srcc", "plcc") and not math.isnan(value)}
    return {key: 0.0 if key in uncorrelated else values[key] for key in metrics}


def emd(predicted: Tensor, target: Tensor, r: int) -> Tensor:
    """`(N,)` earth mover's distance of distributions `(N, K)`: (mean |ΔCDF|^r)^(1/r).

    Published figures use r = 1 or r = 2 and are not comparable (Hou et al. 2016; NIMA trains with 2).
    """
    gap = (predicted.cumsum(1) - target.cumsum(1)).abs()
    return gap.pow(r).mean(1).pow(1 / r)


def _metrics(predictions: Predictions, ratings: Ratings) -> dict[str, float]:
    high, mean_score = torch.from_numpy(ratings.high), torch.from_numpy(ratings.mean_score)
    metrics = _verdict_metrics(predictions.score.double(), high, mean_score)
    shares = ratings.rating_distribution
    if shares is not None and predictions.distribution.shape == shares.shape:
        metrics |= _emd_metrics(predictions.distribution, torch.from_numpy(shares))
    return metrics | _attribute_metrics(predictions.attributes, ratings)


def _verdict_metrics(score: Tensor, high: Tensor, mean_score: Tensor) -> dict[str, float]:
    verdict = (score > 0).long()
    label = high.long()
    both = bool(high.any()) and not bool(high.all())
    return {
        "accuracy": _if(len(label) > 0, lambda: binary_accuracy(verdict, label)),
        "balanced_accuracy": _if(both, lambda: multiclass_accuracy(verdict, label, 2, average="macro")),
        "auroc": float(auroc(score.numpy(), high.numpy())),
        "f1": _if(both, lambda: binary_f1_score(verdict, label)),
        "srcc": float(spearman(score.numpy(), mean_score.numpy())),
        "plcc": _if(_vary(score, mean_score), lambda: torch.corrcoef(torch.stack([score, mean_score]))[0, 1]),
    }


def _emd_metrics(predicted: Tensor, target: Tensor) -> dict[str, float]:
    return {f"emd_r{r}": emd(predicted.double(), target, r).mean().item() for r in (1, 2)}


def _attribute_metrics(logits: Tensor, ratings: Ratings) -> dict[str, float]:
    if logits.shape[1] == 0 or not ratings.attribute_names:
        return {}
    targets = torch.from_numpy(ratings.attributes)
    metrics = {}
    for name, logit, target in zip(ratings.attribute_names, logits.T, targets.T, strict=True):
        known = ~target.isnan()
        present = target[known].long()
        metrics[f"ap/{name}"] = _if(
            # Where all have it, as in a list of one label a photograph, any order is perfect.
            bool(present.any()) and not bool(present.all()),
            lambda: binary_average_precision(_rank(logit[known]), present),  # noqa: B023
        )
    return metrics | {"map": torch.tensor(list(metrics.values()), dtype=torch.float64).nanmean().item()}


def _rank(score: Tensor) -> Tensor:
    """Scores mapped into [0, 1] by rank: torchmetrics would squash logits by a float sigmoid, tying extremes."""
    place: Tensor = torch.unique(score, return_inverse=True)[1]
    return place.double() / max(len(score) - 1, 1)


def _vary(*columns: Tensor) -> bool:
    return all(len(column) > 1 and bool((column != column[0]).any()) for column in columns)


def _if(defined: bool, compute: Callable[[], Tensor]) -> float:
    return compute().item() if defined else float("nan")
