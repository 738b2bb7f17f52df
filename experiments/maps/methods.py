"""The ways of drawing a map that are compared, each from a network and a batch of prepared photographs."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus
from torch import Tensor, nn
from torchcam.methods import LayerCAM

from awcu.inference.predictor import AestheticModel

Grids = NDArray[np.float32]
_RANDOM = np.random.default_rng(0)  # never started again within a run, or batches would share their random maps
Network = Callable[[AestheticModel, Tensor], "Maps"]


class Maps(NamedTuple):
    """What a method says of N photographs, each `(N, h, w)`: where high comes from, where low does, and both signed."""

    high: Grids
    low: Grids
    signed: Grids


class Difference(nn.Module):
    """The network as one answer: log odds of high, `(N, 1)`, which both libraries then differentiate."""

    def __init__(self, model: AestheticModel) -> None:
        super().__init__()
        self.net = model.net
        self.objective = model.objective

    def forward(self, images: Tensor) -> Tensor:
        """`(N, 1)`."""
        return self.objective.score(self.net(images).aesthetic)[:, None]


class Attributes(nn.Module):
    """The attribute logits `(N, A)` alone."""

    def __init__(self, model: AestheticModel) -> None:
        super().__init__()
        self.net = model.net

    def forward(self, images: Tensor) -> Tensor:
        """`(N, A)`."""
        return self.net(images).attributes


class Levels(Attributes):
    """The aesthetic logits `(N, 2)` alone."""

    def forward(self, images: Tensor) -> Tensor:
        """`(N, 2)`."""
        return self.net(images).aesthetic


def last_layer(net: nn.Module) -> nn.Module:
    """The layer whose output is the last feature map of an EfficientNet-Lite or a MobileNetV2."""
    return net.backbone.bn2


@torch.inference_mode()
def aesam(model: AestheticModel, images: Tensor) -> Maps:
    """Ours: the aesthetic head at every location."""
    _, maps = model.net.local_logits(images)
    return _signed(model.objective.evidence(maps.aesthetic).numpy())


@torch.inference_mode()
def aesam_averaged(model: AestheticModel, images: Tensor) -> Maps:
    """Ours, averaged with the mirror image and with both at 1.5 times the size."""
    found = [model.averaged(image, flip=True, scales=(1.0, 1.5))[1].aesthetic for image in images]
    return _signed(model.objective.evidence(torch.cat(found)).numpy())


def grad_cam(kind: type) -> Network:
    """One of pytorch-grad-cam's methods that have a target."""

    def draw(model: AestheticModel, images: Tensor) -> Maps:
        with kind(Difference(model), [last_layer(model.net)]) as cam:
            high, low = (cam(images, [_Signed(sign)] * len(images)) for sign in (1, -1))
        return Maps(high, low, high - low)

    return draw


def eigen_cam(model: AestheticModel, images: Tensor) -> Maps:
    """pytorch-grad-cam's EigenCAM, which knows no target: the features' first component, for either side."""
    with EigenCAM(Difference(model), [last_layer(model.net)]) as cam:
        found = cam(images, [_Signed(1)] * len(images))
    return Maps(found, found, found)


def layer_cam(model: AestheticModel, images: Tensor) -> Maps:
    """torch-cam's LayerCAM, on the logits of low and high."""
    found = []
    for level in (1, 0):
        with LayerCAM(Levels(model), last_layer(model.net)) as extractor:
            logits = extractor.model(images.clone().requires_grad_())
            found.append(extractor(level, logits)[0].detach().numpy())
    high, low = found
    return Maps(high, low, high - low)


def centre(model: AestheticModel, images: Tensor) -> Maps:
    """No network: a Gaussian in the middle of the frame."""
    steps = np.linspace(-1, 1, 28, dtype=np.float32)
    bell = np.exp(-(steps[:, None] ** 2 + steps**2) / (2 * 0.5**2))
    grids = np.repeat(bell[None], len(images), axis=0)
    return Maps(grids, grids, grids)


def noise(model: AestheticModel, images: Tensor) -> Maps:
    """No network: a random number a cell of the same grid, drawn anew for each photograph and network."""
    return _signed(_RANDOM.normal(size=(len(images), 7, 7)).astype(np.float32))


METHODS: dict[str, Network] = {
    "aesam": aesam,
    "aesam_averaged": aesam_averaged,
    "layercam": layer_cam,
    "gradcam": grad_cam(GradCAM),
    "gradcam_plusplus": grad_cam(GradCAMPlusPlus),
    "eigencam": eigen_cam,
    "centre": centre,
    "random": noise,
}
WITHOUT_NETWORK = ("centre", "random")
"""Methods that look at no network, so that other weights leave them as they are."""


@torch.inference_mode()
def attam(model: AestheticModel, images: Tensor, present: Iterable[tuple[int, int]]) -> list[Grids]:
    """Ours: the map of one attribute of one photograph, for each pair of photograph and attribute."""
    _, maps = model.net.local_logits(images)
    return [maps.attributes[row, attribute].numpy() for row, attribute in present]


def attribute_grad_cam(model: AestheticModel, images: Tensor, present: Iterable[tuple[int, int]]) -> list[Grids]:
    """GradCAM of the same attributes."""
    with GradCAM(Attributes(model), [last_layer(model.net)]) as cam:
        return [cam(images[row : row + 1], [_Output(attribute)])[0] for row, attribute in present]


def attribute_centre(model: AestheticModel, images: Tensor, present: Iterable[tuple[int, int]]) -> list[Grids]:
    """The Gaussian."""
    return [grids for _ in present for grids in centre(model, images[:1]).high]


def attribute_noise(model: AestheticModel, images: Tensor, present: Iterable[tuple[int, int]]) -> list[Grids]:
    """Random numbers, drawn anew for each."""
    return [_RANDOM.normal(size=(7, 7)).astype(np.float32) for _ in present]


ATTRIBUTE_METHODS = {
    "aesam": attam,
    "gradcam": attribute_grad_cam,
    "centre": attribute_centre,
    "random": attribute_noise,
}


class _Signed:
    """Target of pytorch-grad-cam: the one output, or its negative."""

    def __init__(self, sign: int) -> None:
        self.sign = sign

    def __call__(self, output: Tensor) -> Tensor:
        return self.sign * output[0]


class _Output:
    """Target of pytorch-grad-cam: one of several outputs."""

    def __init__(self, place: int) -> None:
        self.place = place

    def __call__(self, output: Tensor) -> Any:
        return output[self.place]


def _signed(evidence: Grids) -> Maps:
    return Maps(evidence, -evidence, evidence)
