"""The `awcu` command. What a subcommand needs is imported when it runs, so that help appears at once."""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from awcu.commands import dashboard, demo, export, predict
from awcu.errors import AwcuError

HYDRA = {
    "prepare": ("awcu.commands.prepare", "main"),
    "train": ("awcu.commands.train", "main"),
    "probe": ("awcu.commands.probe", "main"),
    "features": ("awcu.commands.probe", "features_main"),
}


def main() -> None:
    """Dispatch to a subcommand; what the user can mend ends in one line and exit status 1."""
    # Hydra reads its own arguments, help included, so its commands never reach argparse.
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command in HYDRA:
        module, function = HYDRA[command]
        sys.argv[:2] = [f"awcu {command}"]
        if command == "prepare":
            # Hydra knows no options of ours.
            sys.argv = ["download=true" if word == "--download" else word for word in sys.argv]
        _check_experiment(sys.argv[1:], "train" if command == "train" else "probe")
        getattr(import_module(module), function)()
        return
    arguments = _parser().parse_args()
    try:
        arguments.command(arguments)
    except (AwcuError, OSError) as error:
        raise SystemExit(f"awcu: {error}") from error


def _check_experiment(overrides: list[str], command: str) -> None:
    from awcu.config.hydra import check_experiment

    try:
        check_experiment(overrides, (command,))
    except AwcuError as error:
        raise SystemExit(f"awcu: {error}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="awcu", description="Sample-weighted aesthetic classification and its maps.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser(
        "prepare", help="look at every photograph once, keep it small, report (awcu prepare --help)", add_help=False
    )
    commands.add_parser("train", help="train and evaluate (Hydra: awcu train --help)", add_help=False)
    commands.add_parser(
        "probe", help="solve many weighted heads on frozen features (awcu probe --help)", add_help=False
    )
    commands.add_parser("features", help="compute those features only (awcu features --help)", add_help=False)

    table = commands.add_parser("table", help="collect runs into a table and its plots")
    table.add_argument("experiment", type=Path, help="folder with table.yaml (and results.csv)")
    table.add_argument(
        "--runs",
        type=Path,
        help="folder of finished runs; writes results.csv anew, and what their photographs say (differences.csv)",
    )
    table.add_argument(
        "--out",
        type=Path,
        help="where to write results.csv, differences.csv, failures.csv, table.md, table.csv and the plots "
        "(default: the experiment folder)",
    )
    table.add_argument(
        "--readme",
        type=Path,
        action="append",
        default=[],
        help="file whose <!-- table:NAME --> block is refreshed; NAME is the experiment that the runs name",
    )
    table.set_defaults(command=_table)
    dashboard.add_parser(commands)

    report = commands.add_parser("report", help="one HTML file of an experiment's runs, for who has no W&B")
    report.add_argument("experiment", metavar="experiment=NAME", help="as for awcu train")
    report.add_argument("--runs", type=Path, help="folder of its runs (default: runs/NAME)")
    report.add_argument("--table", type=Path, help="folder with its table.yaml (default: experiments/NAME, if any)")
    report.add_argument("--out", type=Path, help="HTML file to write (default: report.html in the runs' folder)")
    report.add_argument("--n", type=int, default=6, help="photographs at either end, with maps (default: 6)")
    report.add_argument(
        "--row",
        action="append",
        default=[],
        help="whose photographs; may be repeated (default: the baseline's, the best)",
    )
    report.set_defaults(command=_report)

    maps = commands.add_parser("maps", help="AesAM and AttAM of test photographs")
    maps.add_argument("run", type=Path, help="folder of a finished run")
    maps.add_argument("--n", type=int, default=6, help="photographs, at even steps of rating (default: 6)")
    maps.add_argument("--out", type=Path, help="PNG to write (default: maps.png in the run's folder)")
    maps.set_defaults(command=_maps)

    gallery = commands.add_parser("gallery", help="contact sheet of the rendered gallery")
    gallery.add_argument("--n", type=int, default=36, help="pictures (default: 36)")
    gallery.add_argument("--seed", type=int, default=0, help="of the gallery (default: 0)")
    gallery.add_argument("--out", type=Path, default=Path("gallery.png"), help="PNG to write (default: gallery.png)")
    gallery.set_defaults(command=_gallery)

    predict.add_parsers(commands)
    demo.add_parser(commands)
    export.add_parser(commands)
    return parser


def _table(arguments: argparse.Namespace) -> None:
    from awcu.commands.table import make_table

    make_table(arguments.experiment, arguments.runs, arguments.out or arguments.experiment, arguments.readme)


def _report(arguments: argparse.Namespace) -> None:
    from awcu.commands.report import make_report

    make_report(arguments.experiment, arguments.runs, arguments.table, arguments.out, arguments.row, arguments.n)


def _maps(arguments: argparse.Namespace) -> None:
    from awcu.commands.train import load_run
    from awcu.datasets import gallery
    from awcu.models.cam import spread
    from awcu.reports.sheet import contact_sheet

    model, test = load_run(arguments.run)
    rows = spread(test, arguments.n)
    captions = [
        f"rated {test.mean_score[row]:.2f} ({'high' if test.high[row] else 'low'}, midpoint {test.midpoint:g})"
        for row in rows
    ]
    out = arguments.out or arguments.run / "maps.png"
    # Only the rendered gallery knows what its ratings come from.
    rendered = test.name == "gallery"
    causes = [gallery.truth(test, image_id).cause_map for image_id in test.image_ids[rows]] if rendered else []
    contact_sheet([model.explain(path) for path in test.image_paths[rows]], captions, out, causes=causes)
    print(out)


def _gallery(arguments: argparse.Namespace) -> None:
    from PIL import Image

    from awcu.datasets.gallery import contact_sheet

    Image.fromarray(contact_sheet(arguments.seed, range(arguments.n))).save(arguments.out)
    print(arguments.out)
