"""A personal head is an ordinary model: saved, read again, it says what the head says, on the person's scale."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from awcu.inference.predictor import AestheticModel
from awcu.models.config import ModelConfig
from awcu.models.purpose import OF_ONE_PERSON
from awcu.personal.features import pooled_features
from awcu.personal.head import fit
from awcu.personal.model import everyone, personal_model

pytestmark = pytest.mark.usefixtures("one_thread")


def general(objective="score", names=()):
    config = ModelConfig(
        network={"backbone": "test_resnet", "image_size": 64},
        objective=objective,
        scale=(1, 2, 3, 4, 5),
        midpoint=3,
        attribute_names=names,
        attribute_loss="multi_label",
        preparation={"size": 64, "aspect": "warp", "mean": [0.5] * 3, "std": [0.25] * 3},
        train_fingerprint="abc",
        reference=None,
        trained_on="tiny",
    )
    torch.manual_seed(0)
    net = config.build_network()
    for head in (net.aesthetic_head, net.attribute_head):
        nn.init.normal_(head.weight)
        nn.init.normal_(head.bias)
    return AestheticModel(config, net, "cpu")


@pytest.fixture
def photographs(tmp_path):
    paths = []
    for row in range(12):
        coarse = np.random.default_rng(row).integers(0, 256, (3, 4, 3), np.uint8)
        paths.append(tmp_path / f"{row:02d}.png")
        Image.fromarray(coarse).resize((80, 60)).save(paths[-1])
    return paths


class TestEveryone:
    def test_of_a_score_it_is_the_models_on_the_persons_scale(self, tmp_path, photographs):
        model = general()
        pooled = pooled_features(model, photographs, tmp_path / "cache").pooled
        scores = np.array([one.score for one in model.score(photographs)])
        # From 1 to 5 there are 4 points, from 1 to 7 there are 6.
        assert everyone(model, pooled, width=6.0).of(pooled) == pytest.approx(1.5 * scores, abs=1e-5)

    def test_log_odds_have_a_standard_deviation_of_an_eighth_of_the_scale(self, tmp_path, photographs):
        model = general("binary")
        pooled = pooled_features(model, photographs, tmp_path / "cache").pooled
        found = everyone(model, pooled, width=6.0).of(pooled)
        scores = np.array([one.score for one in model.score(photographs)])
        assert found.std() == pytest.approx(0.75)
        assert found == pytest.approx(scores * 0.75 / scores.std(), abs=1e-5)

    def test_of_a_distribution_it_is_nearly_the_models(self, tmp_path, photographs):
        model = general("distribution")
        pooled = pooled_features(model, photographs, tmp_path / "cache").pooled
        scores = np.array([one.score for one in model.score(photographs)])
        assert np.corrcoef(everyone(model, pooled, width=4.0).of(pooled), scores)[0, 1] > 0.9


@pytest.fixture
def personal(tmp_path, photographs):
    """General model, features, head, and the personal model read from its folder."""
    model = general("binary", ("calm", "bold"))
    held = pooled_features(model, photographs, tmp_path / "cache")
    ratings = np.random.default_rng(0).integers(-3, 4, 8).astype(float)
    head = fit(held.pooled[:8], ratings, everyone(model, held.pooled, 6.0)).score
    personal_model(model, head, (1, 2, 3, 4, 5, 6, 7), 4.0, held).save_pretrained(tmp_path / "my-eye")
    return model, held, head, AestheticModel.from_pretrained(tmp_path / "my-eye", "cpu")


def test_its_scores_are_the_heads_on_the_persons_scale(personal, photographs):
    _, held, head, read = personal
    verdicts = read.score(photographs)
    assert [one.score for one in verdicts] == pytest.approx(head.of(held.pooled), abs=1e-4)
    assert (read.config.scale[-1], read.config.midpoint) == (7, 4)
    assert verdicts[0].rating == pytest.approx(np.clip(4 + verdicts[0].score, 1, 7))


def test_its_maps_make_up_its_score(personal, photographs):
    _, _, _, read = personal
    explanation = read.explain(photographs[0])
    assert explanation.evidence.mean() == pytest.approx(explanation.verdict.score, abs=1e-4)


def test_it_is_ranked_among_the_persons_own_photographs(personal, photographs):
    _, _, _, read = personal
    scores = [one.score for one in read.score(photographs)]
    assert read.config.reference.n == 12
    assert read.config.reference.scores[0] == pytest.approx(min(scores), abs=1e-4)
    assert read.config.reference.scores[-1] == pytest.approx(max(scores), abs=1e-4)
    # The strongest cell of one photograph in ten lies beyond it.
    with torch.no_grad():
        maps = [read.net.activation_maps(read.prepare(one)[None])[1].aesthetic for one in photographs]
    strongest = [float(one.abs().max()) for one in maps]
    assert read.config.reference.evidence_limit == pytest.approx(np.quantile(strongest, 0.9), abs=1e-4)


def test_the_attributes_stay_the_general_models(personal, photographs):
    model, _, _, read = personal
    assert read.score(photographs[:1])[0].attributes == pytest.approx(
        model.score(photographs[:1])[0].attributes, abs=1e-5
    )


def test_its_card_says_whose_eye_it_is(personal, tmp_path):
    card = (tmp_path / "my-eye" / "README.md").read_text()
    assert personal[3].config.trained_on == OF_ONE_PERSON
    assert "one person" in card
    assert "one group of raters" not in card
    assert "not known to this card" not in card
