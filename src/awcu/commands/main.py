"""The `awcu` command. Each subcommand imports what it needs when it runs, so help appears at once."""

import argparse
import os
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from awcu.bounds import MAX_PIXELS
from awcu.commands import dashboard, demo, export, maps, pick, predict, rate
from awcu.errors import AwcuError

HYDRA = {
    "prepare": ("awcu.commands.prepare", "main"),
    "train": ("awcu.commands.train", "main"),
    "probe": ("awcu.commands.probe", "main"),
    "features": ("awcu.commands.probe", "features_main"),
}

FULL_ERROR = "HYDRA_FULL_ERROR"
TRACED = f"{FULL_ERROR}=1 shows where"

MULTIRUN = {"-m", "--multirun"}
SAME_PAGES = MULTIRUN | {"-c", "--cfg", "--resolve", "-p", "--package", "-i", "--info", "-h", "--help"}
"""Options of Hydra under which the overrides are for our pages."""


def main() -> None:
    """Run a subcommand; an error the user can fix ends in one line and exit status 1.

    What the system has named is mostly a full disk or a folder that cannot be made. It may be a bug as well, so such a
    line says how to see where it was raised.
    """
    if FULL_ERROR in os.environ:
        _with_traceback()
        return
    try:
        _dispatch()
    except AwcuError as error:
        raise SystemExit(f"awcu: {error}") from error
    except OSError as error:
        raise SystemExit(f"awcu: {error}; {TRACED}") from error
    except SystemExit as ended:
        if ended.__cause__ is None or isinstance(ended.__cause__, AwcuError):
            raise
        raise SystemExit(f"{ended}; {TRACED}") from ended.__cause__


def _with_traceback() -> None:
    """Raise what a command ended for in place of its line."""
    try:
        _dispatch()
    except SystemExit as ended:
        cause = ended.__cause__ or ended
    else:
        return
    raise cause


def _dispatch() -> None:
    # Hydra parses its own arguments, including --help, so its commands never reach argparse.
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command not in HYDRA:
        arguments = _parser().parse_args()
        _allow_large_photographs()
        arguments.command(arguments)
        return
    module, function = HYDRA[command]
    sys.argv[:2] = [f"awcu {command}"]
    if command == "prepare":
        # Hydra does not know our options.
        sys.argv = ["download=true" if word == "--download" else word for word in sys.argv]
    dry = command == "train" and "--dry-run" in sys.argv
    if dry:
        sys.argv = [word for word in sys.argv if word != "--dry-run"]
    _check_overrides(sys.argv[1:], command)
    _allow_large_photographs()
    if dry:
        _dry_run(sys.argv[1:])
    else:
        _through_hydra(getattr(import_module(module), function))


def _through_hydra(run: Callable[[], None]) -> None:
    """Run one of Hydra's commands, and let what it raises out where Hydra would print a traceback and end."""
    if FULL_ERROR in os.environ:
        run()
        return
    from hydra.errors import CompactHydraException
    from omegaconf.errors import OmegaConfBaseException

    os.environ[FULL_ERROR] = "1"
    try:
        run()
    except CompactHydraException as error:
        cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else ""
        # From nothing: what Hydra refuses is no bug.
        raise SystemExit(f"{error}\n{cause}".strip()) from None
    finally:
        del os.environ[FULL_ERROR]


def _dry_run(words: list[str]) -> None:
    from awcu.commands.dry_run import dry_run

    if dry_run(words):
        raise SystemExit(1)


def _allow_large_photographs() -> None:
    """Give Pillow our own bound: its default warns of cameras' photographs, but in a host process it is the host's."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    # What is larger is refused by its name.
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)


def _check_overrides(words: list[str], command: str) -> None:
    """End in one line at a name that Hydra would refuse without saying what is like it; add what a sweep chooses."""
    from awcu.config.hydra import check_experiment, misspelt, swept_choices

    check_experiment(words, ("train" if command == "train" else "probe",))
    options = {word.partition("=")[0] for word in words if word.startswith("-")}
    overrides = [word for word in words if not word.startswith("-") and ("=" in word or word.startswith("~"))]
    # Another option may name other pages, or be about something else.
    if overrides and options <= SAME_PAGES:
        fault = misspelt("probe" if command == "features" else command, overrides)
        if fault is not None:
            raise SystemExit(f"awcu: {fault}")
        if command == "train":
            sys.argv[1:1] = swept_choices(command, overrides, multirun=not options.isdisjoint(MULTIRUN))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="awcu", description="Sample-weighted aesthetic classification and its maps.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser(
        "prepare", help="check and shrink every photograph once, and report (awcu prepare --help)", add_help=False
    )
    commands.add_parser(
        "train", help="train and evaluate; --dry-run checks what it needs (Hydra: awcu train --help)", add_help=False
    )
    commands.add_parser(
        "probe", help="solve many weighted heads on frozen features (awcu probe --help)", add_help=False
    )
    commands.add_parser("features", help="compute only the features for probe (awcu features --help)", add_help=False)

    _add_table(commands)
    dashboard.add_parser(commands)
    _add_report(commands)
    maps.add_parsers(commands)
    predict.add_parsers(commands)
    pick.add_parser(commands)
    demo.add_parser(commands)
    rate.add_parser(commands)
    export.add_parser(commands)
    return parser


def _add_table(commands: Any) -> None:
    table = commands.add_parser("table", help="collect runs into a table and its plots")
    table.add_argument("experiment", type=Path, help="folder with table.yaml and, without --runs, results.csv")
    table.add_argument(
        "--runs",
        type=Path,
        help="folder of finished runs; rewrites results.csv and differences.csv, the differences by photograph",
    )
    table.add_argument(
        "--out",
        type=Path,
        help="folder for results.csv, differences.csv, failures.csv, table.md, table.csv and the plots "
        "(default: the experiment folder)",
    )
    table.add_argument(
        "--readme",
        type=Path,
        action="append",
        default=[],
        help="file whose <!-- table:NAME --> block is updated; NAME is the experiment named in the runs",
    )
    table.set_defaults(command=_table)


def _add_report(commands: Any) -> None:
    report = commands.add_parser("report", help="write an HTML report of an experiment's runs, without W&B")
    report.add_argument("experiment", metavar="experiment=NAME", help="as for awcu train")
    report.add_argument("--runs", type=Path, help="folder of its runs (default: runs/NAME)")
    report.add_argument("--table", type=Path, help="folder with its table.yaml (default: experiments/NAME, if any)")
    report.add_argument("--out", type=Path, help="HTML file to write (default: report.html in the runs' folder)")
    report.add_argument("--n", type=int, default=6, help="photographs to show with maps at either end (default: 6)")
    report.add_argument(
        "--row",
        action="append",
        default=[],
        help="row of the table to show photographs of; may be repeated (default: the baseline and the best)",
    )
    report.set_defaults(command=_report)


def _table(arguments: argparse.Namespace) -> None:
    from awcu.commands.table import make_table

    make_table(arguments.experiment, arguments.runs, arguments.out or arguments.experiment, arguments.readme)


def _report(arguments: argparse.Namespace) -> None:
    from awcu.commands.report import make_report

    make_report(arguments.experiment, arguments.runs, arguments.table, arguments.out, arguments.row, arguments.n)
