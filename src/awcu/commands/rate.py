"""Arguments of `awcu rate`."""

import argparse
from pathlib import Path
from typing import Any

from awcu.commands.serving import add_options, require_extra

PORT = 7861


def add_parser(commands: Any) -> None:
    """Declare the command."""
    says = "a web page: rate your photographs, and get a model that ranks the rest as you would"
    parser = commands.add_parser("rate", help=says, description=says[0].upper() + says[1:] + ".")
    parser.add_argument("folder", type=Path, help="folder of your photographs, searched to any depth")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("ratings.csv"),
        metavar="FILE.csv",
        help="your ratings; goes on with those that it holds (default: ratings.csv)",
    )
    parser.add_argument(
        "--model",
        type=Path,
        default=Path("my-eye"),
        metavar="FOLDER",
        help="the model to write at the end; replaces an earlier one (default: my-eye)",
    )
    parser.add_argument(
        "--scale", type=int, default=5, metavar="5|7", help="highest rating; the lowest is 1 (default: 5)"
    )
    parser.add_argument(
        "--checkpoint", metavar="MODEL", help="the general model to start from (default: that of the package)"
    )
    add_options(parser, PORT)
    parser.set_defaults(command=_rate)


def _rate(arguments: argparse.Namespace) -> None:
    require_extra()
    # Here, so that help appears at once.
    from awcu.commands.rating import rate

    rate(arguments)
