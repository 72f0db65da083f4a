"""Runs apps on free loopback ports, in threads, with the HTTP protocol of `lookalike serve`; sends raw requests."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

import msgspec

from services.cli.serve import ServedApp, build_app
from services.web.serving.http_protocol import BoundedHttp
from services.web.serving.server import http_server
from tests.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from litestar import Litestar

    from services.resources import Resources
    from services.web.serving.server import HttpServer


@contextmanager
def running(server: HttpServer) -> Iterator[int]:
    """Run a server while the block runs, and yield its port."""
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
def serving_on(app: Litestar, *, protocol: type[BoundedHttp] = BoundedHttp) -> Iterator[int]:
    """Serve an app while the block runs, and yield the port."""
    with running(http_server(app, host="127.0.0.1", port=0, protocol=protocol)) as port:
        yield port


@contextmanager
def serving(resources: Resources, app: ServedApp = ServedApp.BOTH) -> Iterator[str]:
    """Serve an app of these resources while the block runs, and yield its URL."""
    with serving_on(build_app(resources, app)) as port:
        yield f"http://127.0.0.1:{port}"


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """The status, the headers in lower case, and the body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def send_raw(port: int, line: str, headers: Sequence[str], body: bytes = b"") -> RawAnswer:
    """Send a request line (`GET / HTTP/1.1`), these header lines and the body to a server on this machine.

    No client library adds, merges or corrects headers.
    """
    lines = [line, *headers, "Connection: close", *([f"Content-Length: {len(body)}"] if body else [])]
    with closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)) as connection:
        connection.sendall("".join(f"{text}\r\n" for text in lines).encode("latin-1") + b"\r\n" + body)
        response = HTTPResponse(connection, method=line.split()[0])
        response.begin()
        headers_read = {name.lower(): value for name, value in response.getheaders()}
        return RawAnswer(response.status, headers_read, response.read())
