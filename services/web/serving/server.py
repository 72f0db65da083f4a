"""The HTTP server of an app: uvicorn, with limits on heads and connections, a request log, and an orderly end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import uvicorn

from services.web.limits.connections import (
    AcceptFailures,
    OpenConnections,
    accept_backlog,
    most_connections,
    raise_descriptor_limit,
)
from services.web.serving.http_protocol import BoundedHttp
from services.web.serving.request_log import RequestLog

if TYPE_CHECKING:
    import socket

    from litestar import Litestar

    from services.web.limits.open_requests import OpenRequests
    from services.web.serving.request_log import RequestLogFormat

GRACE_S = 10.0
"""Time that open requests get to finish when the server stops."""

_LAST_ANSWERS_S = 5
"""Time for the answers of requests that were cut off."""


class HttpServer(uvicorn.Server):
    """A server that answers the requests which it cuts off when it stops."""

    def __init__(self, config: uvicorn.Config, open_requests: OpenRequests) -> None:
        super().__init__(config)
        self._open_requests = open_requests

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        asyncio.get_running_loop().set_exception_handler(AcceptFailures())
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop to listen, and wait for open requests; event streams end at once, the others after GRACE_S."""
        self._open_requests.end_streams()
        cutting = asyncio.get_running_loop().call_later(GRACE_S, self._open_requests.cut)
        try:
            await super().shutdown(sockets)
        finally:
            cutting.cancel()


def http_server(
    app: Litestar,
    *,
    host: str,
    port: int,
    request_log: RequestLogFormat = "off",
    protocol: type[BoundedHttp] = BoundedHttp,
) -> HttpServer:
    """Return a server for an app that `services.web.app` assembled; raise the process's limit of file descriptors."""
    descriptors = raise_descriptor_limit()
    log = RequestLog(app, request_log)  # type: ignore[arg-type]  # the types of ASGI differ
    limited = {"open_connections": OpenConnections(most_connections(descriptors)), "request_log": log}
    config = uvicorn.Config(
        log,
        host=host,
        port=port,
        http=type("LimitedHttp", (protocol,), limited),
        ws="none",
        log_config=None,  # the root logger writes, without passwords
        log_level="warning",
        access_log=False,
        backlog=accept_backlog(descriptors),
        timeout_graceful_shutdown=int(GRACE_S) + _LAST_ANSWERS_S,
    )
    return HttpServer(config, app.state.open_requests)
