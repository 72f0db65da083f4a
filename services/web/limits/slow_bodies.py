"""A deadline for request bodies: a client that sends too slowly gets a 408, and its connection is closed.

A client that leaves before its body is complete is no error of the server either.

uvicorn 0.54 has no such deadline. `serving.http_protocol` has the one for heads.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.middleware import ASGIMiddleware

from services.web.problems import ClientGone

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send

LARGE_BODY = "large_body"
"""Key in the `opt` of a route whose bodies may take longer than the deadline, as long as data keeps arriving."""

BYTES_PER_DEADLINE = 64 * 1024
"""A large body gets a new deadline each time that this many bytes have arrived."""


class SlowBody(HTTPException):
    """The request body did not arrive in time."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(
            status_code=HTTPStatus.REQUEST_TIMEOUT,
            detail=f"The request body did not arrive within {timeout_s:g} s. Send it again over a faster connection.",
            headers={"Connection": "close"},
        )


class BodyDeadline(ASGIMiddleware):
    """Makes reading a body raise SlowBody when it does not arrive in time."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Call the app with a `receive` that enforces the deadline."""
        is_large = bool(scope["route_handler"].opt.get(LARGE_BODY))
        await next_app(scope, _TimedReceive(receive, self._timeout_s, is_large=is_large), send)


class _TimedReceive:
    """The `receive` function of one request, with a deadline for the body."""

    def __init__(self, receive: Receive, timeout_s: float, *, is_large: bool) -> None:
        self._receive, self._timeout_s, self._is_large = receive, timeout_s, is_large
        self._bytes_since_deadline, self._is_complete = 0, False
        self._deadline = asyncio.get_running_loop().time() + timeout_s

    async def __call__(self) -> HTTPReceiveMessage:
        """Return the next message.

        Raises:
            SlowBody: it is part of the body and did not arrive in time.
            ClientGone: the client left before the body was complete.
        """
        if self._is_complete:  # the next message is the client's disconnect
            return await self._receive()  # type: ignore[return-value]
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as error:
            raise SlowBody(self._timeout_s) from error
        if message["type"] == "http.disconnect":
            raise ClientGone
        self._count(message)  # type: ignore[arg-type]
        return message  # type: ignore[return-value]

    def _count(self, message: HTTPReceiveMessage) -> None:
        self._is_complete = message["type"] != "http.request" or not message.get("more_body", False)
        if message["type"] == "http.request":
            self._bytes_since_deadline += len(message.get("body", b""))
        if self._is_large and self._bytes_since_deadline >= BYTES_PER_DEADLINE:
            self._bytes_since_deadline, self._deadline = 0, asyncio.get_running_loop().time() + self._timeout_s
