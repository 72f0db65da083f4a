"""The request log has one line for each answer, with the answer's request id, and nothing private."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest
from litestar import get

from services.settings import Settings
from services.web.app import AppPart, create_app
from services.web.serving.request_log import RequestLine
from services.web.serving.server import http_server
from tests.servers import running, send_raw
from tests.waiting import wait_for
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.web.serving.request_log import RequestLogFormat


@get("/fail", sync_to_thread=False)
def fail() -> None:
    raise RuntimeError("a bug")


@pytest.fixture
def port(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[int]:
    style: RequestLogFormat = request.param
    with resources_in(tmp_path / "data") as resources:
        app = create_app(resources, title="Test", parts=[AppPart([fail], {})])
        with running(http_server(app, host="127.0.0.1", port=0, request_log=style)) as opened:
            yield opened


def lines(caplog: pytest.LogCaptureFixture, count: int) -> list[str]:
    """Return the lines once there are `count`: a line is written after its answer was sent."""

    def written() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "lookalike.requests"]

    wait_for(lambda: len(written()) >= count)
    return written()


@pytest.fixture(autouse=True)
def _captured(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    logger = logging.getLogger("lookalike.requests")
    logger.addHandler(caplog.handler)
    yield
    logger.removeHandler(caplog.handler)


@pytest.mark.parametrize("port", ["text"], indirect=True)
def test_writes_a_line_of_text_with_the_request_id_of_the_answer(port: int, caplog: pytest.LogCaptureFixture) -> None:
    answers = [
        httpx.get(f"http://127.0.0.1:{port}{path}", headers={"Authorization": "Bearer lk_secret"})
        for path in ("/health/live", "/nowhere?title=Red%20lamp&image_url=http://shop.example/a.jpg", "/fail")
    ]
    line = re.compile(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z GET (?P<path>\S+) (?P<status>\d{3}) \d+ ms (?P<id>\w{32})"
    )
    found = [line.fullmatch(text) for text in lines(caplog, 3)]
    assert [one and (one["path"], one["status"]) for one in found] == [
        ("/health/live", "200"),
        ("/nowhere", "404"),
        ("/fail", "500"),
    ]
    assert [one and one["id"] for one in found] == [answer.headers["x-request-id"] for answer in answers]
    assert not re.search("lk_secret|lamp|shop.example|127.0.0.1", "".join(lines(caplog, 3)))


@pytest.mark.parametrize("port", ["json"], indirect=True)
def test_writes_a_json_object_a_line(port: int, caplog: pytest.LogCaptureFixture) -> None:
    answer = httpx.get(f"http://127.0.0.1:{port}/a%0Ab%22%C3%A9", headers={"X-Request-ID": "mine-1"})
    (text,) = lines(caplog, 1)
    line = msgspec.json.decode(text, type=RequestLine)
    assert (line.method, line.path, line.status, line.request_id) == ("GET", "/a%0Ab%22%C3%A9", 404, "mine-1")
    assert answer.headers["x-request-id"] == "mine-1"
    assert line.ms > 0


@pytest.mark.parametrize("port", ["json"], indirect=True)
def test_logs_heads_that_are_refused_and_cuts_long_paths(port: int, caplog: pytest.LogCaptureFixture) -> None:
    refused = send_raw(port, "GET / HTTP/1.1", ["Host: localhost", "Host: localhost"])
    send_raw(port, f"GET /{1000 * 'x'} HTTP/1.1", ["Host: localhost"])
    first, second = (msgspec.json.decode(text, type=RequestLine) for text in lines(caplog, 2))
    assert (first.status, first.path, first.request_id) == (400, "-", refused.headers["x-request-id"])
    assert (second.status, len(second.path)) == (404, 200)


@pytest.mark.parametrize("port", ["off"], indirect=True)
def test_can_be_switched_off(port: int, caplog: pytest.LogCaptureFixture) -> None:
    assert httpx.get(f"http://127.0.0.1:{port}/health/live").status_code == 200
    assert lines(caplog, 0) == []


def test_is_on_by_default() -> None:
    assert Settings(_env_file=None).request_log == "text"
