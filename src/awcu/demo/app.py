"""The web page: it takes a photograph and returns the verdict, its maps and crops. Nothing is written to disk."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from awcu.demo.limits import Limits
from awcu.demo.payload import ASPECTS, explained, judged, tinted
from awcu.demo.server import WEB, RefusedError, application, refusal
from awcu.errors import BoxError, ImageError
from awcu.images.apart import decoded_apart
from awcu.images.boxes import Box, inside
from awcu.images.decoding import Encoded, declared_size, decode_bytes, upright
from awcu.inference.compare import compare
from awcu.inference.crop import Proposal
from awcu.inference.crop_file import cut
from awcu.inference.explanation import Explanation
from awcu.inference.predictor import AestheticModel
from awcu.inference.wording import UNSEEN, measure
from awcu.models.purpose import purpose
from awcu.reports.html import template
from awcu.reports.rows import VERDICT, attribute_columns
from awcu.reports.sheet import Sheet

T = TypeVar("T")

EXAMPLES = sorted(path.name for path in (WEB / "examples").glob("*.jpg"))
DIFFERENCE = 2.0  # standard deviations of the score at which the colours of a difference saturate
LONGEST_NAME = 200


class ServedModel(NamedTuple):
    """A model and its name on the page."""

    name: str
    model: AestheticModel


def create_app(
    models: Sequence[ServedModel],
    limits: Limits | None = None,
    threads: int | None = None,
    names: Sequence[str] = ("*",),
) -> Starlette:
    """Build the page as an ASGI application.

    Args:
        models: The first one judges; it is compared with the second, if there is one.
        limits: Limits for visitors' requests.
        threads: Photographs judged at once; None for one per core.
        names: Host names that requests may be addressed to; ("*",) for any.
    """
    desk = _Desk(models, limits or Limits(), threads or os.cpu_count() or 1)
    posts = {
        "explain": desk.explain,
        "score": desk.score,
        "compare": desk.compare,
        "crop": desk.crop,
        "sheet": desk.sheet,
    }
    return application(
        [
            Route("/", desk.page),
            *(Route(f"/{name}", post, methods=["POST"]) for name, post in posts.items()),
        ],
        names,
        desk.open,
        {
            ImageError: lambda _, error: refusal(str(error), 422),
            Exception: lambda *_: refusal("The server failed on this photograph; its log says why.", 500),
        },
    )


class _Desk:
    """Receives photographs, judges them in threads and returns the answers."""

    def __init__(self, models: Sequence[ServedModel], limits: Limits, threads: int) -> None:
        self.models = {served.name: served.model for served in models}
        self.limits = limits
        self.pool = ThreadPoolExecutor(threads, "judge")
        self.inside = 0
        self.drawing = threading.Lock()  # matplotlib draws one figure at a time

    @asynccontextmanager
    async def open(self, _: Starlette) -> AsyncIterator[None]:
        yield
        self.pool.shutdown(wait=False, cancel_futures=True)

    async def page(self, _: Request) -> Response:
        first = next(iter(self.models.values()))
        about = {
            "models": list(self.models),
            "columns": ["path", *VERDICT, *attribute_columns(first.config.attribute_names), "error"],
            "aspects": ASPECTS,
            "examples": EXAMPLES,
            "limits": asdict(self.limits),
        }
        words: dict[str, object] = {"attributes": first.config.attribute_names}
        words |= {"says": purpose(first.config.trained_on).model, "measure": measure(first.objective), "unseen": UNSEEN}
        return HTMLResponse(template("demo.html", "awcu.demo").render(about=about, **words))

    async def explain(self, request: Request) -> Response:
        model = self._model(request)
        return JSONResponse(await self._judge(request, lambda photograph: explained(model.explain(photograph))))

    async def score(self, request: Request) -> Response:
        model = self._model(request)

        def row(photograph: Encoded) -> dict[str, Any]:
            pixels, _ = decode_bytes(
                photograph.data, photograph.name, model.config.preparation["size"], photograph.until
            )
            return judged(photograph.name, model.score([pixels])[0], model.config.reference, pixels)

        return JSONResponse(await self._judge(request, row))

    async def compare(self, request: Request) -> Response:
        if len(self.models) < 2:
            raise RefusedError(404, "This server has one model; start it with --compare MODEL to see two.")
        mine, other = tuple(self.models)[:2]

        def both(photograph: Encoded) -> dict[str, Any]:
            before, after = (self.models[name].explain(photograph) for name in (other, mine))
            found = compare((other, mine), before, after)
            ends = (f"“{mine}” less", "0", f"“{mine}” more")
            layer = {"title": "Difference", "layer": tinted(found.difference, DIFFERENCE), "ends": ends}
            answers = [{"name": other, **explained(before)}, {"name": mine, **explained(after)}]
            return {"models": answers, "sentence": found.sentence, "difference": layer}

        return JSONResponse(await self._judge(request, both))

    async def crop(self, request: Request) -> Response:
        edges = _edges(request)

        def cropped(photograph: Encoded) -> tuple[bytes, str]:
            picture = upright(photograph)
            return cut(picture, _box(edges, picture.size))

        content, ending = await self._judge(request, cropped)
        return _file(content, f"{Path(_name(request)).stem}-crop{ending}")

    async def sheet(self, request: Request) -> Response:
        model, edges = self._model(request), _edges(request)

        def drawn(photograph: Encoded) -> bytes:
            explanation: Explanation = model.explain(photograph)
            height, width = explanation.photograph.shape[:2]
            box = _box(edges, (width, height))
            with self.drawing:
                return Sheet(explanation, photograph.name, crop=Proposal(box, 0.0)).png()

        return _file(await self._judge(request, drawn), f"{Path(_name(request)).stem}-explained.png")

    def _model(self, request: Request) -> AestheticModel:
        name = request.query_params.get("model", next(iter(self.models)))
        if name not in self.models:
            raise RefusedError(404, f"There is no model {name!r} here; reload the page.")
        return self.models[name]

    async def _judge(self, request: Request, work: Callable[[Encoded], T]) -> T:
        """Run `work` on the photograph in the request, in a thread and within the limits.

        Raises:
            RefusedError: A limit is exceeded.
            ImageError: The data is not a complete photograph.
        """
        if request.headers.get("sec-fetch-site") == "cross-site":
            raise RefusedError(403, "Another site sent this photograph; open this page itself and drop it there.")
        if self.inside >= self.limits.waiting:
            raise RefusedError(503, "Too many photographs are waiting here; try again in a few seconds.")
        self.inside += 1
        try:
            data = await self._received(request)
            # Once the visitor's time is up, a photograph in the queue is dropped, and decoding one ends.
            photograph = Encoded(data, _name(request), time.monotonic() + self.limits.seconds)
            job = self.pool.submit(partial(self._within, photograph, work))
            return await asyncio.wait_for(asyncio.wrap_future(job), self.limits.seconds)
        except TimeoutError as error:
            raise RefusedError(
                504, f"{_name(request)} took longer than {self.limits.seconds} seconds; send a smaller copy."
            ) from error
        finally:
            self.inside -= 1

    async def _received(self, request: Request) -> bytes:
        largest = self.limits.megabytes * 1_000_000
        refused = RefusedError(413, f"{_name(request)} is larger than {self.limits.megabytes} MB; send a smaller copy.")
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > largest:
            raise refused
        data = bytearray()
        async with asyncio.timeout(self.limits.seconds):
            async for chunk in request.stream():
                data += chunk
                if len(data) > largest:
                    raise refused
        return bytes(data)

    def _within(self, photograph: Encoded, work: Callable[[Encoded], T]) -> T:
        width, height = declared_size(photograph)
        if width * height > self.limits.megapixels * 1_000_000:
            raise RefusedError(
                413,
                f"{photograph.name} declares {width} × {height} pixels, more than {self.limits.megapixels} megapixels; "
                "send a smaller copy.",
            )
        return work(decoded_apart(photograph))


def _name(request: Request) -> str:
    return request.query_params.get("name", "photograph")[:LONGEST_NAME]


def _edges(request: Request) -> list[int]:
    try:
        left, top, right, bottom = (int(edge) for edge in request.query_params.get("box", "").split(","))
    except ValueError as error:
        raise RefusedError(400, "A crop needs box=left,top,right,bottom in pixels.") from error
    return [left, top, right, bottom]


def _box(edges: list[int], size: tuple[int, int]) -> Box:
    try:
        inside(np.array([edges]), (size[1], size[0]))
    except BoxError as error:
        raise RefusedError(400, f"{error}.") from error
    return Box(*edges)


def _file(content: bytes, name: str) -> Response:
    kept = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, media_type="application/octet-stream", headers={"Content-Disposition": kept})
