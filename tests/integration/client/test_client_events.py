"""The events of a job, over connections that break."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from services.client import ApiError, Unavailable
from services.wire import JobAnswer
from tests.clients import ScriptedAnswer, scripted_server

if TYPE_CHECKING:
    from tests.clients import Connect

BUSY = ScriptedAnswer(503, headers={"Retry-After": "7"})
STREAM = {"Content-Type": "text/event-stream"}

pytestmark = pytest.mark.usefixtures("pauses")


def event(state: str, event_id: str, **fields: Any) -> bytes:
    job = JobAnswer("j", "ingest", state, False, None, {}, fields.get("error"), "2024-01-31T00:00:00Z", None, None)  # type: ignore[arg-type]
    return b"id: %s\r\nevent: job\r\ndata: %s\r\n\r\n" % (event_id.encode(), msgspec.json.encode(job))


def test_continues_after_the_last_event_when_the_connection_is_lost(connect: Connect) -> None:
    running, succeeded = event("running", "1", error="a\u2028b"), event("succeeded", "2")
    lost = ScriptedAnswer(body=b": hello\r\n\r\n" + running + succeeded[:20], headers=STREAM, cut=100)
    with scripted_server(lost, BUSY, ScriptedAnswer(body=succeeded, headers=STREAM)) as server:
        events = list(connect(server.url).events("j"))
    assert [(job_event.event_id, job_event.job.state, job_event.job.error) for job_event in events] == [
        ("1", "running", "a\u2028b"),
        ("2", "succeeded", None),
    ]
    assert [request.headers.get("Last-Event-ID") for request in server.requests] == [None, "1", "1"]


def test_ignores_the_comments_that_keep_a_connection_alive(connect: Connect) -> None:
    body = b": ping\n\n" + event("running", "1") + b": ping\n\n" + event("succeeded", "2")
    with scripted_server(ScriptedAnswer(body=body, headers=STREAM)) as server:
        assert [job_event.event_id for job_event in connect(server.url).events("j")] == ["1", "2"]


def test_an_event_without_an_id_keeps_the_id_of_the_event_before(connect: Connect) -> None:
    without_id = event("running", "").replace(b"id: \r\n", b"")
    first = ScriptedAnswer(body=event("queued", "1") + without_id, headers=STREAM)
    second = ScriptedAnswer(body=without_id + event("succeeded", "2"), headers=STREAM)
    with scripted_server(first, second) as server:
        events = list(connect(server.url).events("j"))
    assert [job_event.event_id for job_event in events] == ["1", "1", "1", "2"]


def test_gives_up_after_several_connections_without_data(connect: Connect) -> None:
    with (
        scripted_server(ScriptedAnswer(headers=STREAM)) as server,
        pytest.raises(Unavailable, match="ended before the job"),
    ):
        list(connect(server.url).events("j"))
    assert len(server.requests) == 3


def test_a_connection_with_data_resets_the_count_of_failures(connect: Connect) -> None:
    nothing, something = ScriptedAnswer(headers=STREAM), ScriptedAnswer(body=event("running", "1"), headers=STREAM)
    last = ScriptedAnswer(body=event("failed", "2"), headers=STREAM)
    with scripted_server(nothing, nothing, something, nothing, last) as server:
        assert [job_event.job.state for job_event in connect(server.url).events("j")] == ["running", "failed"]


def test_a_connection_with_only_comments_resets_the_count_of_failures(connect: Connect) -> None:
    nothing, comment = ScriptedAnswer(headers=STREAM), ScriptedAnswer(body=b": ping\n\n", headers=STREAM)
    last = ScriptedAnswer(body=event("succeeded", "1"), headers=STREAM)
    with scripted_server(nothing, nothing, comment, nothing, last) as server:
        assert [job_event.job.state for job_event in connect(server.url).events("j")] == ["succeeded"]


def test_raises_api_error_for_an_event_that_is_not_a_job(connect: Connect) -> None:
    with (
        scripted_server(ScriptedAnswer(body=b"data: {}\n\n", headers=STREAM)) as server,
        pytest.raises(ApiError, match="does not describe a job"),
    ):
        list(connect(server.url).events("j"))
