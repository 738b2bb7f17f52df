"""A file is written whole, or what was there stays."""

import os
import tempfile
from pathlib import Path

import pytest

from awcu.files import link, write_atomically, write_csv


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


def test_a_hard_link_is_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert link(tmp_path / "b", tmp_path / "new" / "c")
    assert (tmp_path / "new" / "c").samefile(tmp_path / "a")
    assert not (tmp_path / "new" / "c").is_symlink()
    with pytest.raises(FileExistsError, match="File exists"):
        link(tmp_path / "a", tmp_path / "new" / "c")


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
def test_over_file_systems_a_link_is_symbolic(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        same = Path(other).stat().st_dev == tmp_path.stat().st_dev
        assert link(tmp_path / "a", Path(other, "c")) == same
        assert Path(other, "c").is_symlink() != same
        assert Path(other, "c").read_text() == "one"
