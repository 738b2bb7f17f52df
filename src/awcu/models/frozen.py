"""The frozen first modules of a backbone as a network of their own, whose outputs need computing only once."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from awcu.errors import BackboneError
from awcu.models.network import AestheticNet


class FrozenPart(nn.Module):
    """The first modules of a network's backbone, one after the other. `skipping` them, the network does the rest.

    Args:
        net: The whole network; its own modules are shared, not copied.
        modules: Modules of its backbone in the order in which an image passes them.
        image_size: Side of the square input.

    Raises:
        BackboneError: No modules, or others than an image passes first.
    """

    def __init__(self, net: AestheticNet, modules: Sequence[nn.Module], image_size: int) -> None:
        super().__init__()
        if not modules:
            raise BackboneError(
                "loader.frozen_outputs=true needs frozen modules; name the backbone's first in task.freeze"
            )
        self.backbone = nn.Sequential(*modules)
        self.channels = self._check(net, image_size)

    def features(self, images: Tensor) -> Tensor:
        """The outputs `(N, C, h, w)` for normalised images `(N, 3, H, W)`."""
        outputs: Tensor = self.backbone(images)
        return outputs

    @torch.no_grad()
    def _check(self, net: AestheticNet, image_size: int) -> int:
        """The channels of the outputs, from which the rest of the network must give what it gives from an image."""
        modes = {module: module.training for module in net.modules()}
        image = torch.randn(1, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
        net.eval()
        try:
            whole, outputs = net.features(image), self.features(image)
            with skipping(self.backbone):
                same = outputs.ndim == 4 and torch.allclose(net.features(outputs), whole, rtol=1e-3, atol=1e-4)
        except (RuntimeError, TypeError, ValueError):
            same = False  # what one module puts out is not what the next takes in
        finally:
            for module, training in modes.items():
                module.training = training
        if not same:
            order = ", ".join(name for name, _ in net.backbone.named_children())
            raise BackboneError(
                f"loader.frozen_outputs=true needs task.freeze to name all that an image passes first, in that order "
                f"(this backbone: {order}); name it, or set loader.frozen_outputs=false"
            )
        return int(outputs.shape[1])


@contextmanager
def skipping(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Meanwhile these modules pass on what they get, so that a network takes their outputs in place of images."""
    modules = tuple(modules)
    for module in modules:
        module.forward = _unchanged
    try:
        yield
    finally:
        for module in modules:
            del module.forward


def _unchanged(inputs: Tensor) -> Tensor:
    return inputs
