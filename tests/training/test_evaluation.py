"""What a task is measured by; that a run hears of a leak is tested with `awcu.commands.train`."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from factories import data_for, task_for, trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from awcu.errors import TaskError
from awcu.metrics.rating import evaluate
from awcu.models.reference import Reference
from awcu.ratings.weighting import Step, Uniform
from awcu.training.evaluation import Evaluation, both, leaked_count, learned_from, lookalikes_apart, measure
from awcu.training.module import load_task


def test_training_learns_brightness(ratings):
    """Bright pictures are rated high in the fixture: a network that cannot learn this is broken."""
    task = task_for(ratings, learning_rate=3e-3, backbone_rate=1.0)
    data = data_for(ratings)
    trainer(12, evaluation := Evaluation(data.splits)).fit(task, datamodule=data)
    assert evaluation.metrics["val/accuracy"] == 1.0
    assert evaluation.metrics["val/auroc"] == 1.0


@pytest.mark.parametrize(
    "settings", [{"objective": "distribution"}, {"objective": "score"}, {"attribute_loss": "single_label"}]
)
def test_every_objective_trains_and_reports_beside_the_trivial_predictor(ratings, settings):
    task = task_for(ratings, **settings)
    data = data_for(ratings)
    engine = trainer(1, evaluation := Evaluation(data.splits))
    engine.fit(task, datamodule=data)
    engine.test(task, datamodule=data, verbose=False)
    keys = {key.removeprefix("test/") for key in evaluation.results["test"].metrics}
    assert {f"trivial/{key}" for key in keys if not key.startswith("trivial/")} <= keys
    assert ("emd_r1" in keys) == (settings.get("objective") == "distribution")
    assert "ap/indoors" in keys


def test_weights_never_touch_a_metric(ratings):
    """The same network measured under two weightings gives the same numbers, and they are the plain ones."""
    task = task_for(ratings)
    torch.nn.init.normal_(task.net.aesthetic_head.weight)
    measured = []
    for weighting in (Uniform(), Step(0.5, 100)):
        data = data_for(ratings, weighting)
        trainer(1, evaluation := Evaluation(data.splits)).test(task, datamodule=data, verbose=False)
        measured.append(evaluation.metrics)
    assert measured[0] == pytest.approx(measured[1], nan_ok=True)
    plain = evaluate(evaluation.results["test"].predictions, ratings.of_split("test"))
    assert {key: measured[0][f"test/{key}"] for key in plain} == pytest.approx(plain, nan_ok=True)


def test_predictions_are_in_the_order_of_the_split(ratings):
    task = task_for(ratings)
    torch.nn.init.normal_(task.net.aesthetic_head.weight)
    module = data_for(ratings)
    trainer(1, evaluation := Evaluation(module.splits)).test(task, datamodule=module, verbose=False)
    batches = list(module.evaluation_loader("test"))
    task.eval()
    with torch.no_grad():
        expected = torch.cat([task.objective.score(task(batch["image"]).aesthetic) for batch in batches])
    torch.testing.assert_close(evaluation.results["test"].predictions.score, expected)


def test_a_photograph_that_came_back_twice_counts_once_and_one_that_did_not_not(ratings):
    """As from several processes, in whatever order."""
    splits = data_for(ratings).splits
    aesthetic = torch.tensor([[0.0, 3.0], [0.0, -1.0], [0.0, 3.0]])
    zeros = {"strongest_evidence": torch.zeros(3), "strongest_attributes": torch.zeros(3, 2)}
    answers = {"row": torch.tensor([2, 0, 2]), "aesthetic": aesthetic, "attributes": torch.zeros(3, 2), **zeros}
    result = measure("test", task_for(ratings), answers, splits)
    assert result.predictions.score.tolist() == [-1, 3]
    assert result.ratings.image_ids.tolist() == splits["test"].image_ids[[0, 2]].tolist()


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


def reference_of(checkpoint):
    stored = torch.load(checkpoint, weights_only=True)["reference"]
    return stored and Reference.from_dict(stored)


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
        data = data_for(halved)
        trainer(3, evaluation := Evaluation(data.splits), first, newest).fit(task, datamodule=data)
        early, last = (reference_of(keep.best_model_path) for keep in (first, newest))
        for found, keep in ((early, first), (last, newest)):
            expected = measured(load_task(keep.best_model_path), halved)
            assert found.n == expected.n == 12
            for name in ("scores", "score_sd", "evidence_limit", "attribute_limit"):
                assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-4, abs=1e-6)
            assert found.link.means == pytest.approx(expected.link.means, rel=1e-4, abs=1e-6)
        assert last == evaluation.results["val"].reference
        assert early != last

    def test_is_of_the_validation_photographs_alone(self, ratings, tmp_path):
        task, data = task_for(ratings), data_for(ratings)
        torch.nn.init.normal_(task.net.aesthetic_head.weight)
        engine = trainer(1, evaluation := Evaluation(data.splits))
        engine.validate(task, datamodule=data, verbose=False)
        engine.test(task, datamodule=data, verbose=False)
        engine.save_checkpoint(tmp_path / "new.ckpt")
        scores = evaluation.results["val"].predictions.score.double().numpy()
        assert reference_of(tmp_path / "new.ckpt").scores == pytest.approx(np.quantile(scores, np.linspace(0, 1, 101)))

    def test_is_absent_where_nothing_was_validated(self, ratings, tmp_path):
        task, data = task_for(ratings), data_for(ratings)
        engine = trainer(1, Evaluation(data.splits), limit_val_batches=0)
        engine.fit(task, datamodule=data)
        engine.save_checkpoint(tmp_path / "new.ckpt")
        assert reference_of(tmp_path / "new.ckpt") is None

    def test_outlives_a_restart_that_has_not_validated_yet(self, ratings, tmp_path):
        data = data_for(ratings)
        engine = trainer(1, Evaluation(data.splits, learned_from(ratings)))
        engine.fit(task_for(ratings), datamodule=data)
        engine.save_checkpoint(tmp_path / "first.ckpt")
        again = trainer(2, Evaluation(data.splits, learned_from(ratings)), limit_val_batches=0)
        again.fit(task_for(ratings), datamodule=data, ckpt_path=tmp_path / "first.ckpt", weights_only=True)
        again.save_checkpoint(tmp_path / "second.ckpt")
        assert reference_of(tmp_path / "second.ckpt") == reference_of(tmp_path / "first.ckpt") is not None


def test_a_network_whose_training_diverged_is_refused(ratings):
    task, data = task_for(ratings), data_for(ratings)
    torch.nn.init.constant_(task.net.aesthetic_head.weight, math.nan)
    evaluation = Evaluation(data.splits)
    with pytest.raises(TaskError, match="answers val photographs with numbers that are not finite"):
        trainer(1, evaluation).validate(task, datamodule=data, verbose=False)
    assert not evaluation.results


@pytest.fixture
def rated(make_ratings):
    return make_ratings(mean_score=[2, 4, 2, 4], split=np.array(["train", "val", "test", "test"]))


def test_photographs_of_training_and_validation(rated):
    assert learned_from(rated).tolist() == rated.photograph_keys[:2].view(np.int64).tolist()


def test_two_models_have_learned_from_what_either_has():
    assert both(torch.tensor([3, 1]), torch.tensor([2, 3])).tolist() == [1, 2, 3]
    assert both(torch.tensor([1]), None) is both(None, torch.tensor([1])) is None


def test_the_leak_is_counted_refused_or_none(rated, capsys):
    test = rated.of_split("test")
    assert leaked_count(learned_from(rated), test, "a.ckpt", False) == {}
    seen = torch.from_numpy(rated.photograph_keys[1:3].view(np.int64).copy())
    with pytest.raises(TaskError, match=r"LEAK: a\.ckpt has learned from 1 of the 2 test photographs of made \(p02\)"):
        leaked_count(seen, test, "a.ckpt", False)
    assert leaked_count(seen, test, "a.ckpt", True) == {"leaked": 1}
    assert capsys.readouterr().out == "LEAK: the model has learned from 1 of the 2 test photographs\n"


def test_a_model_that_does_not_know_is_refused(rated):
    with pytest.raises(TaskError, match=r"a\.ckpt does not say which photographs it learned from"):
        leaked_count(None, rated.of_split("test"), "a.ckpt", True)


class TestLookalikes:
    SPLIT = np.array(["train", "train", "test", "val", "test", "train", "val", "train"])
    # p00, p02 and p06 look alike, p03 and p05, p01 and p07.
    FIRST = np.array([0, 1, 0, 3, 4, 3, 0, 1])

    def test_the_later_split_keeps_its_photographs(self, make_ratings, capsys):
        ratings = make_ratings(mean_score=np.linspace(1, 5, 8), split=self.SPLIT)
        apart = lookalikes_apart(ratings, self.FIRST, True)
        assert apart.image_ids.tolist() == ["p01", "p02", "p03", "p04", "p07"]
        said = "3 training or validation photographs of made look like one of a later split"
        assert f"{said} (p00 = p02, p05 = p03, p06 = p02); they are left out" in capsys.readouterr().out

    def test_or_a_warning_names_them(self, make_ratings, capsys):
        ratings = make_ratings(mean_score=np.linspace(1, 5, 8), split=self.SPLIT)
        assert lookalikes_apart(ratings, self.FIRST, False) is ratings
        said = capsys.readouterr().out
        assert said.startswith("LEAK by looks: 3 training or validation")
        assert "p05 = p03" in said
        assert said.endswith("train without them by leave_out_alike=true\n")

    def test_nothing_is_said_where_none_do(self, make_ratings, capsys):
        ratings = make_ratings(mean_score=np.linspace(1, 5, 8), split=self.SPLIT)
        assert lookalikes_apart(ratings, np.arange(8), True) is ratings
        assert lookalikes_apart(ratings, np.array([0, 0, 2, 3, 2, 0, 3, 7]), True) is ratings
        assert capsys.readouterr().out == ""
