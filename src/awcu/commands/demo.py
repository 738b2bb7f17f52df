"""`awcu demo`: serve the web page on this machine."""

import argparse
import socket
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awcu.commands.serving import add_options, address_of, answer, listen, names_answered, require_extra, server_of
from awcu.demo.limits import Limits

if TYPE_CHECKING:
    from awcu.demo.app import ServedModel

PORT = 7860


def add_parser(commands: Any) -> None:
    """Declare the command."""
    says = "a web page: drop a photograph on it and see the verdict, the reason and the crop"
    parser = commands.add_parser("demo", help=says, description=says[0].upper() + says[1:] + ".")
    parser.add_argument(
        "--checkpoint", metavar="MODEL", help="your model (default: the one that comes with the package)"
    )
    parser.add_argument(
        "--compare", metavar="MODEL", help="a second model, shown beside the first on the same photograph"
    )
    add_options(parser, PORT)
    for one in fields(Limits):
        says = f"limit: {one.metadata['help']} (default: {one.default})"
        parser.add_argument(f"--{one.name}", type=int, default=one.default, metavar="N", help=says)
    parser.set_defaults(command=_demo)


def _demo(arguments: argparse.Namespace) -> None:
    require_extra()
    # Bind the port first: loading the models takes seconds.
    with listen(arguments.host, arguments.port) as listening:
        serve(arguments, listening)


def serve(arguments: argparse.Namespace, listening: socket.socket) -> None:
    """Load the models and answer until interrupted."""
    import torch

    from awcu.demo.app import create_app

    limits = Limits(**{one.name: getattr(arguments, one.name) for one in fields(Limits)})
    models = load_models(arguments.checkpoint, arguments.compare, arguments.device)
    # Photographs are judged in parallel, one per core; more threads in each would compete for the same cores.
    torch.set_num_threads(1)
    app = create_app(models, limits, names=names_answered(listening, arguments.host))
    print(f"awcu demo: {address_of(listening)} (Ctrl-C ends it)", flush=True)
    # A photograph is sent, waits, is judged, and the answer is read.
    answer(server_of(app, busy=3 * limits.seconds), listening, arguments)


def load_models(checkpoint: str | None, second: str | None, device: str | None) -> "list[ServedModel]":
    """Load the models that the page shows, under distinct names; by default that of the package.

    Raises:
        ModelError: A path holds no model.
    """
    from awcu.demo.app import ServedModel
    from awcu.inference.predictor import AestheticModel
    from awcu.models.pretrained import BUNDLED

    sources = [(Path(one).name, Path(one)) for one in (checkpoint or BUNDLED, second) if one is not None]
    if len(sources) > 1 and sources[0][0] == sources[1][0]:
        sources = [(f"{name} ({place})", source) for place, (name, source) in enumerate(sources, 1)]
    return [ServedModel(name, AestheticModel.from_pretrained(source, device)) for name, source in sources]
