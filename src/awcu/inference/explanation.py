"""What a model says of one photograph: the verdict, where it comes from, and which attributes go with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awcu.images.boxes import Box
from awcu.images.transforms import Aspect
from awcu.inference.crop import Proposal, propose
from awcu.inference.reasons import Reason
from awcu.models.cam import Map, onto_photograph, overlay
from awcu.models.objective import Binary, Objective
from awcu.models.reference import LEAST_R2, Reference

CELLS = 64
"""Along the photograph's long side: the lattice on which crops are sought, finer than any map."""


class Verdict(NamedTuple):
    """What a model says of a whole photograph.

    Attributes:
        score: Log odds of high (binary objective), or expected rating minus the midpoint (the others); > 0 is high.
        probability: In [0, 1]: of high, or of a rating above the midpoint. The model's own, not calibrated. None of a
            regression on the score.
        attributes: Probability of each attribute, by name.
        attribute_logits: The same before the sigmoid or softmax.
        rating: The score on the scale people rated on; None of a binary objective.
    """

    score: float
    probability: float | None
    attributes: dict[str, float]
    attribute_logits: dict[str, float]
    rating: float | None = None

    @property
    def level(self) -> str:
        """High or low."""
        return "high" if self.score > 0 else "low"


@dataclass(frozen=True, eq=False)
class Explanation:
    """One photograph's verdict and where it comes from.

    Attributes:
        photograph: `(H, W, 3)` RGB, upright.
        verdict: Verdict on the whole photograph.
        evidence: AesAM on the network's grid, `(h, w)` signed evidence for high, bias included. Its mean is the
            score, except under the distribution objective.
        likelihood: The same as the paper shows it: `(h, w)` probability of each location, in [0, 1]; None of a
            regression on the score.
        attributes: AttAM by name, `(h, w)` log odds of the attribute, bias included.
        aspect: How the photograph was fitted to what the network sees.
        reference: What the model says of its validation photographs; None if it was never validated.
        objective: How score and probability are to be read.
        trained_on: Name of the data set that the model learned from; "" where it is not known.
        reasons: Measured attributes that go with the score and change it, widest gap first; None where the model's
            reference says nothing of them.
    """

    photograph: NDArray[np.uint8] = field(repr=False)
    verdict: Verdict
    evidence: Map = field(repr=False)
    likelihood: Map | None = field(repr=False)
    attributes: dict[str, Map] = field(repr=False)
    aspect: Aspect
    reference: Reference | None = field(repr=False)
    objective: Objective = field(default_factory=Binary)
    trained_on: str = ""
    reasons: tuple[Reason, ...] | None = None

    @property
    def contributions(self) -> dict[str, float]:
        """What each attribute adds to the score against the average photograph, by name, largest effect first.

        Measured on the validation photographs (`awcu.models.reference.AttributeLink`); empty where that was not
        possible or the attributes explain less than a tenth of the score's variance.
        """
        link = self.reference.link if self.reference else None
        if link is None or link.r2 < LEAST_R2:
            return {}
        values = link.contributions(list(self.verdict.attribute_logits.values())).tolist()
        named = zip(self.verdict.attribute_logits, values, strict=True)
        return dict(sorted(named, key=lambda pair: -abs(pair[1])))

    def on_photograph(self, attribute: str | None = None) -> Map:
        """AesAM, or one attribute's AttAM, `(H, W)` over the photograph; nan where the network saw nothing."""
        grid = self.evidence if attribute is None else self.attributes[attribute]
        return onto_photograph(grid, self.aspect, self.photograph.shape[:2])

    def overlay(self, attribute: str | None = None) -> NDArray[np.uint8]:
        """`(H, W, 3)` RGB: the photograph in grey, red where the map speaks for, blue where against.

        The colours are full at the reference's limit, so that pictures of one model can be compared.
        """
        return overlay(self.photograph, self.on_photograph(attribute), self.limit(attribute))

    def limit(self, attribute: str | None = None) -> float:
        """Where the colours of AesAM, or of all AttAM, are full: the reference's, else this map's strongest cell."""
        if self.reference is not None:
            return self.reference.evidence_limit if attribute is None else self.reference.attribute_limit
        grid = self.evidence if attribute is None else self.attributes[attribute]
        return max(float(np.abs(grid).max()), 1e-6)

    def on_lattice(self) -> Map:
        """AesAM, `CELLS` along the photograph's long side and of its proportions; nan where the network saw nothing."""
        height, width = self.photograph.shape[:2]
        cells = CELLS / max(height, width)
        lattice = max(round(height * cells), 1), max(round(width * cells), 1)
        return onto_photograph(self.evidence, self.aspect, lattice)

    def crops(
        self, aspect: float | None = None, smallest: float = 0.5, keep: Sequence[Box] = (), top: int = 1
    ) -> list[Proposal]:
        """Distinct crops by AesAM, best first; arguments as in `awcu.inference.crop.propose`.

        Raises:
            CropError: No crop can have that aspect or hold those boxes.
        """
        height, width = self.photograph.shape[:2]
        spread = self.reference.score_sd if self.reference else float(self.evidence.std())
        evidence = self.on_lattice() / max(spread, 1e-6)
        return propose(evidence, (height, width), aspect, smallest, keep, top)
