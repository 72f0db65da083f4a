"""A body that comes too slowly is given up, over a real socket; one that keeps coming is not."""

from __future__ import annotations

import json
import socket
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from litestar import Controller, Request, post

from services.resources import Resources
from services.settings import Settings
from services.web.app import AppPart, create_app, sized
from services.web.limits.slow_bodies import ENOUGH_BYTES
from tests.servers import serving_on
from tests.waiting import PATIENCE_S, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMEOUT_S = 0.5


@post("/take", status_code=200)
async def take(request: Request[Any, Any, Any]) -> int:
    return len(await request.body())


@post("/think", status_code=200)
async def think(request: Request[Any, Any, Any]) -> int:
    content = await request.body()
    await anyio.sleep(2 * TIMEOUT_S)
    return len(content)


class Bulk(Controller):
    path = "/bulk"

    @post("/", status_code=200)
    async def take(self, request: Request[Any, Any, Any]) -> int:
        return len(await request.body())


@contextmanager
def serving(folder: Path, timeout_s: float) -> Iterator[int]:
    resources = Resources(Settings(_env_file=None, data_dir=folder, threads=1, body_timeout_s=timeout_s))
    app = create_app(resources, title="Test", parts=[AppPart([take, think, sized(Bulk, 10**9)], {})])
    with closing(resources), serving_on(app) as port:
        yield port


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with serving(tmp_path_factory.mktemp("data"), TIMEOUT_S) as port:
        yield port


class Client:
    """A connection that sends what a test wants, when it wants."""

    def __init__(self, port: int, path: str, *, announced: int, content: bytes = b"") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {announced}\r\n\r\n"
        self.socket.sendall(head.encode() + content)

    def send(self, content: bytes) -> bool:
        """Send; say whether the server still takes it."""
        try:
            self.socket.sendall(content)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def answer(self) -> tuple[int, str, str]:
        """Read until the server ends the connection; return the status, the headers and the body."""
        content = b""
        while piece := self.socket.recv(65536):
            content += piece
            head, _, body = content.partition(b"\r\n\r\n")
            if body and b"connection: close" not in head.lower():
                break
        self.socket.close()
        head_text, _, body_text = content.decode().partition("\r\n\r\n")
        return int(head_text.split()[1]), head_text.lower(), body_text


def assert_given_up(client: Client) -> None:
    status, head, body = client.answer()
    assert status == 408
    assert "application/problem+json" in head
    assert "connection: close" in head
    assert "0.5 s" in json.loads(body)["detail"]


@pytest.mark.parametrize("path", ["/take", "/bulk"])
def test_a_body_that_stops_is_answered_408_and_the_connection_ends(port: int, path: str) -> None:
    assert_given_up(Client(port, path, announced=100, content=b"half"))


@pytest.mark.parametrize("path", ["/take", "/bulk"])
def test_a_body_that_drips_is_given_up_though_something_always_comes(port: int, path: str) -> None:
    client = Client(port, path, announced=10**6)
    with closing(client.socket):
        client.socket.settimeout(TIMEOUT_S / 10)
        wait_for(lambda: not is_listened_to(client))


def is_listened_to(client: Client) -> bool:
    """Send a byte, and say whether the server neither answers nor closes a moment later.

    What it answered is not looked at: TCP drops it where a byte was still under way.
    """
    client.send(b"x")
    try:
        client.socket.recv(1)
    except TimeoutError:
        return True
    except ConnectionResetError:
        pass
    return False


def test_an_upload_that_may_be_large_has_time_as_long_as_it_keeps_coming(tmp_path: Path) -> None:
    pieces, timeout_s = 20, 6 * TIMEOUT_S  # one piece in a fifteenth of it, also when the machine is slow
    with serving(tmp_path, timeout_s) as port:
        client = Client(port, "/bulk", announced=pieces * ENOUGH_BYTES)
        for _ in range(pieces):
            assert client.send(bytes(ENOUGH_BYTES))
            time.sleep(timeout_s / 15)
        assert client.answer()[0] == 200


def test_another_body_has_no_more_time_however_fast_it_comes(port: int) -> None:
    client = Client(port, "/take", announced=100 * ENOUGH_BYTES)
    for _ in range(8):
        client.send(bytes(ENOUGH_BYTES))
        time.sleep(TIMEOUT_S / 3)
    assert_given_up(client)


def test_an_answer_may_take_longer_than_a_body(port: int) -> None:
    status, _, body = Client(port, "/think", announced=4, content=b"body").answer()
    assert (status, body) == (200, "4")
