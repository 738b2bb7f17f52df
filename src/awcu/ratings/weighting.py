"""How much each training photograph counts, by how unambiguous its rating is.

Only the abstract of Zhang et al. 2018 is known to us: weights that grow with how far a photograph lies from the
midpoint, of which dropping the ambiguous is the extreme case. The families below are ours and consistent with it.
Each maps `Ratings` to `(N,)` weights ≥ 0; only their ratios matter, `SampleWeights` sets the scale.
"""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal, Protocol, get_args

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, ndtr

from awcu.errors import WeightingError
from awcu.ratings.ratings import Floats, Ratings
from awcu.ratings.splits import hash_place

Anneal = Literal["none", "linear", "cosine"]


class Weighting(Protocol):
    """`(N,)` weights ≥ 0, of which at least one is positive, for the photographs of a training set."""

    def __call__(self, ratings: Ratings) -> Floats: ...


def _require(condition: bool, weighting: object, rule: str) -> None:
    if not condition:
        raise WeightingError(f"{weighting} is not a weighting: {rule}")


@dataclass(frozen=True)
class Uniform:
    """Every photograph counts the same: the baseline."""

    def __call__(self, ratings: Ratings) -> Floats:
        return np.ones(len(ratings))


@dataclass(frozen=True)
class Drop:
    """Train only on photographs at least `delta` rating points from the midpoint: the paper's extreme case."""

    delta: float

    def __post_init__(self) -> None:
        _require(self.delta >= 0, self, "delta is a distance in rating points, ≥ 0")

    def __call__(self, ratings: Ratings) -> Floats:
        return (ratings.margin >= self.delta).astype(np.float64)


@dataclass(frozen=True)
class Step:
    """The unambiguous (margin ≥ `delta`) count `ratio` times the ambiguous; ratio = inf is `Drop`."""

    delta: float
    ratio: float

    def __post_init__(self) -> None:
        _require(self.delta >= 0, self, "delta is a distance in rating points, ≥ 0")
        _require(self.ratio > 0, self, "ratio is how many ambiguous photographs one unambiguous outweighs, > 0")

    def __call__(self, ratings: Ratings) -> Floats:
        return np.where(ratings.margin >= self.delta, 1.0, 1.0 / self.ratio)


@dataclass(frozen=True)
class Power:
    """margin ** `gamma`: 0 is uniform, 1 grows in proportion to the margin."""

    gamma: float

    def __post_init__(self) -> None:
        _require(0 <= self.gamma < math.inf, self, "gamma is a finite exponent ≥ 0, or the ambiguous would count most")

    def __call__(self, ratings: Ratings) -> Floats:
        # Only ratios matter: the largest base is set to 1, so that no gamma overflows.
        largest = ratings.margin.max()
        return np.asarray((ratings.margin / largest if largest > 0 else ratings.margin) ** self.gamma)


@dataclass(frozen=True)
class Exponential:
    """exp(`beta` · margin): 0 is uniform; one rating point more multiplies the weight by e^beta."""

    beta: float

    def __post_init__(self) -> None:
        _require(0 <= self.beta < math.inf, self, "beta is a rate per rating point, finite and ≥ 0")

    def __call__(self, ratings: Ratings) -> Floats:
        # Only ratios matter: the largest exponent is set to 0, so that no beta overflows.
        return np.asarray(np.exp(self.beta * (ratings.margin - ratings.margin.max())))


@dataclass(frozen=True)
class Sigmoid:
    """1 / (1 + exp(−(margin − `delta`) / `tau`)): a drop with a soft edge `tau` rating points wide."""

    delta: float
    tau: float

    def __post_init__(self) -> None:
        _require(self.delta >= 0, self, "delta is a distance in rating points, ≥ 0")
        _require(self.tau > 0, self, "tau is the width of the edge in rating points, > 0; for 0 use Drop")

    def __call__(self, ratings: Ratings) -> Floats:
        return np.asarray(expit((ratings.margin - self.delta) / self.tau))


@dataclass(frozen=True)
class VoteConfidence:
    """How far above a coin toss the label would survive a redraw of the votes: |2 Φ(margin · √(n/2) / sd) − 1|.

    Both the mean seen and a redrawn mean carry the standard error sd / √n about the true mean, so their
    difference has √2 of it. The weight is 0 for a photograph exactly on the midpoint and nears 1 away from it.
    Votes that all agree (sd = 0) give 1 off the midpoint.
    """

    def __call__(self, ratings: Ratings) -> Floats:
        unknown = np.isnan(ratings.vote_sd) | np.isnan(ratings.vote_count)
        if unknown.any():
            raise WeightingError(
                f"{self} needs the standard deviation and number of votes, which {ratings.name} lacks for "
                f"{int(unknown.sum())} of {len(ratings)} photographs; give the table's "
                f"vote_sd_column and vote_count_column, or use a weighting of the margin alone"
            )
        error = ratings.vote_sd * np.sqrt(2 / ratings.vote_count)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(ratings.margin == 0, 0.0, ratings.margin / error)
        return np.asarray(2 * ndtr(z) - 1)


