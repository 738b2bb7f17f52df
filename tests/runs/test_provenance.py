"""A record names its commit, clean or not, and the versions that made it."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from awcu.runs.provenance import git_state, package_versions


def git(folder: Path, *command: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    call = ["git", "-C", str(folder), *who, *command]
    return subprocess.run(call, check=True, capture_output=True, text=True).stdout.strip()


def test_clean_dirty_and_new_file(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path) == ("unknown", True)  # no commit yet
    (tmp_path / "a.py").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert git_state(tmp_path) == (commit, False)
    (tmp_path / "b.py").write_text("2")
    assert git_state(tmp_path) == (commit, True)


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) == ("unknown", True)
    assert git_state(tmp_path / "absent") == ("unknown", True)


def test_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path) == ("unknown", True)


def test_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awcu.runs.provenance.CORE_PACKAGES", ("numpy", "no-such-package-here"))
    versions = package_versions()
    assert versions["numpy"] == np.__version__
    assert versions["no-such-package-here"] == "not installed"
    assert versions["python"].count(".") == 2
