"""A deadline for bodies: a client that sends one too slowly, or stops, is answered 408 and its connection is closed.

uvicorn 0.54 has none. The head of a request has one of its own: see `http_protocol`.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.middleware import ASGIMiddleware

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send

LARGE_BODY = "large_body"
"""What a call says in its `opt` whose body may take longer than the deadline, as long as it keeps coming."""

ENOUGH_BYTES = 64 * 1024
"""A large body is given the whole time again each time that so much more of it has come."""


class SlowBody(HTTPException):
    """The body did not come in time."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(
            status_code=HTTPStatus.REQUEST_TIMEOUT,
            detail=f"The body did not come within {timeout_s:g} s. Send it again, over a faster connection.",
            headers={"Connection": "close"},
        )


class BodyDeadline(ASGIMiddleware):
    """Makes reading a body raise SlowBody when it does not come in time."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Call the app with a `receive` that keeps the deadline."""
        is_large = bool(scope["route_handler"].opt.get(LARGE_BODY))
        await next_app(scope, _Arriving(receive, self._timeout_s, is_large=is_large), send)


class _Arriving:
    """A `receive` of one request."""

    def __init__(self, receive: Receive, timeout_s: float, *, is_large: bool) -> None:
        self._receive, self._timeout_s, self._is_large = receive, timeout_s, is_large
        self._arrived, self._whole = 0, False
        self._until = asyncio.get_running_loop().time() + timeout_s

    async def __call__(self) -> HTTPReceiveMessage:
        """Return what comes next.

        Raises:
            SlowBody: it is part of the body, and did not come in time.
        """
        if self._whole:  # what comes now is that the client goes away
            return await self._receive()  # type: ignore[return-value]
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError as error:
            raise SlowBody(self._timeout_s) from error
        self._note(message)  # type: ignore[arg-type]
        return message  # type: ignore[return-value]

    def _note(self, message: HTTPReceiveMessage) -> None:
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        if message["type"] == "http.request":
            self._arrived += len(message.get("body", b""))
        if self._is_large and self._arrived >= ENOUGH_BYTES:
            self._arrived, self._until = 0, asyncio.get_running_loop().time() + self._timeout_s
