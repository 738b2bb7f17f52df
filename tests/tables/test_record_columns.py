"""Records fall into the column whose tokens they carry, and a stray one is named."""

from typing import Any

import pytest

from awcu.errors import TableError
from awcu.runs.record import RunRecord
from awcu.tables.comparability import split_records


def run(variant: str, seed: int = 0) -> RunRecord:
    words = dict.fromkeys(("experiment", "weighting", "data", "git_commit", "checkpoint", "created"), "-")
    values: dict[str, Any] = {"n": {}, "metrics": {}, "versions": {}, "overrides": (), "git_dirty": False}
    prints = {"data_fingerprint": "a", "split_fingerprint": "b", "wall_time_s": 1.0}
    return RunRecord(variant=variant, seed=seed, **words, **values, **prints)


def variants(columns: dict[str, list[RunRecord]]) -> dict[str, list[str]]:
    return {column: [record.variant for record in records] for column, records in columns.items()}


def test_tokens_decide_and_are_removed() -> None:
    records = [run("size=100 w=step w.ratio=4"), run("w=step w.ratio=4"), run("size=1000 w=step"), run("size=100")]
    assert variants(split_records(records, ["size=100", "size=50", ""])) == {
        "size=100": ["w=step w.ratio=4", ""],
        "size=50": [],
        "": ["w=step w.ratio=4", "size=1000 w=step"],
    }


def test_most_tokens_win_in_any_order() -> None:
    records = [run("data=a size=5 w=x"), run("data=a w=x"), run("size=5 w=x")]
    assert variants(split_records(records, ["", "data=a", "size=5 data=a"])) == {
        "": ["size=5 w=x"],
        "data=a": ["w=x"],
        "size=5 data=a": ["w=x"],
    }


def test_a_token_that_holds_spaces_stays_as_it_is() -> None:
    assert variants(split_records([run("a=[1,  2] size=5")], ["size=5"])) == {"size=5": ["a=[1,  2]"]}


def test_one_column_changes_nothing() -> None:
    records = [run("w=x", seed) for seed in range(3)]
    assert split_records(records, [""]) == {"": records}


def test_no_column_fits() -> None:
    with pytest.raises(TableError, match="'size=7 w=x' fits none of the columns 'size=5', 'size=6'; add its tokens"):
        split_records([run("size=7 w=x")], ["size=5", "size=6"])


def test_two_columns_fit() -> None:
    with pytest.raises(TableError, match="'a=1 b=2' fits the columns 'a=1' and 'b=2' equally; add one with the"):
        split_records([run("a=1 b=2")], ["a=1", "b=2", ""])
