"""Solved heads as a network: what it answers, its maps, and that every other command takes it for a run of its own."""

import numpy as np
import pandas as pd
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from awcu.commands.maps import load_run
from awcu.commands.train import run as train
from awcu.config.hydra import conf_folder, instantiated
from awcu.errors import ProbeError
from awcu.images.decoding import decode
from awcu.images.transforms import Preparation
from awcu.models.network import AestheticNet
from awcu.probing import sweep
from awcu.probing.as_network import network_with_heads, save_run, solve_attributes
from awcu.probing.heads import fit_binary, fit_distribution, fit_score
from awcu.ratings.splits import SPLITS
from awcu.runs.record import RunRecord
from awcu.training.features import extract
from awcu.training.module import load_task

BACKBONE = {"backbone": "test_resnet", "pad_type": "", "output_stride": None}
IMAGES = {"size": 64, "aspect": "warp", "mean": [0.5] * 3, "std": [0.25] * 3}
VOTES = ["c1", "c2", "c3", "c4", "c5"]
DATA = (
    "data=table",
    f"data.ratings.vote_columns=[{','.join(VOTES)}]",
    "data.ratings.scale=[1,2,3,4,5]",
    "data.ratings.midpoint=3",
    "data.ratings.attribute_columns=[kind]",
    "data.ratings.val=0.25",
    "data.ratings.test=0.25",
    "images.size=64",
)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def backbone():
    torch.manual_seed(3)
    return AestheticNet("test_resnet", image_size=64)


@pytest.fixture
def pooled(ratings, backbone, tmp_path):
    """`(24, 1, C)` features, as `awcu probe` has them."""
    found = extract(
        ratings, backbone, BACKBONE, Preparation(**IMAGES), workers=0, precision="32-true", folder=tmp_path / "f"
    )
    return torch.from_numpy(found.of(ratings.image_ids))


@pytest.fixture
def images(ratings):
    prepare = Preparation(**IMAGES)
    return torch.stack([prepare(decode(path, 64)) for path in ratings.image_paths])


def binary_head(ratings, pooled):
    weights, penalty = torch.ones(1, len(ratings)), torch.tensor([0.1], dtype=torch.float64)
    return fit_binary(pooled[:, 0], torch.from_numpy(ratings.high), weights, penalty)


def distribution_head(ratings, pooled):
    weights, penalty = torch.ones(1, len(ratings)), torch.tensor([0.1], dtype=torch.float64)
    return fit_distribution(pooled[:, 0], torch.from_numpy(ratings.rating_distribution), weights, penalty)


def score_head(ratings, pooled):
    weights, penalty = torch.ones(1, len(ratings)), torch.tensor([0.1], dtype=torch.float64)
    return fit_score(pooled[:, 0], torch.from_numpy(ratings.mean_score - 3), weights, penalty)


def attribute_heads(ratings, pooled):
    return solve_attributes(ratings, pooled, ratings, pooled, [0.01, 0.1])


@torch.no_grad()
def answers(task, images):
    return task.eval()(images)


