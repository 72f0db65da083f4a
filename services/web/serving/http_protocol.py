"""uvicorn's HTTP protocol with limits: of connections, and of the time and size of a head (request line and headers).

uvicorn 0.54 has no deadline: a client that connects and sends nothing would hold a file descriptor forever. Bodies are
limited in `limits.slow_bodies` and by each route.

Requests are parsed by h11 although httptools takes half the time: httptools 0.9 drops the body of a request that offers
HTTP/2 (`Upgrade: h2c`), as Java's client does with the first request of each connection, and does not limit heads.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import uuid4

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

from services.web.problems import MEDIA_TYPE, Problem
from services.web.request_ids import HEADER

if TYPE_CHECKING:
    import asyncio

    from services.web.limits.connections import OpenConnections
    from services.web.serving.request_log import RequestLog

MAX_HEAD_BYTES = 16 * 1024
"""h11's default, which uvicorn keeps."""


class BoundedHttp(H11Protocol):
    """A connection that answers problem details and closes when a head is too large, too slow or not HTTP.

    Attributes:
        head_timeout_s: time for a complete head, from the opening of the connection, or from the first byte when the
            connection is reused; after it the answer is 408.
        open_connections: all connections of the server; None does not limit them.
        request_log: where refused heads are logged.
    """

    head_timeout_s = 20.0
    open_connections: OpenConnections | None = None
    request_log: RequestLog | None = None

    _head_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_deadline()
        victim = self.open_connections.add(self) if self.open_connections is not None else None
        if victim is self:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "The server has too many connections. Try again in a moment.")
        elif isinstance(victim, BoundedHttp):
            victim.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        if self.open_connections is not None:
            self.open_connections.remove(self)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Handle received bytes; uvicorn also calls this after an answer, when the next request may have begun."""
        super().handle_events()
        is_in_head = self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]
        if not is_in_head:
            self._stop_deadline()
        elif self._head_deadline is None and not self.transport.is_closing():
            self._start_deadline()
        if self.open_connections is not None and self.cycle is not None and not self.cycle.response_complete:
            self.open_connections.set_busy(self)

    def on_response_complete(self) -> None:
        """Note that the connection waits again; uvicorn then handles the next request, if it has arrived."""
        if self.open_connections is not None and not self.transport.is_closing():
            self.open_connections.set_idle(self)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse a head that is too large, or is not HTTP, for which `msg` is uvicorn's text."""
        if len(self.conn.trailing_data[0]) > MAX_HEAD_BYTES:
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"The request line and headers are longer than {MAX_HEAD_BYTES:,} bytes. Send shorter ones.",
            )
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _start_deadline(self) -> None:
        self._head_deadline = self.loop.call_later(self.head_timeout_s, self._time_out)

    def _stop_deadline(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _time_out(self) -> None:
        self._refuse(
            HTTPStatus.REQUEST_TIMEOUT,
            f"The request line and headers did not arrive within {self.head_timeout_s:g} s. Send the request again.",
        )

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answer with a problem and close the connection."""
        self._stop_deadline()
        request_id = uuid4().hex
        body = msgspec.json.encode(Problem(status=status, title=status.phrase, detail=detail))
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {MEDIA_TYPE}\r\n{HEADER}: {request_id}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
        if self.request_log is not None:
            self.request_log.write("-", "-", status, began=time.perf_counter(), request_id=request_id)
