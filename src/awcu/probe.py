"""Weighted linear heads on fixed features, each solved to its optimum, many at once.

With frozen features the loss of a head is convex, so training it ends in one place: what is left to vary is the
weighting, the penalty and the photographs. For head h the objective is

    Σᵢ wₕᵢ · loss(logits of photograph i) + ½ penaltyₕ · ‖weightₕ‖²

with the bias unpenalised: scikit-learn's `LogisticRegression(C=1 / penalty).fit(…, sample_weight=w)`. All heads
share the features, so that a step is a product of two matrices for all of them together, which costs a fraction of a
step for each alone.

The method is Newton's, each step solved by preconditioned conjugate gradients: Hessians are never formed. Gradients
and objectives are in double precision, the products inside a step in single, since a direction need not be exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

TOLERANCE = 1e-10
MAX_STEPS = 100
FORCING = 0.3
"""Relative residual to which a Newton direction is solved: a smaller one saves steps and costs more products."""
MAX_PRODUCTS = 300
MAX_HALVINGS = 40
ENTRIES_AT_ONCE = 2**24
"""Logits held at once (128 MiB, of which a step needs about ten): further heads wait their turn."""


class ProbeError(ValueError):
    """A head that has no optimum, or numbers that no head can be solved with."""


@dataclass(frozen=True, eq=False)
class Heads:
    """H linear heads of K logits each, in double precision.

    Attributes:
        weight: `(H, K, C)`.
        bias: `(H, K)`.
        objective: `(H,)` at the solution.
        gap: `(H,)` how far that may still be above the minimum, as a share of it: half the Newton decrement.
        steps: `(H,)` Newton steps taken.
        converged: `(H,)` whether the gap fell to the tolerance.
    """

    weight: Tensor
    bias: Tensor
    objective: Tensor
    gap: Tensor
    steps: Tensor
    converged: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """`(H, N, K)` logits of features `(N, C)`."""
        return torch.einsum("nc,hkc->hnk", features.to(self.weight), self.weight) + self.bias[:, None]

    def select(self, heads: Tensor) -> "Heads":
        """Only these heads (indices)."""
        return Heads(*(getattr(self, field.name)[heads] for field in fields(self)))


def fit_binary(
    features: Tensor,
    high: Tensor,
    weights: Tensor,
    penalty: Tensor,
    names: Sequence[str] = (),
    tolerance: float = TOLERANCE,
    max_steps: int = MAX_STEPS,
) -> Heads:
    """Logistic regression of high against low, H heads at once; K = 1: the logit is the log odds of high.

    Args:
        features: `(N, C)`, on the device that shall compute.
        high: `(N,)` bool, or `(H, N)` where every head has labels of its own.
        weights: `(H, N)` ≥ 0; 0 leaves a photograph out.
        penalty: `(H,)` > 0; scikit-learn's 1 / C.
        names: H names, for errors.
        tolerance: Relative gap to the minimum at which a head is finished.
        max_steps: Newton steps after which a head is given back as not converged.

    Raises:
        ProbeError: Lengths that differ, a value that is not finite, a negative weight, a penalty ≤ 0, a head
            without weight on one of the classes.
    """
    names = _check(features, weights, penalty, names)
    if high.shape[-1:] != features.shape[:1]:
        raise ProbeError(f"{len(features)} rows of features for {high.shape[-1]} labels; give one label a row")
    labels = high.to(features.device, torch.float64)
    mass = torch.stack([(weights * (1 - labels)).sum(1), (weights * labels).sum(1)])
    for label, column in zip(("low", "high"), mass, strict=True):
        if (column == 0).any():
            raise ProbeError(
                f"{names[int((column == 0).nonzero()[0])]}: no {label} photograph with a positive weight, so there is "
                f"nothing to tell apart; train on more photographs, or lower the weighting's delta"
            )
    targets = (labels if high.ndim == 2 else labels[None]).T[..., None]
    return _fit(features, _Logistic(targets), weights, penalty, tolerance, max_steps)


def fit_attributes(
    features: Tensor, attributes: Tensor, weights: Tensor, penalty: Tensor, names: Sequence[str] = ()
) -> Heads:
    """One logistic regression an attribute, each over the photographs labelled for it: H = A heads.

    Args:
        features: `(N, C)`.
        attributes: `(N, A)` 0, 1, nan = unlabelled.
        weights: `(N,)` ≥ 0.
        penalty: `(A,)` > 0.
        names: A names, for errors.

    Raises:
        ProbeError: As `fit_binary`; an attribute that no labelled photograph has, or all have, lacks a class.
    """
    labelled = ~attributes.isnan()
    present = labelled & (attributes > 0)
    return fit_binary(features, present.T, weights * labelled.T, penalty, names)


def fit_distribution(
    features: Tensor, distribution: Tensor, weights: Tensor, penalty: Tensor, names: Sequence[str] = ()
) -> Heads:
    """Multinomial regression of the rating distribution by cross-entropy, H heads of K logits at once.

    Args:
        features: `(N, C)`.
        distribution: `(N, K)` share of each rating value.
        weights: `(H, N)` ≥ 0.
        penalty: `(H,)` > 0.
        names: H names, for errors.

    Raises:
        ProbeError: As `fit_binary`; shares that are negative or do not sum to 1; a rating value nobody gave.
    """
    names = _check(features, weights, penalty, names)
    shares = distribution.to(features.device, torch.float64)
    if len(shares) != len(features) or not ((shares >= 0).all() and torch.allclose(shares.sum(1), shares.new_ones(1))):
        raise ProbeError(
            f"a distribution of shape {tuple(shares.shape)} for {len(features)} rows of features must hold, for each, "
            f"shares ≥ 0 that sum to 1; divide the votes of a photograph by their number"
        )
    absent = (weights.double() @ shares == 0).nonzero().tolist()
    if absent:
        head, value = absent[0]
        raise ProbeError(
            f"{names[head]}: rating value {value + 1} of {shares.shape[1]} has no vote with a positive weight, so its "
            f"logit would fall for ever; leave the value out, or train on more photographs"
        )
    return _fit(features, _Softmax(shares[:, None]), weights, penalty, TOLERANCE, MAX_STEPS)


def _check(features: Tensor, weights: Tensor, penalty: Tensor, names: Sequence[str]) -> Sequence[str]:
    """The names of the heads; complains of the first head that cannot be solved for."""
    heads = len(weights)
    if weights.shape != (heads, len(features)) or penalty.shape != (heads,) or len(names) not in (0, heads):
        raise ProbeError(
            f"weights {tuple(weights.shape)}, penalty {tuple(penalty.shape)} and {len(names)} names for features "
            f"{tuple(features.shape)}; a head needs one weight for every row of features, one penalty and one name"
        )
    names = names or [f"head {head}" for head in range(heads)]
    if not features.isfinite().all():
        row = int((~features.isfinite().all(1)).nonzero()[0])
        raise ProbeError(f"features: row {row} holds nan or infinity; compute them again")
    for what, wrong in (
        ("a weight is negative, nan or infinite; weights are ≥ 0", ~((weights >= 0) & weights.isfinite()).all(1)),
        ("the penalty must be finite and > 0, or the head grows without end", ~((penalty > 0) & penalty.isfinite())),
    ):
        if wrong.any():
            raise ProbeError(f"{names[int(wrong.nonzero()[0])]}: {what}")
    return names


@dataclass(frozen=True, eq=False)
class _Loss:
    """Losses of logits `(n, H, K)` against targets `(n, H, K)`, or `(n, 1, K)` where all heads have the same."""

    targets: Tensor

    def of(self, heads: Tensor) -> "_Loss":
        return self if self.targets.shape[1] == 1 else replace(self, targets=self.targets[:, heads])

    def values(self, logits: Tensor) -> Tensor:
        """`(n, H)`."""
        raise NotImplementedError

    def probability(self, logits: Tensor) -> Tensor:
        """`(n, H, K)`; less the targets it is the gradient by the logits."""
        raise NotImplementedError

    def curved(self, probability: Tensor, direction: Tensor) -> Tensor:
        """`(n, H, K)`: the Hessian by the logits times a direction."""
        raise NotImplementedError


class _Logistic(_Loss):
    def values(self, logits: Tensor) -> Tensor:
        return F.softplus((1 - 2 * self.targets) * logits).squeeze(-1)

    def probability(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()

    def curved(self, probability: Tensor, direction: Tensor) -> Tensor:
        return probability * (1 - probability) * direction


class _Softmax(_Loss):
    def values(self, logits: Tensor) -> Tensor:
        return -(self.targets * logits.log_softmax(-1)).sum(-1)

    def probability(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)

    def curved(self, probability: Tensor, direction: Tensor) -> Tensor:
        weighted = probability * direction
        return weighted - probability * weighted.sum(-1, keepdim=True)


@dataclass(frozen=True, eq=False)
class _Basis:
    """Features centred and rotated into their principal axes, where every head's curvature is nearly diagonal.

    Rotating features and heads alike changes neither logits nor penalty. `design` is `(n, r + 1)`, its last column
    ones for the bias; `axes` `(C, r)` are orthonormal; `centre` is `(C,)`.
    """

    design: Tensor
    axes: Tensor
    centre: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "_Basis":
        centre = features.mean(0)
        core, span = features - centre, None
        if len(core) < core.shape[1]:
            # A penalised head lies in the span of its photographs, which are fewer than the channels.
            span, triangle = torch.linalg.qr(core.T)
            core = triangle.T
        axes = torch.linalg.eigh(core.T @ core)[1]
        design = torch.cat([core @ axes, core.new_ones(len(core), 1)], 1)
        return cls(design, axes if span is None else span @ axes, centre)

    @cached_property
    def single(self) -> Tensor:
        return self.design.float()

    @cached_property
    def spectrum(self) -> Tensor:
        """`(r + 1, 1, 1)` mean squared entry of each column of the design, in single precision."""
        return self.design.square().mean(0).float()[:, None, None]

    def head(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients `(r + 1, H, K)` as weight `(H, K, C)` and bias `(H, K)` on the features as they were."""
        weight = torch.einsum("cr,rhk->hkc", self.axes, theta[:-1])
        return weight, theta[-1] - weight @ self.centre


