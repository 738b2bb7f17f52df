"""Training objectives: per-photograph losses, and how logits are read back as a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

ObjectiveName = Literal["binary", "distribution", "score"]


class Objective(Protocol):
    """The aesthetic objective; every score is signed so that > 0 means high."""

    @property
    def outputs(self) -> int:
        """Width of the aesthetic head."""
        ...

    def loss(self, logits: Tensor, high: Tensor, distribution: Tensor, score: Tensor) -> Tensor:
        """`(N,)` losses of logits `(N, outputs)`.

        Against labels `(N,)`, rating shares `(N, K)` or mean scores minus the midpoint `(N,)`.
        """
        ...

    def score(self, logits: Tensor) -> Tensor:
        """`(N,)` what photographs are ranked by."""
        ...

    def rating(self, score: float) -> float | None:
        """The score as a rating on the scale people rated on; None where the objective knows no rating."""
        ...

    def distribution(self, logits: Tensor) -> Tensor:
        """`(N, K)` predicted share of each rating value; `(N, 0)` where the objective has none."""
        ...

    def probability(self, logits: Tensor) -> Tensor | None:
        """`(N, ...)` in [0, 1], of logits `(N, outputs, ...)`: of a photograph, or of each location of its maps.

        None where the objective has none.
        """
        ...

    def evidence(self, maps: Tensor) -> Tensor:
        """`(N, h, w)` signed evidence for high in activation maps `(N, outputs, h, w)`."""
        ...


@dataclass(frozen=True)
class Binary:
    """The paper's: low or high, by cross-entropy."""

    outputs: int = 2

    def loss(self, logits: Tensor, high: Tensor, distribution: Tensor, score: Tensor) -> Tensor:
        """`(N,)` cross-entropy of logits `(N, 2)` in nats."""
        return F.cross_entropy(logits, high, reduction="none")

    def score(self, logits: Tensor) -> Tensor:
        """`(N,)` log odds of high: unlike the probability, it does not saturate into ties."""
        return logits[:, 1] - logits[:, 0]

    def rating(self, score: float) -> None:
        """None: log odds are no rating."""

    def distribution(self, logits: Tensor) -> Tensor:
        """`(N, 0)`: a binary verdict says nothing of the spread of ratings."""
        return logits[:, :0]

    def probability(self, logits: Tensor) -> Tensor:
        """That the level is high; of maps with their bias, the paper's likelihood per location."""
        return logits.softmax(1)[:, 1]

    def evidence(self, maps: Tensor) -> Tensor:
        """`(N, h, w)` log odds each location adds; their mean and the bias difference make the score."""
        return maps[:, 1] - maps[:, 0]


@dataclass(frozen=True)
class RatingDistribution:
    """The whole rating distribution, by squared earth mover's distance (NIMA, Talebi & Milanfar 2018).

    Attributes:
        scale: The K rating values.
        midpoint: Scores are expected ratings minus this.
    """

    scale: tuple[float, ...]
    midpoint: float

    @property
    def outputs(self) -> int:
        """K."""
        return len(self.scale)

    def loss(self, logits: Tensor, high: Tensor, distribution: Tensor, score: Tensor) -> Tensor:
        """`(N,)` mean squared difference of the cumulative shares.

        Omits the published square root, whose gradient is nan where prediction and target agree.
        """
        return (logits.softmax(1).cumsum(1) - distribution.cumsum(1)).square().mean(1)

    def score(self, logits: Tensor) -> Tensor:
        """`(N,)` expected rating minus the midpoint."""
        return logits.softmax(1) @ logits.new_tensor(self.scale) - self.midpoint

    def rating(self, score: float) -> float:
        """Expected rating."""
        return score + self.midpoint

    def distribution(self, logits: Tensor) -> Tensor:
        """`(N, K)` softmax."""
        return logits.softmax(1)

    def probability(self, logits: Tensor) -> Tensor:
        """That a rating lies above the midpoint; one at it counts half."""
        values = logits.new_tensor(self.scale)
        above = (values > self.midpoint) + 0.5 * (values == self.midpoint)
        return torch.einsum("nk...,k->n...", logits.softmax(1), above)

    def evidence(self, maps: Tensor) -> Tensor:
        """`(N, h, w)` maps of high ratings against maps of low ones, weighted by distance from the mean value."""
        values = maps.new_tensor(self.scale)
        return torch.einsum("nkhw,k->nhw", maps, values - values.mean())


