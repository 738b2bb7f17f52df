import csv
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch

from awcu.commands import main as cli
from awcu.commands.train import run
from awcu.errors import (
    ConfigurationError,
    IdentityError,
    ImageError,
    ModelError,
    RatingsError,
    RecordError,
    TaskError,
    WeightingError,
)
from awcu.images.decoding import decode
from awcu.images.transforms import Preparation
from awcu.inference.predictor import AestheticModel
from awcu.runs.history import read_history
from awcu.runs.record import RunRecord
from awcu.training.build import read_ratings
from awcu.training.module import load_task

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def trained(trained_run):
    """The record of a run that was configured without any override."""
    return RunRecord.load(trained_run / "record.json")


@pytest.fixture
def folder(trained_run, tmp_path):
    """A copy of that run's folder."""
    return shutil.copytree(trained_run, tmp_path / "copy")


def keys_of(checkpoint):
    """What it has learned from."""
    return set(torch.load(checkpoint, weights_only=True)["learned_from"].tolist())


def scores_of(folder):
    with (folder / "predictions.csv").open() as file:
        return [float(row["score"]) for row in csv.DictReader(file)]


def test_a_run_leaves_record_predictions_and_checkpoint(trained, trained_run):
    assert trained.variant == "weighting=uniform"
    assert "Uniform()" in trained.weighting
    assert sum(trained.n.values()) == 24
    assert trained.n["excluded"] == 0
    assert {"test/accuracy", "test/trivial/accuracy", "test/auroc@0.5", "val/srcc", "test/ap/indoors"} <= set(
        trained.metrics
    )
    assert trained.checkpoint == str(trained_run / "checkpoints" / "best.ckpt")
    with (trained_run / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows].count("test") == trained.n["test"]
    right = [(float(row["score"]) > 0) == (row["high"] == "1") for row in rows if row["split"] == "test"]
    assert sum(right) / len(right) == pytest.approx(trained.metrics["test/accuracy"])


def test_the_best_checkpoint_is_kept_beside_the_last_and_the_one_asked_for_is_measured(configured, tmp_path):
    # The first epoch is the best: at this rate the network forgets what it was given.
    cfg = configured("trainer.checkpoint=last", "trainer.max_epochs=4", "task.learning_rate=0.3")
    record = run(cfg, tmp_path / "run")
    kept = tmp_path / "run" / "checkpoints"
    epochs = {name: torch.load(kept / f"{name}.ckpt", weights_only=True)["epoch"] for name in ("best", "last")}
    assert epochs["best"] < epochs["last"] == 3
    assert record.checkpoint == str(kept / "last.ckpt")
    *_, last = read_history(tmp_path / "run" / "history.csv")
    assert record.metrics["val/auroc"] == pytest.approx(last["val/auroc"])


def test_a_diverged_training_says_so_and_records_nothing(configured, tmp_path):
    with pytest.raises(TaskError, match=r"not finite: training diverged; lower task.learning_rate \(1e\+30\)"):
        run(configured("task.learning_rate=1e30", "task.warmup=0", "trainer.gradient_clip_val=null"), tmp_path / "run")
    assert not (tmp_path / "run" / "record.json").exists()


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(configured, trained, trained_run, tmp_path):
    again, other = (run(configured(f"seed={seed}"), tmp_path / str(seed)) for seed in (0, 1))
    assert again.metrics == pytest.approx(trained.metrics, rel=0, abs=0, nan_ok=True)
    assert scores_of(tmp_path / "0") == scores_of(trained_run) != scores_of(tmp_path / "1")
    assert other.split_fingerprint == trained.split_fingerprint


def test_fewer_photographs_to_learn_from_are_trained_on_in_as_many_steps(configured, trained, tmp_path):
    some = run(configured("train_size=6"), tmp_path / "some")
    left = trained.n["train"] - 6
    assert some.n == trained.n | {"train": 6, "unused": left}
    assert (some.data_fingerprint, some.split_fingerprint) == (trained.data_fingerprint, trained.split_fingerprint)
    assert some.train_fingerprint != trained.train_fingerprint
    steps = [
        torch.load(Path(record.checkpoint).with_stem("last"), weights_only=True)["global_step"]
        for record in (trained, some)
    ]
    assert steps[0] == steps[1] > 1


def test_sampling_by_weight_trains_another_model(configured, trained_run, tmp_path):
    run(configured("loader.weighted_sampling=true"), tmp_path / "run")
    assert scores_of(tmp_path / "run") != scores_of(trained_run)


