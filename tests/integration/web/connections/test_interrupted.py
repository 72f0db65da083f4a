"""Requests that end early: the client leaves during its upload, or the server stops."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from contextlib import closing
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
from litestar import Request, get, post
from litestar.response import ServerSentEvent

from db.rows.access import audit
from services.cli.terminal.exit_codes import ExitCode
from services.web.app import AppPart, create_app
from services.web.limits.open_requests import EVENT_STREAM
from tests.servers import send_raw, serving, serving_on
from tests.waiting import PATIENCE_S, wait_for
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

HALF_AN_UPLOAD = (
    b"POST /v1/listings HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=EDGE\r\n"
    b'Content-Length: 100000\r\n\r\n--EDGE\r\nContent-Disposition: form-data; name="title"\r\n\r\nLa'
)


def test_a_client_that_leaves_during_its_upload_is_no_error(
    tmp_path: Path, live_data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "services.web.problems")
    with resources_in(tmp_path / "data", like=live_data) as resources, serving(resources) as url:
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
            client.sendall(HALF_AN_UPLOAD)

        def ended() -> list[tuple[str, int | None]]:
            with resources.database.read() as session:
                return [(one.path, one.status) for one in audit.newest_entries(session, limit=5) if one.status]

        assert wait_for(ended) == [("/v1/listings", 499)]
        metrics = send_raw(port, "GET /metrics HTTP/1.1", ["Host: localhost"]).body.decode()
    assert 'path="/v1/listings",status_code="499"} 1.0' in metrics
    assert 'path="/v1/listings",status_code="500"' not in metrics
    ours = [record for record in caplog.records if record.name.startswith(("services", "uvicorn"))]
    assert [(record.levelname, record.exc_info) for record in ours] == [("INFO", None)]
    assert "the client left" in caplog.text


@post("/take", status_code=200)
async def take(request: Request[Any, Any, Any]) -> int:
    return len(await request.body())


@get("/work")
async def work() -> str:
    await anyio.sleep(10 * PATIENCE_S)
    return "worked"


@get("/events", opt={EVENT_STREAM: True})
async def events() -> ServerSentEvent:
    async def endless() -> AsyncIterator[str]:
        while True:
            yield "still here"
            await anyio.sleep(10 * PATIENCE_S)

    return ServerSentEvent(endless())


def test_a_stopping_server_answers_what_it_cuts_off_and_ends_event_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("services.web.serving.server.GRACE_S", 0.3)
    clients = []
    with resources_in(tmp_path / "data") as resources:
        app = create_app(resources, title="Test", parts=[AppPart([take, work, events], {})])
        with serving_on(app) as port:
            for head in (
                b"POST /take HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf",
                b"GET /work HTTP/1.1\r\nHost: localhost\r\n\r\n",
                b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n",
            ):
                client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
                client.sendall(head)
                clients.append(client)
            stream = HTTPResponse(clients[2])
            stream.begin()
            assert stream.readline() == b"data: still here\r\n"
    assert stream.read() == b"\r\n"  # complete, not cut off
    for client in clients[:2]:
        with closing(client):
            answer = HTTPResponse(client)
            answer.begin()
            problem = msgspec.json.decode(answer.read())
        assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
        assert (answer.headers["connection"], len(answer.headers["x-request-id"])) == ("close", 32)
        assert "is stopping" in problem["detail"]
    clients[2].close()
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


COMMAND = """
import signal
import subprocess
import sys
from services.cli.terminal.exit_codes import ExitCode, exit_on_sigterm

exit_on_sigterm(ExitCode.TERMINATED)
try:
    signal.raise_signal(signal.SIGTERM)
finally:
    signal.raise_signal(signal.SIGTERM)  # a second one does not interrupt the closing
    print("closed")
"""


def test_sigterm_ends_a_command_after_it_closed_what_it_opened() -> None:
    ended = subprocess.run([sys.executable, "-c", COMMAND], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (ExitCode.TERMINATED, "closed\n", "")
