"""What a table.yaml may say."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from awcu.errors import TableError
from awcu.tables.spec import Forest, HeatMap, Ladder, TableSpec

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
  series:
    d = 1: {w=uniform: 1, w=step: 2.5, w=drop: .inf}
    d = 0.5: {w=uniform: 1, w=half: 2}
  others: [w=power]
"""

COLUMNS_YAML = """
title: Which weighting wins
baseline: w=uniform
columns: {test/accuracy: accuracy, test/auroc: AUROC}
heat_map:
  metrics: [test/auroc]
  x_label: training photographs
  columns: {size=50: "50", size=100 data=a: "100", "": all}
  main: size=50
"""


def load(tmp_path: Path, text: str) -> TableSpec:
    (tmp_path / "table.yaml").write_text(text)
    return TableSpec.load(tmp_path / "table.yaml")


class TestRecordColumns:
    HEAT_MAP = HeatMap(
        ("test/auroc",), "training photographs", {"size=50": "50", "size=100 data=a": "100", "": "all"}, "size=50"
    )

    def test_load(self, tmp_path: Path) -> None:
        spec = load(tmp_path, COLUMNS_YAML)
        assert spec.heat_map == self.HEAT_MAP
        assert list(spec.heat_map.columns) == ["size=50", "size=100 data=a", ""]
        assert (spec.record_columns, spec.main) == (("size=50", "size=100 data=a", ""), "size=50")

    def test_main_is_the_last_column_by_default(self, tmp_path: Path) -> None:
        text = COLUMNS_YAML.replace("  main: size=50\n", "")
        assert load(tmp_path, text).main == ""
        assert load(tmp_path, COLUMNS_YAML.replace("main: size=50", "main: null")).main == ""
        assert load(tmp_path, COLUMNS_YAML.replace("main: size=50", 'main: ""')).main == ""

    def test_without_columns(self) -> None:
        assert (SPEC.record_columns, SPEC.main) == (("",), "")

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            (
                "main: size=50",
                "main: size=7",
                "heat_map main 'size=7' is not one of its columns; use one of 'size=50', 'size",
            ),
            ('columns: {size=50: "50", size=100 data=a: "100", "": all}', "columns: {}", "heat_map columns is empty"),
            ("metrics: [test/auroc]", "metrics: []", "heat_map metrics is empty; name at least one of test/accuracy"),
            (
                "metrics: [test/auroc]",
                "metrics: [test/f1]",
                "heat_map metric 'test/f1' is not a column; use one of test",
            ),
            ("  x_label: training photographs\n", "", "heat_map: x_label: Field required"),
            ('size=50: "50"', "size=50: 50", "columns: size=50 is 50: Input should be a valid string"),
        ],
    )
    def test_refuses(self, tmp_path: Path, old: str, new: str, message: str) -> None:
        assert COLUMNS_YAML.count(old) == 1
        with pytest.raises(TableError, match=message):
            load(tmp_path, COLUMNS_YAML.replace(old, new))


class TestSpec:
    def test_load(self, tmp_path: Path) -> None:
        positions = {"w=uniform": 1.0, "w=step": 2.5, "w=drop": math.inf}
        series = {"d = 1": positions, "d = 0.5": {"w=uniform": 1.0, "w=half": 2.0}}
        ladder = Ladder(("test/accuracy",), "weight", series, ("w=power",))
        assert load(tmp_path, YAML) == replace(SPEC, ladder=ladder)
        assert ladder.positions == positions | {"w=half": 2.0}

    def test_forest(self, tmp_path: Path) -> None:
        text = YAML[: YAML.index("ladder:")] + "forest: {metrics: [test/accuracy]}\n"
        assert load(tmp_path, text) == replace(SPEC, forest=Forest(("test/accuracy",)))
        with pytest.raises(TableError, match="forest metric 'test/f1' is not a column; use one of test/accuracy"):
            load(tmp_path, text.replace("[test/accuracy]", "[test/f1]"))

    def test_contrasts(self, tmp_path: Path) -> None:
        text = YAML.replace("  w=step: step", "  w=drop: drop\n  w=step: step", 1)
        assert load(tmp_path, text + "contrasts: [[w=step, w=drop]]\n").contrasts == (("w=step", "w=drop"),)

    @pytest.mark.parametrize(
        ("contrasts", "message"),
        [
            ("[[w=step, w=half]]", "contrast of 'w=half', which is not a row; list it in rows"),
            ("[[w=step, w=uniform]]", "'w=step' − 'w=uniform' needs two rows other than the baseline"),
            ("[[w=step, w=step]]", "'w=step' − 'w=step' needs two rows other than the baseline"),
            ("[[w=step]]", "contrasts: 0: 1: Field required"),
        ],
    )
    def test_refuses_contrasts(self, tmp_path: Path, contrasts: str, message: str) -> None:
        with pytest.raises(TableError, match=message):
            load(tmp_path, f"{YAML}contrasts: {contrasts}\n")

    def test_rows_and_ladder_are_optional(self, tmp_path: Path) -> None:
        text = YAML[: YAML.index("rows:")]
        assert load(tmp_path, text) == replace(SPEC, rows={})

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("title:", "titel:", "correct .*table.yaml: title: Field required; titel: Unexpected"),
            ("  x_label: weight\n", "", "ladder: x_label: Field required"),
            ("x_label: weight", "x_label: w\n  scale: 2", "ladder: scale: Unexpected"),
            ("title: Which", "title: [", "table.yaml is not YAML"),
            ("baseline:", "title: again\nbaseline:", "(?s)is not YAML .*duplicate key title"),
            ("w=step: 2.5", "w=step: two", "series: d = 1: w=step is 'two': Input should be a valid number"),
            ("w=step: 2.5", "w=step: '2'", "series: d = 1: w=step is '2': Input should be a valid number"),
            ("w=step: 2.5", "w=step: true", "series: d = 1: w=step is True: Input should be a valid number"),
            ("w=step: 2.5", "w=step: 0", "position 0 of 'w=step' must be > 0; else list it in others"),
            ("others: [w=power]", "others: [w=step]", "'w=step' is in both a series and others; remove one"),
            ("w=half: 2", "w=step: 2", "'w=step' has the positions 2.5 and 2; give it one only"),
            (
                "    d = 0.5:",
                "    a: {}\n    b: {}\n    d = 0.5:",
                "ladder has 4 series; more than 3 cannot be told apart",
            ),
            (
                "metrics: [test/accuracy]",
                "metrics: [test/auroc]",
                "'test/auroc' is not a column; use one of test/acc",
            ),
            ("columns:\n  test/accuracy: accuracy\n", "columns: {}\n", "columns is empty; name at least one"),
            ("  w=uniform: uniform", "  1: uniform", r"rows: 1: \[key\] is 1: Input should be a valid string"),
            ("  w=uniform: uniform", "  w=uniform: 1", "rows: w=uniform is 1: Input should be a valid string"),
            (YAML[YAML.index("ladder:") :], "ladder: [1]\n", r"ladder is \[1\]: Input should be a dictionary"),
            (YAML, "- 1\n", r"the document is \[1\]: Input should be a dictionary"),
        ],
    )
    def test_refuses(self, tmp_path: Path, old: str, new: str, message: str) -> None:
        assert YAML.count(old) == 1
        with pytest.raises(TableError, match=message):
            load(tmp_path, YAML.replace(old, new))
