"""A model as an ONNX file, which needs neither Python nor torch; it is compared with torch before it is kept."""

import copy
import json
import logging
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from timm.layers.conv2d_same import Conv2dSame, conv2d_same
from torch import Tensor, nn

from awcu import __version__
from awcu.errors import ModelError
from awcu.files import write_atomically
from awcu.models import efficientnet_lite
from awcu.models.config import ModelConfig
from awcu.models.network import AestheticNet, fixed_size
from awcu.models.objective import Objective

if TYPE_CHECKING:
    from awcu.inference.predictor import AestheticModel


TOLERANCE = 1e-4
"""Largest difference to torch: absolute for outputs of up to 1, a share of the largest value above."""


class _Answers(nn.Module):
    """All that the network says, in the order of `names`."""

    def __init__(self, net: AestheticNet, objective: Objective) -> None:
        super().__init__()
        self.net = net
        self.objective = objective
        knows = objective.probability(torch.zeros(1, objective.outputs)) is not None
        self.names = ["aesthetic_logits", "score", *["probability"][:knows], "aesthetic_maps", "evidence"]
        if net.attribute_head.out_features > 0:
            self.names += ["attribute_logits", "attribute_maps"]

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        logits, maps = self.net.local_logits(image)
        probability = self.objective.probability(logits.aesthetic)
        verdict = self.objective.score(logits.aesthetic), *(() if probability is None else (probability,))
        answers = logits.aesthetic, *verdict, maps.aesthetic, self.objective.evidence(maps.aesthetic)
        return (*answers, logits.attributes, maps.attributes)[: len(self.names)]


def export(model: "AestheticModel", path: Path) -> None:
    """Write the network as ONNX, after onnxruntime has given the same answers as torch on random images.

    Input: `image (N, 3, H, W)`, normalised; N is free, and so are H and W unless the backbone has a fixed size.
    Outputs: `aesthetic_logits (N, 2, K or 1)`; `score (N,)` and, but for the score objective, `probability (N,)` as in
    `awcu.inference.explanation.Verdict`;
    `aesthetic_maps (N, 2, K or 1, h, w)`, the head at every location with its bias, whose mean is the logits;
    `evidence (N, h, w)`, the AesAM made of them; and for a model with attributes `attribute_logits (N, A)` and
    `attribute_maps (N, A, h, w)`, the AttAM, likewise with bias. The metadata hold the configuration.

    Args:
        model: Stays as it is.
        path: The file to write.

    Raises:
        ModelError: The libraries of the extra `onnx` are missing, the backbone cannot be exported, or onnxruntime
            does not agree with torch.
    """
    for name in ("onnx", "onnxscript", "onnxruntime"):
        _library(name)
    net = copy.deepcopy(model.net).cpu().float().to(memory_format=torch.contiguous_format)
    answers = _Answers(net, model.objective).eval()
    try:
        content = _checked(answers, model.config, _takes_any_size(answers, model.config))
    except ModelError:
        # Some backbones run at any size but cannot say how their sizes follow from it.
        content = _checked(answers, model.config, False)
    write_atomically(path, content)


@torch.no_grad()
def _checked(answers: _Answers, config: ModelConfig, free: bool) -> bytes:
    """The file of a network of free or fixed height and width."""
    size, backbone = config.preparation["size"], config.network["backbone"]
    random = torch.Generator().manual_seed(0)
    # Two batches, two sizes and no square, so that nothing can pass by accident.
    shapes = (1, 3, size, size), (3, 3, size + 32 * free, size)
    images = [torch.randn(shape, generator=random) for shape in shapes]
    expected = [answers(image) for image in images]
    for path, module in list(answers.net.named_modules()):
        if isinstance(module, Conv2dSame | efficientnet_lite.Conv2dSame):
            answers.net.set_submodule(path, _SamePadded(module))
    exported = _exported(answers, images[1], free, backbone)
    facts = _facts(config) | {"height_and_width": "any" if free else f"{size} only"}
    _library("onnx").helper.set_model_props(exported, {name: _text(value) for name, value in facts.items()})
    content: bytes = exported.SerializeToString()
    for image, tensors in zip(images, expected, strict=True):
        _compare(content, image, dict(zip(answers.names, tensors, strict=True)), backbone)
    return content


