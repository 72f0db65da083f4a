"""Completes the answer to OPTIONS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar.datastructures import MutableScopeHeaders
from litestar.routes import HTTPRoute

if TYPE_CHECKING:
    from litestar.types import Message, Scope


async def allow_all_methods(message: Message, scope: Scope) -> None:
    """Put all methods of a path into Allow; a `before_send` hook.

    Litestar 2.25 names only the methods of the first controller with this path.
    """
    if message["type"] != "http.response.start" or scope.get("method") != "OPTIONS":
        return
    headers = MutableScopeHeaders.from_message(message)
    for route in scope["litestar_app"].routes if "allow" in headers else ():
        if isinstance(route, HTTPRoute) and route.path_format == scope.get("path_template"):
            headers["Allow"] = ", ".join(sorted(route.methods))
