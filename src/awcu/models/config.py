"""A model's configuration, without its weights, and its strict parser: a folder may come from anywhere."""

import inspect
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # the one that pydantic reads before Python 3.12

from awcu import __version__
from awcu.bounds import MAX_RATING, MAX_SIZE
from awcu.errors import ModelError
from awcu.images.measures import MEASURES
from awcu.images.transforms import Aspect
from awcu.models.network import AestheticNet
from awcu.models.objective import Objective, ObjectiveName, build_objective
from awcu.models.reference import Reference
from awcu.models.usual import PLACES
from awcu.text import faults, shown

T = TypeVar("T")

# What is written must be read again, so these hold for a run's checkpoint too.
Side = Annotated[int, Field(gt=0, le=MAX_SIZE)]
Level = Annotated[float, Field(ge=0, le=1)]
Spread = Annotated[float, Field(ge=1e-3)]  # the network's input overflows when divided by a smaller one

Rating = Annotated[float, Field(ge=-MAX_RATING, le=MAX_RATING)]

FORMAT = 1
"""Version of `config.json`; raised by any change that older versions would misread."""


class Network(TypedDict):
    """Arguments of `AestheticNet` but its output counts and weights."""

    backbone: Annotated[str, Field(max_length=200)]
    output_stride: Annotated[int, Field(gt=0, le=64)] | None
    image_size: Side
    pad_type: str
    drop_rate: Annotated[float, Field(ge=0, lt=1)]
    detach_attributes: bool


class Preparation(TypedDict):
    """Arguments of `awcu.images.transforms.Preparation`."""

    size: Side
    aspect: Aspect
    mean: tuple[Level, Level, Level]
    std: tuple[Spread, Spread, Spread]


@with_config(extra="ignore")
class Head(TypedDict):
    """The keys of `config.json` beside the configuration."""

    awcu_version: str
    weights_sha256: str
    high: str


