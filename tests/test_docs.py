"""What README and docs tell a reader to type: each command is parsed as the program parses it, none is run."""

import argparse
import ast
import itertools
import re
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser

from awcu.commands import main as cli
from awcu.config.hydra import check_experiment, check_keys, conf_folder
from awcu.tables.spec import TableSpec

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?![a-z]+:)([^)\s#]+)")
HYDRA = {"prepare": "prepare", "train": "train", "probe": "probe", "features": "probe"}
ELSEWHERE = {"ls", "make", "source", "wandb"}  # the shell's, W&B's, and make, whose targets have a test of their own


class Fence(NamedTuple):
    """A block of code on a page."""

    page: str
    language: str
    text: str


FENCES = [
    Fence(page.relative_to(ROOT).as_posix(), *match) for page in PAGES for match in FENCE.findall(page.read_text())
]


def code(language):
    return [pytest.param(one.text, id=f"{one.page}-{n}") for n, one in enumerate(FENCES) if one.language == language]


def commands():
    """Each command of each bash block, in words."""
    for fence in FENCES:
        for line in fence.text.replace("\\\n", " ").splitlines() if fence.language == "bash" else ():
            lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;")
            lexer.whitespace_split = True
            for between, words in itertools.groupby(lexer, lambda word: set(word) <= set("&|;")):
                if not between:
                    words = list(words)
                    yield pytest.param(words, id=f"{fence.page}: {shlex.join(words)}")


def first_values(overrides):
    """The first job of a sweep."""
    for text, override in zip(overrides, OverridesParser.create().parse_overrides(overrides), strict=True):
        value = next(override.sweep_string_iterator()) if override.is_sweep_override() else None
        yield text if value is None else f"{override.get_key_element()}={value}"


def check_hydra(command, words):
    overrides = ["download=true" if word == "--download" else word for word in words if word not in ("-m", "--dry-run")]
    check_experiment(overrides)
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        check_keys(compose(HYDRA[command], list(first_values(overrides))), HYDRA[command])


def check_argparse(monkeypatch, words):
    parse = argparse.ArgumentParser.parse_args

    def only_parse(self):
        parse(self)
        raise StopIteration

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", only_parse)
    monkeypatch.setattr(sys, "argv", ["awcu", *words])
    with pytest.raises(StopIteration):
        cli.main()


# Of conf/hydra/launcher, whose names Hydra's plugins have as well.
@pytest.mark.filterwarnings(r"ignore:\s*'hydra/launcher/\w+' is validated against ConfigStore schema")
@pytest.mark.parametrize("words", list(commands()))
def test_a_command_is_one_that_the_program_takes(monkeypatch, words):
    program, *rest = words
    if program == "torchrun":
        program, rest = "awcu", rest[rest.index("awcu") + 1 :]
    if program == "awcu":
        if rest[0] in HYDRA:
            check_hydra(rest[0], rest[1:])
        else:
            check_argparse(monkeypatch, rest)
    else:
        assert program in ELSEWHERE


def test_every_target_of_make_exists():
    named = {
        target for page in PAGES for target in re.findall(r"^make (\w+)|`make (\w+)`", page.read_text(), re.MULTILINE)
    }
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {first or second for first, second in named} <= set(targets)


@pytest.mark.parametrize("text", code("python"))
def test_python_compiles_and_finds_what_it_imports(text):
    imports = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.Import | ast.ImportFrom)]
    exec(compile(ast.Module(imports, []), "<page>", "exec"))


@pytest.mark.parametrize("text", code("yaml"))
def test_yaml_is_a_table_or_a_page_of_conf(tmp_path, text):
    content = yaml.safe_load(text)
    if "columns" in content:
        (tmp_path / "table.yaml").write_text(text)
        assert TableSpec.load(tmp_path / "table.yaml").baseline in content["rows"]
    else:
        assert "_target_" in content or "_target_" in content["ratings"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page):
    """The site's own check follows the links of docs/ only as they are published there."""
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not missing
