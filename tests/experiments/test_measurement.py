"""What the measuring scripts share: rows to lines, lines to cells, and files that say what stands behind them."""

import argparse

import pytest
from experiments import measurement

ROWS = [{"photograph": name, "x": value} for name, value in (("a", 1.0), ("a", 0.0), ("b", 1.0), ("c", float("nan")))]


def test_photographs_are_averaged_first_and_unknown_values_left_out():
    assert measurement.estimate(ROWS, "x") == {"n": 2, "mean": 0.75, "low": 0.5, "high": 1.0}


def test_cells_of_lines():
    lines = [{"kind": "dark", "measure": "x"} | measurement.estimate(rows, "x") for rows in (ROWS, [])]
    assert measurement.shown(lines, "dark", "x") == measurement.shown(lines, "dark") == ".75 [.50, 1.00]"
    assert measurement.shown(lines[1:], "dark", "x") == measurement.shown(lines, "bright") == "–"
    assert measurement.line(lines, "bright")["n"] == 0


@pytest.mark.parametrize(("commit", "printed"), [("0123456789", "0123456"), ("0123456789+", "0123456+")])
def test_files_say_what_stands_behind_them(tmp_path, ratings, commit, printed):
    (tmp_path / "README.md").write_text("<!-- table:maps/out -->\n<!-- /table:maps/out -->\n")
    arguments = argparse.Namespace(out=tmp_path / "out", readme=tmp_path / "README.md")
    facts = measurement.facts(ratings, 3, commit, strength="1.0")
    measurement.publish(arguments, "maps", [{"kind": "dark", "n": 2}], facts, measurement.short(commit))
    header, row = (tmp_path / "out" / "measures.csv").read_text().splitlines()
    assert header == "kind,n,data,fingerprint,strength,seed,commit"
    assert row == f"dark,2,tiny,{ratings.fingerprint},1.0,3,{commit}"
    assert (tmp_path / "out" / "table.md").read_text() == printed + "\n"
    assert f"-->\n\n{printed}\n\n<!--" in (tmp_path / "README.md").read_text()
