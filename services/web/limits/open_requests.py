"""Ends requests when the server stops: those that are cut off get a problem, and event streams end at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware

from services.errors import ServiceUnavailable
from services.web.problems import MEDIA_TYPE, RETRY_AFTER_S, problem_of

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

EVENT_STREAM = "event_stream"
"""Key in the `opt` of a route whose answer goes on until the client leaves."""

_HEADERS = [
    (b"content-type", MEDIA_TYPE.encode()),
    (b"retry-after", str(RETRY_AFTER_S).encode()),
    (b"connection", b"close"),
]


class OpenRequests(ASGIMiddleware):
    """Knows the tasks of all requests, so that a stopping server can end them."""

    scopes = (ScopeType.HTTP,)

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()
        self._streams: set[asyncio.Task[object]] = set()

    def end_streams(self) -> None:
        """End the event streams; their clients connect again."""
        for task in self._streams:
            task.cancel()

    def cut(self) -> None:
        """End all requests: those without an answer get a problem."""
        for task in self._tasks:
            task.cancel()

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Call the app; when the request is cut off, answer 503 or end the event stream.

        Raises:
            CancelledError: the request is cut off in the middle of its answer.
        """
        task, started = asyncio.current_task(), False
        is_stream = bool(scope["route_handler"].opt.get(EVENT_STREAM))

        async def noting_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        if task is not None:
            self._tasks.add(task)
            if is_stream:
                self._streams.add(task)
        try:
            await next_app(scope, receive, noting_start)
        except asyncio.CancelledError:
            if not started:
                await _send_problem(send)
            elif is_stream:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                raise
        finally:
            self._tasks.discard(task)
            self._streams.discard(task)


async def _send_problem(send: Send) -> None:
    problem = problem_of(ServiceUnavailable("The server is stopping. Send the request again in a moment."))
    await send({"type": "http.response.start", "status": problem.status, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": msgspec.json.encode(problem), "more_body": False})