class TestNetwork:
    def test_log_odds_are_those_of_the_head(self, ratings, backbone, pooled, images):
        head = binary_head(ratings, pooled)
        task = network_with_heads(backbone, head, None, ratings, BACKBONE, IMAGES, "binary")
        logits = answers(task, images).aesthetic
        expected = head.logits(pooled[:, 0])[0, :, 0].float()
        assert expected.std() > 0.1, "a head of zeros would pass"
        torch.testing.assert_close(logits[:, 1] - logits[:, 0], expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(logits[:, 1], -logits[:, 0], atol=1e-6, rtol=0)
        torch.testing.assert_close(task.objective.score(logits), expected, atol=1e-4, rtol=1e-4)

    def test_rating_logits_are_those_of_the_head(self, ratings, backbone, pooled, images):
        head = distribution_head(ratings, pooled)
        task = network_with_heads(backbone, head, None, ratings, BACKBONE, IMAGES, "distribution")
        logits = answers(task, images).aesthetic
        assert logits.shape == (24, 5)
        torch.testing.assert_close(logits, head.logits(pooled[:, 0])[0].float(), atol=1e-4, rtol=1e-4)
        shares = logits.double().softmax(1)
        expected = shares @ torch.arange(1, 6, dtype=torch.float64) - 3
        torch.testing.assert_close(task.objective.score(logits), expected.float(), atol=1e-5, rtol=0)

    def test_expected_scores_are_those_of_the_head(self, ratings, backbone, pooled, images):
        head = score_head(ratings, pooled)
        task = network_with_heads(backbone, head, None, ratings, BACKBONE, IMAGES, "score")
        logits = answers(task, images).aesthetic
        assert logits.shape == (24, 1)
        expected = head.logits(pooled[:, 0])[0, :, 0].float()
        assert expected.std() > 0.1, "a head of zeros would pass"
        torch.testing.assert_close(task.objective.score(logits), expected, atol=1e-4, rtol=1e-4)

    def test_attribute_logits_are_those_of_their_heads(self, ratings, backbone, pooled, images):
        attributes = attribute_heads(ratings, pooled)
        task = network_with_heads(
            backbone, binary_head(ratings, pooled), attributes, ratings, BACKBONE, IMAGES, "binary"
        )
        logits = answers(task, images).attributes
        assert task.hparams["attribute_names"] == ["indoors", "outdoors"]
        expected = attributes.logits(pooled[:, 0])[..., 0].T.float()
        assert (expected[:, 0] - expected[:, 1]).abs().max() > 0.1, "swapped heads would pass"
        torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)

    @pytest.mark.parametrize(
        ("objective", "head"), [("binary", binary_head), ("distribution", distribution_head), ("score", score_head)]
    )
    def test_maps_average_to_the_logits_without_the_bias(self, ratings, backbone, pooled, images, objective, head):
        attributes = attribute_heads(ratings, pooled)
        solved = head(ratings, pooled)
        task = network_with_heads(backbone, solved, attributes, ratings, BACKBONE, IMAGES, objective).eval()
        with torch.no_grad():
            logits, maps = task.net.activation_maps(images)
        for side, layer, map_of in zip(logits, (task.net.aesthetic_head, task.net.attribute_head), maps, strict=True):
            assert map_of.shape[2:] == (2, 2)
            assert layer.bias.abs().min() > 1e-6
            torch.testing.assert_close(map_of.mean((2, 3)) + layer.bias, side, atol=1e-4, rtol=1e-4)

    def test_the_backbone_is_a_copy_of_that_at_hand(self, ratings, backbone, pooled):
        before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
        task = network_with_heads(backbone, binary_head(ratings, pooled), None, ratings, BACKBONE, IMAGES, "binary")
        own = {name: tensor for name, tensor in task.net.state_dict().items() if name.startswith("backbone.")}
        assert own.keys() == {name for name in before if name.startswith("backbone.")}
        for name, tensor in own.items():
            torch.testing.assert_close(tensor, before[name], atol=0, rtol=0)
        with torch.no_grad():
            for parameter in task.net.parameters():
                parameter.zero_()
        for name, tensor in backbone.state_dict().items():
            torch.testing.assert_close(tensor, before[name], atol=0, rtol=0)


