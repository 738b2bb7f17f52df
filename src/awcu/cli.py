"""The `awcu` command. What a subcommand needs is imported when it runs, so that help appears at once."""

import argparse
import sys
from pathlib import Path


def main() -> None:
    """Dispatch to a subcommand; what the user can mend ends in one line and exit status 1."""
    # Hydra reads its own arguments, help included, so train never reaches argparse.
    if sys.argv[1:2] == ["train"]:
        from awcu import train

        sys.argv[:2] = ["awcu train"]
        train.main()
        return
    arguments = _parser().parse_args()
    try:
        arguments.command(arguments)
    except (ValueError, OSError) as error:
        raise SystemExit(f"awcu: {error}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="awcu", description="Sample-weighted aesthetic classification and its maps.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("train", help="train and evaluate (Hydra: awcu train --help)", add_help=False)

    table = commands.add_parser("table", help="collect runs into a table and a ladder plot")
    table.add_argument("experiment", type=Path, help="folder with table.yaml (and results.csv)")
    table.add_argument("--runs", type=Path, help="folder of finished runs; writes results.csv anew")
    table.add_argument(
        "--out",
        type=Path,
        help="where to write results.csv, table.md, table.csv and ladder.png (default: the experiment folder)",
    )
    table.add_argument(
        "--readme", type=Path, action="append", default=[], help="file whose <!-- table:NAME --> block is refreshed"
    )
    table.set_defaults(command=_table)

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
    return parser


def _table(arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from awcu import plots
    from awcu.results import find_records, read_results_csv, write_atomically, write_results_csv
    from awcu.table_spec import TableSpec
    from awcu.tables import Table, refresh_block

    out = arguments.out or arguments.experiment
    spec = TableSpec.load(arguments.experiment / "table.yaml")
    if arguments.runs:
        records = find_records(arguments.runs)
        write_results_csv(records, out / "results.csv")
    else:
        records = read_results_csv(arguments.experiment / "results.csv")
    table = Table.from_records(spec, records)
    table.to_csv(out / "table.csv")
    write_atomically(out / "table.md", table.to_markdown())
    if spec.ladder:
        plots.ladder(table, out / "ladder.png")
    for readme in arguments.readme:
        refresh_block(readme, arguments.experiment.name, table.to_markdown())
    # A pipe or a log file has no width to fit into.
    Console(width=None if sys.stdout.isatty() else 120).print(table.to_terminal())


def _maps(arguments: argparse.Namespace) -> None:
    from awcu.maps import explain, sheet, spread
    from awcu.sources import gallery
    from awcu.train import load_run

    task, test = load_run(arguments.run)
    rows = spread(test, arguments.n)
    captions = [
        f"rated {test.mean_score[row]:.2f} ({'high' if test.high[row] else 'low'}, midpoint {test.midpoint:g})"
        for row in rows
    ]
    out = arguments.out or arguments.run / "maps.png"
    # Only the rendered gallery knows what its ratings come from.
    rendered = test.name == "gallery"
    causes = [gallery.truth(test, image_id).cause_map for image_id in test.image_ids[rows]] if rendered else []
    sheet(explain(task, test, rows), captions, out, causes=causes)
    print(out)


def _gallery(arguments: argparse.Namespace) -> None:
    from PIL import Image

    from awcu.sources.gallery import contact_sheet

    Image.fromarray(contact_sheet(arguments.seed, range(arguments.n))).save(arguments.out)
    print(arguments.out)
