"""The head of one person: ridge regression towards the head of everyone, with leave-one-out in closed form."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awcu.errors import PersonalError

Floats = NDArray[np.float64]

PENALTIES = np.append(np.logspace(0, 3, 13), np.inf)
"""On the person's own weights, in units of the features' mean square; infinite leaves what everyone's head says."""
FOR_EVERYONE = 20.0
"""Ratings that the share of everyone's head counts for: k of one's own move it by k / (k + 20) of the way."""
FOR_MIDPOINT = 1.0
"""Ratings at the midpoint that the bias counts as given beforehand."""


@dataclass(frozen=True, eq=False)
class LinearScore:
    """A score that is linear in the pooled features: `features @ weight + bias`.

    Attributes:
        weight: `(d,)` rating points a unit of the features.
        bias: In rating points; a score of 0 is the midpoint.
    """

    weight: Floats
    bias: float

    def of(self, features: NDArray[np.floating]) -> Floats:
        """`(n,)` rating points above the midpoint, of pooled features `(n, d)`."""
        # In the features' own type: photographs are thousands, and a copy of them takes longer than the product.
        return np.asarray(features @ self.weight.astype(features.dtype), np.float64) + self.bias


@dataclass(frozen=True, eq=False)
class PersonalHead:
    """What a person's ratings make of everyone's head.

    Attributes:
        score: On the person's scale: rating points above its midpoint.
        held_out: `(k,)` what the ratings of the others say of each rated photograph, at the penalty chosen.
        ordering: `(k,)` the same without the bias, to rank by: a bias fitted without a high rating is lower, so that
            `held_out` ranks too low what was rated high.
        penalty: The one with the smallest leave-one-out error; infinite where ratings tell nothing beyond everyone's
            head.
        share: Everyone's head counts so much of itself.
    """

    score: LinearScore
    held_out: Floats
    ordering: Floats
    penalty: float
    share: float


def fit(
    features: NDArray[np.floating],
    ratings: Floats,
    prior: LinearScore,
    weight: Floats | None = None,
    penalties: Floats = PENALTIES,
) -> PersonalHead:
    """Solve score = share · prior + bias + w · features for one person.

    It minimises the weighted squares of the error, plus `penalty` · mean square of the features · |w|², plus what draws
    the share to 1 as `FOR_EVERYONE` ratings would and the bias to the midpoint as one would. So a single rating has a
    head as well. From `FOR_EVERYONE` ratings on, the share may be drawn to 0 instead, where that has the smaller
    leave-one-out error: everyone's head may be of something else than what the person rates.

    All is solved in the dual, from one eigendecomposition of k × k; each photograph's prediction by the others follows
    from the inverse's diagonal (Rasmussen & Williams 2006, section 5.4.2), with no second fit.

    Args:
        features: `(k, d)` pooled features of the rated photographs.
        ratings: `(k,)` in rating points minus the midpoint.
        prior: Everyone's head on the same features.
        weight: `(k,)` > 0, how much each rating counts; only ratios matter. None for alike.
        penalties: Of which the one with the smallest weighted leave-one-out error is taken; of equals, the largest.

    Raises:
        PersonalError: No ratings, lengths that differ, numbers that are not finite, or a weight of 0 or less.
    """
    ratings = np.asarray(ratings, np.float64)
    weight = np.ones(len(ratings)) if weight is None else np.asarray(weight, np.float64)
    _check(features, ratings, weight)
    problem = _Dual.of(np.asarray(features, np.float64), ratings, prior, weight / weight.mean())
    drawn_to = (1.0, 0.0) if len(ratings) >= FOR_EVERYONE else (1.0,)
    solved = [problem.solve(penalty, share) for share in drawn_to for penalty in sorted(penalties, reverse=True)]
    return problem.head(min(solved, key=lambda one: one.error), prior)


