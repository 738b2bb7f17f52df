"""Connections to the web page: who sends no request in time is cut off, and the longest idle make room for newcomers.

uvicorn itself waits without end for the rest of a request's head, and takes connections until no file can be opened.
"""

import asyncio
from contextlib import suppress

from uvicorn.protocols.http.h11_impl import H11Protocol

IDLE = 30.0
"""Seconds for the whole head of a request, after connecting and after each answer."""
MOST = 500
"""Connections at once: many times the photographs that may wait, and half of the files that a process usually opens."""


def bounded(busy: float, idle: float = IDLE, most: int = MOST) -> type[H11Protocol]:
    """The protocol of uvicorn with bounds.

    Args:
        busy: Seconds for a request and its answer.
        idle: Seconds for the head of a request.
        most: Connections at once; never more than half of the files that the process may open.
    """
    return type("Bounded", (_Bounded,), {"busy": busy, "idle": idle, "most": min(most, _open_files() // 2)})


def _open_files() -> int:
    with suppress(ImportError):
        import resource

        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if files != resource.RLIM_INFINITY:
            return files
    return 2 * MOST


class _Bounded(H11Protocol):
    busy: float
    idle: float
    most: int

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        self._alarm = self.loop.call_later(self.idle, self._look)
        if len(self.connections) > self.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._alarm.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        super().on_response_complete()

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _look(self) -> None:
        left = self._since + (self.idle if self._is_idle else self.busy) - self.loop.time()
        if left <= 0:
            self.transport.abort()
        else:
            self._alarm = self.loop.call_later(min(left, self.idle), self._look)

    def _make_room(self) -> None:
        others = (one for one in self.connections if isinstance(one, _Bounded) and one is not self and one._is_idle)
        oldest = min(others, key=lambda one: one._since, default=self)
        # At once: it is lost only in the loop's next turn, and must not be chosen again before.
        self.connections.discard(oldest)
        oldest.transport.abort()
