import math
from dataclasses import replace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from awcu.errors import TaskError
from awcu.images.transforms import preparation
from awcu.metrics.rating import evaluate
from awcu.models.reference import Reference
from awcu.ratings.weighting import SampleWeights, Step, Uniform
from awcu.training.datamodule import RatingData
from awcu.training.module import AestheticTask, load_task, warmup_cosine

PREPARATION = {"size": 32, "aspect": "warp", "mean": [0.5] * 3, "std": [0.25] * 3}


def task_for(ratings, **settings):
    pl.seed_everything(0, verbose=False)
    return AestheticTask(
        network={"backbone": "test_resnet", "image_size": 64},
        scale=ratings.scale.tolist(),
        midpoint=ratings.midpoint,
        attribute_names=list(ratings.attribute_names),
        preparation=PREPARATION | {"size": 64},
        **settings,
    )


def data_for(ratings, weighting=None):
    prepare = preparation(**PREPARATION | {"size": 64})
    return RatingData(ratings, SampleWeights(weighting or Uniform()), prepare, prepare, 64, 8, workers=0, seed=0)


def trainer(epochs, **settings):
    return pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing="callbacks" in settings,
        enable_progress_bar=False,
        enable_model_summary=False,
        reload_dataloaders_every_n_epochs=1,
        **settings,
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "ordinal"}, r"task.objective='ordinal' must be one of binary, distribution"),
        ({"attribute_loss": "mse"}, r"task.attribute_loss='mse' must be one of"),
        ({"attribute_weight": -1}, r"task.attribute_weight=-1 must be ≥ 0"),
        ({"learning_rate": 0}, r"task.learning_rate=0 must be > 0"),
        ({"backbone_rate": 2}, r"task.backbone_rate=2 must be in \[0, 1\]"),
        ({"warmup": 1}, r"task.warmup=1 must be in \[0, 1\)"),
        ({"freeze": ["layer9"]}, r"task.freeze: the backbone has no module 'layer9'; nearest: layer"),
        ({"freeze": [""]}, r"task.freeze: the backbone has no module ''; nearest: \w+"),
    ],
)
def test_impossible_settings_are_named(ratings, settings, message):
    with pytest.raises(TaskError, match=message):
        task_for(ratings, **settings)


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 1 / 3), (1, 2 / 3), (2, 1.0), (6, 0.5), (9, (1 + math.cos(math.pi * 7 / 8)) / 2)],
)
def test_warmup_then_cosine(step, expected):
    assert warmup_cosine(step, steps=10, warmup=0.2) == pytest.approx(expected)


def test_training_learns_brightness(ratings):
    """Bright pictures are rated high in the fixture: a network that cannot learn this is broken."""
    task = task_for(ratings, learning_rate=3e-3, backbone_rate=1.0)
    trainer(12).fit(task, datamodule=data_for(ratings))
    assert task.metrics["val/accuracy"] == 1.0
    assert task.metrics["val/auroc"] == 1.0


@pytest.mark.parametrize("settings", [{"objective": "distribution"}, {"attribute_loss": "single_label"}])
def test_every_objective_trains_and_reports_beside_the_trivial_predictor(ratings, settings):
    task = task_for(ratings, **settings)
    engine = trainer(1)
    engine.fit(task, datamodule=data_for(ratings))
    engine.test(task, datamodule=data_for(ratings), verbose=False)
    keys = {key.removeprefix("test/") for key in task.metrics if key.startswith("test/")}
    assert {f"trivial/{key}" for key in keys if not key.startswith("trivial/")} <= keys
    assert ("emd_r1" in keys) == (settings.get("objective") == "distribution")
    assert "ap/indoors" in keys


def test_loss_is_the_weighted_mean(ratings):
    task = task_for(ratings, attribute_weight=0.0)
    task.log = lambda *args, **kwargs: None
    torch.nn.init.normal_(task.net.aesthetic_head.weight)
    task.eval()
    module = data_for(ratings)
    batch = next(iter(module.evaluation_loader("val")))
    batch["weight"] = torch.arange(len(batch["row"]), dtype=torch.float32)
    logits = task(batch["image"]).aesthetic
    each = torch.nn.functional.cross_entropy(logits, batch["high"], reduction="none")
    expected = (batch["weight"] * each).mean()
    torch.testing.assert_close(task.training_step(batch), expected)


def test_weights_never_touch_a_metric(ratings):
    """The same network measured under two weightings gives the same numbers, and they are the plain ones."""
    task = task_for(ratings)
    torch.nn.init.normal_(task.net.aesthetic_head.weight)
    measured = []
    for weighting in (Uniform(), Step(0.5, 100)):
        trainer(1).test(task, datamodule=data_for(ratings, weighting), verbose=False)
        measured.append(dict(task.metrics))
    assert measured[0] == pytest.approx(measured[1], nan_ok=True)
    plain = evaluate(task.predictions["test"], ratings.of_split("test"))
    assert {key: measured[0][f"test/{key}"] for key in plain} == pytest.approx(plain, nan_ok=True)


def test_predictions_are_in_the_order_of_the_split(ratings):
    task = task_for(ratings)
    torch.nn.init.normal_(task.net.aesthetic_head.weight)
    module = data_for(ratings)
    trainer(1).test(task, datamodule=module, verbose=False)
    batches = list(module.evaluation_loader("test"))
    task.eval()
    with torch.no_grad():
        expected = torch.cat([task.objective.score(task(batch["image"]).aesthetic) for batch in batches])
    torch.testing.assert_close(task.predictions["test"].score, expected)


