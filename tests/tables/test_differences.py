"""differences.csv: what is written is read, what is damaged is named."""

from dataclasses import replace
from pathlib import Path

import pytest

from awcu.errors import RecordError, TableError
from awcu.tables.intervals import Sampling
from awcu.tables.paired import PairedDifference, read_differences, write_differences

ONE = PairedDifference("size=5", "w=step", "test/auroc", (0, 2, 11), 388, 0.1 + 0.2, 1e-3 / 3, 2e-3 / 3)
LINE = "size=5,w=step,test/auroc,0 2 11,388,0.30000000000000004,0.0003333333333333333,0.0006666666666666666"


def test_round_trip(tmp_path: Path) -> None:
    path, many = tmp_path / "differences.csv", [ONE, replace(ONE, column="", variant="w=a b", metric="test/srcc")]
    write_differences(many, path)
    header, line, _ = path.read_text().splitlines()
    assert header == "column,variant,metric,seeds,photographs,difference,error,error_of_one"
    assert line == LINE
    assert read_differences(path) == many


def test_none_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "differences.csv"
    assert read_differences(path) == []
    write_differences([ONE], path)
    write_differences([], path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("photographs", "pictures", "has the columns .*'pictures'.*, not .*'photographs'.*; collect it again with"),
        ("388", "many", "line 2 is no difference .*'many'.*; collect it again with --runs"),
        ("0 2 11", "0;2", "line 2 is no difference .*'0;2'"),
        (",0.0006666666666666666", "", "line 2 is no difference"),
        (LINE, f"{LINE}\n{LINE}", "has test/auroc of 'size=5 w=step' twice; collect"),
    ],
)
def test_refuses(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "differences.csv"
    write_differences([ONE], path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RecordError, match=message):
        read_differences(path)


def test_only_for_its_own_difference() -> None:
    # A record's metrics have passed through single precision.
    assert ONE.sampling([0, 2, 11], 0.3 + 1e-5) == Sampling(1e-3 / 3, 2e-3 / 3, 388)
    with pytest.raises(TableError, match=r"over seeds \(0, 2, 11\), results.csv as \+0.300000 over \(0, 2\); collect"):
        ONE.sampling([0, 2], 0.3)