@dataclass(frozen=True)
class Score:
    """The mean score itself, by regression: the one logit is the expected mean score minus the midpoint.

    Attributes:
        scale: The rating values; of a set of mean scores, both ends of their scale.
        midpoint: In rating points.
    """

    scale: tuple[float, ...]
    midpoint: float
    outputs: int = 1

    def loss(self, logits: Tensor, high: Tensor, distribution: Tensor, score: Tensor) -> Tensor:
        """`(N,)` smooth L1: half the squared error up to one rating point, the error less a half beyond."""
        return F.smooth_l1_loss(logits[:, 0], score, reduction="none", beta=1.0)

    def score(self, logits: Tensor) -> Tensor:
        """`(N,)` expected mean score minus the midpoint, in rating points."""
        return logits[:, 0]

    def rating(self, score: float) -> float:
        """Expected mean score; the end of the scale where the regression goes beyond it."""
        return min(max(score + self.midpoint, self.scale[0]), self.scale[-1])

    def distribution(self, logits: Tensor) -> Tensor:
        """`(N, 0)`: an expected mean says nothing of the spread of ratings."""
        return logits[:, :0]

    def probability(self, logits: Tensor) -> None:
        """None: a regression knows no probability."""

    def evidence(self, maps: Tensor) -> Tensor:
        """`(N, h, w)` rating points of each location; their mean and the bias make the score."""
        return maps[:, 0]


def build_objective(name: ObjectiveName, scale: Sequence[float], midpoint: float) -> Objective:
    """The objective of that name on a rating scale of `(K,)` values, all in rating points."""
    if name == "binary":
        return Binary()
    return (Score if name == "score" else RatingDistribution)(tuple(scale), midpoint)


def multi_label_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """`(N,)` binary cross-entropy averaged over a photograph's labelled attributes; nan where it has none.

    Args:
        logits: `(N, A)`.
        targets: `(N, A)` 0, 1, or nan = unlabelled.
    """
    labelled = ~targets.isnan()
    losses = F.binary_cross_entropy_with_logits(logits, targets.nan_to_num(), reduction="none")
    count = labelled.sum(1)
    # Divided by at least 1, nan put in afterwards: a division by nan would make the row's gradient nan as well.
    return ((losses * labelled).sum(1) / count.clamp(min=1)).where(count > 0, torch.nan)


def flaw_loss(intact: Tensor, flawed: Tensor, place: Tensor, margin: float = 1.0) -> Tensor:
    """`(N,)` how far the evidence of photographs with a planted flaw is from pointing at the flaw.

    By smooth L1: in the flaw's place it should lie `margin` below the intact photograph's, or below the lowest outside
    where that is lower; outside, it should stay as it was. This ranks a photograph above its damaged copy (RankIQA, Liu
    et al. 2017), cell by cell. The intact photograph's evidence is taken as given.

    Args:
        intact: `(N, h, w)` in rating points or log odds.
        flawed: The same of the copies.
        place: `(N, h, w)` share of each cell that the flaw covers, times its strength; a flaw of the whole frame
            leaves no outside.
        margin: What a cell loses that a flaw of full strength covers, in the evidence's unit.
    """
    intact, outside = intact.detach(), place == 0
    lowest = flawed.detach().masked_fill(~outside, torch.inf).amin((1, 2), keepdim=True)
    goal = torch.minimum(intact, lowest) - margin * place
    inside = (place * F.smooth_l1_loss(flawed, goal, reduction="none")).sum((1, 2)) / place.sum((1, 2))
    moved = (outside * F.smooth_l1_loss(flawed, intact, reduction="none")).sum((1, 2))
    return inside + moved / outside.sum((1, 2)).clamp(min=1)


def single_label_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """`(N,)` cross-entropy to a photograph's one attribute; nan where it has none.

    For sets that name one attribute a photograph (AVA-style's training list), where a 0 does not say absent.

    Args:
        logits: `(N, A)`.
        targets: `(N, A)` with a single 1 a row.
    """
    one = targets.nan_to_num()
    losses = F.cross_entropy(logits, one.argmax(1), reduction="none")
    return losses.where(one.sum(1) > 0, torch.nan)
