"""Silent clients do not keep others out: connections are bounded, and the one that waits longest gives way."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPResponse
from typing import TYPE_CHECKING

import anyio
import pytest
from litestar import Litestar, get
from litestar.datastructures import State

from services.web.limits import connections
from services.web.limits.connections import AcceptFailures, OpenConnections, accept_backlog, most_connections
from services.web.limits.open_requests import OpenRequests
from tests.servers import send_raw, serving_on
from tests.waiting import PATIENCE_S, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 4


class Gate:
    """Keeps requests of `/wait` busy until it opens."""

    is_open = False
    waiting = 0


@get("/hello")
async def hello() -> str:
    return "hello"


@get("/wait")
async def wait() -> str:
    Gate.waiting += 1
    while not Gate.is_open:
        await anyio.sleep(0.01)
    return "waited"


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr("services.web.serving.server.most_connections", lambda _descriptors: MOST)
    monkeypatch.setattr(Gate, "is_open", False)
    monkeypatch.setattr(Gate, "waiting", 0)
    app = Litestar([hello, wait], openapi_config=None, state=State({"open_requests": OpenRequests()}))
    with serving_on(app) as opened:
        try:
            yield opened
        finally:
            Gate.is_open = True


@contextmanager
def silent(port: int, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)))
            for _ in range(count)
        ]


def ask(connection: socket.socket, path: str) -> None:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def status_of(connection: socket.socket) -> int:
    response = HTTPResponse(connection)
    response.begin()
    response.read()
    return response.status


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_silent_connections_give_way_to_new_ones_the_oldest_first(port: int) -> None:
    with silent(port, 3 * MOST) as opened:
        assert send_raw(port, "GET /hello HTTP/1.1", ["Host: localhost"]).status == 200
        assert all(is_closed(connection) for connection in opened[: 2 * MOST])
        ask(opened[-1], "/hello")
        assert status_of(opened[-1]) == 200


def test_a_connection_in_use_is_never_closed(port: int) -> None:
    with silent(port, 1) as (busy,):
        ask(busy, "/wait")
        wait_for(lambda: Gate.waiting == 1)
        with silent(port, 3 * MOST):
            assert send_raw(port, "GET /hello HTTP/1.1", ["Host: localhost"]).status == 200
            Gate.is_open = True
            assert status_of(busy) == 200


def test_a_connection_that_waits_again_is_the_last_to_give_way(port: int) -> None:
    with silent(port, MOST) as opened:
        first, second, *_ = opened
        for connection in (*opened, first):
            ask(connection, "/hello")
            assert status_of(connection) == 200
        with silent(port, 1):
            assert is_closed(second)
            ask(first, "/hello")
            assert status_of(first) == 200


def test_answers_503_when_all_connections_are_in_use(port: int) -> None:
    with silent(port, MOST) as opened:
        for connection in opened:
            ask(connection, "/wait")
        wait_for(lambda: Gate.waiting == MOST)
        answer = send_raw(port, "GET /hello HTTP/1.1", ["Host: localhost"])
        assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
        assert "too many connections" in answer.json()["detail"]
        Gate.is_open = True
        assert [status_of(connection) for connection in opened] == [200] * MOST


@pytest.mark.parametrize("descriptors", [256, 1024, 4096, 65_536])
def test_connections_leave_descriptors_for_files(descriptors: int) -> None:
    at_once = accept_backlog(descriptors)
    assert at_once > 0
    assert most_connections(descriptors) + 2 * at_once <= 0.75 * descriptors  # new ones, and those being closed


def test_counts_a_connection_once() -> None:
    opened = OpenConnections(2)
    opened.add("a")
    opened.set_busy("a")
    opened.set_busy("a")
    opened.set_idle("a")
    opened.set_idle("a")
    assert (len(opened), opened.add("b"), opened.add("c")) == (1, None, "a")
    opened.set_busy("a")  # it was closed
    opened.remove("a")
    assert len(opened) == 2


def test_logs_failed_accepts_once_a_minute(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    at = [1000.0]
    monkeypatch.setattr(connections.time, "monotonic", lambda: at[0])
    failures, context = AcceptFailures(), {"message": "socket.accept() out of system resource", "exception": "EMFILE"}

    async def fail() -> None:
        for second in range(119):
            at[0] = 1000.0 + second
            failures(asyncio.get_running_loop(), dict(context))
        failures(asyncio.get_running_loop(), {"message": "another error"})

    anyio.run(fail)
    assert [record.name for record in caplog.records] == [connections.__name__] * 2 + ["asyncio"]
    assert "ulimit -n" in caplog.text
    assert "Traceback" not in caplog.text
