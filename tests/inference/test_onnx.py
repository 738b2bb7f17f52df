"""The ONNX file answers as torch does, whatever the family, the batch and where possible the size."""

import json
import logging
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from awcu.errors import ModelError
from awcu.inference import onnx as onnx_export
from awcu.inference.onnx import export
from awcu.inference.predictor import AestheticModel
from awcu.models.config import ModelConfig

pytestmark = pytest.mark.usefixtures("one_thread")

MAPS = ["aesthetic_logits", "score", "probability", "aesthetic_maps", "evidence"]


def model(backbone, size=64, names=("calm", "bold"), objective="binary", **network):
    config = ModelConfig(
        network={"backbone": backbone, "image_size": size} | network,
        objective=objective,
        scale=(1.0, 2.0, 3.0, 4.0, 5.0),
        midpoint=3.0,
        attribute_names=names,
        attribute_loss="multi_label",
        preparation={"size": size, "aspect": "letterbox", "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.25, 0.3)},
        train_fingerprint="0123456789ab",
        reference=None,
    )
    torch.manual_seed(0)
    net = config.build_network()
    for head in (net.aesthetic_head, net.attribute_head):
        nn.init.normal_(head.weight, std=0.1)
        nn.init.normal_(head.bias)
    return AestheticModel(config, net, "cpu")


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def assert_same(trained, path, *shapes):
    """Every output against the model's own methods, which the exporter does not use."""
    running = session(path)
    for shape in shapes:
        images = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        named = [output.name for output in running.get_outputs()]
        answers = dict(zip(named, running.run(named, {"image": images.numpy()}), strict=True))
        known = [name for name in MAPS if name != "probability" or trained.config.objective != "score"]
        assert named == known + (["attribute_logits", "attribute_maps"] if trained.config.attribute_names else [])
        with torch.inference_mode():
            logits, maps = trained.net.local_logits(images.to(memory_format=torch.channels_last))
            verdicts = trained.verdicts(images)
        for name, expected in (
            ("aesthetic_logits", logits.aesthetic),
            ("score", [verdict.score for verdict in verdicts]),
            ("probability", [verdict.probability for verdict in verdicts]),
            ("aesthetic_maps", maps.aesthetic),
            ("evidence", trained.objective.evidence(maps.aesthetic)),
            ("attribute_logits", logits.attributes),
            ("attribute_maps", maps.attributes),
        ):
            if name in answers:
                values = np.asarray(expected)
                assert answers[name].shape == values.shape
                assert abs(answers[name] - values).max() <= 1e-4 * max(1, abs(values).max()), (name, shape)
        assert answers["aesthetic_maps"].mean((2, 3)) == pytest.approx(answers["aesthetic_logits"], abs=1e-3)


def test_a_convolutional_network_at_any_size_with_what_is_needed_to_use_it(tmp_path, recwarn, caplog, capfd):
    trained = model("test_resnet")
    before = {name: value.clone() for name, value in trained.net.state_dict().items()}
    state = torch.random.get_rng_state()
    with caplog.at_level(logging.WARNING):
        export(trained, tmp_path / "model.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    assert not recwarn.list
    assert not caplog.records
    assert capfd.readouterr() == ("", "")
    assert torch.equal(state, torch.random.get_rng_state())
    after = trained.net.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())

    assert_same(trained, tmp_path / "model.onnx", (1, 3, 64, 64), (4, 3, 96, 64), (2, 3, 81, 114))
    running = session(tmp_path / "model.onnx")
    assert running.get_inputs()[0].shape == ["batch", 3, "height", "width"]
    facts = running.get_modelmeta().custom_metadata_map
    assert facts["height_and_width"] == "any"
    assert facts["high"] == "mean rating above 3 on a scale from 1 to 5"
    assert facts["aspect"] == "letterbox"
    assert json.loads(facts["attribute_names"]) == ["calm", "bold"]
    assert (json.loads(facts["mean"]), json.loads(facts["std"])) == ([0.5, 0.4, 0.3], [0.2, 0.25, 0.3])
    assert json.loads(facts["size"]) == 64


@pytest.mark.parametrize(
    ("backbone", "settings"),
    [
        pytest.param(
            "test_efficientnet",
            {"pad_type": "same", "objective": "distribution", "names": ()},
            id="TensorFlow's padding, rating distribution, no attributes",
        ),
        pytest.param("test_resnet", {"objective": "score"}, id="regression on the score"),
        pytest.param("test_convnext", {}, marks=pytest.mark.slow),
        pytest.param("mobilenetv2_100", {"pad_type": "same"}, marks=pytest.mark.slow),
        pytest.param("mobilenetv2_100", {"pad_type": "same", "output_stride": 16}, marks=pytest.mark.slow),
        pytest.param("mobilenetv3_small_050", {}, marks=pytest.mark.slow),
        pytest.param("tf_efficientnet_lite0", {}, marks=pytest.mark.slow),
    ],
)
def test_families_that_take_any_size(tmp_path, backbone, settings):
    trained = model(backbone, **settings)
    export(trained, tmp_path / "model.onnx")
    assert_same(trained, tmp_path / "model.onnx", (1, 3, 64, 64), (3, 3, 96, 64), (2, 3, 81, 114))


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "size"), [("test_vit", 160), ("swin_tiny_patch4_window7_224", 224)])
def test_families_of_one_size(tmp_path, backbone, size):
    trained = model(backbone, size)
    export(trained, tmp_path / "model.onnx")
    assert_same(trained, tmp_path / "model.onnx", (1, 3, size, size), (3, 3, size, size))
    running = session(tmp_path / "model.onnx")
    assert running.get_inputs()[0].shape == ["batch", 3, size, size]
    assert running.get_modelmeta().custom_metadata_map["height_and_width"] == f"{size} only"


