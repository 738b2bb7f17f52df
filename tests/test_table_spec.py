"""What a table.yaml may say."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from awcu.table_spec import Ladder, TableError, TableSpec

SPEC = TableSpec(
    title="Which weighting wins",
    baseline="w=uniform",
    columns={"test/accuracy": "accuracy"},
    rows={"w=uniform": "uniform", "w=step": "step ×4, |d| ≥ 1"},
)

YAML = """
title: Which weighting wins
baseline: w=uniform
columns:
  test/accuracy: accuracy
rows:
  w=uniform: uniform
  w=step: step ×4, |d| ≥ 1
ladder:
  metrics: [test/accuracy]
  x_label: weight
  positions: {w=uniform: 1, w=step: 2.5, w=drop: .inf}
  others: [w=power]
"""


class TestSpec:
    def load(self, tmp_path: Path, text: str) -> TableSpec:
        (tmp_path / "table.yaml").write_text(text)
        return TableSpec.load(tmp_path / "table.yaml")

    def test_load(self, tmp_path: Path) -> None:
        positions = {"w=uniform": 1.0, "w=step": 2.5, "w=drop": math.inf}
        ladder = Ladder(("test/accuracy",), "weight", positions, ("w=power",))
        assert self.load(tmp_path, YAML) == replace(SPEC, ladder=ladder)

    def test_rows_and_ladder_are_optional(self, tmp_path: Path) -> None:
        text = YAML[: YAML.index("rows:")]
        assert self.load(tmp_path, text) == replace(SPEC, rows={})

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            (
                "title:",
                "titel:",
                "table.yaml: unknown key 'titel' in table.yaml; allowed keys are title, base",
            ),
            (
                "title: Which weighting wins\n",
                "",
                "missing key 'title' in table.yaml; allowed keys are title",
            ),
            ("  x_label: weight\n", "", "missing key 'x_label' in ladder; allowed keys are metrics, x_label"),
            ("x_label: weight", "x_label: w\n  scale: 2", "unknown key 'scale' in ladder"),
            ("title: Which", "title: [", "table.yaml is not YAML"),
            ("baseline:", "title: again\nbaseline:", "(?s)is not YAML .*duplicate key title"),
            ("w=step: 2.5", "w=step: two", "positions: w=step is 'two'; a number is needed"),
            ("w=step: 2.5", "w=step: 0", "position 0 of 'w=step' must be > 0; else list it in others"),
            ("others: [w=power]", "others: [w=step]", "'w=step' is in both positions and others; remove one"),
            (
                "metrics: [test/accuracy]",
                "metrics: [test/auroc]",
                "'test/auroc' is no column; use one of test/acc",
            ),
            ("columns:\n  test/accuracy: accuracy\n", "columns: {}\n", "columns is empty; name at least one"),
            ("  w=uniform: uniform", "  w=uniform: 1", "rows: w=uniform is 1; text is needed"),
            (
                YAML[YAML.index("ladder:") :],
                "ladder: [1]\n",
                r"ladder is \[1\]; it must be a mapping; allowed",
            ),
            (YAML, "- 1\n", r"table.yaml is \[1\]; it must be a mapping; allowed keys are title"),
        ],
    )
    def test_refuses(self, tmp_path: Path, old: str, new: str, message: str) -> None:
        assert YAML.count(old) == 1
        with pytest.raises(TableError, match=message):
            self.load(tmp_path, YAML.replace(old, new))