def test_evaluation_alone_repeats_the_numbers_of_training(configured, trained, tmp_path):
    measured = run(configured("fit=false", f"ckpt_path={trained.checkpoint}"), tmp_path / "again")
    assert measured.metrics == pytest.approx(trained.metrics, rel=0, abs=0, nan_ok=True)
    assert measured.checkpoint == trained.checkpoint


def test_evaluation_reads_no_backbone_weights_but_the_checkpoint(configured, trained, tmp_path):
    weights = tmp_path / "backbone.pth"
    state = torch.load(trained.checkpoint, weights_only=True)["state_dict"]
    prefix = "net.backbone."
    torch.save({key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}, weights)
    record = run(configured(f"network.weights_file={weights}", "trainer.max_epochs=1"), tmp_path / "second")
    weights.unlink()
    assert load_task(record.checkpoint).hparams["network"]["weights_file"] is None


def test_the_training_photographs_are_measured_if_so_asked(configured, trained, trained_run, tmp_path):
    cfg = configured("evaluate_train=true")
    record = run(cfg, tmp_path / "run")
    others = {name: value for name, value in record.metrics.items() if not name.startswith("train/")}
    assert others == pytest.approx(trained.metrics, rel=0, abs=0, nan_ok=True)
    assert (tmp_path / "run" / "predictions.csv").read_text() == (trained_run / "predictions.csv").read_text()
    train = read_ratings(cfg)[0].of_split("train")
    task = load_task(record.checkpoint).eval()
    prepare = Preparation(**task.hparams["preparation"])
    with torch.no_grad():
        logits = task(torch.stack([prepare(decode(path, 64)) for path in train.image_paths])).aesthetic
    right = (task.objective.score(logits).numpy() > 0) == train.high
    assert record.metrics["train/accuracy"] == pytest.approx(right.mean(), abs=1e-6)


class TestFrozenOutputs:
    """The frozen part of the network sees each photograph once."""

    FREEZE = "task.freeze=[conv1,bn1,act1,maxpool,layer1]"

    @pytest.fixture(autouse=True)
    def cache(self, monkeypatch, tmp_path):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        return tmp_path / "cache" / "awcu" / "features"

    @pytest.mark.parametrize("flip", ["true", "false"])
    def test_the_numbers_are_those_of_the_whole_network(self, configured, tmp_path, cache, flip):
        both = [self.FREEZE, f"images.flip={flip}"]
        whole = run(configured(*both), tmp_path / "whole")
        once = run(configured(*both, "loader.frozen_outputs=true"), tmp_path / "once")
        # The outputs are kept in half precision.
        found, expected = (scores_of(tmp_path / name) for name in ("once", "whole"))
        assert found == pytest.approx(expected, rel=0.01, abs=1e-3)
        weights, others = (load_task(record.checkpoint).net.state_dict() for record in (whole, once))
        for name, weight in weights.items():
            torch.testing.assert_close(others[name], weight, rtol=0.01, atol=1e-3)
        (kept,) = [path for path in cache.iterdir() if path.is_dir()]
        written = (kept / "maps.npy").stat().st_mtime_ns
        run(configured(*both, "loader.frozen_outputs=true", "weighting=step"), tmp_path / "other weights")
        assert (kept / "maps.npy").stat().st_mtime_ns == written
        assert len([path for path in cache.iterdir() if path.is_dir()]) == 1

    @pytest.mark.parametrize("changed", ["random_crop=true", "color=true", "flaws=[blur]"])
    def test_photographs_that_change_are_refused(self, configured, tmp_path, changed):
        cfg = configured(self.FREEZE, "loader.frozen_outputs=true", f"images.{changed}")
        with pytest.raises(TaskError, match=r"images\.\w+=.* changes photographs anew in each epoch"):
            run(cfg, tmp_path / "run")


