"""A trained model as a folder that travels: weights, configuration and a card."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from awcu.network import AestheticNet
from awcu.objective import Binary, Objective, RatingDistribution
from awcu.reference import Reference


@dataclass(frozen=True)
class ModelConfig:
    """All but the weights that makes a model: what `config.json` holds.

    Attributes:
        network: Arguments of `AestheticNet` but its output counts and weights.
        objective: "binary" or "distribution".
        scale: `(K,)` rating values.
        midpoint: In rating points.
        attribute_names: `(A,)`.
        attribute_loss: "multi_label" or "single_label".
        preparation: Arguments of `awcu.images.preparation`.
        train_fingerprint: Of the ids trained on.
        reference: What the model says of its validation photographs; None if it was never validated.
    """

    network: dict[str, Any]
    objective: str
    scale: tuple[float, ...]
    midpoint: float
    attribute_names: tuple[str, ...]
    attribute_loss: str
    preparation: dict[str, Any]
    train_fingerprint: str
    reference: Reference | None

    def build_objective(self) -> Objective:
        """How its logits are read."""
        return Binary() if self.objective == "binary" else RatingDistribution(self.scale, self.midpoint)

    def build_network(self) -> AestheticNet:
        """The network, its weights still to be loaded."""
        outputs = self.build_objective().outputs
        own = {"pretrained": False, "weights_file": None}
        return AestheticNet(
            **self.network | own, aesthetic_outputs=outputs, attribute_outputs=len(self.attribute_names)
        )


def load(source: str | Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Configuration and weights of a checkpoint (folder, run and Hub to come)."""
    from awcu.task import load_task

    task = load_task(source)
    settings = task.hparams
    config = ModelConfig(
        network=dict(settings["network"]),
        objective=settings["objective"],
        scale=tuple(settings["scale"]),
        midpoint=settings["midpoint"],
        attribute_names=tuple(settings["attribute_names"]),
        attribute_loss=settings["attribute_loss"],
        preparation=dict(settings["preparation"]),
        train_fingerprint=settings["train_fingerprint"],
        reference=task.reference,
    )
    return config, task.net.state_dict()
