"""What experiments/maps/planted/finer.py computes itself: ways of looking, and differences paired by photograph."""

import math

import numpy as np
import pytest

from awcu.inference.predictor import AestheticModel
from awcu.models.config import ModelConfig


@pytest.fixture(scope="module")
def finer(compared):
    from experiments.maps.planted import finer

    return finer


@pytest.fixture(scope="module")
def model():
    preparation = {"size": 64, "aspect": "keep", "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    network = {"backbone": "test_resnet", "image_size": 64}
    config = ModelConfig(network, "score", (0, 5), 2.5, (), "multi_label", preparation, "", None)
    net = config.build_network()
    net.aesthetic_head.weight.data.normal_()
    return AestheticModel(config, net, "cpu")


def test_every_way_is_what_explain_answers(finer, model):
    photograph = np.random.default_rng(0).integers(0, 255, (60, 90, 3)).astype(np.uint8)
    for name, one in finer.seen(model, photograph).items():
        way = finer.WAYS[name]
        explained = model.explain(photograph, flip=way.flip, scales=way.scales)
        np.testing.assert_allclose(one.evidence, explained.evidence, rtol=1e-4, atol=1e-4)
        assert one.score == pytest.approx(explained.verdict.score, rel=1e-4, abs=1e-4)


def test_work_is_that_of_all_looks(finer):
    assert [way.work for way in finer.WAYS.values()] == [1, 2, 2.25, 3.25, 6.5]


def test_a_fall_on_the_flaw_points_there(finer):
    before, mask = np.ones((2, 2), np.float32), np.zeros((8, 8), bool)
    after = before.copy()
    after[0, 1] = 0
    mask[:4, 4:] = True
    assert (
        finer.pointed(before, after, mask)["change_points"] == finer.pointed(before, after, mask)["lowest_points"] == 1
    )
    assert finer.pointed(before, after, ~mask)["change_points"] == 0


def test_differences_are_paired_and_flaws_of_a_photograph_averaged_first(finer):
    values = {("a", "smear"): (0, 1), ("a", "cast"): (0, 0), ("b", "smear"): (1, 1), ("b", "finger"): (math.nan, 1)}
    rows = [
        {"photograph": photograph, "kind": kind, "way": way} | dict.fromkeys(finer.MEASURES, value)
        for (photograph, kind), pair in values.items()
        for way, value in zip(finer.WAYS, (*pair, *[pair[1]] * 3), strict=True)
    ]
    found = {line[:3]: line[3:] for line in finer.summary(rows)}
    n, mean, low, high, difference, *_ = found["mirror", "local", "change_points"]
    assert (n, mean, low, high, difference) == (2, 0.75, 0.5, 1, 0.25)  # a: 0 → 1/2; b: 1 → 1
    assert found["mirror", "learned", "change_points"][:2] == (2, 0.75)
    assert "blotch" not in {kinds for _, kinds, _ in found}


def test_ends_are_those_of_the_resamples(finer):
    point, low, high = finer.ends(np.array([0.7, *np.linspace(0, 1, 41)]))
    assert (point, low, high) == (0.7, pytest.approx(0.025), pytest.approx(0.975))
