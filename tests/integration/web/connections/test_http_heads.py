"""Request heads that are too large, too slow or not HTTP are refused with a problem, over a real socket."""

from __future__ import annotations

import json
import socket
import time
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from litestar import Litestar, Request, get, post
from litestar.datastructures import State

from services.web.limits.open_requests import OpenRequests
from services.web.serving.http_protocol import MAX_HEAD_BYTES, BoundedHttp
from tests.servers import serving_on
from tests.waiting import PATIENCE_S, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 0.5
PATIENT_S = 1.5
"""For heads that arrive in time, even on a slow machine."""


class ImpatientHttp(BoundedHttp):
    head_timeout_s = TIMEOUT_S


class PatientHttp(BoundedHttp):
    head_timeout_s = PATIENT_S


@get("/hello")
async def hello() -> str:
    return "hello"


@get("/think")
async def think() -> str:
    await anyio.sleep(3 * PATIENT_S)
    return "thought"


@post("/take", status_code=200)
async def take(request: Request[Any, Any, Any]) -> int:
    return len(await request.body())


def app() -> Litestar:
    state = State({"open_requests": OpenRequests()})
    return Litestar([hello, think, take], openapi_config=None, state=state)


@pytest.fixture(scope="module")
def impatient_port() -> Iterator[int]:
    with serving_on(app(), protocol=ImpatientHttp) as port:
        yield port


@pytest.fixture(scope="module")
def patient_port() -> Iterator[int]:
    with serving_on(app(), protocol=PatientHttp) as port:
        yield port


@pytest.fixture
def client(impatient_port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", impatient_port), timeout=PATIENCE_S) as opened:
        yield opened


@pytest.fixture
def patient(patient_port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", patient_port), timeout=PATIENCE_S) as opened:
        yield opened


def answer(client: socket.socket) -> tuple[int, bytes]:
    """Read one answer from a connection that stays open; return its status and body."""
    response = HTTPResponse(client)
    response.begin()
    return response.status, response.read()


def read_to_end(client: socket.socket) -> bytes:
    content = b""
    try:
        while piece := client.recv(65536):
            content += piece
    except ConnectionResetError:  # the server closed before it had read everything
        pass
    return content


def assert_refused(answer: bytes, status: int, detail: str) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/problem+json" in head
    problem = json.loads(body)
    assert problem["status"] == status
    assert detail in problem["detail"]


@pytest.mark.parametrize("sent", [b"", b"GET /hello HT", b"GET /hello HTTP/1.1\r\nHost: x\r\n"])
def test_answers_408_and_closes_the_connection_when_a_head_stops(client: socket.socket, sent: bytes) -> None:
    client.sendall(sent)
    assert_refused(read_to_end(client), 408, "0.5 s")


def test_a_head_that_arrives_slowly_gets_no_extra_time(client: socket.socket) -> None:
    client.settimeout(TIMEOUT_S / 10)
    client.sendall(b"GET /hello HTTP/1.1\r\n")

    def is_closed() -> bool:
        try:
            client.sendall(b"X: x\r\n")
            return client.recv(1) == b"H"
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    wait_for(is_closed)


def test_the_second_head_of_a_connection_also_has_a_deadline(patient: socket.socket) -> None:
    patient.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer(patient) == (200, b"hello")
    patient.sendall(b"GET /hel")
    assert_refused(read_to_end(patient), 408, f"{PATIENT_S} s")


def test_a_head_that_begins_during_an_answer_does_not_interrupt_it(patient: socket.socket) -> None:
    patient.sendall(b"GET /think HTTP/1.1\r\nHost: x\r\n\r\nGET /hel")
    time.sleep(2 * PATIENT_S)
    patient.sendall(b"lo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    first, second = read_to_end(patient).split(b"HTTP/1.1 200 OK")[1:]
    assert first.endswith(b"thought")
    assert second.endswith(b"hello")


@pytest.mark.parametrize("endless", [b"X: x\r\n", b"x"], ids=["headers", "one header"])
def test_refuses_an_endless_head(client: socket.socket, endless: bytes) -> None:
    client.sendall(b"GET /hello HTTP/1.1\r\nX: ")
    piece = endless * (8192 // len(endless))
    try:
        for _ in range(100 * MAX_HEAD_BYTES // len(piece)):
            client.sendall(piece)
            time.sleep(0.001)
    except ConnectionError:
        return  # TCP drops the answer when bytes of the request were still in flight
    pytest.fail("the server read the whole endless head")


def test_answers_431_to_a_head_over_the_size_limit(client: socket.socket) -> None:
    client.sendall(b"GET /hello HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_BYTES)
    assert_refused(read_to_end(client), 431, "16,384 bytes")


def test_answers_400_to_bytes_that_are_not_http(client: socket.socket) -> None:
    client.sendall(b"\x16\x03\x01 hello\r\n\r\n")
    assert_refused(read_to_end(client), 400, "Invalid HTTP")


def test_answers_in_http_1_to_an_offer_to_upgrade(patient: socket.socket) -> None:
    patient.sendall(
        b"POST /take HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nContent-Length: 4\r\n\r\nbody"
    )
    assert answer(patient) == (200, b"4")


def test_a_body_does_not_count_towards_the_head_limit(patient: socket.socket) -> None:
    size = 4 * MAX_HEAD_BYTES
    patient.sendall(b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
    patient.sendall(bytes(size))
    assert answer(patient) == (200, str(size).encode())
