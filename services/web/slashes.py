"""Lets ids with a slash stand in a path: `/v1/listings/lamp%2F1` is the listing `lamp/1`.

Servers decode a path before an app sees it, and Litestar would then read two segments. An encoded slash is therefore
replaced until the route is found; ids never hold the substitute, because cleaning removes it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from litestar import Litestar
from litestar.enums import ScopeType

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

_SUBSTITUTE = "\u2063"
"""An invisible separator; see `services.ingest.cleaning.text`."""

_ENCODED_SLASH = re.compile("%2f", re.IGNORECASE)


class SlashKeepingApp(Litestar):
    """A Litestar app whose path parameters may hold slashes; it needs `restore_slashes` as its first middleware."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        if scope["type"] == ScopeType.HTTP:
            raw_path = scope.get("raw_path", b"").decode("latin-1").partition("?")[0]
            if "%" in raw_path:
                scope["path"] = unquote(_ENCODED_SLASH.sub(quote(_SUBSTITUTE), raw_path))
        await super().__call__(scope, receive, send)


def restore_slashes(app: ASGIApp) -> ASGIApp:
    """Put the slashes back once the route is found."""

    async def restored(scope: Scope, receive: Receive, send: Send) -> None:
        if _SUBSTITUTE in scope["path"]:
            scope["path"] = scope["path"].replace(_SUBSTITUTE, "/")
            scope["path_params"] = {
                name: value.replace(_SUBSTITUTE, "/") if isinstance(value, str) else value
                for name, value in scope["path_params"].items()
            }
        await app(scope, receive, send)

    return restored