def _fit(features: Tensor, loss: _Loss, weights: Tensor, penalty: Tensor, tolerance: float, max_steps: int) -> Heads:
    used = (weights > 0).any(0)
    basis = _Basis.of(features[used].double())
    loss = replace(loss, targets=loss.targets[used])
    columns = weights[:, used].double().T[..., None]
    at_once = max(1, ENTRIES_AT_ONCE // loss.targets[:, 0].numel())
    parts = []
    for heads in torch.split(torch.arange(len(weights), device=features.device), at_once):
        descent = _Descent(basis, loss.of(heads), columns[:, heads], penalty[heads].double())
        parts.append(_solve(descent, tolerance, max_steps))
    return Heads(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Heads)))


def _solve(descent: "_Descent", tolerance: float, max_steps: int) -> Heads:
    """Step until every head is finished; a finished head leaves the computation."""
    theta, objective = descent.theta.clone(), descent.objective.clone()
    gap = torch.full_like(objective, torch.inf)
    steps = torch.zeros_like(objective, dtype=torch.int64)
    active = torch.arange(len(objective), device=theta.device)
    for step in range(1, max_steps + 1):
        latest, moved = descent.step()
        theta[:, active], objective[active], gap[active], steps[active] = descent.theta, descent.objective, latest, step
        stay = (latest > tolerance) & moved
        if not stay.any():
            break
        if not stay.all():
            active = active[stay]
            descent.keep(stay)
    return Heads(*descent.basis.head(theta), objective, gap, steps, gap <= tolerance)


