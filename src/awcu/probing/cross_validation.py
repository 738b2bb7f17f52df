"""Heads for many weightings, each at the penalty selected by cross-validation on the training photographs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from awcu.errors import ConfigurationError, ProbeError
from awcu.metrics.ranks import auroc
from awcu.metrics.rating import Predictions
from awcu.models.objective import Objective, ObjectiveName, build_objective
from awcu.probing.grid import GridRow
from awcu.probing.heads import Heads, fit_binary, fit_distribution, fit_score
from awcu.ratings.ratings import Floats, Ratings


@dataclass(frozen=True)
class Search:
    """How each row's head is found; the fields have the same names in `conf/probe.yaml`.

    Raises:
        ConfigurationError: A value is out of range.
    """

    penalties: tuple[float, ...]
    folds: int
    objective: ObjectiveName = "binary"

    def __post_init__(self) -> None:
        if not self.penalties or min(self.penalties) <= 0:
            raise ConfigurationError(
                f"probe.penalties={list(self.penalties)} must be at least one number > 0, and none ≤ 0"
            )
        if self.folds < 2:
            raise ConfigurationError(f"probe.folds={self.folds} must be ≥ 2: held-out photographs select the penalty")
        if self.objective not in get_args(ObjectiveName):
            raise ConfigurationError(
                f"probe.objective={self.objective!r} must be one of {', '.join(get_args(ObjectiveName))}"
            )

    def check(self, ratings: Ratings) -> None:
        """Refuse ratings that hold nothing for the objective to learn.

        Raises:
            ConfigurationError: Two classes where scores are needed, or scores where votes are.
        """
        if self.objective == "score" and not ratings.has_scores:
            raise ConfigurationError(
                f"probe.objective=score needs mean scores, {ratings.name} has only low and high; use binary"
            )
        if self.objective == "distribution" and ratings.votes is None:
            raise ConfigurationError(
                f"probe.objective=distribution needs votes, {ratings.name} has only mean scores; use binary"
            )

    @property
    def heads_a_row(self) -> int:
        """Number of heads solved per row."""
        return len(self.penalties) * (self.folds + 1)

    def read(self, ratings: Ratings) -> Objective:
        """The objective that turns the heads' logits into scores."""
        return build_objective(self.objective, ratings.scale.tolist(), ratings.midpoint)


@dataclass(frozen=True, eq=False)
class Solved:
    """One head per row, at the penalty that ranked held-out training photographs best.

    Attributes:
        heads: R heads.
        penalties: `(R,)` as multiples of the features' total variance.
        converged: `(R,)` whether the head, and every head used to select its penalty, reached its optimum.
    """

    heads: Heads
    penalties: Floats
    converged: NDArray[np.bool_]


def solve(rows: Sequence[GridRow], train: Ratings, features: Tensor, search: Search, seed: int) -> Solved:
    """Solve every row at every penalty, on all training photographs and without each fold, as one problem.

    A row gets the penalty whose heads rank the held-out folds best, by mean AUROC; ties go to the strongest penalty.
    Neither the validation nor the test split takes part.

    Args:
        rows: R weightings.
        train: N photographs.
        features: `(N, V, C)`; each of the V views carries 1 / V of its photograph's weight.
        search: Penalties as multiples of the features' total variance, folds, objective.
        seed: Seed of the folds, and of weights that are permuted.

    Raises:
        ConfigurationError: The photographs have no scores or votes, and the objective needs them.
        ProbeError: A head has no optimum.
        WeightingError: A weighting leaves no photographs.
    """
    search.check(train)
    penalties = np.sort(np.asarray(search.penalties, np.float64))[::-1]
    held_out, weights = weigh(rows, train, search, seed)
    problems = weights.reshape(-1, len(train)).repeat(len(penalties), axis=0)
    # In the features' own unit, so that one list of penalties serves every backbone.
    spread = total_variance(features)
    strengths = np.tile(penalties * spread, len(weights) * len(rows))
    heads = _fit(train, features, problems, strengths, search, _names(rows, penalties, search.folds))
    by_penalty = (len(weights), len(rows), len(penalties))
    predictions = predict(heads, features[:, 0], search.read(train))
    scores = torch.stack([one.score for one in predictions]).numpy().reshape(*by_penalty, -1)
    areas = []
    for fold in range(search.folds):
        out = held_out == fold
        areas.append(np.array([auroc(one, train.high[out]) for one in scores[fold][..., out].reshape(-1, out.sum())]))
    # A fold without both classes ranks nothing.
    areas = [area for area in areas if not np.isnan(area).any()]
    best = np.mean(areas, axis=0).reshape(by_penalty[1:]).argmax(1)
    chosen = np.ravel_multi_index((search.folds, np.arange(len(rows)), best), by_penalty)
    reached = np.asarray(heads.converged.cpu().numpy().reshape(by_penalty).all(axis=(0, 2)))
    return Solved(heads.select(torch.from_numpy(chosen).to(features.device)), penalties[best], reached)


