"""From runs to committed CSVs to a table: photographs and failures survive the way."""

import json
from pathlib import Path

import pytest
from factories import leave_run, scored
from published_layouts import ava

from awcu.commands.table import make_table
from awcu.runs.record import find_records

PUBLISHED = Path(__file__).parents[2] / "experiments/published/ava/published.csv"
YAML = "title: Made\nbaseline: w=uniform\ncolumns: {test/auroc: AUROC}\nforest: {metrics: [test/auroc]}\n"


def test_collected_once_and_rendered_again(tmp_path: Path) -> None:
    runs, folder = tmp_path / "runs", tmp_path / "made"
    folder.mkdir()
    (folder / "table.yaml").write_text(YAML)
    for place, variant in enumerate(("w=uniform", "w=step")):
        for seed in (0, 1):
            leave_run(runs, variant, seed, scored(5 * place + seed))
    (runs / "failed").mkdir()
    failure = {"experiment": "weighting", "variant": "w=step", "seed": 2, "error": "disk full"}
    (runs / "failed" / "failure.json").write_text(json.dumps(failure))
    make_table(folder, runs, folder, [])
    collected = (folder / "table.md").read_text()
    assert "w=step (n = 2 of 3; 1 failed: disk full)" in collected
    assert "paired by seed and test photograph, its interval over both (bootstrap of 60 photographs)" in collected
    make_table(folder, None, folder, [])
    assert (folder / "table.md").read_text() == collected
    names = ["differences.csv", "failures.csv", "forest.png", "results.csv", "table.csv", "table.md", "table.yaml"]
    assert sorted(one.name for one in folder.iterdir()) == names


@pytest.mark.usefixtures("one_thread")
def test_a_small_ava_is_told_why_nothing_published_stands_beside_it(ends_with, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """From photographs to the table; its test list is the official one by name, but has 16 photographs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "AVA").mkdir()
    more = ava.write(tmp_path / "AVA")
    more += ["network.backbone=test_resnet", "network.pretrained=false", "images.size=64", "loader.workers=0"]
    more += ["loader.batch_size=6", "trainer.accelerator=cpu", "trainer.max_epochs=1", "wandb.mode=disabled"]
    more += ["hydra.mode=RUN", f"hydra.run.dir={tmp_path}/runs/one"]
    assert ends_with("train", "experiment=ava", f"data.root={tmp_path}/AVA", *more) is None
    (record,) = find_records(tmp_path / "runs")
    assert (record.data, record.split, record.n["test"]) == ("AVA", "official", 16)
    spec = {
        "title": "Small",
        "baseline": record.variant,
        "columns": {"test/accuracy": "accuracy", "test/srcc": "SRCC"},
        "published": {"file": str(PUBLISHED), "data": "AVA", "split": "official"},
    }
    (tmp_path / "table.yaml").write_text(json.dumps(spec))
    make_table(tmp_path, tmp_path / "runs", tmp_path, [])
    said = (tmp_path / "table.md").read_text()
    assert "TOPIQ" not in said
    assert "on 19,930 test photographs (the official split of AVA), and these runs on 16 (the official split of" in said
