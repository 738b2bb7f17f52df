"""The W&B report and what it shows, built without a login."""

import json
import math
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args
from wandb_files import offline_files, records

from awcu.commands import main as cli
from awcu.config.hydra import conf_folder, experiments, instantiated, variant
from awcu.ratings.weighting import Step

ROOT = Path(__file__).parents[2]
REPRODUCE = ROOT / "experiments" / "reproduce"


@pytest.fixture(autouse=True)
def nobody(without_account, monkeypatch, tmp_path):
    """No key in the home folder either."""
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def dashboard(monkeypatch):
    def command(*words):
        monkeypatch.setattr(sys, "argv", ["awcu", "dashboard", *map(str, words)])
        cli.main()

    return command


def test_the_specification_compares_the_runs(dashboard, tmp_path):
    dashboard("experiment=reproduce", "--table", REPRODUCE, "--spec", tmp_path / "spec.json", "--entity", "us")
    document = json.loads((tmp_path / "spec.json").read_text())
    assert (document["project"], document["entity"]) == ("awcu", "us")
    assert document["blocks"][0] == {"text": (REPRODUCE / "table.md").read_text()}

    grids = [block for block in document["blocks"] if "panels" in block]
    grouped, each, pictures, plots = ((grid["runsets"][0], grid["panels"]) for grid in grids)
    assert [one[0]["groupby"] for one in (grouped, each, pictures, plots)] == [["config.variant"], [], [], []]
    mine = """Metric("Group") == 'reproduce' and Metric("JobType") {} 'table'"""
    assert [one[0]["filters"] for one in (grouped, each, pictures, plots)] == [
        mine.format(sign) for sign in ("!=", "!=", "!=", "==")
    ]

    columns = [f"test/{metric}" for metric in ("accuracy", "balanced_accuracy", "auroc", "srcc")]
    bars, curves = grouped[1][:4], grouped[1][4:]
    assert [bar["metrics"] for bar in bars] == [[metric] for metric in columns]
    assert [(curve["x"], curve["y"]) for curve in curves] == [("epoch", ["train/loss"]), ("epoch", ["val/accuracy"])]
    for panel in grouped[1]:
        over = panel["groupby"], panel["groupby_aggfunc"], panel["groupby_rangefunc"]
        assert over == ({"name": "variant"}, "mean", "stddev")
    scatters = [(panel["x"]["name"], panel["y"]["name"]) for panel in each[1]]
    assert scatters[:3] == [("ratio", f"test/{metric}") for metric in ("balanced_accuracy", "auroc", "srcc")]
    assert scatters[3:] == [("seed", metric) for metric in columns]
    assert "photographs/AesAM" in pictures[1][0]["media_keys"]


def test_without_a_ladder_none_is_drawn(dashboard, tmp_path):
    shutil.copytree(REPRODUCE, tmp_path / "experiments" / "plain")
    file = tmp_path / "experiments" / "plain" / "table.yaml"
    file.write_text(file.read_text().partition("ladder:")[0])
    dashboard("experiment=plain", "--spec", "spec.json")
    grids = [block for block in json.loads(Path("spec.json").read_text())["blocks"] if "panels" in block]
    assert {panel["x"]["name"] for panel in grids[1]["panels"]} == {"seed"}


def test_without_a_login_it_says_what_to_do_and_the_table_waits(dashboard, tmp_path):
    with pytest.raises(
        SystemExit, match=r"^awcu: the report is stored at W&B, .*wandb login, then wandb sync runs/reproduce/wa"
    ):
        dashboard("experiment=reproduce", "--table", REPRODUCE)
    (file,) = offline_files(tmp_path / "runs" / "reproduce")
    found = records(file)
    (begun,) = found["run"]
    assert (begun["project"], begun["run_group"], begun["job_type"]) == ("awcu", "reproduce", "table")
    artifact = next(one for one in found["artifact"] if one["type"] == "table")
    assert artifact["name"] == "table-reproduce"
    contents = {one["path"]: Path(one["local_path"]) for one in artifact["manifest"]["contents"]}
    assert set(contents) == {"table.md", "table.csv", "results.csv", "table.yaml", "ladder.png"}
    assert all(kept.read_bytes() == (REPRODUCE / name).read_bytes() for name, kept in contents.items())
    (shown,) = [one["item"] for one in found["history"]]
    rows = (REPRODUCE / "table.csv").read_text().count("\n") - 1
    assert (shown["table._type"], shown["table.nrows"]) == ("table-file", rows)
    assert shown["plots/ladder._type"] == "image-file"


def test_with_a_login_the_report_is_saved(dashboard, monkeypatch, capsys):
    from wandb_workspaces.reports.v2.interface import Report

    logged = []
    monkeypatch.setattr("awcu.training.wandb_run.has_key", lambda: True)
    monkeypatch.setattr("awcu.commands.dashboard.log_table", lambda *arguments: logged.append(arguments))
    monkeypatch.setattr("wandb.Api", lambda: type("Api", (), {"default_entity": "us"}))
    monkeypatch.setattr(Report, "save", lambda self: type("Saved", (), {"url": f"{self.entity}/{self.project}"}))
    dashboard("experiment=reproduce", "--table", REPRODUCE, "--project", "ours")
    assert logged == [(REPRODUCE, "reproduce", "ours", None, "online", Path("runs/reproduce"))]
    assert capsys.readouterr().out == "us/ours\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("heads", r"experiments/heads has no table\.md, .*make the table first: awcu table"),
        ("haeds", "experiment=haeds does not exist; nearest: heads"),
    ],
)
def test_a_missing_table_or_experiment_is_named(dashboard, name, said):
    with pytest.raises(SystemExit, match=f"^awcu: {said}"):
        dashboard(f"experiment={name}")


def test_a_missing_package_is_named(dashboard, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    monkeypatch.delitem(sys.modules, "awcu.reports.dashboard", raising=False)
    with pytest.raises(SystemExit, match=r'^awcu: W&B reports need .*pip install "awcu\[dashboard\]"'):
        dashboard("experiment=reproduce", "--table", REPRODUCE)


def test_what_an_agent_of_wandb_types_is_a_run_of_ours():
    sweep = yaml.safe_load((ROOT / "experiments" / "reproduce" / "wandb_sweep.yaml").read_text())
    picked = {name: {"value": one.get("values", [one.get("value")])[-1]} for name, one in sweep["parameters"].items()}
    macros = create_sweep_command_args({"args": picked}) | {"env": ["/usr/bin/env"]}
    words = []
    for word in sweep["command"]:
        words += macros[word[2:-1]] if word.startswith("${") else [word]
    assert words[:3] == ["/usr/bin/env", "awcu", "train"]
    overrides = words[3:]
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        cfg = compose("train", overrides)
    assert (cfg.name, cfg.seed, instantiated(cfg.weighting)) == ("agent", 3, Step(delta=1, ratio=math.inf))
    assert variant(tuple(overrides)) == "weighting.delta=1 weighting.ratio=inf weighting=step"
    # All that the sweep of the experiment has.
    asked = yaml.safe_load(experiments("train")["reproduce"].read_text())["hydra"]["sweeper"]["params"]
    swept = {name: one.get("values", [one.get("value")]) for name, one in sweep["parameters"].items()}
    assert {name: ",".join(map(str, values)) for name, values in swept.items()} == {
        name: str(value) for name, value in asked.items()
    }
