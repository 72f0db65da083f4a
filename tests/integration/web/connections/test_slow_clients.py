"""Request bodies that arrive too slowly get a 408, over a real socket."""

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
from services.web.app import AppPart, create_app, with_large_bodies
from services.web.limits.slow_bodies import BYTES_PER_DEADLINE
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
    app = create_app(resources, title="Test", parts=[AppPart([take, think, with_large_bodies(Bulk, 10**9)], {})])
    with closing(resources), serving_on(app) as port:
        yield port


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with serving(tmp_path_factory.mktemp("data"), TIMEOUT_S) as port:
        yield port


class RawConnection:
    """A connection of which a test controls each sent piece."""

    def __init__(self, port: int, path: str, *, content_length: int, content: bytes = b"") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {content_length}\r\n\r\n"
        self.socket.sendall(head.encode() + content)

    def send(self, content: bytes) -> bool:
        """Send, and say whether the connection is still open."""
        try:
            self.socket.sendall(content)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def answer(self) -> tuple[int, str, str]:
        """Read the answer; return its status, headers in lower case, and body."""
        content = b""
        while piece := self.socket.recv(65536):
            content += piece
            head, _, body = content.partition(b"\r\n\r\n")
            if body and b"connection: close" not in head.lower():
                break
        self.socket.close()
        head_text, _, body_text = content.decode().partition("\r\n\r\n")
        return int(head_text.split()[1]), head_text.lower(), body_text


def assert_timed_out(client: RawConnection) -> None:
    status, head, body = client.answer()
    assert status == 408
    assert "application/problem+json" in head
    assert "connection: close" in head
    assert "0.5 s" in json.loads(body)["detail"]


@pytest.mark.parametrize("path", ["/take", "/bulk"])
def test_answers_408_and_closes_the_connection_when_a_body_stops(port: int, path: str) -> None:
    assert_timed_out(RawConnection(port, path, content_length=100, content=b"half"))


@pytest.mark.parametrize("path", ["/take", "/bulk"])
def test_a_body_that_arrives_byte_by_byte_times_out(port: int, path: str) -> None:
    client = RawConnection(port, path, content_length=10**6)
    with closing(client.socket):
        client.socket.settimeout(TIMEOUT_S / 10)
        wait_for(lambda: not accepts_another_byte(client))


def accepts_another_byte(client: RawConnection) -> bool:
    """Send a byte, and say whether the server neither answers nor closes within a moment.

    The answer itself is not checked: TCP drops it when a byte is still in flight.
    """
    client.send(b"x")
    try:
        client.socket.recv(1)
    except TimeoutError:
        return True
    except ConnectionResetError:
        pass
    return False


@pytest.mark.slow
def test_a_large_upload_may_take_long_while_data_keeps_arriving(tmp_path: Path) -> None:
    pieces, timeout_s = 20, 6 * TIMEOUT_S  # a piece takes a fifteenth of it, which leaves room on a slow machine
    with serving(tmp_path, timeout_s) as port:
        client = RawConnection(port, "/bulk", content_length=pieces * BYTES_PER_DEADLINE)
        for _ in range(pieces):
            assert client.send(bytes(BYTES_PER_DEADLINE))
            time.sleep(timeout_s / 15)
        assert client.answer()[0] == 200


def test_an_ordinary_body_gets_no_extra_time(port: int) -> None:
    client = RawConnection(port, "/take", content_length=100 * BYTES_PER_DEADLINE)
    for _ in range(8):
        client.send(bytes(BYTES_PER_DEADLINE))
        time.sleep(TIMEOUT_S / 3)
    assert_timed_out(client)


def test_an_answer_may_take_longer_than_the_body_deadline(port: int) -> None:
    status, _, body = RawConnection(port, "/think", content_length=4, content=b"body").answer()
    assert (status, body) == (200, "4")
