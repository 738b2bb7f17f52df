import math
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import PREPARATION, data_for, task_for, trainer
from torch.utils.data import DataLoader

from awcu.errors import ModelError, TaskError
from awcu.images.transforms import Preparation
from awcu.models.objective import flaw_loss
from awcu.training.datamodule import Flaws, RatingDataset
from awcu.training.module import load_task, warmup_cosine


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "ordinal"}, r"task.objective='ordinal' must be one of binary, distribution, score"),
        ({"attribute_loss": "mse"}, r"task.attribute_loss='mse' must be one of"),
        ({"flaw_weight": -1}, r"task.flaw_weight=-1 must be ≥ 0"),
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


def test_the_gradients_norm_is_that_before_it_is_clipped(ratings):
    task = task_for(ratings)
    weight = task.net.aesthetic_head.weight
    optimizer = torch.optim.SGD([weight, task.net.aesthetic_head.bias])
    weight.grad = torch.full_like(weight, 3 / math.sqrt(weight.numel()))
    task.net.aesthetic_head.bias.grad = torch.tensor([4.0] + [0.0] * (len(task.net.aesthetic_head.bias) - 1))
    task.trainer = trainer(1)
    task.configure_gradient_clipping(optimizer, 0.5, "norm")
    assert task.gradient_norm.item() == pytest.approx(5)
    assert weight.grad.norm().item() == pytest.approx(0.3, rel=1e-4)


def test_the_score_is_learned_in_rating_points_under_every_weighting(ratings):
    task = task_for(ratings, objective="score", attribute_weight=0.0)
    task.log = lambda *args, **kwargs: None
    torch.nn.init.normal_(task.net.aesthetic_head.weight, std=0.2)
    task.eval()
    batch = next(iter(data_for(ratings).evaluation_loader("val")))
    batch["weight"] = torch.arange(len(batch["row"]), dtype=torch.float32)
    val = ratings.of_split("val")
    error = (task(batch["image"]).aesthetic[:, 0] - torch.from_numpy(val.mean_score[batch["row"]] - 3)).abs()
    each = torch.where(error < 1, error**2 / 2, error - 0.5)
    assert (error < 1).any()
    assert (error > 1).any()
    expected = (batch["weight"] * each).mean().float()
    torch.testing.assert_close(task.training_step(batch), expected)


def test_copies_with_a_flaw_add_their_loss_and_leave_the_rest_as_it_is(ratings):
    task = task_for(ratings, objective="score", attribute_weight=0.0, flaw_weight=2.0)
    task.log = lambda *args, **kwargs: None
    torch.nn.init.normal_(task.net.aesthetic_head.weight, std=0.2)
    task.eval()
    plain = Preparation(**PREPARATION)
    photographs = RatingDataset(ratings, plain, flaws=Flaws(["blotch"], share=0.5))
    batch = next(iter(DataLoader(photographs, 8)))
    some = batch["place"].flatten(1).any(1)
    assert 0 < some.sum() < 8
    evidence = [task.net.local_logits(batch[key][some])[1].aesthetic[:, 0] for key in ("image", "flawed")]
    added = flaw_loss(*evidence, torch.nn.functional.avg_pool2d(batch["place"][some], 32)).mean()
    without = {key: value for key, value in batch.items() if key not in ("flawed", "place")}
    torch.testing.assert_close(task.training_step(batch), task.training_step(without) + 2 * added)
    batch["place"] = torch.zeros_like(batch["place"])
    torch.testing.assert_close(task.training_step(batch), task.training_step(without))


def test_a_network_learns_to_point_at_flaws(ratings):
    """On the copies it learns from: the change of the map is largest where the flaw is."""
    task = task_for(ratings, objective="score", attribute_weight=0.0, flaw_weight=10.0)
    task.log = lambda *args, **kwargs: None
    plain = Preparation(**PREPARATION)
    batch = next(iter(DataLoader(RatingDataset(ratings, plain, flaws=Flaws(["distraction"], share=1)), 8)))

    def hits():
        with torch.inference_mode():
            both = task.net.local_logits(torch.cat([batch["image"], batch["flawed"]]))[1].aesthetic[:, 0]
        intact, copy = both.chunk(2)
        place = torch.nn.functional.avg_pool2d(batch["place"], 32)
        return (place.flatten(1).argmax(1) == (intact - copy).flatten(1).argmax(1)).sum()

    assert hits() < 6
    optimizer = torch.optim.Adam(task.net.parameters(), 1e-3)
    for _ in range(60):
        task.training_step(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert hits() >= 7


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


def test_a_task_needs_no_data_module_and_no_callback(ratings):
    """The learning rate falls to 0 at the end of what the loader gives."""
    photographs = RatingDataset(ratings.of_split("train"), Preparation(**PREPARATION))
    engine = trainer(2)
    loader = DataLoader(photographs, batch_size=4)
    engine.fit(task_for(ratings, learning_rate=1e-2), loader, loader)
    assert engine.lr_scheduler_configs[0].scheduler.get_last_lr() == [0, 0]
    assert engine.global_step > 2


def test_the_schedule_is_of_the_steps_that_were_promised(ratings):
    task = task_for(ratings, epoch_steps=1000, warmup=0.0)
    engine = trainer(2)
    engine.fit(task, datamodule=data_for(ratings))
    (config,) = engine.lr_scheduler_configs
    assert config.scheduler.get_last_lr()[0] == pytest.approx(1e-3 * warmup_cosine(engine.global_step, 2000, 0.0))


def test_what_is_no_hyperparameter_is_not_kept(ratings):
    assert not {"seed", "epoch_steps"} & set(task_for(ratings, seed=3, epoch_steps=5).hparams)


def test_a_foreign_checkpoint_is_refused_and_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"hyper_parameters": Trap()}, tmp_path / "trap.ckpt")
    with pytest.raises(ModelError, match=r"trap\.ckpt is no checkpoint of this version"):
        load_task(tmp_path / "trap.ckpt")
    assert not (tmp_path / "sprung").exists()


def test_a_checkpoint_wants_no_weights_but_its_own(checkpoint, tmp_path):
    saved = torch.load(checkpoint, weights_only=True)
    saved["hyper_parameters"]["network"] |= {"pretrained": "package", "weights_file": None}
    torch.save(saved, tmp_path / "moved.ckpt")
    moved = load_task(tmp_path / "moved.ckpt")
    assert torch.equal(moved.net.aesthetic_head.weight, saved["state_dict"]["net.aesthetic_head.weight"])
