"""`awcu demo`: serve the web page on this machine."""

import argparse
import os
import socket
import sys
import webbrowser
from contextlib import suppress
from dataclasses import fields
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awcu.demo.limits import Limits
from awcu.errors import DemoError

if TYPE_CHECKING:
    from awcu.demo.app import ServedModel

PORT = 7860
LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
"""Names that a page which is for this machine only answers to: another site's name may be made to point here."""


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
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to serve at; 0.0.0.0 lets other machines connect (default: this machine only)",
    )
    parser.add_argument(
        "--port", type=int, default=PORT, help=f"port to serve at; 0 for any free one (default: {PORT})"
    )
    parser.add_argument("--device", help="cpu, cuda, mps (default: an accelerator if there is one)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    for one in fields(Limits):
        says = f"limit: {one.metadata['help']} (default: {one.default})"
        parser.add_argument(f"--{one.name}", type=int, default=one.default, metavar="N", help=says)
    parser.set_defaults(command=_demo)


def _demo(arguments: argparse.Namespace) -> None:
    for package in ("starlette", "uvicorn"):
        if find_spec(package) is None:
            raise DemoError(f"the web page needs {package}; install the extra: pip install 'awcu[demo]'")
    # Bind the port first: loading the models takes seconds.
    with listen(arguments.host, arguments.port) as listening:
        serve(arguments, listening)


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket.

    Raises:
        DemoError: There is no such port or address, or the port is taken or not allowed.
    """
    if not 0 <= port <= 65_535:
        raise DemoError(f"--port {port} is not a port; give one from 1 to 65535, or 0 for any free one")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise DemoError(
            f"--host {host} is not an address of this machine ({error.strerror}); leave the option out"
        ) from error
    # Lets the page start again at once after it has stopped.
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
    from awcu.demo.connections import bounded

    limits = Limits(**{one.name: getattr(arguments, one.name) for one in fields(Limits)})
    models = load_models(arguments.checkpoint, arguments.compare, arguments.device)
    # Photographs are judged in parallel, one per core; more threads in each would compete for the same cores.
    torch.set_num_threads(1)
    host, port = listening.getsockname()[:2]
    names = (*LOOPBACK, host, arguments.host) if ip_address(host).is_loopback else ("*",)
    app = create_app(models, limits, names=names)
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else f'[{host}]' if ':' in host else host}:{port}"
    print(f"awcu demo: {address} (Ctrl-C ends it)", flush=True)
    if not arguments.no_browser and _has_screen():
        webbrowser.open(address)
    settings = uvicorn.Config(
        app,
        # A photograph is sent, waits, is judged, and the answer is read.
        http=bounded(busy=3 * limits.seconds),
        ws="none",
        backlog=64,  # accepted at a time, before any of them is counted
        log_level="warning",
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
    )
    # uvicorn raises the interrupt again after it has shut down.
    with suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run(sockets=[listening])


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


def _has_screen() -> bool:
    """Whether a graphical browser can open; without a screen, a text browser might take over the terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