class _Descent:
    """Newton steps of h heads on n photographs: coefficients `theta` `(r + 1, h, K)`, their logits `(n, h, K)`."""

    def __init__(self, basis: _Basis, loss: _Loss, weights: Tensor, penalty: Tensor) -> None:
        outputs = loss.targets.shape[-1]
        self.basis = basis
        self.loss = loss
        self.weights = weights
        self.theta = weights.new_zeros(basis.design.shape[1], len(penalty), outputs)
        self.logits = weights.new_zeros(len(weights), len(penalty), outputs)
        self.penalty = penalty[:, None].repeat(len(self.theta), 1, 1)
        self.penalty[-1] = 0  # the bias
        self.objective = self._objective(self.logits, self.theta)

    def keep(self, heads: Tensor) -> None:
        """Go on with these heads alone."""
        self.loss = self.loss.of(heads)
        self.weights, self.objective = self.weights[:, heads], self.objective[heads]
        self.theta, self.logits, self.penalty = (tensor[:, heads] for tensor in (self.theta, self.logits, self.penalty))

    def step(self) -> tuple[Tensor, Tensor]:
        """One step of every head: `(h,)` relative gap before it, and `(h,)` whether it lowered the objective."""
        probability = self.loss.probability(self.logits)
        residual = self.weights * (probability - self.loss.targets)
        gradient = _times(self.basis.design.T, residual) + self.penalty * self.theta
        direction = self._direction(probability.float(), gradient)
        decrement = -(gradient * direction).sum((0, 2))
        moved = self._move(direction, decrement)
        return decrement / 2 / self.objective, moved

    def _objective(self, logits: Tensor, theta: Tensor) -> Tensor:
        loss = (self.weights[..., 0] * self.loss.values(logits)).sum(0)
        return loss + (self.penalty * theta.square()).sum((0, 2)) / 2

    def _direction(self, probability: Tensor, gradient: Tensor) -> Tensor:
        """Solve Hessian · direction = −gradient to `FORCING` by preconditioned conjugate gradients.

        In single precision, each gradient scaled to length 1 so that small ones do not underflow.
        """
        length = gradient.square().sum((0, 2), keepdim=True).sqrt().clamp_min(torch.finfo(torch.float64).tiny)
        solution = torch.zeros_like(gradient, dtype=torch.float32)
        waiting = torch.arange(gradient.shape[1], device=gradient.device)
        system = _System(self, probability, -(gradient / length).float())
        for _ in range(MAX_PRODUCTS):
            busy = system.step()
            if 2 * int(busy.sum()) < len(waiting):
                # Heads under a strong penalty are solved long before the others: they go.
                solution[:, waiting] = system.solution
                waiting = waiting[busy]
                system.keep(busy)
            if not busy.any():
                break
        solution[:, waiting] = system.solution
        return solution.double() * length

    def _move(self, direction: Tensor, decrement: Tensor) -> Tensor:
        """Go along the direction as far as the objective falls enough (Armijo); `(h,)` whether it fell."""
        slope = _times(self.basis.design, direction)
        rate = torch.ones_like(decrement)
        for _ in range(MAX_HALVINGS):
            theta, logits = self.theta + rate[:, None] * direction, self.logits + rate[:, None] * slope
            objective = self._objective(logits, theta)
            # At the minimum, rounding may lift the objective by a few units in its last place.
            short = objective > self.objective - 1e-4 * rate * decrement + 1e-13 * self.objective
            if not short.any():
                break
            rate = torch.where(short, rate / 2, rate)
        rate = torch.where(short, 0, rate)
        self.theta, self.logits = self.theta + rate[:, None] * direction, self.logits + rate[:, None] * slope
        self.objective = torch.where(short, self.objective, objective)
        return ~short


