"""A file is written whole, or what was there stays."""

import os
from pathlib import Path

import pytest
from conftest import file_size_limit

from awcu.files import write_atomically, write_csv


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "record.json"
    write_atomically(path, "old")

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(OSError, match="no space left"):
            write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_named_with_the_file(tmp_path: Path) -> None:
    with file_size_limit(100), pytest.raises(OSError, match=r"File too large: '.*record\.json'"):
        write_atomically(tmp_path / "record.json", "x" * 200)
    assert list(tmp_path.iterdir()) == []


def test_bytes_as_they_are_and_text_as_utf8(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b", b"\x89\r\n")
    assert (tmp_path / "a" / "b").read_bytes() == b"\x89\r\n"
    write_atomically(tmp_path / "a" / "b", "δ\n")
    assert (tmp_path / "a" / "b").read_bytes() == "δ\n".encode()


def test_a_cell_that_a_row_lacks_is_empty(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ["one", "two"], [{"one": 1, "two": "a,b"}, {"two": 0.1}])
    assert (tmp_path / "a.csv").read_bytes() == b'one,two\n1,"a,b"\n,0.1\n'


def test_a_value_without_a_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not in fieldnames"):
        write_csv(tmp_path / "a.csv", ["one"], [{"two": 2}])
    assert not (tmp_path / "a.csv").exists()