def weigh(
    rows: Sequence[GridRow], train: Ratings, search: Search, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The folds and weights that `solve` uses, from the ratings alone.

    Returns:
        `(N,)` the fold in which a photograph is held out, and weights `(F + 1, R, N)` without each fold; the last
        set leaves out none.

    Raises:
        ProbeError: A weighting leaves a single class.
        WeightingError: A weighting leaves no photographs.
    """
    held_out = _folds(train, search.folds, seed)
    weights = np.stack([_weights(rows, train, held_out != fold, seed) for fold in range(search.folds + 1)])
    for what, label in (("low", ~train.high), ("high", train.high)):
        for fold, place in np.argwhere(weights[..., label].sum(-1) == 0)[:1]:
            without = "" if fold == search.folds else f", without the {int((held_out == fold).sum())} of one fold"
            raise ProbeError(
                f"{rows[place].variant} gives no {what} photograph a weight among {len(train)} training photographs "
                f"of seed {seed}{without}, so there is nothing to tell apart; use larger probe.sizes or a lower delta"
            )
    if not any(0 < train.high[held_out == fold].sum() < (held_out == fold).sum() for fold in range(search.folds)):
        raise ProbeError(
            f"none of {search.folds} folds of {len(train)} training photographs of seed {seed} has both classes, so no "
            f"penalty can be selected; use fewer probe.folds or larger probe.sizes"
        )
    return held_out, weights


def total_variance(features: Tensor) -> float:
    """Variance of view 0 of features `(N, V, C)`, summed over the channels: the unit of penalties.

    Raises:
        ProbeError: All photographs have the same features.
    """
    variance = float(features[:, 0].double().var(0, correction=0).sum())
    if variance == 0:
        raise ProbeError(
            f"all {len(features)} photographs have the same features, so the backbone sees nothing; use other weights"
        )
    return variance


def predict(heads: Heads, features: Tensor, objective: Objective) -> list[Predictions]:
    """Each head's predictions for photographs with features `(N, C)`."""
    logits = heads.logits(features).cpu()
    nothing = logits.new_empty(logits.shape[1], 0)
    if logits.shape[2] == 1:
        return [Predictions(one[:, 0], nothing, nothing) for one in logits]
    return [Predictions(objective.score(one), objective.distribution(one), nothing) for one in logits]


def _weights(rows: Sequence[GridRow], train: Ratings, kept: NDArray[np.bool_], seed: int) -> Floats:
    """`(R, N)` each row's weights of the photographs kept, 0 for the others."""
    weights = np.zeros((len(rows), len(train)))
    weights[:, kept] = [row.weights.at(train.select(kept), seed=seed) for row in rows]
    return weights


def _folds(train: Ratings, folds: int, seed: int) -> NDArray[np.int64]:
    """`(N,)` fold of each photograph, stratified so that every fold spans the whole range of scores."""
    random = np.random.default_rng((seed, len(train)))
    blocks = [random.permutation(folds) for _ in range(-(-len(train) // folds))]
    held_out = np.empty(len(train), np.int64)
    held_out[np.argsort(train.mean_score, kind="stable")] = np.concatenate(blocks)[: len(train)]
    return held_out


def _names(rows: Sequence[GridRow], penalties: Floats, folds: int) -> list[str]:
    parts = [f" without fold {fold}" for fold in range(folds)] + [""]
    return [f"{row.variant}, penalty {penalty:g}{part}" for part in parts for row in rows for penalty in penalties]


def _fit(
    train: Ratings, features: Tensor, weights: Floats, penalties: Floats, search: Search, names: list[str]
) -> Heads:
    views = features.shape[1]
    each = torch.from_numpy(weights / views).repeat_interleave(views, 1).to(features.device)
    strengths = torch.from_numpy(penalties).to(features.device)
    flat = features.flatten(0, 1)
    if search.objective == "binary":
        return fit_binary(flat, torch.from_numpy(train.high).repeat_interleave(views), each, strengths, names)
    if search.objective == "score":
        score = torch.from_numpy(train.mean_score - train.midpoint).repeat_interleave(views)
        return fit_score(flat, score, each, strengths, names)
    assert train.rating_distribution is not None
    shares = torch.from_numpy(train.rating_distribution).repeat_interleave(views, 0)
    return fit_distribution(flat, shares, each, strengths, names)