class TestAttributes:
    @pytest.fixture
    def parts(self, make_ratings):
        """Three attributes: two that features tell, labelled in part, and one that all of val has."""
        random = np.random.default_rng(2)
        parts = []
        for n in (50, 30):
            x = random.normal(size=(n, 1, 15)) * np.geomspace(4, 0.3, 15)
            told = (x[:, 0, [0, 13]] + random.normal(0, [3, 0.3], (n, 2)) > 0).astype(float)
            told[random.random((n, 2)) < 0.3] = np.nan
            third = np.ones((n, 1)) if n == 30 else np.arange(n)[:, None] % 2
            ids = np.arange(n).astype(np.str_)
            ratings = make_ratings(
                mean_score=np.resize([2.0, 4.0], n), image_ids=ids, image_paths=ids,
                attributes=np.concatenate([told, third], 1), attribute_names=("a", "b", "c"),
            )  # fmt: skip
            parts.append((ratings, torch.from_numpy(x)))
        return parts

    @pytest.mark.parametrize("penalties", [[3.0, 0.3, 0.03, 0.003], [30.0, 3.0]])
    def test_one_penalty_for_all_by_the_mean_area_on_validation(self, parts, penalties):
        (train, x), (val, val_x) = parts
        heads = solve_attributes(train, x, val, val_x, penalties)
        areas, models = [], []
        for penalty in sorted(penalties, reverse=True):
            models.append([])
            for column in range(3):
                known = ~np.isnan(train.attributes[:, column])
                strength = penalty * x[:, 0].numpy().var(axis=0).sum()
                model = LogisticRegression(C=1 / strength, solver="newton-cholesky", tol=1e-10)
                models[-1].append(model.fit(x[known, 0].numpy(), train.attributes[known, column]))
            scored = [(~np.isnan(val.attributes[:, column]), column, models[-1][column]) for column in (0, 1)]
            areas.append(
                [
                    roc_auc_score(val.attributes[known, column], model.decision_function(val_x[known, 0].numpy()))
                    for known, column, model in scored
                ]
            )
        picked = np.mean(areas, axis=1).argmax()
        assert len(penalties) < 4 or picked not in np.argmax(areas, axis=0), "neither attribute alone would pick it"
        for column, model in enumerate(models[picked]):
            np.testing.assert_allclose(heads.weight[column].numpy(), model.coef_, atol=1e-3)
            np.testing.assert_allclose(heads.bias[column].numpy(), model.intercept_, atol=1e-3)

    def test_of_equals_the_strongest_penalty_is_picked(self, parts):
        (train, x), (val, val_x) = parts
        blind = torch.zeros_like(val_x)
        found = solve_attributes(train, x, val, blind, [0.1, 10.0, 1.0])
        torch.testing.assert_close(found.weight, solve_attributes(train, x, val, blind, [10.0]).weight)

    def test_a_photograph_given_twice_is_the_photograph(self, parts):
        (train, x), (val, val_x) = parts
        single, double = (solve_attributes(train, views, val, val_x, [0.1]) for views in (x, x.repeat(1, 2, 1)))
        torch.testing.assert_close(double.weight, single.weight, atol=1e-4, rtol=1e-3)

    def test_ratings_without_attributes_have_no_heads(self, make_ratings):
        ratings = make_ratings(mean_score=[1, 2, 4, 5])
        assert solve_attributes(ratings, torch.zeros(4, 1, 3), ratings, torch.zeros(4, 1, 3), [1.0]) is None

    def test_an_attribute_that_no_training_photograph_has_is_named(self, make_ratings):
        attributes = np.array([[1, 0], [0, 0], [1, np.nan], [0, 0.0]])
        ratings = make_ratings(mean_score=[1, 2, 4, 5], attributes=attributes, attribute_names=("sea", "sky"))
        x = torch.arange(12.0).reshape(4, 1, 3) ** 2
        with pytest.raises(ProbeError, match="sky: no high photograph"):
            solve_attributes(ratings, x, ratings, x, [1.0])


def test_a_saved_run_is_found_and_answers_the_same(ratings, backbone, pooled, images, tmp_path):
    attributes = attribute_heads(ratings, pooled)
    task = network_with_heads(backbone, binary_head(ratings, pooled), attributes, ratings, BACKBONE, IMAGES, "binary")
    record = RunRecord(
        experiment="probe", variant="weighting=uniform", weighting="Uniform()", seed=0, overrides=("probe.save=[x]",),
        data="tiny", data_fingerprint="0", split_fingerprint="1", n={"train": 24}, metrics={"test/auroc": 0.75},
        git_commit="0", git_dirty=False, versions={}, wall_time_s=1.0, checkpoint="", created="2026-01-01",
    )  # fmt: skip
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        cfg = compose("probe", [*DATA, f"data.root={tmp_path}"])
    folder = tmp_path / "deep" / "run"
    save_run(folder, task, record, cfg, ratings)
    saved = RunRecord.load(folder / "record.json")
    assert saved.checkpoint == str(folder / "head.ckpt")
    assert (saved.variant, saved.metrics, saved.n) == (record.variant, record.metrics, record.n)
    assert OmegaConf.load(folder / ".hydra" / "config.yaml") == cfg
    loaded = load_task(saved.checkpoint)
    assert loaded.hparams["train_fingerprint"] == ratings.of_split("train").split_fingerprint
    assert loaded.hparams["preparation"] == IMAGES
    judged = pd.read_csv(folder / "predictions.csv")
    assert judged["split"].value_counts().to_dict() == {s: len(ratings.of_split(s)) for s in ("val", "test")}
    for found, expected in zip(answers(loaded, images), answers(task, images), strict=True):
        torch.testing.assert_close(found, expected, atol=0, rtol=0)
    again, test = load_run(folder)
    assert again.config.reference.n == len(ratings.of_split("val"))
    torch.testing.assert_close(answers(again.net, images), answers(task, images), atol=0, rtol=0)
    assert test.image_ids.tolist() == ratings.of_split("test").image_ids.tolist()


@pytest.fixture
def hard_folder(rated_folder, ratings):
    """`rated_folder` with the votes of a bright and a dark picture exchanged in each split: no head can be perfect."""
    frame = pd.read_csv(rated_folder / "ratings.csv").set_index("image")
    for split in SPLITS:
        part = ratings.of_split(split)
        bright, dark = part.image_ids[part.high][0], part.image_ids[~part.high][0]
        frame.loc[[bright, dark], VOTES] = frame.loc[[dark, bright], VOTES].to_numpy()
    frame.to_csv(rated_folder / "ratings.csv")
    return rated_folder


