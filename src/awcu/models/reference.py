"""A model's scores on its validation photographs: the yardstick for its score of any other."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awcu.models.usual import End, Usual

Floats = NDArray[np.float64]

PENALTIES = np.logspace(-4, 4, 33)
FEWEST = 10  # photographs; below, a regression on the attributes says nothing
LEAST_R2 = 0.1  # fourteen attributes of noise reach it with fewer than 50 photographs only


@dataclass(frozen=True)
class AttributeLink:
    """How the aesthetic score moves with the attribute logits, measured over photographs by ridge regression.

    The score is explained as mean + Σ slope · (logit − mean logit), so each attribute's share of one photograph's
    score adds up with the others'. It says what goes together in this model's answers, not what caused them.

    Attributes:
        means: `(A,)` mean logits.
        slopes: `(A,)` score per logit.
        r2: Share of the score's variance explained, leave-one-out; below 0 the attributes explain nothing.
    """

    means: tuple[float, ...]
    slopes: tuple[float, ...]
    r2: float

    @classmethod
    def measure(cls, scores: Floats, logits: Floats) -> "AttributeLink | None":
        """The link of scores `(N,)` to attribute logits `(N, A)`.

        None with fewer than 10 photographs, without attributes, where all scores are equal, or where some number is
        not finite, as in a network whose training diverged. The penalty is the one with the smallest leave-one-out
        error.
        """
        n = len(scores)
        if n < FEWEST or logits.shape[1] == 0 or not np.isfinite(np.column_stack([scores, logits])).all():
            return None
        if np.ptp(scores) == 0:
            return None
        means, spread = logits.mean(0), logits.std(0)
        # The deviation of equal logits is not always 0: their mean is rounded.
        spread[np.ptp(logits, axis=0) == 0] = 1
        left, singular, right = np.linalg.svd((logits - means) / spread, full_matrices=False)
        centred = scores - scores.mean()
        projected = left.T @ centred
        best = (np.inf, np.zeros(logits.shape[1]))
        for penalty in PENALTIES * n:
            shrunk = singular**2 / (singular**2 + penalty)
            # 1/n: the mean is fitted as well.
            leverage = (left**2 @ shrunk) + 1 / n
            error = np.square((centred - left @ (shrunk * projected)) / (1 - leverage)).mean()
            if error < best[0]:
                weights = np.divide(shrunk, singular, out=np.zeros_like(singular), where=singular > 0)
                best = (float(error), right.T @ (weights * projected) / spread)
        # The constant prediction, left one out too.
        constant = np.square(centred * n / (n - 1)).mean()
        return cls(tuple(means.tolist()), tuple(best[1].tolist()), float(1 - best[0] / constant))

    def contributions(self, logits: Sequence[float]) -> Floats:
        """`(A,)` what each attribute adds to one photograph's score, in its unit, against the average photograph."""
        return np.multiply(self.slopes, np.subtract(logits, self.means))


@dataclass(frozen=True)
class Reference:
    """Scores, map values and attributes of the validation photographs under one model.

    Attributes:
        n: Photographs.
        scores: Their scores at 0, 1, …, 100 % from the lowest to the highest.
        score_sd: Standard deviation of the scores.
        evidence_limit: |evidence| that the strongest cell of one photograph in ten exceeds: where the colours of
            every AesAM are full.
        attribute_limit: The same of all AttAM.
        link: None for a model without attributes, and where else it cannot be measured.
        usual: Of the attributes that are measured from the pixels; empty where they were not.
    """

    n: int
    scores: tuple[float, ...]
    score_sd: float
    evidence_limit: float
    attribute_limit: float
    link: AttributeLink | None
    usual: tuple[Usual, ...] = ()

    @classmethod
    def measure(cls, scores: Floats, logits: Floats, evidence: Floats, attributes: Floats) -> "Reference":
        """From scores `(N,)`, attribute logits `(N, A)` and the strongest cells of AesAM `(N,)` and AttAM `(N, A)`."""
        return cls(
            len(scores),
            tuple(np.quantile(scores, np.linspace(0, 1, 101)).tolist()),
            float(scores.std()),
            _limit(evidence),
            _limit(attributes),
            AttributeLink.measure(scores, logits),
        )

    def share_below(self, score: float) -> float:
        """Share of the validation photographs with a lower score, in [0, 1], to a hundredth."""
        return float(np.searchsorted(self.scores, score) / 101)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for a checkpoint or a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Reference":
        """Read what `as_dict` returned; lists may stand for tuples."""
        link = stored["link"]
        return cls(
            **stored
            | {
                "scores": tuple(stored["scores"]),
                "link": link
                and AttributeLink(**link | {"means": tuple(link["means"]), "slopes": tuple(link["slopes"])}),
                "usual": tuple(_usual(one) for one in stored.get("usual", ())),
            }
        )


def _usual(stored: dict[str, Any]) -> Usual:
    ends = {side: stored[side] and End(**stored[side]) for side in ("low", "high")}
    return Usual(**stored | {"quantiles": tuple(stored["quantiles"])} | ends)


def _limit(strongest: Floats) -> float:
    """Not the maximum: one outlier must not make every map pale."""
    return float(max(np.quantile(strongest, 0.9), 1e-6)) if strongest.size else 1.0
