"""Newton's method for many convex problems with shared features, without forming a Hessian.

Each step is solved by preconditioned conjugate gradients in the features' principal axes. Gradients and objectives are
in double precision, the products inside a step in single, since a direction need not be exact.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

FORCING = 0.3
"""Relative residual to which a Newton direction is solved; a smaller one saves steps but costs more products."""
MAX_PRODUCTS = 300
MAX_HALVINGS = 40


@dataclass(frozen=True, eq=False)
class Loss(ABC):
    """Losses of logits `(n, H, K)` against targets `(n, H, K)`, or `(n, 1, K)` if all heads share them."""

    targets: Tensor

    def of(self, heads: Tensor) -> "Loss":
        """The losses of these heads alone (mask or indices)."""
        return self if self.targets.shape[1] == 1 else replace(self, targets=self.targets[:, heads])

    @abstractmethod
    def values(self, logits: Tensor) -> Tensor:
        """`(n, H)`."""

    @abstractmethod
    def probability(self, logits: Tensor) -> Tensor:
        """`(n, H, K)`; minus the targets, it is the gradient with respect to the logits."""

    @abstractmethod
    def curved(self, probability: Tensor, direction: Tensor) -> Tensor:
        """`(n, H, K)`: the Hessian with respect to the logits, times a direction."""


class Logistic(Loss):
    """Low or high: K = 1, the logit is the log odds of high, targets are 0 or 1."""

    def values(self, logits: Tensor) -> Tensor:
        return F.softplus((1 - 2 * self.targets) * logits).squeeze(-1)

    def probability(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()

    def curved(self, probability: Tensor, direction: Tensor) -> Tensor:
        return probability * (1 - probability) * direction


class Softmax(Loss):
    """K rating values: cross-entropy against their shares."""

    def values(self, logits: Tensor) -> Tensor:
        return -(self.targets * logits.log_softmax(-1)).sum(-1)

    def probability(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)

    def curved(self, probability: Tensor, direction: Tensor) -> Tensor:
        weighted = probability * direction
        return weighted - probability * weighted.sum(-1, keepdim=True)


@dataclass(frozen=True, eq=False)
class Basis:
    """Features centred and rotated into their principal axes, where every head's curvature is nearly diagonal.

    Rotating features and heads together changes neither logits nor penalty. `design` is `(n, r + 1)`, with a last
    column of ones for the bias; `axes` `(C, r)` are orthonormal; `centre` is `(C,)`.
    """

    design: Tensor
    axes: Tensor
    centre: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "Basis":
        """The basis of features `(n, C)`."""
        centre = features.mean(0)
        core, span = features - centre, None
        if len(core) < core.shape[1]:
            # A penalised head lies in the span of its photographs, and there are fewer of them than channels.
            span, triangle = torch.linalg.qr(core.T)
            core = triangle.T
        axes = torch.linalg.eigh(core.T @ core)[1]
        design = torch.cat([core @ axes, core.new_ones(len(core), 1)], 1)
        return cls(design, axes if span is None else span @ axes, centre)

    @cached_property
    def single(self) -> Tensor:
        """The design in single precision."""
        return self.design.float()

    @cached_property
    def spectrum(self) -> Tensor:
        """`(r + 1, 1, 1)` mean squared entry of each column of the design, in single precision."""
        return self.design.square().mean(0).float()[:, None, None]

    def head(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients `(r + 1, H, K)` as weight `(H, K, C)` and bias `(H, K)` on the original features."""
        weight = torch.einsum("cr,rhk->hkc", self.axes, theta[:-1])
        return weight, theta[-1] - weight @ self.centre


class Descent:
    """Newton steps of h heads on n photographs: coefficients `theta` `(r + 1, h, K)`, their logits `(n, h, K)`."""

    def __init__(self, basis: Basis, loss: Loss, weights: Tensor, penalty: Tensor) -> None:
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
        """Continue with these heads only."""
        self.loss = self.loss.of(heads)
        self.weights, self.objective = self.weights[:, heads], self.objective[heads]
        self.theta, self.logits, self.penalty = (tensor[:, heads] for tensor in (self.theta, self.logits, self.penalty))

    def step(self) -> tuple[Tensor, Tensor]:
        """Take one step with every head; returns `(h,)` the relative gap before it and `(h,)` whether it helped."""
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

        This runs in single precision, with each gradient scaled to length 1 so that small ones do not underflow.
        """
        length = gradient.square().sum((0, 2), keepdim=True).sqrt().clamp_min(torch.finfo(torch.float64).tiny)
        solution = torch.zeros_like(gradient, dtype=torch.float32)
        waiting = torch.arange(gradient.shape[1], device=gradient.device)
        system = _System(self, probability, -(gradient / length).float())
        for _ in range(MAX_PRODUCTS):
            busy = system.step()
            if 2 * int(busy.sum()) < len(waiting):
                # Heads with a strong penalty are solved long before the others, so they leave.
                solution[:, waiting] = system.solution
                waiting = waiting[busy]
                system.keep(busy)
            if not busy.any():
                break
        solution[:, waiting] = system.solution
        return solution.double() * length

    def _move(self, direction: Tensor, decrement: Tensor) -> Tensor:
        """Line search until the objective falls enough (Armijo); returns `(h,)` whether it fell."""
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
    """Conjugate gradients on Hessian · solution = target, `(r + 1, h, K)`, one system per head, in single precision."""

    def __init__(self, descent: Descent, probability: Tensor, target: Tensor) -> None:
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
        """Take one step with every unsolved head; returns a mask `(h,)` of those that took one."""
        seen = self.weights * self.loss.curved(self.probability, _times(self.design, self.search))
        image = _times(self.design.T, seen) + self.penalty * self.search
        steepness = (self.search * image).sum((0, 2))
        # A head that is solved, or flat in single precision, pauses while the others continue.
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
        """Continue with these heads only."""
        self.size, self.enough = self.size[heads], self.enough[heads]
        for name in ("probability", "weights", "penalty", "inverse", "residual", "solution", "search"):
            setattr(self, name, getattr(self, name)[:, heads])


def _times(matrix: Tensor, tensor: Tensor) -> Tensor:
    """Matrix `(a, b)` times tensor `(b, H, K)`: one product for all heads."""
    return (matrix @ tensor.flatten(1)).reshape(-1, *tensor.shape[1:])
