"""What a run leaves for W&B, read back with W&B's own reader."""

import json
import math

import numpy as np
import pytest
from wandb_files import offline_files, records, summary

from awcu.commands.train import run
from awcu.images.decoding import decode
from awcu.ratings.weighting import Drop, SampleWeights, Step, Uniform
from awcu.reports.wandb_media import BY_RATING, MISTAKE, PICTURES, chosen
from awcu.runs.record import RunRecord
from awcu.training import wandb_run as tracking
from awcu.training.module import AestheticTask
from awcu.training.wandb_run import opened_run, run_id, wandb_mode

pytestmark = pytest.mark.usefixtures("without_account")


def test_an_offline_file_holds_all_of_a_run_and_the_next_job_is_another(configured, tmp_path, monkeypatch):
    cfg = configured(
        "wandb.mode=offline", "weighting=step", "weighting.delta=0.8", "name=ladder", "wandb.photographs=4"
    )
    record = run(cfg, tmp_path / "run", ("weighting=step", "weighting.delta=0.8", "seed=0"))
    assert record == RunRecord.load(tmp_path / "run" / "record.json")
    monkeypatch.setenv("WANDB_MODE", "offline")
    measured = configured(
        "fit=false", f"ckpt_path={record.checkpoint}", "weighting=step", "wandb.mode=null", "wandb.photographs=0"
    )
    run(measured, tmp_path / "measured")

    (file,), (other,) = offline_files(tmp_path / "run"), offline_files(tmp_path / "measured")
    found = records(file)
    (begun,), (ended,) = found["run"], found["exit"]
    identity = json.loads((tmp_path / "run" / "identity.json").read_text())["identity"]
    assert {key: begun[key] for key in ("project", "run_group", "job_type", "display_name")} == {
        "project": "awcu",
        "run_group": "ladder",
        "job_type": "train",
        "display_name": "weighting.delta=0.8 weighting=step seed=0",
    }
    assert sorted(begun["tags"]) == ["Step(delta=0.8, ratio=4.0)", "table", "test_resnet"]
    assert begun["run_id"].startswith(f"{identity}-")
    assert begun["resume"] is True
    assert ended["exit_code"] == 0
    config = begun["config"]["update"]
    assert config["weighting"] == {"_target_": "awcu.ratings.weighting.Step", "delta": 0.8, "ratio": 4}
    assert (config["seed"], config["variant"], config["identity"], config["ratio"]) == (0, record.variant, identity, 4)
    assert config["weights"] == record.weighting

    # Once an epoch each, whatever is measured afterwards.
    history = [one["item"] for one in found["history"]]
    for metric in ("train/loss", "val/auroc"):
        assert [one["epoch"] for one in history if metric in one] == [0, 1]
    axes = {one["glob_name"]: one["step_metric"] for one in found["metric"] if "glob_name" in one}
    assert axes == {"train/*": "epoch", "val/*": "epoch"}

    # To the last bit; what is undefined is empty, as in record.json.
    last = {key: value for key, value in summary(found).items() if key.startswith(("val/", "test/"))}
    assert last == {key: None if math.isnan(value) else value for key, value in record.metrics.items()}
    (histogram,) = [one for one in history if "weights._type" in one]
    assert histogram["weights._type"] == "histogram"
    assert sum(histogram["weights.values"]) == record.n["train"]

    files = file.parent / "files"
    for key in PICTURES:
        pictures, captions = histogram[f"{key}.filenames"], histogram[f"{key}.captions"]
        assert 2 <= len(pictures) == len(captions) <= 4
        assert {decode(files / picture).shape for picture in pictures} == {(256, 256, 3)}
        assert sum((files / picture).stat().st_size for picture in pictures) < 100_000
    assert "rated" in histogram[f"{PICTURES[0]}.captions"][0]
    assert all(text.startswith(("indoors", "outdoors")) for text in histogram[f"{PICTURES[2]}.captions"])

    (artifact,) = found["artifact"]
    contents = {one["path"]: one["local_path"] for one in artifact["manifest"]["contents"]}
    assert artifact["type"] == "run"
    assert contents == {name: str(tmp_path / "run" / name) for name in ("record.json", "predictions.csv")}

    alone = records(other)
    assert alone["run"][0]["job_type"] == "evaluate"
    assert alone["run"][0]["run_id"] != begun["run_id"]
    assert not [one for one in alone["history"] if {"val/auroc", "weights._type"} & set(one["item"])]
    assert summary(alone)["test/auroc"] == record.metrics["test/auroc"]


