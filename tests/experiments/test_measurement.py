"""What the measuring scripts share: rows to lines, lines to cells, and files that say what stands behind them."""

import argparse

import numpy as np
import pytest
from experiments import measurement
from factories import run

from awcu.tables.paired import read_differences

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


NAN = float("nan")


def test_a_metric_is_the_mean_of_the_values_that_there_are():
    measured = measurement.Measured.of(["a", "b", "c"], {"x": [[1.0, 0.0], [NAN], [1.0]], "y": [[NAN], [], [NAN]]})
    assert measured.means() == pytest.approx({"test/x": 2 / 3, "test/y": NAN}, nan_ok=True)
    assert measured.metrics(np.array([[2.0, 5, 0], [0, 1, 0]]))["x"] == pytest.approx([0.5, NAN], nan_ok=True)


def test_methods_are_compared_over_networks_and_photographs(tmp_path):
    (tmp_path / "table.yaml").write_text(
        "title: t\nbaseline: method=own w=uniform\ncolumns: {test/x: x, test/y: only own}\n"
    )
    values = {"own": {0: [1, 0, 1, 1], 1: [1, 1, 0, 1]}, "other": {0: [0, 0, 1, 1], 1: [0, 1, 0, 1]}}
    found = []
    for method, runs in values.items():
        for seed, each in runs.items():
            known = {"x": [[float(one)] for one in each]} | ({"y": [[1.0]] * 4} if method == "own" else {})
            measured = measurement.Measured.of(list("abcd"), known)
            made = measurement.measured_record(
                run(variant="w=uniform", seed=seed), "maps/out", method, 1.5, metrics=measured.means()
            )
            found.append((made, measured))
    measurement.write_measured(found, tmp_path)
    assert (tmp_path / "results.csv").read_text().count("maps/out,method=other w=uniform") == 2
    (one,) = [one for one in read_differences(tmp_path / "differences.csv") if one.baseline == "method=own w=uniform"]
    assert (one.metric, one.seeds, one.photographs, one.difference) == ("test/x", (0, 1), 4, -0.25)
    # Always -1 of the first photograph and 0 of the others: its share of a redraw, the same for both networks.
    assert one.error == pytest.approx(np.sqrt(0.25 * 0.75 / 4), rel=0.05)
    assert one.error == pytest.approx(one.error_of_one)
