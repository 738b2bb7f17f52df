"""A photograph's features are the model's own, computed once, and kept whatever happens to the others."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from awcu.errors import FeatureError
from awcu.inference.predictor import AestheticModel
from awcu.models.config import ModelConfig
from awcu.personal import features
from awcu.personal.features import fingerprint, pooled_features

pytestmark = pytest.mark.usefixtures("one_thread")


def model(seed=0, aspect="warp"):
    config = ModelConfig(
        network={"backbone": "test_resnet", "image_size": 64},
        objective="score",
        scale=(1, 5),
        midpoint=3,
        attribute_names=(),
        attribute_loss="multi_label",
        preparation={"size": 64, "aspect": aspect, "mean": [0.5] * 3, "std": [0.25] * 3},
        train_fingerprint="",
        reference=None,
    )
    torch.manual_seed(seed)
    return AestheticModel(config, config.build_network(), "cpu")


@pytest.fixture
def photographs(tmp_path):
    """Six photographs of two shapes."""
    paths = []
    for row in range(6):
        shape = ((64, 96), (96, 64))[row % 2]
        pixels = np.random.default_rng(row).integers(0, 256, (*shape, 3), np.uint8)
        paths.append(tmp_path / f"{row}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths


@pytest.fixture
def seen(monkeypatch):
    """Names of the photographs that the model looks at."""
    names = []
    prepare = AestheticModel.prepare
    monkeypatch.setattr(AestheticModel, "prepare", lambda self, one: (names.append(one.name), prepare(self, one))[1])
    return names


@pytest.mark.parametrize("aspect", ["warp", "keep"])
def test_features_under_the_heads_give_the_models_own_scores(tmp_path, photographs, aspect):
    ours = model(aspect=aspect)
    torch.nn.init.normal_(ours.net.aesthetic_head.weight)
    found = pooled_features(ours, photographs, tmp_path / "cache", batch_size=2)
    assert list(found.paths) == photographs
    head = ours.net.aesthetic_head
    scores = found.pooled @ head.weight.detach().numpy()[0] + head.bias.item()
    assert scores == pytest.approx([one.score for one in ours.score(photographs)], abs=1e-5)


def test_a_second_time_nothing_is_computed_but_what_is_new_or_changed(tmp_path, photographs, seen):
    first = pooled_features(model(), photographs[:5], tmp_path / "cache")
    seen.clear()
    Image.new("RGB", (80, 80), "red").save(photographs[1])
    second = pooled_features(model(), photographs, tmp_path / "cache")
    assert sorted(seen) == ["1.png", "5.png"]
    same = [0, 2, 3, 4]
    assert np.array_equal(second.pooled[same], first.pooled[same])
    assert not np.allclose(second.pooled[1], first.pooled[1])


def test_what_was_killed_goes_on_where_it_was(tmp_path, photographs, seen, monkeypatch):
    monkeypatch.setattr(features, "SECONDS_BETWEEN_SAVES", -1.0)

    def die(done, of):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pooled_features(model(), photographs, tmp_path / "cache", batch_size=1, seen=die)
    seen.clear()
    assert len(pooled_features(model(), photographs, tmp_path / "cache").paths) == 6
    assert len(seen) == 2


def test_a_damaged_part_of_the_cache_is_computed_again(tmp_path, photographs):
    whole = pooled_features(model(), photographs, tmp_path / "cache")
    (part,) = (tmp_path / "cache").rglob("*.npz")
    part.write_bytes(part.read_bytes()[:100])
    assert np.array_equal(pooled_features(model(), photographs, tmp_path / "cache").pooled, whole.pooled)


def test_unreadable_photographs_are_named_and_left_out(tmp_path, photographs):
    photographs[2].write_bytes(b"no photograph")
    photographs[4].unlink()
    found = pooled_features(model(), photographs, tmp_path / "cache")
    assert [path.name for path in found.paths] == ["0.png", "1.png", "3.png", "5.png"]
    assert len(found.pooled) == 4
    assert set(found.unreadable) == {photographs[2], photographs[4]}
    assert all(path.name in reason for path, reason in found.unreadable.items())


def test_without_a_readable_photograph_there_are_no_features(tmp_path, photographs):
    photographs[0].write_bytes(b"no photograph")
    with pytest.raises(FeatureError, match=r"none of 1 photographs can be read: .*0\.png"):
        pooled_features(model(), photographs[:1], tmp_path / "cache")


def test_features_that_are_not_finite_are_refused(tmp_path, photographs):
    broken = model()
    next(broken.net.backbone.parameters()).data.fill_(torch.nan)
    with pytest.raises(FeatureError, match=r"\.png: the model's features are not finite"):
        pooled_features(broken, photographs, tmp_path / "cache")


def test_another_backbone_or_preparation_has_features_of_its_own_and_another_head_has_not():
    ours, other_head = model(), model()
    torch.nn.init.normal_(other_head.net.aesthetic_head.weight)
    assert fingerprint(other_head) == fingerprint(ours)
    assert len({fingerprint(one) for one in (ours, model(seed=1), model(aspect="keep"))}) == 3


def test_a_photograph_that_was_moved_back_is_known_again(tmp_path, photographs, seen):
    pooled_features(model(), photographs, tmp_path / "cache")
    seen.clear()
    shutil.copy2(photographs[0], tmp_path / "copy.png")
    (tmp_path / "copy.png").replace(photographs[0])
    pooled_features(model(), photographs, tmp_path / "cache")
    assert seen == []
