"""The request log: one line for each answer. It has no query, header or body, and no address or key of a client."""

from __future__ import annotations

import logging
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TextIO, TypeAlias

import msgspec

from services.web.problems import CLIENT_GONE
from services.web.request_ids import HEADER

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope

RequestLogFormat: TypeAlias = Literal["text", "json", "off"]

_LONGEST_PATH = 200
_HEADER = HEADER.lower().encode()


class RequestLine(msgspec.Struct, frozen=True):
    """What the log says about one request.

    Attributes:
        time: when the answer ended.
        request_id: the answer's X-Request-ID; empty if there was no answer.
        path: percent-encoded, without the query.
        ms: milliseconds from the head of the request to the end of the answer.
    """

    time: datetime
    request_id: str
    method: str
    path: str
    status: int
    ms: float

    def text(self) -> str:
        at = self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return f"{at} {self.method} {self.path} {self.status} {self.ms:.0f} ms {self.request_id or '-'}"

    def json(self) -> str:
        return msgspec.json.encode(self).decode()


class RequestLog:
    """An ASGI app that logs the requests of another one."""

    def __init__(self, app: ASGI3Application, style: RequestLogFormat) -> None:
        self._app, self._style, self._log = app, style, _line_logger()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Call the app, then log the request."""
        if scope["type"] != "http" or self._style == "off":
            await self._app(scope, receive, send)
            return
        began, status, request_id = time.perf_counter(), CLIENT_GONE, ""

        async def noting(message: ASGISendEvent) -> None:
            nonlocal status, request_id
            if message["type"] == "http.response.start":
                status = message["status"]
                request_id = dict(message.get("headers", ())).get(_HEADER, b"").decode("latin-1")
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            path = scope["raw_path"].decode("ascii", "replace")
            self.write(scope["method"], path, status, began=began, request_id=request_id)

    def write(self, method: str, path: str, status: int, *, began: float, request_id: str) -> None:
        """Log one answer; `began` is a time of `time.perf_counter`."""
        if self._style == "off":
            return
        ms = round((time.perf_counter() - began) * 1000, 1)
        line = RequestLine(datetime.now(UTC), request_id, method, path[:_LONGEST_PATH], status, ms)
        self._log.info("%s", line.json() if self._style == "json" else line.text())


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to the present `sys.stderr`, which progress bars replace while they are shown."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _stream: TextIO) -> None:
        """Ignore the stream that StreamHandler sets."""


def _line_logger() -> logging.Logger:
    logger = logging.getLogger("lookalike.requests")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    if not any(isinstance(handler, _StandardError) for handler in logger.handlers):
        logger.addHandler(_StandardError())
    return logger
