"""Weighted linear heads on fixed features, each solved to its optimum, many at once.

With frozen features the loss of a head is convex and has one minimum, so only the weighting, the penalty and the
photographs matter. For head h the objective is

    Σᵢ wₕᵢ · loss(logits of photograph i) + ½ penaltyₕ · ‖weightₕ‖²

with the bias unpenalised: scikit-learn's `LogisticRegression(C=1 / penalty).fit(…, sample_weight=w)`. All heads
share the features, so one matrix product serves a step of all heads, at a fraction of the cost of separate steps.
With half the squared error as loss it is `Ridge(alpha=penalty)`, in closed form.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from awcu.errors import ProbeError
from awcu.probing.newton import Basis, Descent, Logistic, Loss, Softmax

TOLERANCE = 1e-10  # 1e-8 changes a prediction by 2e-4 on ill-conditioned features; this costs one more step
MAX_STEPS = 100
ENTRIES_AT_ONCE = 2**24
"""Logits held at once (128 MiB, and a step needs about ten times that); further heads are solved later."""


@dataclass(frozen=True, eq=False)
class Heads:
    """H linear heads of K logits each, in double precision.

    Attributes:
        weight: `(H, K, C)`.
        bias: `(H, K)`.
        objective: `(H,)` at the solution.
        gap: `(H,)` estimated excess over the minimum, relative to the objective: half the Newton decrement; 0 in closed
            form.
        steps: `(H,)` Newton steps taken; 1 in closed form.
        converged: `(H,)` whether the gap reached the tolerance.
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
        features: `(N, C)`, on the device to compute on.
        high: `(N,)` bool, or `(H, N)` if every head has its own labels.
        weights: `(H, N)` ≥ 0; 0 leaves a photograph out.
        penalty: `(H,)` > 0; scikit-learn's 1 / C.
        names: H names, for errors.
        tolerance: Relative gap to the minimum at which a head is finished.
        max_steps: Newton steps after which a head is returned as not converged.

    Raises:
        ProbeError: Lengths differ, a value is not finite, a weight is negative, a penalty is ≤ 0, or a head has no
            weight on one of the classes.
    """
    names = _check(features, weights, penalty, names)
    if high.shape[-1:] != features.shape[:1]:
        raise ProbeError(f"{len(features)} rows of features for {high.shape[-1]} labels; give one label per row")
    labels = high.to(features.device, torch.float64)
    mass = torch.stack([(weights * (1 - labels)).sum(1), (weights * labels).sum(1)])
    for label, column in zip(("low", "high"), mass, strict=True):
        if (column == 0).any():
            raise ProbeError(
                f"{names[int((column == 0).nonzero()[0])]}: no {label} photograph with a positive weight, so there is "
                f"nothing to tell apart; train on more photographs, or lower the weighting's delta"
            )
    targets = (labels if high.ndim == 2 else labels[None]).T[..., None]
    return _fit(features, Logistic(targets), weights, penalty, tolerance, max_steps)


def fit_attributes(
    features: Tensor, attributes: Tensor, weights: Tensor, penalty: Tensor, names: Sequence[str] = ()
) -> Heads:
    """One logistic regression per attribute, each over the photographs labelled for it: H = A heads.

    Args:
        features: `(N, C)`.
        attributes: `(N, A)` 0, 1, nan = unlabelled.
        weights: `(N,)` ≥ 0.
        penalty: `(A,)` > 0.
        names: A names, for errors.

    Raises:
        ProbeError: As `fit_binary`; an attribute that no labelled photograph has, or all have, lacks one class.
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
        ProbeError: As `fit_binary`; shares are negative or do not sum to 1, or nobody gave a rating value.
    """
    names = _check(features, weights, penalty, names)
    shares = distribution.to(features.device, torch.float64)
    if len(shares) != len(features) or not ((shares >= 0).all() and torch.allclose(shares.sum(1), shares.new_ones(1))):
        raise ProbeError(
            f"a distribution of shape {tuple(shares.shape)} for {len(features)} rows of features must have, in each "
            f"row, shares ≥ 0 that sum to 1; divide the votes of a photograph by their number"
        )
    absent = (weights.double() @ shares == 0).nonzero().tolist()
    if absent:
        head, value = absent[0]
        raise ProbeError(
            f"{names[head]}: rating value {value + 1} of {shares.shape[1]} has no vote with a positive weight, so its "
            f"logit has no finite optimum; leave the value out, or train on more photographs"
        )
    return _fit(features, Softmax(shares[:, None]), weights, penalty, TOLERANCE, MAX_STEPS)


def fit_score(features: Tensor, score: Tensor, weights: Tensor, penalty: Tensor, names: Sequence[str] = ()) -> Heads:
    """Ridge regression of the score, H heads at once; K = 1: the logit is the expected score.

    Heads of the same weights share one eigendecomposition, so let them stand side by side.

    Args:
        features: `(N, C)`.
        score: `(N,)` in rating points from the midpoint.
        weights: `(H, N)` ≥ 0.
        penalty: `(H,)` > 0; scikit-learn's alpha.
        names: H names, for errors.

    Raises:
        ProbeError: As `fit_binary`, but for the classes; a score is not finite, or a head has no weight at all.
    """
    names = _check(features, weights, penalty, names)
    if score.shape != features.shape[:1] or not score.isfinite().all():
        raise ProbeError(
            f"{len(features)} rows of features for scores of shape {tuple(score.shape)}, finite: "
            f"{bool(score.isfinite().all())}; give one finite score per row"
        )
    empty = (weights.sum(1) == 0).nonzero().flatten().tolist()
    if empty:
        raise ProbeError(f"{names[empty[0]]}: no photograph has a positive weight; train on more, or lower the delta")
    used = (weights > 0).any(0)
    basis, targets = Basis.of(features[used].double()), score.to(features.device, torch.float64)[used]
    rows, counts = torch.unique_consecutive(weights[:, used].double(), dim=0, return_counts=True)
    parts = [
        _ridge(basis.design[row > 0, :-1], targets[row > 0], row[row > 0], strengths)
        for row, strengths in zip(rows, torch.split(penalty.double(), counts.tolist()), strict=True)
    ]
    theta, objective = (torch.cat(column, -1) for column in zip(*parts, strict=True))
    nothing = torch.zeros_like(objective)
    return Heads(*basis.head(theta[..., None]), objective, nothing, nothing.long() + 1, nothing == 0)


def _ridge(features: Tensor, score: Tensor, weights: Tensor, penalty: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients `(r + 1, P)`, the bias last, and objectives `(P,)` of all penalties `(P,)` on weights `(n,)`."""
    share = weights / weights.sum()
    centre, mean = share @ features, share @ score
    seen, rated = features - centre, score - mean
    weighted = weights[:, None] * seen
    spectrum, axes = torch.linalg.eigh(weighted.T @ seen)
    along = axes.T @ (weighted.T @ rated)
    slopes = axes @ (along[:, None] / (spectrum[:, None] + penalty))
    error = seen @ slopes - rated[:, None]
    objective = (weights @ error.square() + penalty * slopes.square().sum(0)) / 2
    return torch.cat([slopes, (mean - centre @ slopes)[None]]), objective


def _check(features: Tensor, weights: Tensor, penalty: Tensor, names: Sequence[str]) -> Sequence[str]:
    """The names of the heads; raises for the first head that cannot be solved."""
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


def _fit(features: Tensor, loss: Loss, weights: Tensor, penalty: Tensor, tolerance: float, max_steps: int) -> Heads:
    used = (weights > 0).any(0)
    basis = Basis.of(features[used].double())
    loss = replace(loss, targets=loss.targets[used])
    columns = weights[:, used].double().T[..., None]
    at_once = max(1, ENTRIES_AT_ONCE // loss.targets[:, 0].numel())
    parts = []
    for heads in torch.split(torch.arange(len(weights), device=features.device), at_once):
        descent = Descent(basis, loss.of(heads), columns[:, heads], penalty[heads].double())
        parts.append(_solve(descent, tolerance, max_steps))
    return Heads(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Heads)))


def _solve(descent: "Descent", tolerance: float, max_steps: int) -> Heads:
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
