"""A rendered table replaces its block in a README and nothing else."""

import os
from pathlib import Path

import pytest

from awcu.errors import TableError
from awcu.tables.readme import refresh_block

TEXT = "# Title\r\n\r\n<!-- table:main -->\nold\n<!-- /table:main -->\n\nafter\n"


def test_replaces_only_the_block(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_bytes(TEXT.encode())
    assert refresh_block(readme, "main", "| new |\n")
    fresh = "# Title\r\n\r\n<!-- table:main -->\n\n| new |\n\n<!-- /table:main -->\n\nafter\n"
    assert readme.read_bytes() == fresh.encode()
    assert not refresh_block(readme, "main", "| new |\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "README.md has <!-- table:main --> 0 times; write it exactly once"),
        (TEXT + TEXT, "has <!-- table:main --> 2 times"),
        ("<!-- table:main -->", "has <!-- /table:main --> 0 times"),
        (
            "<!-- /table:main --> <!-- table:main -->",
            "has <!-- /table:main --> before <!-- table:main -->; swap",
        ),
    ],
)
def test_markers(tmp_path: Path, text: str, message: str) -> None:
    readme = tmp_path / "README.md"
    readme.write_bytes(text.encode())
    with pytest.raises(TableError, match=message):
        refresh_block(readme, "main", "new")
    assert readme.read_bytes() == text.encode()


def test_failure_leaves_the_old_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    readme = tmp_path / "README.md"
    readme.write_bytes(TEXT.encode())
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        refresh_block(readme, "main", "new")
    assert readme.read_bytes() == TEXT.encode()
    assert list(tmp_path.iterdir()) == [readme]
