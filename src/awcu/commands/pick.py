"""`awcu pick`: the best photograph of each series."""

from importlib import import_module
from pathlib import Path
from typing import Any


def add_parser(commands: Any) -> None:
    """Declare the command."""
    says = "find series of photographs that are alike, and the best of each; nothing is moved or deleted"
    parser = commands.add_parser("pick", help=says, description=says[0].upper() + says[1:] + ".")
    parser.add_argument(
        "photographs", nargs="+", metavar="PHOTOGRAPH",
        help='files, folders (searched to any depth), or patterns ("**/*.jpg")',
    )  # fmt: skip
    parser.add_argument(
        "--checkpoint", metavar="MODEL", help="the model that says what is best (default: the one of the package)"
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: an accelerator if there is one)")
    parser.add_argument(
        "--out", type=Path, default=Path("pick.html"), metavar="FILE.html",
        help="contact sheet to write; one of awcu pick is replaced (default: pick.html)",
    )  # fmt: skip
    parser.add_argument("--list", type=Path, metavar="FILE", help="FILE.csv or FILE.jsonl to write: every photograph")
    parser.add_argument(
        "--into", type=Path, metavar="FOLDER",
        help="new or empty folder for links to the best of each series and to photographs without a series",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace any file that --out and --list name")
    # Their defaults are where they are used: importing them here would keep the help waiting.
    parser.add_argument(
        "--within", type=float, metavar="SECONDS", help="longest time between two of a series (default: 30)"
    )
    parser.add_argument(
        "--like", type=float, metavar="C", help="how alike two of a series are at least, up to 1 (default: .8)"
    )
    # Imported late, so that help appears at once.
    parser.set_defaults(command=lambda arguments: import_module("awcu.commands.picking").pick(arguments))
