"""What the documentation shows of the rest of the repository: experiments and their pictures, conf/, help texts.

A page marks the place with a comment of its own line: `<!-- conf: weighting/*.yaml -->` for the files of `conf/` that
match, `<!-- help: score -->` for what `awcu score --help` prints.
"""

import os
import posixpath
import re
import subprocess
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
SHOWN = (
    "benchmarks/README.md",
    "experiments/**/README.md",
    "experiments/**/*.jpg",
    "experiments/**/*.png",
    "experiments/published/*/published.csv",
    "experiments/published/*/table.md",
    "notebooks/README.md",
    "notebooks/*.ipynb",
    "src/awcu/models/bundled/*/README.md",
)
"""Files outside docs/ that are published with it, at the address that they have in the repository."""
MARK = re.compile(r"^<!-- (conf|help): (\S+) -->$", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|[#/])([^)\s#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is published from outside docs/."""
    for pattern in SHOWN:
        for path in sorted(ROOT.glob(pattern)):
            name, hidden = path.relative_to(ROOT).as_posix(), InclusionLevel.NOT_IN_NAV
            files.append(File.generated(config, name, abs_src_path=str(path), inclusion=hidden))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill the marked places, and let links that leave docs/ point at what `on_files` added."""
    filled = MARK.sub(lambda mark: {"conf": _conf, "help": _help}[mark[1]](mark[2]), markdown)
    address = page.file.src_uri
    here = posixpath.dirname(address if page.file.generated_by else f"docs/{address}")

    def target(link: re.Match[str]) -> str:
        meant = posixpath.normpath(posixpath.join(here, link[1]))
        if not (ROOT / meant).exists():
            return link[1]
        return posixpath.relpath(meant.removeprefix("docs/"), posixpath.dirname(address) or ".")

    return LINK.sub(target, filled)


def _conf(pattern: str) -> str:
    paths = sorted((ROOT / "conf").glob(pattern))
    if not paths:
        raise FileNotFoundError(f"conf/{pattern} matches no file; correct the mark, or remove it")
    return "\n\n".join(
        f'```yaml title="conf/{path.relative_to(ROOT / "conf").as_posix()}"\n{path.read_text(encoding="utf-8")}```'
        for path in paths
    )


def _help(command: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100"}
    call = [sys.executable, "-m", "awcu", *(["--help"] if command == "awcu" else [command, "--help"])]
    said = subprocess.run(call, capture_output=True, text=True, check=True, env=environment).stdout
    return f"```text\n{said}```"