class TestLeak:
    OTHER_SPLIT = "data.ratings.split_seed=7"

    @pytest.fixture
    def checkpoint(self, folder):
        return folder / "checkpoints" / "best.ckpt"

    @pytest.fixture
    def measuring(self, configured, checkpoint):
        return lambda *overrides: configured("fit=false", f"ckpt_path={checkpoint}", *overrides)

    def test_measuring_on_photographs_learned_from_is_refused(self, measuring, tmp_path):
        with pytest.raises(
            TaskError, match=r"LEAK: .*best\.ckpt has learned from \d of .* \(picture_.*allow_leak=true"
        ):
            run(measuring(self.OTHER_SPLIT), tmp_path / "run")
        assert not (tmp_path / "run" / "record.json").exists()

    def test_a_forced_leak_is_counted_in_the_record(self, measuring, checkpoint, tmp_path, capsys):
        record = run(measuring(self.OTHER_SPLIT, "allow_leak=true"), tmp_path / "run")
        learned = keys_of(checkpoint)
        test = read_ratings(measuring(self.OTHER_SPLIT))[0].of_split("test")
        expected = sum(key in learned for key in test.photograph_keys.view("int64").tolist())
        assert record.n["leaked"] == expected > 0
        assert f"LEAK: the model has learned from {expected} of the {len(test)} test" in capsys.readouterr().out

    def test_the_photographs_that_chose_the_epoch_count_as_well(self, measuring, checkpoint):
        same = read_ratings(measuring())[0]
        learned = keys_of(checkpoint)
        for split, expected in (("train", True), ("val", True), ("test", False)):
            keys = same.photograph_keys[same.split == split].view("int64").tolist()
            assert {key in learned for key in keys} == {expected}

    def test_without_a_leak_nothing_is_counted(self, measuring, checkpoint, tmp_path):
        record = run(measuring(), tmp_path / "run")
        assert "leaked" not in record.n
        assert record.train_fingerprint == load_task(checkpoint).hparams["train_fingerprint"] != ""
        assert load_task(checkpoint).hparams["trained_on"] == record.data

    def test_another_set_of_the_same_origin_is_the_same_photographs(self, configured, tmp_path):
        one = run(configured("+data.ratings.origin=AVA", "trainer.max_epochs=1"), tmp_path / "one")
        other = ("data.ratings.name=copy", self.OTHER_SPLIT, "fit=false", f"ckpt_path={one.checkpoint}")
        with pytest.raises(TaskError, match="test photographs of copy"):
            run(configured("+data.ratings.origin=AVA", *other), tmp_path / "run")
        assert run(configured("+data.ratings.origin=other", *other), tmp_path / "run").n.get("leaked") is None

    def test_a_checkpoint_that_does_not_know_is_refused(self, measuring, checkpoint, tmp_path):
        saved = torch.load(checkpoint, weights_only=True)
        del saved["learned_from"]
        torch.save(saved, checkpoint)
        with pytest.raises(TaskError, match=r"best\.ckpt does not say which photographs it learned from"):
            run(measuring(), tmp_path / "run")


class TestStartFrom:
    STILL = ("task.learning_rate=1e-12", "task.backbone_rate=0", "trainer.max_epochs=1")

    def test_training_begins_where_the_other_model_ended(self, configured, trained, tmp_path):
        """All weights, not the heads alone: seed 1 would draw another backbone."""
        second = run(configured(f"start_from={trained.checkpoint}", "seed=1", *self.STILL), tmp_path / "second")
        assert second.metrics == pytest.approx(trained.metrics, abs=1e-6, nan_ok=True)
        scores = [scores_of(place) for place in (Path(trained.checkpoint).parents[1], tmp_path / "second")]
        assert scores[1] == pytest.approx(scores[0], rel=1e-4, abs=1e-6)
        assert max(map(abs, scores[0])) > 1e-3
        assert second.checkpoint != trained.checkpoint

    def test_training_goes_on_from_there(self, configured, trained, tmp_path):
        second = run(configured(f"start_from={trained.checkpoint}"), tmp_path / "second")
        weights = [load_task(record.checkpoint).net.aesthetic_head.weight for record in (trained, second)]
        assert (weights[0] - weights[1]).abs().max() > 1e-3

    @pytest.mark.parametrize(
        "other",
        [
            ["network.backbone=test_efficientnet"],
            ["data.ratings.attribute_columns=[]"],
            ["task.objective=distribution"],
        ],
    )
    def test_a_model_of_another_shape_is_refused(self, configured, trained, tmp_path, other):
        with pytest.raises(
            TaskError, match=r"start_from=.*best\.ckpt holds a test_resnet with other layers or head sizes"
        ):
            run(configured(f"start_from={trained.checkpoint}", *other), tmp_path / "second")
        assert not (tmp_path / "second" / "record.json").exists()

    def test_a_model_that_learned_from_what_is_tested_on_is_refused(self, configured, trained, tmp_path):
        with pytest.raises(
            TaskError, match=r"LEAK: .*best\.ckpt has learned from \d of the \d test photographs of table"
        ):
            run(configured(f"start_from={trained.checkpoint}", "data.ratings.split_seed=7"), tmp_path / "second")

    def test_what_the_other_model_learned_from_is_not_forgotten(self, configured, trained, tmp_path):
        """Through two trainings, of which the second has other names for its photographs."""
        other = ("data.ratings.name=renamed", "trainer.max_epochs=1")
        second = run(configured(f"start_from={trained.checkpoint}", *other), tmp_path / "second")
        learned = [keys_of(record.checkpoint) for record in (trained, second)]
        assert len(learned[0]) == trained.n["train"] + trained.n["val"]
        assert learned[0] < learned[1]
        assert len(learned[1]) == 2 * len(learned[0])
        with pytest.raises(TaskError, match="LEAK"):
            run(configured("fit=false", f"ckpt_path={second.checkpoint}", "data.ratings.split_seed=7"), tmp_path / "x")

    def test_an_exported_model_of_the_same_training_photographs_serves_as_well(self, configured, trained, tmp_path):
        AestheticModel.from_pretrained(trained.checkpoint).save_pretrained(tmp_path / "model")
        second = run(configured(f"start_from={tmp_path}/model", "seed=1", *self.STILL), tmp_path / "second")
        assert second.metrics == pytest.approx(trained.metrics, abs=1e-6, nan_ok=True)
        with pytest.raises(TaskError, match=r"model does not say which photographs it learned from"):
            run(configured(f"start_from={tmp_path}/model", "data.ratings.split_seed=7"), tmp_path / "third")

    def test_a_file_that_is_none_or_no_checkpoint_is_refused(self, configured, tmp_path):
        with pytest.raises(ModelError, match=r"none\.ckpt is no checkpoint file; give the \.ckpt that a run's record"):
            run(configured(f"start_from={tmp_path}/none.ckpt"), tmp_path / "run")
        (tmp_path / "text.ckpt").write_text("no weights")
        with pytest.raises(ModelError, match=r"text\.ckpt is no checkpoint of this version of awcu"):
            run(configured(f"start_from={tmp_path}/text.ckpt"), tmp_path / "run")