def test_frozen_backbone_stays_bit_equal(ratings):
    task = task_for(ratings, backbone_rate=0.0)
    before = {key: value.clone() for key, value in task.net.state_dict().items()}
    trainer(2).fit(task, datamodule=data_for(ratings))
    after = task.net.state_dict()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed
    assert not any(key.startswith("backbone.") for key in changed)


def test_frozen_modules_stay_bit_equal_and_the_others_learn(ratings):
    task = task_for(ratings, freeze=["conv1", "bn1", "layer1"])
    before = {key: value.clone() for key, value in task.net.state_dict().items()}
    trainer(2).fit(task, datamodule=data_for(ratings))
    after = task.net.state_dict()
    changed = {key.split(".")[1] for key in before if not torch.equal(before[key], after[key]) and "backbone" in key}
    children = {name for name, child in task.net.backbone.named_children() if child.state_dict()}
    assert changed == children - {"conv1", "bn1", "layer1"}
    assert len(changed) > 1


def test_backbone_learns_at_its_share_of_the_rate(ratings):
    task = task_for(ratings, learning_rate=1e-2, backbone_rate=0.25)
    engine = trainer(1)
    engine.fit(task, datamodule=data_for(ratings))
    heads, backbone = engine.optimizers[0].param_groups
    assert heads["initial_lr"] == 1e-2
    assert backbone["initial_lr"] == 2.5e-3
    assert len(heads["params"]) == 4


def test_batch_without_attribute_labels_trains_the_aesthetic_head_alone(ratings):
    task = task_for(ratings)
    task.log = lambda *args, **kwargs: None
    batch = next(iter(data_for(ratings).evaluation_loader("val")))
    batch["attributes"] = torch.full_like(batch["attributes"], np.nan)
    loss = task.training_step(batch)
    loss.backward()
    assert loss.isfinite()
    assert task.net.attribute_head.weight.grad is None


def measured(task, ratings):
    """The reference of a network, photograph by photograph through its maps."""
    task.eval()
    rows = []
    with torch.no_grad():
        for batch in data_for(ratings).evaluation_loader("val"):
            for image in batch["image"]:
                logits, maps = task.net.activation_maps(image[None])
                biases = [head.bias[:, None, None] for head in (task.net.aesthetic_head, task.net.attribute_head)]
                evidence = task.objective.evidence(maps.aesthetic + biases[0])
                strongest = (maps.attributes + biases[1])[0].abs().amax((1, 2))
                score = task.objective.score(logits.aesthetic)[0]
                rows.append((score, logits.attributes[0], evidence.abs().max(), strongest))
    return Reference.measure(*(torch.stack(column).double().numpy() for column in zip(*rows, strict=True)))


class TestReference:
    @pytest.fixture
    def halved(self, ratings):
        """Half of the photographs, of either class, in the validation split: enough for a link to the attributes."""
        return replace(ratings, split=np.array(["train"] * 8 + ["val"] * 12 + ["test"] * 4))

    @pytest.mark.parametrize("settings", [{}, {"objective": "distribution"}])
    def test_every_checkpoint_holds_that_of_its_own_weights(self, halved, tmp_path, settings):
        """A loss that falls is worst after the first epoch, so that the two kept differ."""
        task = task_for(halved, learning_rate=3e-3, backbone_rate=1.0, **settings)
        first = ModelCheckpoint(tmp_path / "first", monitor="train/loss", mode="max")
        newest = ModelCheckpoint(tmp_path / "newest")
        trainer(3, callbacks=[first, newest]).fit(task, datamodule=data_for(halved))
        early, last = (load_task(keep.best_model_path) for keep in (first, newest))
        for kept in (early, last):
            expected = measured(kept, halved)
            assert kept.reference.n == expected.n == 12
            for name in ("scores", "score_sd", "evidence_limit", "attribute_limit"):
                assert getattr(kept.reference, name) == pytest.approx(getattr(expected, name), rel=1e-4, abs=1e-6)
            assert kept.reference.link.means == pytest.approx(expected.link.means, rel=1e-4, abs=1e-6)
        assert last.reference == task.reference
        assert early.reference != last.reference

    def test_is_of_the_validation_photographs_alone(self, ratings):
        task = task_for(ratings)
        torch.nn.init.normal_(task.net.aesthetic_head.weight)
        engine = trainer(1)
        engine.test(task, datamodule=data_for(ratings), verbose=False)
        assert task.reference is None
        engine.validate(task, datamodule=data_for(ratings), verbose=False)
        before = task.reference
        scores = task.predictions["val"].score.double().numpy()
        assert before.scores == pytest.approx(np.quantile(scores, np.linspace(0, 1, 101)))
        engine.test(task, datamodule=data_for(ratings), verbose=False)
        assert task.reference is before

    def test_is_absent_where_nothing_was_validated(self, ratings, tmp_path):
        task = task_for(ratings)
        engine = trainer(1, limit_val_batches=0)
        engine.fit(task, datamodule=data_for(ratings))
        engine.save_checkpoint(tmp_path / "new.ckpt")
        assert load_task(tmp_path / "new.ckpt").reference is None

        stored = torch.load(tmp_path / "new.ckpt", weights_only=True)
        del stored["reference"]
        torch.save(stored, tmp_path / "old.ckpt")
        assert load_task(tmp_path / "old.ckpt").reference is None

    def test_a_network_whose_training_diverged_is_refused(self, ratings):
        task = task_for(ratings)
        torch.nn.init.constant_(task.net.aesthetic_head.weight, math.nan)
        with pytest.raises(TaskError, match="answers val photographs with numbers that are not finite"):
            trainer(1).validate(task, datamodule=data_for(ratings), verbose=False)
        assert task.reference is None
        assert not task.metrics
