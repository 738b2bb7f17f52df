"""From runs to committed CSVs to a table: photographs and failures survive the way."""

import json
from pathlib import Path

from factories import leave_run, scored

from awcu.commands.table import make_table

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