def _takes_any_size(answers: _Answers, config: ModelConfig) -> bool:
    if fixed_size(config.network["backbone"]):
        return False
    size = config.preparation["size"]
    try:
        with torch.no_grad():
            answers(torch.zeros(1, 3, size + 32, size))
    except (RuntimeError, AssertionError, ValueError):
        return False
    return True


def _exported(answers: _Answers, image: Tensor, free: bool, backbone: str) -> Any:
    """The ONNX model; Any, since onnx's own types need the extra."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    try:
        # What the exporter says of its own workings; the result is compared with torch anyway.
        logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program: Any = torch.onnx.export(
                answers,
                (image,),
                dynamo=True,
                verbose=False,
                input_names=["image"],
                output_names=answers.names,
                dynamic_shapes={"image": {0: "batch"} | ({2: "height", 3: "width"} if free else {})},
                external_data=False,
                custom_translation_table={torch.ops.awcu.conv2d_same.default: _same_padded},
            )
    except (torch.onnx.OnnxExporterError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"{backbone} cannot be exported as ONNX ({reason}); use the model without ONNX") from error
    finally:
        logger.setLevel(level)
    return program.model_proto


def _compare(content: bytes, image: Tensor, expected: dict[str, Tensor], backbone: str) -> None:
    options = {"providers": ["CPUExecutionProvider"]}
    try:
        answers = (
            _library("onnxruntime").InferenceSession(content, **options).run(list(expected), {"image": image.numpy()})
        )
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(
            f"onnxruntime cannot run the ONNX file of {backbone} at {tuple(image.shape)} ({reason}); use the model "
            f"without ONNX"
        ) from error
    for (name, value), answer in zip(expected.items(), answers, strict=True):
        same = answer.shape == value.shape
        gap = float(np.abs(answer - value.numpy()).max()) if same else np.inf
        if not gap <= TOLERANCE * max(1.0, float(value.abs().max())):
            raise ModelError(
                f"the ONNX file of {backbone} gives {name} {gap:.2g} away from torch's at {tuple(image.shape)}; use "
                f"the model without ONNX, or other versions of torch and onnxruntime"
            )


def _facts(config: ModelConfig) -> dict[str, Any]:
    return {
        "awcu_version": __version__,
        "backbone": config.network["backbone"],
        "objective": config.objective,
        "high": config.high,
        "scale": config.scale,
        "midpoint": config.midpoint,
        "attribute_names": config.attribute_names,
        "attribute_loss": config.attribute_loss,
        "train_fingerprint": config.train_fingerprint,
        **{name: config.preparation[name] for name in ("size", "aspect", "mean", "std")},
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class _SamePadded(nn.Module):
    """A `Conv2dSame` as one operation: its padding, worked out from a free size, is beyond the exporter."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        conv = self.conv
        result: Tensor = _conv2d_same(x, conv.weight, conv.bias, list(conv.stride), list(conv.dilation), conv.groups)
        return result


@torch.library.custom_op("awcu::conv2d_same", mutates_args=())
def _conv2d_same(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: list[int], dilation: list[int], groups: int
) -> Tensor:
    result: Tensor = conv2d_same(x, weight, bias, (stride[0], stride[1]), (0, 0), (dilation[0], dilation[1]), groups)
    return result


@_conv2d_same.register_fake
def _shape_of_conv2d_same(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: list[int], dilation: list[int], groups: int
) -> Tensor:
    h, w = ((side + step - 1) // step for side, step in zip(x.shape[-2:], stride, strict=True))
    return x.new_empty(x.shape[0], weight.shape[0], h, w)


def _same_padded(x: Any, weight: Any, bias: Any, stride: list[int], dilation: list[int], groups: int) -> Any:
    """What `awcu::conv2d_same` is in ONNX, which has TensorFlow's padding of its own."""
    convolution = _library("onnxscript").opset18.Conv
    return convolution(x, weight, bias, auto_pad="SAME_UPPER", strides=stride, dilations=dilation, group=groups)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ModelError(f"ONNX export needs {error.name}; install the extra: pip install 'awcu[onnx]'") from error
