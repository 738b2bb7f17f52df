"""Failed runs: found in the folders of a sweep, kept beside the results, gone once they have a record."""

import json
from pathlib import Path
from typing import Any

import pytest
from factories import run

from awcu.errors import RecordError
from awcu.runs.failures import FailedRun, find_failures, read_failures, write_failures

FAILED = FailedRun("weighting", "weighting=step", "3", "out of memory")


def leave(folder: Path, **document: Any) -> None:
    folder.mkdir(parents=True)
    (folder / "failure.json").write_text(json.dumps(document))


def test_a_run_says_which_it_is_and_why_it_failed(tmp_path: Path) -> None:
    FAILED.save(tmp_path)
    document = json.loads((tmp_path / "failure.json").read_text())
    assert document.pop("created").startswith("20")
    assert document == {"experiment": "weighting", "variant": "weighting=step", "seed": "3", "error": "out of memory"}
    assert find_failures(tmp_path, []) == [FAILED]


def test_found_at_any_depth_and_by_variant(tmp_path: Path) -> None:
    leave(tmp_path / "a", experiment="weighting", variant="w=2", seed=1, error="disk full\nTraceback")
    leave(tmp_path / "b" / "c", experiment="weighting", variant="w=1", seed="x", error="")
    assert find_failures(tmp_path, []) == [
        FailedRun("weighting", "w=1", "x", "no message"),
        FailedRun("weighting", "w=2", "1", "disk full"),
    ]


def test_one_with_a_record_since_does_not_count(tmp_path: Path) -> None:
    for seed in (0, 1):
        leave(tmp_path / str(seed), experiment="weighting", variant="", seed=seed, error="killed")
    assert find_failures(tmp_path, [run(seed=0)]) == [FailedRun("weighting", "", "1", "killed")]


def test_a_long_error_is_cut(tmp_path: Path) -> None:
    leave(tmp_path / "a", experiment="e", variant="w=2", seed=1, error="x" * 121)
    leave(tmp_path / "b", experiment="e", variant="w=3", seed=1, error="x" * 120)
    assert [one.error for one in find_failures(tmp_path, [run()])] == ["x" * 119 + "…", "x" * 120]


@pytest.mark.parametrize("text", ["{", "[1]", '{"variant": "w", "seed": 1}'])
def test_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "failure.json").write_text(text)
    with pytest.raises(
        RecordError, match=r"failure\.json names no experiment, variant, seed and error .*; run that seed again"
    ):
        find_failures(tmp_path, [])


def test_round_trip(tmp_path: Path) -> None:
    path, many = tmp_path / "failures.csv", [FAILED, FailedRun("", "a, b", "0", 'said "no"')]
    write_failures(many, path)
    assert path.read_text().splitlines()[:2] == [
        "experiment,variant,seed,error",
        "weighting,weighting=step,3,out of memory",
    ]
    assert read_failures(path) == many


def test_no_failures_no_file(tmp_path: Path) -> None:
    path = tmp_path / "failures.csv"
    assert read_failures(path) == []
    write_failures([FAILED], path)
    write_failures([], path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", r"\[\]"),
        ("experiment,variant,seed\n", r"\['experiment', 'variant', 'seed'\]"),
        ("experiment,variant,seed,error,host\n", "'host'"),
        ("experiment,variant,seed,error\na,b,1\n", r"\['a', 'b', '1'\]"),
    ],
)
def test_refuses(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "failures.csv"
    path.write_text(text)
    with pytest.raises(
        RecordError, match=f"failures.csv has .*{wrong}.* where .* belong; collect it again with --runs"
    ):
        read_failures(path)
