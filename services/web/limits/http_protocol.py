"""HTTP of one connection: uvicorn's, with a deadline for the head of a request (its request line and headers).

uvicorn 0.54 has none: a client that connects and says nothing holds a file descriptor for ever. What follows the head
is bounded elsewhere (`slow_bodies`, and the limits of each call on its body).

h11 reads the requests, though httptools takes half of its time: httptools 0.9 drops the body of a request that offers
to go on in HTTP/2 (`Upgrade: h2c`), as Java's own client does with the first request of each connection, and bounds the
size of no head.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

from services.web.problems import MEDIA_TYPE, Problem

if TYPE_CHECKING:
    import asyncio

MAX_HEAD_BYTES = 16 * 1024
"""h11's own bound, which uvicorn leaves as it is."""


class BoundedHttp(H11Protocol):
    """A connection that ends with a problem where a head is too large, comes too slowly, or is none.

    Attributes:
        head_timeout_s: a head that has not ended so long after its connection was opened, or after its first byte where
            the connection is used again, is refused with 408.
    """

    head_timeout_s = 20.0

    _head_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect the first head."""
        super().connection_made(transport)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._stop_deadline()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Take what has come; called also when an answer has ended and the next request may have begun."""
        super().handle_events()
        is_in_head = self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]
        if not is_in_head:
            self._stop_deadline()
        elif self._head_deadline is None and not self.transport.is_closing():
            self._start_deadline()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or too long: uvicorn's name for it, and its words."""
        if len(self.conn.trailing_data[0]) > MAX_HEAD_BYTES:
            self._end(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"The request line and the headers are longer than {MAX_HEAD_BYTES:,} bytes. Send fewer of them.",
            )
        else:
            self._end(HTTPStatus.BAD_REQUEST, msg)

    def _start_deadline(self) -> None:
        self._head_deadline = self.loop.call_later(self.head_timeout_s, self._give_up)

    def _stop_deadline(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _give_up(self) -> None:
        self._end(
            HTTPStatus.REQUEST_TIMEOUT,
            f"The request line and the headers did not come within {self.head_timeout_s:g} s. Send them again.",
        )

    def _end(self, status: HTTPStatus, detail: str) -> None:
        """Answer, and close the connection."""
        self._stop_deadline()
        body = msgspec.json.encode(Problem(status=status, title=status.phrase, detail=detail))
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {MEDIA_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