def test_a_model_is_measured_on_a_set_with_other_attributes(configured, trained, tmp_path):
    cfg = configured("fit=false", f"ckpt_path={trained.checkpoint}", "data.ratings.attribute_columns=[]")
    measured = run(cfg, tmp_path / "again")
    assert measured.metrics["test/auroc"] == trained.metrics["test/auroc"]
    assert "test/map" not in measured.metrics
    header, *rows = csv.reader((tmp_path / "again" / "predictions.csv").read_text().splitlines())
    assert {len(row) for row in rows} == {len(header)} == {5}


def test_excluded_photographs_are_counted(configured, rated_folder, tmp_path):
    (rated_folder / "images" / "picture_00.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match=r"picture_00\.jpg: zero bytes"):
        run(configured(), tmp_path / "run")
    record = run(configured("data.on_unreadable=exclude", "trainer.max_epochs=1"), tmp_path / "run")
    assert record.n["excluded"] == 1


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (["weighting=drop", "weighting.delta=4"], WeightingError, "zeroes all"),
        (["fit=false"], ModelError, r"None is no checkpoint file; give the \.ckpt"),
        (["data.on_unreadable=skip"], TaskError, "must be one of error, exclude"),
        (["data.attributes=guessed"], TaskError, "data.attributes='guessed' must be measured, or null"),
        (["leave_out_alike=true"], TaskError, "leave_out_alike=true needs to know .*; run awcu prepare"),
        (["+weighting.detla=1"], ConfigurationError, r"awcu\.ratings\.weighting\.Uniform cannot be built.*detla"),
        (["data.ratings.image_column=img"], RatingsError, "has no column 'img'"),
        (["data.ratings.test=0"], RatingsError, "the test split has no photographs"),
        (["data.root=null"], RatingsError, r"data\.root=…"),
        (["+learning_rate=3"], ConfigurationError, "learning_rate is no setting; nearest: "),
        (["+task.learnin_rate=3"], ConfigurationError, r"nearest: task\.learning_rate"),
        (["task.learning_rate=abc"], TaskError, "the task cannot be built"),
        (["trainer.precision=foo"], TaskError, "trainer: .*Precision 'foo' is invalid"),
        (["trainer.checkpoint=first"], TaskError, "trainer.checkpoint='first' must be one of best, last"),
        (
            ["task.objective=distribution", "data.ratings.vote_columns=[]", "data.ratings.score_column=c1",
             "data.ratings.point=0.1", "data.ratings.scale=[0,200]", "data.ratings.midpoint=30"],
            TaskError,
            "needs votes",
        ),
    ],
)  # fmt: skip
def test_what_the_user_can_mend_is_named(configured, tmp_path, overrides, error, message):
    with pytest.raises(error, match=message):
        run(configured(*overrides), tmp_path / "run")
    assert not (tmp_path / "run" / "record.json").exists()


