"""What the web pages have in common: their files, the headers of every answer, and how a request is refused."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

WEB = Path(__file__).parent / "web"
HEADERS = {
    # Only the page's own files may be loaded, whatever a photograph's name tries to inject.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Faults = Mapping[type[Exception], Callable[[Request, Any], Response]]
"""What a request is answered with when an exception ends it."""


class RefusedError(Exception):
    """A refused request: the HTTP status, and a sentence for the visitor."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def application(
    routes: Sequence[BaseRoute],
    names: Sequence[str],
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]],
    faults: Faults,
) -> Starlette:
    """A page as an ASGI application, with the files of `WEB` under /web.

    Args:
        routes: The page's own.
        names: Host names that requests may be addressed to; ("*",) for any.
        lifespan: What surrounds its life.
        faults: Beside `RefusedError`, and a visitor who goes away.
    """
    own: Faults = {
        RefusedError: lambda _, error: refusal(str(error), error.status),
        ClientDisconnect: lambda *_: Response(status_code=400),
    }
    return Starlette(
        routes=[*routes, Mount("/web", StaticFiles(directory=WEB))],
        exception_handlers={**own, **faults},
        middleware=[Middleware(_Headers), Middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False)],
        lifespan=lifespan,
    )


def refusal(sentence: str, status: int) -> JSONResponse:
    """The answer to a request that failed; the page shows its sentence."""
    return JSONResponse({"error": sentence}, status)


class _Headers:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, with_headers)
