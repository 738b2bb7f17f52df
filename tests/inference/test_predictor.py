"""A model in the user's hand says what training and evaluation said, of files, arrays, mirrors and crops."""

import csv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from scipy.special import expit, softmax
from torch import nn
from torch.nn import functional as F

from awcu.errors import BackboneError, CropError, ImageError, ModelError
from awcu.images.boxes import Box
from awcu.images.decoding import decode
from awcu.images.transforms import Preparation
from awcu.inference.crop import Proposal
from awcu.inference.predictor import CANDIDATES, AestheticModel
from awcu.models.config import ModelConfig
from awcu.models.reference import Reference
from awcu.models.usual import PLACES, End, Usual
from awcu.runs.record import RunRecord
from awcu.training.datamodule import RatingDataset
from awcu.training.module import AestheticTask

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = 64
SETTINGS = {"size": SIZE, "aspect": "warp", "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.3]}


def picture(height=40, width=60, seed=0):
    """Smooth colours without symmetry."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


def randomised(net):
    """Heads start at zero; away from it, a wrong map cannot hide."""
    for head in (net.aesthetic_head, net.attribute_head):
        nn.init.normal_(head.weight)
        nn.init.normal_(head.bias)
    return net


def model(backbone="test_resnet", network=(), preparation=(), names=("calm", "bold"), device="cpu", **settings):
    config = ModelConfig(
        network={"backbone": backbone, "image_size": SIZE} | dict(network),
        objective=settings.pop("objective", "binary"),
        scale=(1, 2, 3, 4, 5),
        midpoint=3,
        attribute_names=names,
        attribute_loss=settings.pop("attribute_loss", "multi_label"),
        preparation=SETTINGS | dict(preparation),
        train_fingerprint="",
        reference=settings.pop("reference", None),
    )
    torch.manual_seed(0)
    return AestheticModel(config, randomised(config.build_network()), device)


@pytest.fixture(scope="module")
def binary():
    return model()


def assert_same(one, other, tolerance=1e-5):
    assert one.score == pytest.approx(other.score, rel=tolerance, abs=tolerance)
    assert other.probability is None or one.probability == pytest.approx(other.probability, abs=tolerance)
    assert one.attributes == pytest.approx(other.attributes, abs=tolerance)
    assert one.attribute_logits == pytest.approx(other.attribute_logits, rel=tolerance, abs=tolerance)


def test_reasons_are_given_where_it_is_known_what_is_usual(binary):
    """Of a frame darker than usual: dark ones score lower or higher, as a lighter copy says."""
    photograph = np.full((SIZE, SIZE, 3), 60, np.uint8)
    assert binary.explain(photograph).reasons is None

    def named(gap, spread):
        dark = Usual("lightness", tuple(np.linspace(60, 90, PLACES).tolist()), End(gap, 0.1, gap, 0.1), None)
        reference = Reference(100, tuple(np.linspace(-1, 1, 101).tolist()), spread, 1.0, 1.0, None, (dark,))
        judge = AestheticModel(replace(binary.config, reference=reference), binary.net, "cpu")
        return [(one.name, np.sign(one.change)) for one in judge.explain(photograph).reasons]

    assert sorted([*named(-1.0, 0.0), *named(1.0, 0.0)]) in ([("lightness", -1.0)], [("lightness", 1.0)])
    assert named(-1.0, 1e9) == named(1.0, 1e9) == []


class TestFromARun:
    @pytest.fixture
    def finished(self, trained_run):
        with (trained_run / "predictions.csv").open() as file:
            rows = list(csv.DictReader(file))
        return RunRecord.load(trained_run / "record.json"), rows, trained_run.parent / "images"

    def test_its_predictions_are_repeated(self, finished):
        record, rows, images = finished
        judge = AestheticModel.from_pretrained(record.checkpoint, "cpu")
        verdicts = judge.score([images / row["image_id"] for row in rows], batch_size=4)
        assert len(rows) > 8
        for verdict, row in zip(verdicts, rows, strict=True):
            assert verdict.score == pytest.approx(float(row["score"]), rel=1e-4, abs=1e-6)
            named = {name: float(row[name]) for name in ("indoors", "outdoors")}
            assert verdict.attribute_logits == pytest.approx(named, rel=1e-4, abs=1e-6)
        assert np.ptp([verdict.score for verdict in verdicts]) > 1e-3

        scores = np.array([float(row["score"]) for row in rows if row["split"] == "val"])
        reference = judge.config.reference
        assert reference.n == len(scores) == record.n["val"]
        assert reference.scores == pytest.approx(np.quantile(scores, np.linspace(0, 1, 101)), rel=1e-4, abs=1e-6)
        assert judge.explain(images / rows[0]["image_id"]).reference == reference


def saved(path, backbone, size):
    """A checkpoint of an untrained task."""
    torch.manual_seed(1)
    network = {"backbone": backbone, "image_size": size}
    task = AestheticTask(network, [1, 2], 1.5, ["calm"], SETTINGS | {"size": size})
    randomised(task.net)
    engine = pl.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    engine.strategy.connect(task)
    engine.save_checkpoint(path)
    return task


class TestFromPretrained:
    def test_a_checkpoint_gives_its_own_weights_and_settings(self, tmp_path):
        task = saved(tmp_path / "a.ckpt", "test_resnet", SIZE)
        judge = AestheticModel.from_pretrained(tmp_path / "a.ckpt", "cpu")
        for key, value in task.net.state_dict().items():
            assert torch.equal(judge.net.state_dict()[key], value), key
        assert judge.config.attribute_names == ("calm",)
        assert judge.config.preparation == SETTINGS | {key: tuple(SETTINGS[key]) for key in ("mean", "std")}
        assert judge.config.reference is None

    def test_a_smaller_output_stride_gives_finer_maps_from_the_same_weights(self, tmp_path):
        saved(tmp_path / "a.ckpt", "regnetx_002", 96)
        usual = AestheticModel.from_pretrained(tmp_path / "a.ckpt", "cpu")
        dilated = AestheticModel.from_pretrained(tmp_path / "a.ckpt", "cpu", output_stride=16)
        for key, value in usual.net.state_dict().items():
            assert torch.equal(dilated.net.state_dict()[key], value), key
        assert usual.explain(picture()).evidence.shape == (3, 3)
        fine = dilated.explain(picture())
        assert fine.evidence.shape == (6, 6)
        assert fine.evidence.mean() == pytest.approx(fine.verdict.score, rel=1e-4, abs=1e-5)

    def test_a_stride_that_the_backbone_cannot_have_is_refused(self, tmp_path):
        saved(tmp_path / "a.ckpt", "test_resnet", SIZE)
        with pytest.raises(BackboneError, match=r"cannot be built with \{'output_stride': 12\}"):
            AestheticModel.from_pretrained(tmp_path / "a.ckpt", "cpu", output_stride=12)

    def test_a_file_of_something_else_is_refused(self, tmp_path):
        torch.save({"weights": torch.zeros(2)}, tmp_path / "a.ckpt")
        with pytest.raises(ModelError, match=r"a\.ckpt is no checkpoint of this version"):
            AestheticModel.from_pretrained(tmp_path / "a.ckpt", "cpu")


class TestPrepare:
    @pytest.mark.parametrize("aspect", ["warp", "letterbox", "crop"])
    def test_a_file_becomes_what_the_network_was_trained_on(self, aspect, tmp_path, make_ratings):
        """Exactly, also where a JPEG is decoded at a part of its size."""
        Image.fromarray(picture(300, 410)).save(tmp_path / "large.jpg")
        Image.fromarray(picture(30, 20)).save(tmp_path / "small.png")
        Image.fromarray(picture()).convert("L").save(tmp_path / "grey.png")
        paths = np.array([str(tmp_path / name) for name in ("large.jpg", "small.png", "grey.png")])
        ratings = make_ratings(mean_score=[1, 2, 3], image_paths=paths)
        judge = model(preparation={"aspect": aspect})
        data = RatingDataset(ratings, Preparation(**judge.config.preparation))
        for row, path in enumerate(paths):
            assert torch.equal(judge.prepare(path), data[row]["image"]), path
        assert decode(paths[0], SIZE).shape[0] < 300, "the JPEG must be large enough to be decoded in part"

    def test_an_array_is_prepared_like_its_file(self, binary, tmp_path):
        Image.fromarray(picture(200, 300)).save(tmp_path / "a.png")
        prepared = binary.prepare(picture(200, 300))
        assert prepared.shape == (3, SIZE, SIZE)
        assert prepared.dtype == torch.float32
        assert torch.equal(prepared, binary.prepare(tmp_path / "a.png"))
        assert torch.equal(prepared, binary.prepare(str(tmp_path / "a.png")))

    @pytest.mark.parametrize("view", [np.s_[:, ::-1], np.s_[..., ::-1], np.s_[5:30, 10:50]])
    def test_a_view_of_an_array_is_prepared_like_its_copy(self, binary, view):
        """Mirrored, BGR turned round, or cut out."""
        assert torch.equal(binary.prepare(picture()[view]), binary.prepare(picture()[view].copy()))

    def test_threads_do_not_disturb_each_other(self, binary):
        photographs = [picture(30 + i, 90 - i, seed=i) for i in range(12)]
        expected = [binary.prepare(photograph) for photograph in photographs]
        with ThreadPoolExecutor(8) as pool:
            prepared = list(pool.map(binary.prepare, photographs * 10))
        assert all(torch.equal(one, expected[i % 12]) for i, one in enumerate(prepared))

    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (np.zeros((4, 5), np.uint8), r"shape \(4, 5\) and type uint8 is no photograph; give \(H, W, 3\) RGB"),
            (np.zeros((4, 5, 4), np.uint8), r"shape \(4, 5, 4\)"),
            (np.zeros((3, 4, 5), np.uint8), r"shape \(3, 4, 5\)"),
            (np.zeros((1, 4, 5, 3), np.uint8), r"shape \(1, 4, 5, 3\)"),
            (np.zeros((4, 5, 3)), "type float64"),
            (np.zeros((0, 5, 3), np.uint8), r"shape \(0, 5, 3\)"),
            (Image.new("RGB", (4, 5)), r"a Image is no photograph; give a path, or np.asarray\(image\) in RGB"),
        ],
    )
    def test_an_array_of_something_else_is_refused(self, binary, array, message):
        for judge in (binary.prepare, binary.explain, lambda photograph: binary.score([photograph])):
            with pytest.raises(ImageError, match=message):
                judge(array)

    def test_an_unreadable_file_is_refused(self, binary, tmp_path):
        (tmp_path / "a.jpg").write_bytes(b"no photograph")
        with pytest.raises(ImageError, match=r"a\.jpg: not an image in a format that is read here"):
            binary.prepare(tmp_path / "a.jpg")
        with pytest.raises(ImageError, match=r"b\.jpg: no such file"):
            binary.score([picture(), tmp_path / "b.jpg"])


class TestKeptFrames:
    def test_photographs_of_several_frames_keep_their_order(self):
        judge = model(preparation={"aspect": "keep"})
        photographs = [picture(40, 80), picture(80, 40), picture(50, 50, seed=1), picture(40, 80, seed=2)]
        assert {judge.prepare(one).shape for one in photographs} == {(3, 32, 96), (3, 96, 32), (3, 64, 64)}
        alone = [judge.score([one])[0].score for one in photographs]
        assert [verdict.score for verdict in judge.score(photographs)] == pytest.approx(alone, rel=1e-4)

    def test_the_map_covers_the_whole_photograph(self):
        explanation = model(preparation={"aspect": "keep"}).explain(picture(40, 80), scales=(1.0, 2.0))
        assert explanation.evidence.shape[1] == 3 * explanation.evidence.shape[0]
        assert explanation.on_photograph().shape == (40, 80)
        assert np.isfinite(explanation.on_photograph()).all()

    def test_what_cannot_be_kept_is_named(self, tmp_path):
        Image.new("RGB", (200, 40)).save(tmp_path / "long.png")
        with pytest.raises(ImageError, match=r"long\.png: 200×40 pixels, one side more than 4 times"):
            model(preparation={"aspect": "keep"}).prepare(tmp_path / "long.png")


class TestScore:
    def test_binary_by_hand(self, binary):
        image = binary.prepare(picture())
        with torch.no_grad():
            logits = binary.net(image[None])
        low, high = logits.aesthetic[0].tolist()
        (verdict,) = binary.score([picture()])
        assert verdict.score == pytest.approx(high - low, rel=1e-6)
        assert verdict.probability == pytest.approx(expit(high - low), rel=1e-6)
        raw = logits.attributes[0].numpy()
        assert verdict.attribute_logits == pytest.approx(dict(zip(("calm", "bold"), raw, strict=True)))
        assert verdict.attributes == pytest.approx(dict(zip(("calm", "bold"), expit(raw), strict=True)))

    def test_distribution_by_hand(self):
        judge = model(objective="distribution")
        with torch.no_grad():
            shares = softmax(judge.net(judge.prepare(picture())[None]).aesthetic[0].double().numpy())
        (verdict,) = judge.score([picture()])
        assert verdict.score == pytest.approx(shares @ (1, 2, 3, 4, 5) - 3, rel=1e-5)
        assert verdict.probability == pytest.approx(shares[2] / 2 + shares[3] + shares[4], rel=1e-5)

    def test_regression_by_hand(self):
        judge = model(objective="score")
        with torch.no_grad():
            logit = judge.net(judge.prepare(picture())[None]).aesthetic
        (verdict,) = judge.score([picture()])
        assert (verdict.score, verdict.probability) == (pytest.approx(logit.item(), rel=1e-6), None)

    def test_one_attribute_a_photograph_is_one_choice(self):
        (several,) = model().score([picture()])
        (one,) = model(attribute_loss="single_label").score([picture()])
        assert one.attribute_logits == several.attribute_logits
        assert list(one.attributes.values()) == pytest.approx(softmax(list(one.attribute_logits.values())))
        assert sum(one.attributes.values()) == pytest.approx(1)
        assert sum(several.attributes.values()) != pytest.approx(1)

    def test_a_network_without_attributes_names_none(self):
        judge = model(names=())
        (verdict,) = judge.score([picture()])
        assert verdict.attributes == verdict.attribute_logits == judge.explain(picture()).attributes == {}

    def test_batches_change_nothing_and_are_read_one_at_a_time(self, monkeypatch):
        judge, read, seen = model(), [], []
        photographs = [picture(seed=i) for i in range(5)]
        alone = [judge.score([photograph])[0] for photograph in photographs]
        whole = judge.verdicts
        monkeypatch.setattr(judge, "verdicts", lambda images: seen.append((len(images), len(read))) or whole(images))
        together = judge.score((read.append(i) or photographs[i] for i in range(5)), batch_size=2)
        for one, other in zip(together, alone, strict=True):
            assert_same(one, other)
        assert seen == [(2, 2), (2, 4), (1, 5)]
        assert judge.score([]) == []

    def test_dropout_and_batch_norm_are_those_of_evaluation(self):
        judge = model(network={"drop_rate": 0.5})
        assert not any(module.training for module in judge.net.modules())
        assert judge.score([picture()] * 2) == judge.score([picture()] * 2)


class TestExplain:
    @pytest.mark.parametrize(
        "settings", [{}, {"objective": "distribution"}, {"objective": "score"}, {"attribute_loss": "single_label"}]
    )
    def test_its_verdict_is_the_score(self, settings, tmp_path):
        Image.fromarray(picture()).save(tmp_path / "a.png")
        judge = model(**settings)
        for photograph in (picture(), tmp_path / "a.png", str(tmp_path / "a.png")):
            explanation = judge.explain(photograph)
            assert_same(explanation.verdict, judge.score([photograph])[0])
            np.testing.assert_array_equal(explanation.photograph, picture())
        assert explanation.aspect == "warp"
        assert explanation.objective == judge.objective
        assert explanation.reference is None

    def test_binary_maps_average_to_the_verdict(self, binary):
        explanation = binary.explain(picture())
        assert explanation.evidence.shape == explanation.likelihood.shape == (2, 2)
        assert explanation.evidence.mean() == pytest.approx(explanation.verdict.score, rel=1e-5)
        np.testing.assert_allclose(explanation.likelihood, expit(explanation.evidence), rtol=1e-5)
        assert list(explanation.attributes) == ["calm", "bold"]
        for name, grid in explanation.attributes.items():
            assert grid.shape == (2, 2)
            assert grid.mean() == pytest.approx(explanation.verdict.attribute_logits[name], rel=1e-5)
        assert np.ptp(explanation.evidence) > 1e-2

    @pytest.mark.parametrize("flip", [False, True])
    def test_maps_of_a_regression_average_to_the_score(self, flip):
        explanation = model(objective="score").explain(picture(), flip=flip)
        assert np.ptp(explanation.evidence) > 1e-2
        assert explanation.evidence.mean() == pytest.approx(explanation.verdict.score, rel=1e-5)
        assert explanation.likelihood is None

    def test_distribution_maps_by_hand(self):
        judge = model(objective="distribution")
        with torch.no_grad():
            features = judge.net.features(judge.prepare(picture())[None])[0].double()
        head = judge.net.aesthetic_head
        weight, bias = head.weight.detach().double(), head.bias.detach().double()
        local = (torch.tensordot(weight, features, 1) + bias[:, None, None]).numpy()
        explanation = judge.explain(picture())
        np.testing.assert_allclose(explanation.evidence, np.tensordot((-2, -1, 0, 1, 2), local, 1), rtol=1e-4)
        expected = np.tensordot((0, 0, 0.5, 1, 1), softmax(local, axis=0), 1)
        np.testing.assert_allclose(explanation.likelihood, expected, rtol=1e-4)

    @pytest.mark.parametrize("objective", ["binary", "distribution", "score"])
    def test_flip_averages_with_the_mirror_image(self, objective):
        judge = model(objective=objective)
        plain, mirrored = judge.explain(picture()), judge.explain(picture()[:, ::-1])
        both = judge.explain(picture(), flip=True)
        np.testing.assert_allclose(both.evidence, (plain.evidence + mirrored.evidence[:, ::-1]) / 2, rtol=1e-4)
        for name, grid in both.attributes.items():
            expected = (plain.attributes[name] + mirrored.attributes[name][:, ::-1]) / 2
            np.testing.assert_allclose(grid, expected, rtol=1e-4, atol=1e-5)
            raw = (plain.verdict.attribute_logits[name] + mirrored.verdict.attribute_logits[name]) / 2
            assert both.verdict.attribute_logits[name] == pytest.approx(raw, rel=1e-4, abs=1e-5)
        with torch.no_grad():
            images = [judge.prepare(view) for view in (picture(), picture()[:, ::-1])]
            mean = judge.net(torch.stack(images)).aesthetic.mean(0, keepdim=True)
        assert both.verdict.score == pytest.approx(judge.objective.score(mean).item(), rel=1e-4)
        assert plain.verdict.score != pytest.approx(mirrored.verdict.score, rel=1e-3)

    def test_flipped_maps_average_to_the_verdict(self, binary):
        both = binary.explain(picture(), flip=True)
        assert both.evidence.mean() == pytest.approx(both.verdict.score, rel=1e-5)
        np.testing.assert_allclose(both.likelihood, expit(both.evidence), rtol=1e-5)

    def test_scales_are_averaged_on_the_finest_grid(self, binary):
        image = binary.prepare(picture())[None]
        double = F.interpolate(image, size=(128, 128), mode="bicubic", antialias=True)
        with torch.no_grad():
            views = [binary.net.local_logits(view) for view in (image, double)]
        evidence = [(maps.aesthetic[:, 1:] - maps.aesthetic[:, :1]) for _, maps in views]
        coarse = F.interpolate(evidence[0], size=(4, 4), mode="bicubic")
        scores = [(logits.aesthetic[0, 1] - logits.aesthetic[0, 0]).item() for logits, _ in views]
        for scales in ((1.0, 2.0), (2.0, 1.0)):
            explanation = binary.explain(picture(), scales=scales)
            np.testing.assert_allclose(explanation.evidence, ((coarse + evidence[1]) / 2)[0, 0], rtol=1e-3, atol=1e-4)
            assert explanation.verdict.score == pytest.approx(np.mean(scores), rel=1e-4)
            assert explanation.attributes["bold"].shape == (4, 4)
        alone = binary.explain(picture(), scales=(2.0,))
        assert alone.evidence.mean() == pytest.approx(alone.verdict.score, rel=1e-4)

    def test_scales_without_attributes(self):
        explanation = model(names=()).explain(picture(), scales=(1.0, 2.0))
        assert explanation.evidence.shape == (4, 4)
        assert explanation.attributes == {}

    @pytest.mark.parametrize(
        ("backbone", "size", "scale"),
        [("vit_tiny_patch16_224", 48, 1.5), ("swin_tiny_patch4_window7_224", 64, 1.5), ("test_resnet", 64, 0.0)],
    )
    def test_a_scale_that_the_backbone_cannot_have_is_refused(self, backbone, size, scale):
        judge = model(backbone, {"image_size": size}, {"size": size})
        message = rf"{backbone} cannot look at {size * scale:.0f}×\d+ px \(.+\); leave scales at 1"
        with pytest.raises(BackboneError, match=message):
            judge.explain(picture(), scales=(scale,))

    def test_no_scale_at_all_is_refused(self, binary):
        with pytest.raises(BackboneError, match="scales is empty; give at least one"):
            binary.explain(picture(), scales=())


class TestCrop:
    WHOLE = Box(0, 0, 120, 90)

    def test_crops_are_those_of_the_explanation(self, binary, tmp_path):
        photograph = picture(90, 120)
        Image.fromarray(photograph).save(tmp_path / "a.png")
        wishes = {"aspect": 1.0, "smallest": 0.6, "keep": [Box(30, 30, 40, 50)], "top": 3}
        crops = binary.crop(tmp_path / "a.png", **wishes)
        assert crops == binary.crop(photograph, **wishes) == binary.explain(photograph).crops(**wishes)
        assert 1 <= len(crops) <= 3
        for box, _ in crops:
            assert box.width == box.height >= 54
            assert box.left <= 30 < 40 <= box.right
            assert box.top <= 30 < 50 <= box.bottom

    def test_rescored_crops_are_the_best_of_the_dozen_by_the_model(self, binary):
        photograph = picture(90, 120)
        dozen = binary.explain(photograph).crops(smallest=0.3, top=CANDIDATES)
        cut = [photograph[box.top : box.bottom, box.left : box.right].copy() for box, _ in dozen]
        scores = [binary.score([one])[0].score for one in cut]
        expected = [dozen[place] for place in np.argsort(scores)[::-1]]
        assert binary.crop(photograph, smallest=0.3, top=2, rescore=True) == expected[:2]
        assert len(dozen) > 2
        assert expected != dozen, "the model must disagree with its map, or this test shows nothing"

    def test_rescoring_goes_by_the_models_score(self, binary):
        photograph = picture(90, 120)
        boxes = [Box(0, 0, 60, 45), Box(60, 0, 120, 45), Box(0, 45, 60, 90), self.WHOLE]
        scores = {b: binary.score([photograph[b.top : b.bottom, b.left : b.right]])[0].score for b in boxes}
        ordered = binary.rescore(photograph, [Proposal(box, worth) for worth, box in enumerate(boxes)])
        assert [proposal.box for proposal in ordered] == sorted(boxes, key=lambda box: -scores[box])
        assert {proposal.worth for proposal in ordered} == {0, 1, 2, 3}

    def test_rescoring_leaves_equals_in_their_order(self, binary):
        proposals = [Proposal(self.WHOLE, 2.0), Proposal(self.WHOLE, 1.0), Proposal(self.WHOLE, 3.0)]
        assert binary.rescore(picture(90, 120), proposals) == proposals
        assert binary.rescore(picture(90, 120), []) == []

    def test_crops_too_small_or_too_long_to_judge_come_last(self):
        judge, photograph = model(preparation={"aspect": "keep"}), picture(90, 200)
        tiny, long, some = Box(0, 0, 40, 31), Box(0, 0, 200, 40), [Box(0, 0, 90, 90), Box(80, 0, 200, 90)]
        proposals = [Proposal(box, 0.0) for box in (tiny, some[0], long, some[1])]
        found = [proposal.box for proposal in judge.rescore(photograph, proposals)]
        scores = {b: judge.score([photograph[b.top : b.bottom, b.left : b.right]])[0].score for b in some}
        assert found == [*sorted(some, key=lambda box: -scores[box]), tiny, long]

    def test_an_impossible_crop_is_refused(self, binary):
        with pytest.raises(CropError, match=r"photograph of 120×90"):
            binary.crop(picture(90, 120), keep=[Box(0, 0, 121, 9)])


class TestDevice:
    @pytest.mark.parametrize("device", ["cpu", torch.device("cpu"), "meta"])
    def test_weights_and_images_go_where_they_are_sent(self, device):
        judge = model(device=device)
        assert judge.device == torch.device(device)
        assert {parameter.device for parameter in judge.net.parameters()} == {torch.device(device)}
        assert judge.prepare(picture()).device == torch.device("cpu"), "prepared images wait in memory"

    def test_an_accelerator_is_found_by_itself(self):
        assert model(device=None).device.type == ("cuda" if torch.cuda.is_available() else "cpu")

    @pytest.mark.gpu
    def test_an_accelerator_says_the_same(self):
        one, other = model(device="cuda").explain(picture()), model().explain(picture())
        assert_same(one.verdict, other.verdict, tolerance=1e-3)
        np.testing.assert_allclose(one.evidence, other.evidence, rtol=1e-2, atol=1e-2)


def test_the_reference_travels_with_the_explanation():
    reference = Reference(3, (0.0,) * 101, 1.0, 2.0, 3.0, None)
    assert model(reference=reference).explain(picture()).reference is reference


def test_an_answer_that_is_not_finite_is_refused():
    """Finite weights may overflow; a table with empty rows would say nothing of it."""
    huge = model()
    nn.init.constant_(huge.net.aesthetic_head.weight, 3e38)
    for judge in (lambda: huge.score([picture()]), lambda: huge.explain(picture())):
        with pytest.raises(ModelError, match="the test_resnet answers with numbers that are not finite"):
            judge()