@dataclass(frozen=True)
class ModelConfig:
    """A model's configuration, without its weights: what `config.json` holds.

    Attributes:
        network: Arguments of `AestheticNet` but its output counts and weights.
        objective: "binary", "distribution" or "score".
        scale: `(K,)` rating values.
        midpoint: In rating points.
        attribute_names: `(A,)`.
        attribute_loss: "multi_label" or "single_label".
        preparation: Arguments of `awcu.images.transforms.Preparation`.
        train_fingerprint: Fingerprint of the ids trained on.
        trained_on: Name of the data set; "" where it is not known.
        reference: What the model says of its validation photographs; None if it was never validated.
    """

    # Applies to the classes of the fields too.
    __pydantic_config__ = ConfigDict(strict=True, extra="forbid")

    network: Network
    objective: ObjectiveName
    scale: tuple[Rating, ...]
    midpoint: Rating
    attribute_names: tuple[str, ...]
    attribute_loss: Literal["multi_label", "single_label"]
    preparation: Preparation
    train_fingerprint: str
    reference: Reference | None
    trained_on: str = ""

    @property
    def high(self) -> str:
        """The meaning of "high", in words."""
        return f"mean rating above {self.midpoint:g} on a scale from {self.scale[0]:g} to {self.scale[-1]:g}"

    def build_objective(self) -> Objective:
        """The objective that reads its logits."""
        return build_objective(self.objective, self.scale, self.midpoint)

    def build_network(self) -> AestheticNet:
        """The network, its weights still to be loaded.

        Raises:
            BackboneError: This timm does not know the backbone, or cannot build it so.
        """
        return AestheticNet(
            **_complete(self.network),
            pretrained=False,
            aesthetic_outputs=self.build_objective().outputs,
            attribute_outputs=len(self.attribute_names),
            initialise=False,
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
        text: Contents of the file.
        where: Its path, for the errors.

    Raises:
        ModelError: Not JSON, another format, a missing or unknown key, a value of the wrong kind or out of range.
    """
    try:
        document = json.loads(text, parse_constant=_refuse, parse_float=_number, parse_int=_whole)
    except ValueError as error:
        raise ModelError(f"{where} is not JSON ({error}); export the model again") from error
    except RecursionError as error:
        raise ModelError(_TOO_DEEP.format(where)) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else type(document).__name__
        raise ModelError(
            f"{where} has the format {shown(found)}; awcu {__version__} reads format {FORMAT}: use the version that "
            f"wrote it"
        )
    head = _read(Head, document, where)
    own = {name: value for name, value in document.items() if name not in ("format", *head)}
    return _checked(_read(ModelConfig, own, where), where), head["weights_sha256"]


def of_task(settings: Mapping[str, Any], reference: Reference | None, where: str) -> ModelConfig:
    """The configuration that a task's hyperparameters hold.

    Args:
        settings: The hyperparameters.
        reference: The checkpoint's reference.
        where: Its path, for the errors.

    Raises:
        ModelError: As from `from_json`.
    """
    document = {field.name: settings.get(field.name) for field in fields(ModelConfig)}
    document |= {"network": _complete(settings["network"]), "trained_on": settings.get("trained_on", "")}
    document["reference"] = reference and reference.as_dict()
    return _checked(_read(ModelConfig, document, where), where)


def _complete(network: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in defaults, and drop where the weights came from."""
    known = inspect.signature(AestheticNet).parameters
    return {name: network.get(name, known[name].default) for name in Network.__annotations__}


_TOO_DEEP = "{} nests its brackets too deep; export the model again"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{shown(text)} is too large for a number")
    return value


def _whole(text: str) -> int:
    _number(text)
    return int(text)


def _read(kind: type[T], document: Mapping[str, Any], where: str) -> T:
    try:
        # As JSON, whose lists may be tuples; what it cannot hold is text, which is then of the wrong kind.
        return TypeAdapter(kind).validate_json(json.dumps(document, default=str))
    except ValidationError as error:
        raise ModelError(f"{where}: {faults(error)}; export the model again with awcu {__version__}") from error
    except RecursionError as error:
        raise ModelError(_TOO_DEEP.format(where)) from error


def _checked(config: ModelConfig, where: str) -> ModelConfig:
    """Check that the parts of the configuration agree, and return it."""
    scale, names = config.scale, config.attribute_names
    _require(len(scale) > 1 and all(a < b for a, b in pairwise(scale)), f"{where}: scale", shown(scale), "ascending")
    _require(scale[0] < config.midpoint < scale[-1], f"{where}: midpoint", config.midpoint, "inside the scale")
    _require(len(set(names)) == len(names), f"{where}: attribute_names", shown(names), "different names")
    if config.reference is not None:
        _check_reference(config.reference, len(config.attribute_names), f"{where}: reference")
    return config


def _check_reference(reference: Reference, attributes: int, where: str) -> None:
    scores, link = reference.scores, reference.link
    _require(len(scores) == 101, f"{where}: scores", f"of length {len(scores)}", "101 numbers")
    if link is not None:
        lengths = len(link.means), len(link.slopes)
        _require(lengths == (attributes, attributes), f"{where}: link", f"of lengths {lengths}", f"{attributes} each")
    names = [one.name for one in reference.usual]
    known = len(set(names)) == len(names) and set(names) <= set(MEASURES)
    _require(known, f"{where}: usual", shown(names), "different attributes that are measured")
    for one in reference.usual:
        ascending = len(one.quantiles) == PLACES and all(a <= b for a, b in pairwise(one.quantiles))
        _require(ascending, f"{where}: usual", f"{one.name} {shown(one.quantiles)}", f"{PLACES} ascending numbers")


def _require(condition: bool, where: str, value: object, rule: str) -> None:
    if not condition:
        raise ModelError(f"{where} is {value}; it must be {rule}: export the model again")
