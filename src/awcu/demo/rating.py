"""The page of `awcu rate`: one photograph of a folder after another, large, and its rating."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from awcu.demo.server import RefusedError, application, refusal
from awcu.errors import ImageError, PersonalError
from awcu.images.apart import decoded_apart
from awcu.images.decoding import Encoded, decode_bytes, read_bytes
from awcu.personal.accuracy import ENOUGH
from awcu.personal.session import Session, StaleError
from awcu.reports.html import template

SHOWN = 1600  # px along a photograph's longer side
QUALITY = 90  # of its JPEG


def shrunk(path: Path) -> bytes:
    """A photograph as the page shows it: a JPEG, upright, of at most `SHOWN` pixels, in its own colours.

    Raises:
        ImageError: It cannot be read.
    """
    photograph = decoded_apart(Encoded(read_bytes(path), str(path)))
    pixels, _ = decode_bytes(photograph.data, photograph.name, SHOWN)
    shown = Image.fromarray(pixels)
    shown.thumbnail((SHOWN, SHOWN), Image.Resampling.LANCZOS)
    with Image.open(io.BytesIO(photograph.data)) as image:
        profile = image.info.get("icc_profile")
    file = io.BytesIO()
    # One of CMYK or grey does not fit pixels that are RGB by now.
    options = {"icc_profile": profile} if profile and profile[16:20] == b"RGB " else {}
    shown.save(file, "JPEG", quality=QUALITY, **options)
    return file.getvalue()


def create_rating_app(
    session: Session,
    pictures: Callable[[str], bytes],
    end: Callable[[], dict[str, Any]],
    names: Sequence[str] = ("*",),
) -> Starlette:
    """Build the page as an ASGI application.

    Args:
        session: What is rated.
        pictures: The JPEG of one of its images; any thread may call it. Raises an `ImageError`.
        end: Called when the person is done; what the page says then: `title`, `words` and `command`.
        names: Host names that requests may be addressed to; ("*",) for any.
    """
    desk = _Desk(session, pictures, end)
    return application(
        [
            Route("/", desk.page),
            Route("/state", desk.state),
            Route("/photograph", desk.photograph),
            *(Route(f"/{one.__name__}", one, methods=["POST"]) for one in (desk.rate, desk.skip, desk.undo, desk.done)),
        ],
        names,
        desk.open,
        {
            StaleError: lambda _, error: refusal(f"{error}.", 409),
            PersonalError: lambda _, error: refusal(f"{error}.", 422),
            ImageError: lambda _, error: refusal(f"{error}.", 422),
            Exception: lambda *_: refusal("The server failed; its log says why. Your ratings are kept.", 500),
        },
    )


class _Desk:
    """Answers the page. Whatever touches the session waits its turn in a thread of its own."""

    def __init__(self, session: Session, pictures: Callable[[str], bytes], end: Callable[[], dict[str, Any]]) -> None:
        self.session, self.pictures, self.end = session, pictures, end
        self.images = frozenset(session.images)
        self.turns = ThreadPoolExecutor(1, "rate")

    @asynccontextmanager
    async def open(self, _: Starlette) -> AsyncIterator[None]:
        yield
        self.turns.shutdown()

    async def page(self, _: Request) -> Response:
        ratings = self.session.ratings
        about = {"scale": ratings.values, "file": str(ratings.path)}
        return HTMLResponse(template("rate.html", "awcu.demo").render(about=about))

    async def photograph(self, request: Request) -> Response:
        image = request.query_params.get("image", "")
        if image not in self.images:
            raise RefusedError(404, "There is no such photograph here; reload the page.")
        return Response(await asyncio.to_thread(self.pictures, image), media_type="image/jpeg")

    async def state(self, _: Request) -> Response:
        def prepared() -> dict[str, Any]:
            self.session.prepare()
            return self._state()

        return JSONResponse(await self._turn(prepared))

    async def rate(self, request: Request) -> Response:
        return await self._change(request, lambda step: self.session.rate(step, _number(request, "rating")))

    async def skip(self, request: Request) -> Response:
        return await self._change(request, self.session.skip)

    async def undo(self, request: Request) -> Response:
        return await self._change(request, self.session.undo)

    async def done(self, request: Request) -> Response:
        _require_own(request)
        return JSONResponse(await self._turn(self.end))

    async def _change(self, request: Request, change: Callable[[int], None]) -> Response:
        _require_own(request)
        step = _number(request, "step")

        def changed() -> dict[str, Any]:
            change(step)
            return self._state()

        return JSONResponse(await self._turn(changed))

    async def _turn(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        return await asyncio.get_running_loop().run_in_executor(self.turns, work)

    def _state(self) -> dict[str, Any]:
        session = self.session
        image = session.shown
        return {
            "step": session.step,
            "image": image,
            "name": image or "",
            "was": session.was,
            "next": session.next,
            "undo": session.can_undo,
            "rated": len(session.rated),
            "goal": min(ENOUGH, len(session.images)),
            "count": f"{len(session.rated):,} of {len(session.images):,} rated",
            "said": session.accuracy.sentence() if session.accuracy else "",
            "enough": _enough(session),
        }


def _enough(session: Session) -> str:
    """That more ratings help little by now; "" while they help."""
    if session.shown is None:
        return "There is no photograph left to rate."
    if session.accuracy is None or not session.accuracy.enough:
        return ""
    return "Enough: more ratings would hardly make it better. You may stop here, or go on."


def _require_own(request: Request) -> None:
    """A page of another site, or of another server on this machine, gives no ratings."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    # Browsers say neither of a page that was typed in, and only the origin where the address is not encrypted.
    own = site in ("same-origin", "none") if site else origin is None or _host(origin) == request.headers.get("host")
    if not own:
        raise RefusedError(403, "Another site sent this; open this page itself and rate there.")


def _host(origin: str) -> str:
    return urlsplit(origin).netloc


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise RefusedError(400, f"This needs {name}=NUMBER.")
    return int(text)