class _System:
    """Conjugate gradients on Hessian · solution = target, `(r + 1, h, K)`, one system a head, in single precision."""

    def __init__(self, descent: _Descent, probability: Tensor, target: Tensor) -> None:
        self.design = descent.basis.single
        self.loss = descent.loss
        self.probability = probability
        self.weights = descent.weights.float()
        self.penalty = descent.penalty.float()
        curvature = (self.weights * probability * (1 - probability)).sum(0)
        tiny = torch.finfo(torch.float32).tiny
        self.inverse = 1 / (curvature * descent.basis.spectrum + self.penalty).clamp_min(tiny)
        self.residual = target
        self.solution = torch.zeros_like(target)
        self.search = self.inverse * target
        self.size = (target * self.search).sum((0, 2))
        self.enough = FORCING**2 * self.size

    def step(self) -> Tensor:
        """One step of every head that needs one: `(h,)` of those that are still to be solved."""
        seen = self.weights * self.loss.curved(self.probability, _times(self.design, self.search))
        image = _times(self.design.T, seen) + self.penalty * self.search
        steepness = (self.search * image).sum((0, 2))
        # A head that is solved, or flat to single precision, rests while the others go on.
        busy = (self.size > self.enough) & (steepness > 0)
        rate = torch.where(busy, self.size / steepness, 0)[:, None]
        self.solution += rate * self.search
        self.residual -= rate * image
        fresh = self.inverse * self.residual
        size = torch.where(busy, (self.residual * fresh).sum((0, 2)), self.size)
        self.search = torch.where(busy[:, None], fresh + (size / self.size)[:, None] * self.search, self.search)
        self.size = size
        return busy

    def keep(self, heads: Tensor) -> None:
        """Go on with these heads alone."""
        self.size, self.enough = self.size[heads], self.enough[heads]
        for name in ("probability", "weights", "penalty", "inverse", "residual", "solution", "search"):
            setattr(self, name, getattr(self, name)[:, heads])


def _times(matrix: Tensor, tensor: Tensor) -> Tensor:
    """Matrix `(a, b)` times tensor `(b, H, K)`: one product for all heads."""
    return (matrix @ tensor.flatten(1)).reshape(-1, *tensor.shape[1:])
