"""Runs apps on free loopback ports, in threads, with the HTTP protocol of `lookalike serve`."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from services.cli.serve import ServedApp, build_app
from services.web.limits.http_protocol import BoundedHttp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litestar import Litestar

    from services.resources import Resources


@contextmanager
def serving_on(app: Litestar, *, http: type[BoundedHttp] = BoundedHttp) -> Iterator[int]:
    """Serve while the block runs, and yield the port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="none", http=http))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def serving(resources: Resources, app: ServedApp = ServedApp.BOTH) -> Iterator[str]:
    """Serve an app of these resources while the block runs, and yield its URL."""
    with serving_on(build_app(resources, app)) as port:
        yield f"http://127.0.0.1:{port}"
