"""The frozen part of a network and the rest of it, which together are the whole."""

import pytest
import torch
from torch import nn

from awcu.errors import BackboneError
from awcu.models.frozen import FrozenPart, skipping
from awcu.models.network import AestheticNet

LOWER = {
    "efficientnet_lite0": ("conv_stem", "bn1", "blocks.0", "blocks.1"),
    "test_resnet": ("conv1", "bn1", "act1", "maxpool", "layer1"),
}


def network():
    net = AestheticNet("test_resnet", image_size=64)
    for module in net.modules():
        # timm starts a block's last norm at zero, so that the block does nothing yet.
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
    return net


def part(net, names):
    return FrozenPart(net, [net.backbone.get_submodule(name) for name in names], 64)


@pytest.mark.parametrize("backbone", LOWER)
@torch.no_grad()
def test_the_rest_gives_from_its_outputs_what_the_whole_gives_from_images(backbone, one_thread):
    net = AestheticNet(backbone, image_size=64).eval()
    lower = part(net, LOWER[backbone])
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    whole, outputs = net.features(images), lower.features(images)
    assert outputs.shape[1] == lower.channels != net.channels
    with skipping(lower.backbone):
        torch.testing.assert_close(net.features(outputs), whole)
    torch.testing.assert_close(net.features(images), whole)


def test_the_network_keeps_its_modes(one_thread):
    net = network().train()
    net.backbone.layer1.eval()
    part(net, LOWER["test_resnet"])
    assert net.backbone.training
    assert not net.backbone.layer1.training


@pytest.mark.parametrize(
    "names",
    [
        ("conv1", "bn1", "layer1"),  # an activation and a pooling lie between
        ("layer1",),
        ("bn1", "conv1"),
    ],
)
def test_other_modules_than_the_first_are_refused(names, one_thread):
    with pytest.raises(
        BackboneError, match=r"to name all that an image passes first, .*backbone: conv1, bn1, .*layer1"
    ):
        part(network(), names)


def test_no_modules_are_refused(one_thread):
    with pytest.raises(BackboneError, match=r"frozen_outputs=true needs frozen modules; name .* in task.freeze"):
        part(network(), ())
