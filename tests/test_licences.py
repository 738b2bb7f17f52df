"""Which licences `make check` lets through, by metadata as packages write them."""

import runpy
from email.message import Message
from pathlib import Path

import pytest

CHECK = runpy.run_path(str(Path(__file__).parent.parent / ".ci" / "licences.py"))


def metadata(*lines):
    message = Message()
    for line in lines:
        name, _, value = line.partition(": ")
        message[name] = value
    return message


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (["License-Expression: MIT"], ""),
        (["License-Expression: Apache-2.0 AND (MIT OR Apache-2.0 WITH LLVM-exception)"], ""),
        (["License: BSD-3-Clause", "Classifier: License :: OSI Approved :: BSD License"], ""),
        (["License: MIT License\n\nCopyright (c) 2024 Somebody"], ""),
        (["License: Permission is granted\nto all", "Classifier: License :: OSI Approved :: MIT License"], ""),
        (["License-Expression: MIT AND GPL-3.0-only"], "GPL-3.0-only"),
        (["License-Expression: AGPL-3.0-or-later"], "AGPL-3.0-or-later"),
        # The field and the classifier contradict each other.
        (
            ["License: MIT", "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)"],
            "GNU General Public License v3 (GPLv3)",
        ),
        (["License: UNKNOWN"], "no licence named"),
        ([], "no licence named"),
    ],
)
def test_what_is_not_permissive_is_named(lines, fault):
    assert CHECK["fault"](metadata(*lines)) == fault


def test_what_is_needed_in_turn_is_found():
    found = CHECK["runtime"]()
    assert {"torch", "starlette", "hydra-core", "antlr4-python3-runtime", "markupsafe"} <= found
    assert not {"pytest", "ruff", "awcu"} & found


def test_a_licence_that_is_not_permissive_fails_the_check(monkeypatch, capsys):
    monkeypatch.setitem(CHECK["main"].__globals__, "PERMISSIVE", CHECK["PERMISSIVE"] - {"MIT-CMU"})
    assert CHECK["main"]() == 1
    said = capsys.readouterr()
    assert said.err.startswith("not permissive: pillow (MIT-CMU); leave it out")
    assert "\ntimm: Apache-2.0" in said.out
    monkeypatch.undo()
    assert CHECK["main"]() == 0