@dataclass(frozen=True)
class SampleWeights:
    """The weights a training run uses: a weighting, optionally of a set strength, class-balanced and annealed.

    Attributes:
        weighting: The family and its parameters.
        class_balance: Scale each class so that both carry half of the total weight. Every weighting by margin
            strengthens the majority class, so that balancing must look at the weights, not at the counts.
        anneal: Course from uniform (progress 0) to full strength (progress 1) over training.
        effective_share: (Σw)² / (N Σw²) in (0, 1], the effective sample size of Kish (1965) as a share. The weights are
            raised to the power that gives it, which for step, power and exponential is another parameter of the same
            family; so families compare at equal strength. Uniform weights have no strength and stay. None: as the
            family's parameters say.
        permuted: A placebo: hand the same weights to photographs of the same class that are drawn at random. What a
            weighting still does then, it does by the weights there are, and not by which photographs have them.

    Raises:
        WeightingError: `anneal` is not one of none, linear, cosine, `effective_share` is out of range, or `permuted` is
            neither true nor false.
    """

    weighting: Weighting
    class_balance: bool = False
    anneal: Anneal = "none"
    effective_share: float | None = None
    permuted: bool = False

    def __post_init__(self) -> None:
        _require(self.anneal in get_args(Anneal), self, f"anneal is one of {', '.join(get_args(Anneal))}")
        share = self.effective_share
        _require(share is None or (isinstance(share, Real) and 0 < share <= 1), self, "effective_share is in (0, 1]")
        _require(isinstance(self.permuted, bool), self, "permuted is true or false")

    def at(self, ratings: Ratings, progress: float = 1.0, seed: int = 0) -> Floats:
        """`(N,)` weights at a point of training, `progress` in [0, 1]; `seed` draws who has which if permuted.

        The mean over the photographs with a positive weight is 1: those are the ones that reach the loss, so
        the learning rate means the same under every weighting, and dropping equals training on the rest alone.

        Raises:
            WeightingError: All weights are zero, one class is left when classes are to be balanced, or no power of
                the weights has the effective share.
        """
        full = self._full_strength(ratings, seed)
        strength = self._strength(progress)
        return _mean_one((1 - strength) + strength * full) if strength < 1 else full

    def _full_strength(self, ratings: Ratings, seed: int) -> Floats:
        weights = self.weighting(ratings)
        if not weights.any():
            raise WeightingError(
                f"{self.weighting} zeroes all {len(ratings)} training photographs of {ratings.name}, whose "
                f"largest margin is {ratings.margin.max():.3g} rating points; lower its delta"
            )
        if self.effective_share is not None and weights.min() < weights.max():
            weights = self._raised(weights / weights.max(), self.effective_share)
        if self.permuted:
            weights = _permuted(weights, ratings, seed)
        if self.class_balance:
            mass = np.array([weights[~ratings.high].sum(), weights[ratings.high].sum()])
            if not mass.all():
                raise WeightingError(
                    f"{self.weighting} leaves no {'high' if mass[0] else 'low'} photograph of {ratings.name}, "
                    f"so the classes cannot be balanced; lower its delta"
                )
            weights = weights / mass[ratings.high.astype(int)]
        return _mean_one(weights)

    def _raised(self, weights: Floats, share: float) -> Floats:
        """The weights, of which the largest is 1, to the power that gives them this effective share."""
        most, least = (weights > 0).mean(), (weights == 1).mean()
        if not least < share < most:
            raise WeightingError(
                f"{self.weighting} cannot have an effective share of {share:g}: whatever power its {len(weights)} "
                f"weights are raised to, it lies between {least:.3f} and {most:.3f}; ask for one between these"
            )
        # On a log scale, as strengths go: e^±20 is beyond any power that a double can tell from 0 or infinity.
        power = brentq(lambda log: effective_share(weights ** math.exp(log)) - share, -20, 20)
        return np.asarray(weights ** math.exp(power))

    def _strength(self, progress: float) -> float:
        if self.anneal == "linear":
            return progress
        if self.anneal == "cosine":
            return (1 - math.cos(math.pi * progress)) / 2
        return 1.0


def effective_share(weights: Floats) -> float:
    """(Σw)² / (N Σw²) in (0, 1]: how many equal weights would scatter a mean as these do, over their number."""
    return float(weights.sum() ** 2 / (len(weights) * (weights**2).sum()))


def _mean_one(weights: Floats) -> Floats:
    return np.asarray(weights / weights[weights > 0].mean())


def _permuted(weights: Floats, ratings: Ratings, seed: int) -> Floats:
    """The weights of each class in an order that is drawn at random."""
    # By a hash of the id, so that a photograph has much the same weight in every fold, and the same in every epoch.
    place, drawn = hash_place(ratings.image_ids, f"{seed}:permuted"), np.empty_like(weights)
    for mine in (~ratings.high, ratings.high):
        drawn[np.flatnonzero(mine)[place[mine].argsort()]] = np.sort(weights[mine])
    return drawn