def test_a_killed_run_goes_on_in_the_same_wandb_run(configured, tmp_path, monkeypatch):
    cfg = configured("wandb.mode=offline", "wandb.photographs=0", "loader.batch_size=10")
    real = AestheticTask.training_step

    def killed(self, batch):
        if self.current_epoch == 1:
            raise SystemExit(143)
        return real(self, batch)

    monkeypatch.setattr(AestheticTask, "training_step", killed)
    with pytest.raises(SystemExit):
        run(cfg, tmp_path / "run")
    monkeypatch.setattr(AestheticTask, "training_step", real)
    run(cfg, tmp_path / "run")
    first, second = (records(file) for file in offline_files(tmp_path / "run"))
    assert first["run"][0]["run_id"] == second["run"][0]["run_id"]
    assert first["run"][0]["resume"] is second["run"][0]["resume"] is True
    assert [part["exit"][0]["exit_code"] for part in (first, second)] == [1, 0]
    items = [[one["item"] for one in part["history"]] for part in (first, second)]
    assert [[one["epoch"] for one in part if "train/loss" in one] for part in items] == [[0], [1]]


class TestRunId:
    def test_a_folder_keeps_it(self, tmp_path):
        assert run_id(tmp_path, "abc") == run_id(tmp_path, "abc")

    def test_two_who_train_the_same_are_two_runs(self, tmp_path):
        assert run_id(tmp_path / "mine", "abc") != run_id(tmp_path / "yours", "abc")

    def test_a_folder_that_has_become_another_runs_has_another(self, tmp_path):
        first = run_id(tmp_path, "abc")
        assert run_id(tmp_path, "abd").startswith("abd-")
        assert run_id(tmp_path, "abc") != first

    def test_under_an_agent_it_is_the_agents(self, monkeypatch, tmp_path):
        begun = []

        class Run:
            def finish(self, exit_code=0):
                begun.append(exit_code)

        monkeypatch.setattr("wandb.init", lambda **settings: begun.append(settings) or Run())
        for sweep in ("", "sweep"):
            monkeypatch.setenv("WANDB_SWEEP_ID", sweep)
            with opened_run("offline", tmp_path, "abc", project="mine", entity="me"):
                pass
        own, _, agents, _ = begun
        assert own["id"] == run_id(tmp_path, "abc")
        assert (own["project"], own["entity"]) == ("mine", "me")
        assert "id" not in agents
        assert (agents["project"], agents["entity"]) == (None, None)


@pytest.mark.parametrize(
    ("asked", "environment", "key", "mode"),
    [
        (None, None, False, "offline"),
        (None, None, True, "online"),
        (None, "disabled", True, "disabled"),
        ("offline", "online", True, "offline"),
    ],
)
def test_mode(monkeypatch, asked, environment, key, mode):
    monkeypatch.setattr(tracking, "has_key", lambda: key)
    if environment:
        monkeypatch.setenv("WANDB_MODE", environment)
    assert wandb_mode(asked) == mode


@pytest.mark.parametrize(("weighting", "ratio"), [(Uniform(), 1.0), (Step(1.0, 8.0), 8.0), (Drop(1.0), None)])
def test_place_on_the_ladder(weighting, ratio):
    assert tracking._ratio(SampleWeights(weighting)) == ratio


class TestChosen:
    def test_half_are_the_same_under_every_model_and_half_its_surest_mistakes(self, make_ratings):
        test = make_ratings(mean_score=[1, 2, 2.5, 4, 4.5, 5], scale=np.arange(1.0, 6), midpoint=3.0)
        score = np.array([-1.0, 0.5, 2.0, -3.0, 1.0, 1.0])
        even = [(5, BY_RATING), (0, BY_RATING)]
        assert chosen(test, score, 4) == [*even, (3, MISTAKE), (2, MISTAKE)]
        assert chosen(test, -score, 4)[:2] == even

    def test_no_mistake_is_made_up(self, make_ratings):
        test = make_ratings(mean_score=[1, 2, 4, 5], scale=np.arange(1.0, 6), midpoint=3.0)
        assert chosen(test, np.array([-1, -1, 1, 1]), 4) == [(3, BY_RATING), (0, BY_RATING)]
        assert chosen(test, np.array([-1, -1, 1, 1]), 1) == [(3, BY_RATING)]
