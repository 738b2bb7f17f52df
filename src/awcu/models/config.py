"""All but the weights that makes a model, and its strict reading: a folder may come from anywhere."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any, get_args

from awcu import __version__
from awcu.errors import ModelError, RecordError
from awcu.images.transforms import Aspect
from awcu.models.network import AestheticNet
from awcu.models.objective import Binary, Objective, RatingDistribution
from awcu.models.reference import AttributeLink, Reference
from awcu.runs.record import checked

FORMAT = 1
"""Of `config.json`; a change that older versions would misread counts it up."""

_KINDS: dict[str, Any] = {
    "network": {
        "backbone": str,
        "output_stride": int,
        "image_size": int,
        "pad_type": str,
        "drop_rate": float,
        "detach_attributes": bool,
    },
    "objective": str,
    "scale": tuple[float, ...],
    "midpoint": float,
    "attribute_names": tuple[str, ...],
    "attribute_loss": str,
    "preparation": {"size": int, "aspect": str, "mean": tuple[float, ...], "std": tuple[float, ...]},
    "train_fingerprint": str,
    "trained_on": str,
    "reference": {field.name: field.type for field in fields(Reference)}
    | {"link": {field.name: field.type for field in fields(AttributeLink)}},
}
_HEAD = {"format": int, "awcu_version": str, "weights_sha256": str, "high": str}
_MAY_BE_NULL = ("output_stride", "reference", "link")


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
        preparation: Arguments of `awcu.images.transforms.preparation`.
        train_fingerprint: Of the ids trained on.
        trained_on: Name of the data set; "" where it is not known.
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
    trained_on: str = ""

    @property
    def high(self) -> str:
        """What a high photograph is, in words."""
        return f"mean rating above {self.midpoint:g} on a scale from {self.scale[0]:g} to {self.scale[-1]:g}"

    def build_objective(self) -> Objective:
        """How its logits are read."""
        return Binary() if self.objective == "binary" else RatingDistribution(self.scale, self.midpoint)

    def build_network(self) -> AestheticNet:
        """The network, its weights still to be loaded.

        Raises:
            BackboneError: This timm does not know the backbone, or cannot build it so.
        """
        outputs = self.build_objective().outputs
        own = {"pretrained": False, "weights_file": None}
        return AestheticNet(
            **self.network | own, aesthetic_outputs=outputs, attribute_outputs=len(self.attribute_names)
        )

    def to_json(self, weights_sha256: str) -> str:
        """The text of `config.json`.

        Raises:
            ModelError: A number is not finite: training diverged.
        """
        head = {"format": FORMAT, "awcu_version": __version__, "weights_sha256": weights_sha256, "high": self.high}
        try:
            document = head | asdict(self) | {"network": _complete(self.network)}
            return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        except ValueError as error:
            raise ModelError(
                f"the model's configuration holds a number that is not finite ({error}): its training diverged; "
                f"train again with a lower task.learning_rate"
            ) from error


def from_json(text: str, where: str) -> tuple[ModelConfig, str]:
    """The configuration that `ModelConfig.to_json` wrote, and the SHA-256 of its weights.

    Args:
        text: Of the file.
        where: Its path, for the errors.

    Raises:
        ModelError: Not JSON, another format, a missing or unknown key, a value of the wrong kind or out of range.
    """
    try:
        document = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise ModelError(f"{where} is not JSON ({error}); export the model again") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else type(document).__name__
        raise ModelError(
            f"{where} has the format {found!r}; awcu {__version__} reads format {FORMAT}: use the version that wrote it"
        )
    # What earlier versions wrote does not say.
    values = _read(_HEAD | _KINDS, {"trained_on": ""} | document, where)
    return _config({name: values[name] for name in _KINDS}, where), values["weights_sha256"]


def of_task(settings: Mapping[str, Any], reference: Reference | None, where: str) -> ModelConfig:
    """The configuration that a task's hyperparameters hold.

    Args:
        settings: The hyperparameters.
        reference: Of the checkpoint.
        where: Its path, for the errors.

    Raises:
        ModelError: As from `from_json`.
    """
    document = {name: settings.get(name) for name in _KINDS} | {"trained_on": settings.get("trained_on", "")}
    document |= {"network": _complete(settings["network"]), "reference": reference and reference.as_dict()}
    return _config(_read(_KINDS, document, where), where)


def _complete(network: Mapping[str, Any]) -> dict[str, Any]:
    """With defaults for what is not given, and without where the weights once came from."""
    known = inspect.signature(AestheticNet).parameters
    return {name: network.get(name, known[name].default) for name in _KINDS["network"]}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _read(kind: Any, value: Any, where: str) -> Any:
    """The value as the annotated kind; a dict of kinds stands for an object with exactly these keys."""
    if not isinstance(kind, dict):
        try:
            return checked(kind, value, where)
        except RecordError as error:
            raise ModelError(str(error)) from error
    _require(isinstance(value, Mapping), where, value, "an object")
    for wrong, names in (("is missing", kind.keys() - value.keys()), ("is unknown", value.keys() - kind.keys())):
        if names:
            listed = ", ".join(map(repr, sorted(names)))
            raise ModelError(f"{where}: {listed} {wrong}; export the model again with awcu {__version__}")
    null = {name for name in kind if name in _MAY_BE_NULL and value[name] is None}
    return {name: None if name in null else _read(kind[name], value[name], f"{where}: {name}") for name in kind}


def _config(values: dict[str, Any], where: str) -> ModelConfig:
    reference = values["reference"]
    config = ModelConfig(**values | {"reference": reference and Reference.from_dict(reference)})
    scale, fit = config.scale, config.preparation
    for name, value, known in (
        ("objective", config.objective, ("binary", "distribution")),
        ("attribute_loss", config.attribute_loss, ("multi_label", "single_label")),
        ("aspect", fit["aspect"], get_args(Aspect)),
    ):
        _require(value in known, f"{where}: {name}", value, f"one of {', '.join(known)}")
    _require(len(scale) > 1 and all(a < b for a, b in pairwise(scale)), f"{where}: scale", scale, "ascending")
    _require(scale[0] < config.midpoint < scale[-1], f"{where}: midpoint", config.midpoint, "inside the scale")
    _require(fit["size"] > 0, f"{where}: size", fit["size"], "> 0 pixels")
    _require(len(fit["mean"]) == 3, f"{where}: mean", fit["mean"], "three numbers")
    _require(len(fit["std"]) == 3 and min(fit["std"]) > 0, f"{where}: std", fit["std"], "three numbers > 0")
    if config.reference is not None:
        _check_reference(config.reference, len(config.attribute_names), f"{where}: reference")
    return config


def _check_reference(reference: Reference, attributes: int, where: str) -> None:
    scores, link = reference.scores, reference.link
    _require(len(scores) == 101, f"{where}: scores", f"of length {len(scores)}", "101 numbers")
    if link is not None:
        lengths = len(link.means), len(link.slopes)
        _require(lengths == (attributes, attributes), f"{where}: link", f"of lengths {lengths}", f"{attributes} each")


def _require(condition: bool, where: str, value: object, rule: str) -> None:
    if not condition:
        raise ModelError(f"{where} is {value}; it must be {rule}: export the model again")
