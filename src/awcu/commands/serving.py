"""What the commands that serve a web page have in common: the address, and the server."""

import argparse
import os
import socket
import sys
import webbrowser
from contextlib import suppress
from importlib.util import find_spec
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from awcu.errors import DemoError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from uvicorn import Server

LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
"""Names that a page which is for this machine only answers to: another site's name may be made to point here."""


def add_options(parser: Any, port: int) -> None:
    """Declare where the page is served.

    Args:
        parser: Of the command.
        port: The default.
    """
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to serve at; 0.0.0.0 lets other machines connect (default: this machine only)",
    )
    parser.add_argument(
        "--port", type=int, default=port, help=f"port to serve at; 0 for any free one (default: {port})"
    )
    parser.add_argument("--device", help="cpu, cuda, mps (default: an accelerator if there is one)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")


def require_extra() -> None:
    """Check that the packages of the extra are installed.

    Raises:
        DemoError: One is missing.
    """
    for package in ("starlette", "uvicorn"):
        if find_spec(package) is None:
            raise DemoError(f"the web page needs {package}; install the extra: pip install 'awcu[demo]'")


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


def names_answered(listening: socket.socket, host: str) -> tuple[str, ...]:
    """Host names that the page answers to; ("*",) if other machines may connect."""
    bound = listening.getsockname()[0]
    return (*LOOPBACK, bound, host) if ip_address(bound).is_loopback else ("*",)


def address_of(listening: socket.socket) -> str:
    """The page's address in a browser of this machine."""
    host, port = listening.getsockname()[:2]
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else f'[{host}]' if ':' in host else host}:{port}"


def server_of(app: "Starlette", busy: float) -> "Server":
    """A server that is not started yet.

    Args:
        app: What it serves.
        busy: Seconds for a request and its answer.
    """
    import uvicorn

    from awcu.demo.connections import bounded

    settings = uvicorn.Config(
        app,
        http=bounded(busy),
        ws="none",
        backlog=64,  # accepted at a time, before any of them is counted
        log_level="warning",
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
    )
    return uvicorn.Server(settings)


def answer(server: "Server", listening: socket.socket, arguments: argparse.Namespace) -> None:
    """Show the page in a browser, unless `--no-browser` is given, and answer until interrupted."""
    if not arguments.no_browser and _has_screen():
        webbrowser.open(address_of(listening))
    # uvicorn raises the interrupt again after it has shut down.
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


def _has_screen() -> bool:
    """Whether a graphical browser can open; without a screen, a text browser might take over the terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
