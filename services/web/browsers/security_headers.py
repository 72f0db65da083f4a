"""Headers of every answer that keep browsers from guessing types, from framing it, and from loading anything for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar.datastructures import MutableScopeHeaders

if TYPE_CHECKING:
    from litestar.types import Message, Scope

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # addresses contain the query
    "Cross-Origin-Opener-Policy": "same-origin",
}


async def send_security_headers(message: Message, _scope: Scope) -> None:
    """Add the headers that an answer does not set itself: a `before_send` hook. Pages have policies of their own."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