def composed(page, folder, *overrides):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return compose(page, [*DATA, f"data.root={folder}", *overrides])


@pytest.fixture
def probed(hard_folder, tmp_path):
    """A sweep that keeps two of three heads; gives its records and the kept runs by variant."""

    def probe(*overrides):
        cfg = composed(
            "probe", hard_folder, "network.backbone=test_resnet", "features.workers=0", "features.precision=32-true",
            f"features.folder={tmp_path}/features", "probe.seeds=[0]", "probe.folds=2", "probe.penalties=[0.1,0.01]",
            "probe.weightings=['weighting=uniform','weighting=power weighting.gamma=1,2']",
            "probe.save=['weighting.gamma=2 weighting=power','weighting=uniform']", *overrides,
        )  # fmt: skip
        records = sweep.run(cfg, tmp_path / "sweep")
        kept = {RunRecord.load(path).variant: path.parent for path in tmp_path.glob("sweep/heads/*/record.json")}
        return {record.variant: record for record in records}, kept

    return probe


@pytest.fixture
def training(hard_folder):
    def configure(*overrides):
        return composed(
            "train", hard_folder, "loader.workers=0", "loader.batch_size=5", "trainer.accelerator=cpu",
            "trainer.max_epochs=1", "wandb.mode=disabled", *overrides,
        )  # fmt: skip

    return configure


def check_same(found, expected):
    """Every metric of the sweep's record; sums of float32 features differ in their last places."""
    keys = [key for key in expected if key.startswith("test/")]
    assert len(keys) > 30
    assert {key: found[key] for key in keys} == pytest.approx(
        {key: expected[key] for key in keys}, abs=1e-5, nan_ok=True
    )


@pytest.mark.parametrize("objective", ["binary", "distribution", "score"])
def test_evaluating_the_kept_checkpoint_repeats_the_numbers_of_the_sweep(probed, training, tmp_path, objective):
    records, kept = probed(f"probe.objective={objective}")
    assert kept.keys() == {"weighting.gamma=2 weighting=power", "weighting=uniform"}
    assert len({round(records[name].metrics["test/plcc"], 4) for name in kept}) == 2, "or a mix-up could hide"
    assert ("test/emd_r1" in records["weighting=uniform"].metrics) == (objective == "distribution")
    assert all(0.5 < records[name].metrics["test/auroc"] < 1 for name in kept)
    for name, folder in kept.items():
        saved = RunRecord.load(folder / "record.json")
        check_same(saved.metrics, records[name].metrics)
        cfg = training("fit=false", f"ckpt_path={saved.checkpoint!r}", f"task.objective={objective}")
        check_same(train(cfg, tmp_path / "again" / name).metrics, records[name].metrics)


def test_the_split_of_its_seed_is_kept_with_a_run(probed, hard_folder):
    records, kept = probed("probe.seeds=[3,0]")
    ratings = instantiated(composed("train", hard_folder, "data.ratings.split_seed=3").data.ratings)
    for folder in kept.values():
        saved, (model, test) = RunRecord.load(folder / "record.json"), load_run(folder)
        assert saved.seed == 3
        assert saved.split_fingerprint == ratings.split_fingerprint
        assert test.image_ids.tolist() == ratings.of_split("test").image_ids.tolist()
        assert model.config.train_fingerprint == ratings.of_split("train").split_fingerprint
        assert len(test) == saved.n["test"]
    assert {record.split_fingerprint for record in records.values()} != {ratings.split_fingerprint}


def test_fine_tuning_starts_from_the_kept_head(probed, training, tmp_path):
    records, kept = probed()
    start = f"start_from={str(kept['weighting.gamma=2 weighting=power'] / 'head.ckpt')!r}"
    still = ("network.backbone=test_resnet", "task.learning_rate=1e-12", "task.backbone_rate=0")
    begun = train(training(*still, start), tmp_path / "begun")
    check_same(begun.metrics, records["weighting.gamma=2 weighting=power"].metrics)
    train(training(*still), tmp_path / "blank")
    begun_scores, blank_scores = (
        pd.read_csv(tmp_path / name / "predictions.csv")["score"].abs().mean() for name in ("begun", "blank")
    )
    assert blank_scores < 1e-6 < 0.1 < begun_scores, "without it, heads start from zero"