def _check(features: NDArray[np.floating], ratings: Floats, weight: Floats) -> None:
    if len(ratings) == 0:
        raise PersonalError("there are no ratings to learn from; rate at least one photograph")
    if not len(features) == len(ratings) == len(weight):
        raise PersonalError(
            f"{len(features)} photographs have {len(ratings)} ratings and {len(weight)} weights; give one of each"
        )
    if not (np.isfinite(features).all() and np.isfinite(ratings).all()):
        raise PersonalError("a rating or a feature is not finite; leave that photograph out")
    if not (np.isfinite(weight).all() and weight.min() > 0):
        raise PersonalError(
            f"weights run from {weight.min():g} to {weight.max():g}; each must be finite and above 0: leave out what "
            f"is not to count"
        )


@dataclass(frozen=True, eq=False)
class _Solution:
    penalty: float
    share: float  # of everyone's head, before the ratings
    dual: Floats  # (k,)
    left_out: Floats  # (k,) error of each rating by the others, times the root of its weight
    bias_without: Floats  # (k,) the bias without each

    @property
    def error(self) -> float:
        return float(np.square(self.left_out).mean())


@dataclass(frozen=True, eq=False)
class _Dual:
    """The ratings as a Gaussian process of unit noise: covariance Q Λ Qᵀ / penalty + U Uᵀ + 1."""

    centred: Floats  # (k, d) features minus their mean
    centre: Floats  # (d,)
    everyone: Floats  # (k,) the prior's scores minus their mean
    middle: float  # that mean
    ratings: Floats
    root: Floats  # (k,) of the weights
    unit: float  # mean square of the features
    basis: Floats  # (k, k) Q
    spectrum: Floats  # (k,) Λ
    fixed: Floats  # (k, 2) U, of the share and the bias
    spread: float  # of the prior's scores

    @classmethod
    def of(cls, features: Floats, ratings: Floats, prior: LinearScore, weight: Floats) -> "_Dual":
        centre, root, scores = features.mean(0), np.sqrt(weight), prior.of(features)
        centred, everyone = features - centre, scores - scores.mean()
        gram = centred @ centred.T
        unit, spread = float(np.trace(gram)) / len(gram) or 1.0, float(everyone.std()) or 1.0
        spectrum, basis = np.linalg.eigh(gram * np.outer(root, root))
        bias = np.full(len(root), FOR_MIDPOINT**-0.5)
        fixed = root[:, None] * np.column_stack([everyone / spread * FOR_EVERYONE**-0.5, bias])
        middle = float(scores.mean())
        return cls(centred, centre, everyone, middle, ratings, root, unit, basis, spectrum.clip(0), fixed, spread)

    def solve(self, penalty: float, share: float) -> _Solution:
        shrunk = 1 / (1 + self.spectrum / (penalty * self.unit))
        sides = self.basis.T @ self.fixed
        # Two columns more, by the Woodbury identity.
        inner = np.linalg.inv(np.eye(2) + sides.T @ (shrunk[:, None] * sides))
        target = self.basis.T @ (self.root * (self.ratings - share * self.everyone))
        inverse = self.basis @ (shrunk[:, None] * sides)
        dual = self.basis @ (shrunk * target) - inverse @ (inner @ (sides.T @ (shrunk * target)))
        diagonal = self.basis**2 @ shrunk - ((inverse @ inner) * inverse).sum(1)
        left_out = dual / diagonal
        towards = self.fixed[:, 1] @ dual - (inverse @ inner)[:, 1] * left_out
        return _Solution(penalty, share, dual, left_out, towards * FOR_MIDPOINT**-0.5)

    def head(self, solution: _Solution, prior: LinearScore) -> PersonalHead:
        pull = self.root * solution.dual
        share = solution.share + float(self.everyone @ pull) / (FOR_EVERYONE * self.spread**2)
        own = self.centred.T @ pull / (solution.penalty * self.unit)
        bias = float(pull.sum()) / FOR_MIDPOINT - share * self.middle - float(own @ self.centre)
        held_out = self.ratings - solution.left_out / self.root
        return PersonalHead(
            LinearScore(share * prior.weight + own, share * prior.bias + bias),
            held_out,
            held_out - solution.bias_without,
            solution.penalty,
            share,
        )
