"""`awcu demo`: the web page on this machine."""

import argparse
import os
import socket
import sys
import webbrowser
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awcu.demo.limits import Limits

if TYPE_CHECKING:
    from awcu.demo.app import ServedModel
from awcu.errors import DemoError

PORT = 7860


def add_parser(commands: Any) -> None:
    """Declare the command."""
    says = "a web page: drop a photograph, see the verdict, the reason and the crop"
    parser = commands.add_parser("demo", help=says, description=says[0].upper() + says[1:] + ".")
    parser.add_argument(
        "--checkpoint", metavar="MODEL", help="a model of yours (default: the two that come with the package)"
    )
    parser.add_argument("--compare", metavar="MODEL", help="a second model, to see both on the same photograph")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 for other machines (default: this machine only)")
    parser.add_argument("--port", type=int, default=PORT, help=f"0 for any free one (default: {PORT})")
    parser.add_argument("--device", help="cpu, cuda, mps (default: an accelerator if there is one)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    for one in fields(Limits):
        says = f"limit: {one.metadata['help']} (default: {one.default})"
        parser.add_argument(f"--{one.name}", type=int, default=one.default, metavar="N", help=says)
    parser.set_defaults(command=_demo)


def _demo(arguments: argparse.Namespace) -> None:
    # Before seconds are spent on loading what could not be served.
    listening = listen(arguments.host, arguments.port)
    with listening:
        serve(arguments, listening)


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes visitors.

    Raises:
        DemoError: No such port or address, or the port is taken or not allowed.
    """
    if not 0 <= port <= 65_535:
        raise DemoError(f"--port {port} is none; give one from 1 to 65535, or 0 for any free one")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise DemoError(f"--host {host} is no address of this machine ({error.strerror}); leave it out") from error
    # So that the page can be started again at once.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise DemoError(
            f"{host}:{port} cannot be served ({error.strerror}); choose another --port, or 0 for any free one"
        ) from error
    return listening


def serve(arguments: argparse.Namespace, listening: socket.socket) -> None:
    """Load the models and answer until interrupted."""
    import torch
    import uvicorn

    from awcu.demo.app import create_app

    limits = Limits(**{one.name: getattr(arguments, one.name) for one in fields(Limits)})
    models = load_models(arguments.checkpoint, arguments.compare, arguments.device)
    # Photographs are judged side by side, one a core; threads within each would only wait for one another.
    torch.set_num_threads(1)
    app = create_app(models, limits)
    host, port = listening.getsockname()[:2]
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else f'[{host}]' if ':' in host else host}:{port}"
    print(f"awcu demo: {address} (Ctrl-C ends it)", flush=True)
    if not arguments.no_browser and _has_screen():
        webbrowser.open(address)
    settings = uvicorn.Config(
        app, log_level="warning", server_header=False, timeout_keep_alive=30, timeout_graceful_shutdown=3
    )
    # It raises the interrupt once more when all is closed.
    with suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run(sockets=[listening])


def load_models(checkpoint: str | None, second: str | None, device: str | None) -> "list[ServedModel]":
    """The models that the page shows, each with a name of its own; those of the package where none is given.

    Raises:
        ModelError: Not a model.
    """
    from awcu.demo.app import ServedModel
    from awcu.inference.predictor import AestheticModel
    from awcu.models import pretrained as bundled

    if checkpoint is None:
        sources = [("weighted", bundled.WEIGHTED), ("uniform", bundled.UNIFORM)]
        if second is not None:
            sources[1] = (Path(second).name, Path(second))
    else:
        sources = [(Path(one).name, Path(one)) for one in (checkpoint, second) if one is not None]
    if len(sources) > 1 and sources[0][0] == sources[1][0]:
        sources = [(f"{name} ({place})", source) for place, (name, source) in enumerate(sources, 1)]
    return [ServedModel(name, AestheticModel.from_pretrained(source, device)) for name, source in sources]


def _has_screen() -> bool:
    """Whether a browser can open: elsewhere, one for the terminal might come up and take it over."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