class Stub(nn.Module):
    """A backbone of one convolution, whose answer turns on the height."""

    def __init__(self, runs_at=None):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 8, 8)
        self.runs_at = runs_at

    def forward_features(self, images):
        if self.runs_at is not None and images.shape[2] != self.runs_at:
            raise ValueError("another size")
        features = self.conv(images)
        return features if images.shape[2] == 64 else features * features.sum((2, 3), keepdim=True)


@pytest.mark.slow
@pytest.mark.parametrize("runs_at", [64, None])
def test_a_network_that_is_not_one_graph_at_all_sizes_keeps_its_own(tmp_path, runs_at):
    trained = model("test_resnet")
    trained.net.backbone = Stub(runs_at).eval()
    trained.net.aesthetic_head, trained.net.attribute_head = nn.Linear(8, 2), nn.Linear(8, 2)
    export(trained, tmp_path / "model.onnx")
    assert session(tmp_path / "model.onnx").get_inputs()[0].shape == ["batch", 3, 64, 64]
    assert_same(trained, tmp_path / "model.onnx", (1, 3, 64, 64), (3, 3, 64, 64))


@pytest.mark.slow
def test_what_has_no_onnx_is_named_and_leaves_no_file(tmp_path):
    trained = model("test_resnet")
    trained.net.backbone = nn.Module()
    trained.net.backbone.forward_features = lambda images: torch.linalg.eigvals(images[:, :, :8, :8]).real[..., None]
    trained.net.aesthetic_head, trained.net.attribute_head = nn.Linear(3, 2), nn.Linear(3, 2)
    with pytest.raises(ModelError, match=r"test_resnet cannot be exported as ONNX \(.*\); use the model without"):
        export(trained, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


class TestComparison:
    """`_compare` with what onnxruntime is known to answer."""

    @pytest.fixture
    def content(self):
        from onnx import TensorProto, helper

        shape = ["n", 3]
        image, double = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("image", "double"))
        node = helper.make_node("Add", ["image", "image"], ["double"])
        opset = [helper.make_opsetid("", 18)]
        graph = helper.make_graph([node], "g", [image], [double])
        return helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()

    def compare(self, content, image, double):
        onnx_export._compare(content, image, {"double": double}, "net")

    def test_equal_answers_pass(self, content):
        image = torch.tensor([[1.0, -2.0, 300.0]])
        self.compare(content, image, 2 * image + 0.05)
        self.compare(content, image / 300, image / 150 + 0.00009)

    @pytest.mark.parametrize("wrong", [0.00011, torch.nan])
    def test_others_do_not(self, content, wrong):
        with pytest.raises(ModelError, match=r"of net gives double .* away from torch's at \(1, 3\)"):
            self.compare(content, torch.zeros(1, 3), torch.tensor([[0.0, wrong, 0.0]]))

    def test_another_shape_does_not(self, content):
        with pytest.raises(ModelError, match="gives double inf away"):
            self.compare(content, torch.zeros(1, 3), torch.zeros(1, 1))

    def test_what_does_not_run_does_not(self, content):
        with pytest.raises(ModelError, match=r"onnxruntime cannot run the ONNX file of net at \(1, 4\)"):
            self.compare(content, torch.zeros(1, 4), torch.zeros(1, 4))


@pytest.mark.parametrize("library", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_library_names_the_extra(tmp_path, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        ModelError, match=rf"ONNX export needs {library}; install the extra: pip install 'awcu\[onnx\]'"
    ):
        export(model("test_resnet"), tmp_path / "model.onnx")