class TestFinishedRun:
    def test_it_is_not_trained_again(self, configured, trained, folder, capsys):
        files = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
        # Where the photographs lie decides nothing, and they are not looked at.
        assert run(configured("data.root=/gone", "loader.workers=3"), folder) == trained
        assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == files
        said = capsys.readouterr().out
        assert re.fullmatch(r"run [0-9a-f]{12} has finished before: .*record\.json\n", said)

    def test_another_run_does_not_take_its_folder(self, configured, trained, folder):
        config = (folder / ".hydra" / "config.yaml").read_text()
        with pytest.raises(IdentityError, match=r"holds another run \(trainer\.max_epochs 2, not 1\)"):
            run(configured("trainer.max_epochs=1"), folder)
        assert (folder / ".hydra" / "config.yaml").read_text() == config
        assert RunRecord.load(folder / "record.json") == trained

    def test_a_damaged_record_is_named(self, configured, folder):
        (folder / "record.json").write_text("{")
        with pytest.raises(RecordError, match=r"record\.json is not JSON"):
            run(configured(), folder)


def test_a_sweep_goes_on_behind_a_failed_run_and_then_fills_the_hole(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["train", "-m", *small, "trainer.max_epochs=1", "name=pair", "start_from=first.ckpt,null"]
    words += ["hydra.sweep.subdir=${hydra.job.num}"]
    monkeypatch.setattr(sys, "argv", ["awcu", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    hole, trained = (tmp_path / "runs" / "pair" / number for number in "01")
    error = "first.ckpt is no checkpoint file; give the .ckpt that a run's record.json names"
    assert f"awcu: {error}" in capsys.readouterr().out
    assert ended.value.code == f"awcu: 1 runs failed; the same command runs them again:\n  runs/pair/0: {error}"
    failure = json.loads((hole / "failure.json").read_text())
    assert {**failure, "created": ""} == {
        "experiment": "pair",
        "variant": RunRecord.load(trained / "record.json").variant.replace("null", "first.ckpt"),
        "seed": "0",
        "error": error,
        "created": "",
    }

    shutil.copy(trained / "checkpoints" / "best.ckpt", tmp_path / "first.ckpt")
    before = (trained / "record.json").stat().st_mtime_ns
    monkeypatch.setattr(sys, "argv", ["awcu", *words])
    cli.main()
    assert capsys.readouterr().out.count("has finished before") == 1
    assert (trained / "record.json").stat().st_mtime_ns == before
    assert (hole / "record.json").is_file()
    assert not (hole / "failure.json").exists()


def test_a_sweep_says_how_to_see_where_a_file_was_missed(small, tmp_path, monkeypatch, capsys, ends_with):
    def missing(*arguments):
        raise FileNotFoundError(2, "No such file or directory", "list.txt")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("awcu.commands.train.build_run", missing)
    assert ends_with("train", "-m", *small, "name=lost", "seed=0,1").startswith("awcu: 2 runs failed")
    line = "directory: 'list.txt'; HYDRA_FULL_ERROR=1 on this run alone shows where\n"
    assert capsys.readouterr().out.count(line) == 2


class TestFailedRun:
    @pytest.fixture
    def train(self, small, tmp_path, monkeypatch):
        def command(*words):
            monkeypatch.setattr(sys, "argv", ["awcu", "train", *small, f"hydra.run.dir={tmp_path}/run", *words])
            cli.main()

        return command

    def test_what_the_user_can_mend_is_one_line(self, train, tmp_path):
        with pytest.raises(SystemExit, match=r"^awcu: timm .* has no model 'resnet81'"):
            train("network.backbone=resnet81")
        assert json.loads((tmp_path / "run" / "failure.json").read_text())["error"].startswith("timm ")

    def test_a_fault_of_the_code_keeps_its_name(self, train, tmp_path, at_fault):
        with pytest.raises(ZeroDivisionError):
            train()
        assert (
            json.loads((tmp_path / "run" / "failure.json").read_text())["error"]
            == "ZeroDivisionError: division by zero"
        )

    def test_a_disk_too_full_for_the_failure_ends_the_sweep(self, train, tmp_path, at_fault):
        (tmp_path / "run" / "failure.json").mkdir(parents=True)
        said = (
            r"run cannot be written \(Is a directory\), after: ZeroDivisionError: .*; HYDRA_FULL_ERROR=1 shows where$"
        )
        with pytest.raises(SystemExit, match=said):
            train()

    @pytest.fixture
    def at_fault(self, monkeypatch):
        monkeypatch.setattr("awcu.commands.train.build_run", lambda *arguments: 1 / 0)
