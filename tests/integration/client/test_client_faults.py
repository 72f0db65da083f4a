"""The client, sync and async, against servers that are away, busy or broken."""

from __future__ import annotations

import inspect
import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from services.client import ApiError, Client, Rejected, Retries, Unavailable
from services.wire import JobAnswer, NewListing, SearchFields, StoredSearch
from tests.clients import Blocking, Scripted, connecting, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clients import Connect

CATEGORIES = Scripted(body=b'[{"category": "Phones", "listings": 4, "of_a_newer_server": 1}]')
PROBLEM = {"Content-Type": "application/problem+json", "X-Request-ID": "r-1"}
BUSY_BODY = b'{"status": 503, "title": "Unavailable", "detail": "Try again in 7 s."}'
BUSY = Scripted(503, BUSY_BODY, {**PROBLEM, "Retry-After": "7"})
STREAM = {"Content-Type": "text/event-stream"}


@pytest.fixture(params=[Client, Blocking], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    with connecting(request.param) as connect:
        yield connect


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the client would have waited, in seconds; it does not wait."""
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.extend([seconds] if seconds else [])

    async def pause_async(seconds: float) -> None:
        pause(seconds)

    monkeypatch.setattr("services.client.sync.time", SimpleNamespace(sleep=pause))
    monkeypatch.setattr("services.client.asynchronous.anyio", SimpleNamespace(sleep=pause_async))
    return waited


def event(state: str, event_id: str, **fields: Any) -> bytes:
    job = JobAnswer("j", "ingest", state, False, None, {}, fields.get("error"), "2024-01-31T00:00:00Z", None, None)  # type: ignore[arg-type]
    return b"id: %s\r\nevent: job\r\ndata: %s\r\n\r\n" % (event_id.encode(), msgspec.json.encode(job))


def test_a_busy_server_is_asked_again_when_it_says(connect: Connect, pauses: list[float]) -> None:
    with scripted(BUSY, CATEGORIES) as server:
        (found,) = connect(server.url).categories()
    assert (found.category, found.listings, pauses) == ("Phones", 4, [7.0])


def test_a_busy_server_that_says_nothing_is_given_more_time_each_time(connect: Connect, pauses: list[float]) -> None:
    with scripted(Scripted(503)) as server, pytest.raises(Unavailable) as raised:
        connect(server.url, retries=Retries(tries=4, pause_s=0.1)).categories()
    assert (raised.value.status, len(server.asked), len(pauses)) == (503, 4, 3)
    assert all(pause <= most for pause, most in zip(pauses, (0.1, 0.2, 0.4), strict=True))


def test_a_server_that_asks_for_too_long_a_pause_is_not_waited_for(connect: Connect, pauses: list[float]) -> None:
    limited = Scripted(429, b'{"title": "Too many requests", "detail": "Later."}', {**PROBLEM, "Retry-After": "60"})
    with scripted(limited) as server, pytest.raises(Unavailable) as raised:
        connect(server.url).categories()
    assert (raised.value.retry_after_s, raised.value.request_id, pauses, len(server.asked)) == (60.0, "r-1", [], 1)


def test_an_error_that_will_stay_is_not_asked_for_twice(connect: Connect) -> None:
    with scripted(Scripted(500)) as server, pytest.raises(Unavailable):
        connect(server.url).categories()
    assert len(server.asked) == 1


def test_what_would_be_done_twice_is_not_sent_twice(connect: Connect) -> None:
    with scripted(BUSY) as server:
        client = connect(server.url)
        for call in (
            lambda: client.add_listing(NewListing(title="Lamp", category="Phones")),
            lambda: client.cancel("j"),
            client.reindex,
        ):
            with pytest.raises(Unavailable, match="Try again in 7 s"):
                call()
    assert [one.method for one in server.asked] == ["POST"] * 3


def test_an_upload_is_sent_again_whole_and_with_the_same_key(connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "listings.csv"
    file.write_bytes(b"id,product_name\n1,Lamp\n" * 1000)
    with scripted(BUSY, Scripted(202, b'{"job_id": "j"}')) as server:
        assert connect(server.url).upload(file).job_id == "j"
    first, second = server.asked
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] != ""
    assert all(file.read_bytes() in one.body and b'filename="listings.csv"' in one.body for one in (first, second))


def test_a_server_that_is_away_is_tried_a_few_times(connect: Connect, pauses: list[float]) -> None:
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match="GET http://127") as raised:
            connect(f"http://127.0.0.1:{taken.getsockname()[1]}").categories()
    assert (raised.value.status, len(pauses)) == (0, 2)


def test_an_answer_that_is_cut_is_asked_for_again(connect: Connect) -> None:
    cut = Scripted(body=CATEGORIES.body[:10], cut=100)
    with scripted(cut, CATEGORIES) as server:
        assert len(connect(server.url).categories()) == 1
    with scripted(cut) as server, pytest.raises(Unavailable) as raised:
        connect(server.url).categories()
    assert (raised.value.status, len(server.asked)) == (0, 3)


@pytest.mark.parametrize("body", [b"<html>Log in</html>", b'{"categories": []}', b'["\xff"]', b"", b"[" * 100_000])
def test_an_answer_that_is_something_else_is_an_error(connect: Connect, body: bytes) -> None:
    with scripted(Scripted(body=body)) as server, pytest.raises(ApiError, match="Is this a Lookalike server") as raised:
        connect(server.url).categories()
    assert (type(raised.value), raised.value.status) == (ApiError, 200)


def test_files_of_another_kind_are_an_error(connect: Connect) -> None:
    with scripted(Scripted(body=b"<html>", headers={"Content-Type": "text/html"})) as server:
        client = connect(server.url)
        for call in (client.photo, client.thumbnail, client.rejects, lambda job: list(client.events(job))):
            with pytest.raises(ApiError, match="text/html"):
                call(1 if call in (client.photo, client.thumbnail) else "j")


def test_a_proxy_s_error_is_told_in_its_own_words(connect: Connect) -> None:
    with scripted(Scripted(502, b"<h1>upstream is away</h1>")) as server, pytest.raises(Unavailable) as raised:
        connect(server.url).categories()
    assert (raised.value.title, raised.value.detail) == ("Bad Gateway", "<h1>upstream is away</h1>")


def test_a_key_goes_to_the_server_that_was_named_and_nowhere_else(connect: Connect) -> None:
    with (
        scripted(CATEGORIES) as other,
        scripted(Scripted(307, headers={"Location": other.url})) as server,
        pytest.raises(ApiError) as raised,
    ):
        connect(server.url, key="lk_1_secret").categories()
    assert (raised.value.status, other.asked) == (307, [])
    assert server.asked[0].headers["Authorization"] == "Bearer lk_1_secret"
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("base_url", ["", "nowhere", "localhost:8000", "ftp://example.org", "http://a:b", "http://"])
def test_an_address_that_is_none_is_named(connect: Connect, base_url: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        connect(base_url)


@pytest.mark.parametrize("key", ["ключ", "a\r\nX-Role: admin"])
def test_a_key_that_can_be_none_is_refused(connect: Connect, key: str) -> None:
    with pytest.raises(ValueError, match="API key"):
        connect("http://127.0.0.1:9", key=key)


def test_a_filter_that_json_cannot_say_is_not_left_out(connect: Connect) -> None:
    with scripted(CATEGORIES) as server, pytest.raises(ValueError, match="JSON"):
        connect(server.url).search_by(StoredSearch(listing_id="lamp", price_max=float("nan")))
    assert server.asked == []


def test_an_address_may_have_a_path_and_a_slash_at_its_end(connect: Connect) -> None:
    with scripted(CATEGORIES) as server:
        connect(server.url + "/lookalike/").categories()
    assert server.asked[0].path == "/lookalike/v1/categories"


def test_events_go_on_where_the_connection_was_lost(connect: Connect) -> None:
    begun, ended = event("running", "1", error="a\u2028b"), event("succeeded", "2")
    lost = Scripted(body=b": hello\r\n\r\n" + begun + ended[:20], headers=STREAM, cut=100)
    with scripted(lost, BUSY, Scripted(body=ended, headers=STREAM)) as server:
        found = list(connect(server.url).events("j"))
    assert [(one.event_id, one.job.state, one.job.error) for one in found] == [
        ("1", "running", "a\u2028b"),
        ("2", "succeeded", None),
    ]
    assert [one.headers.get("Last-Event-ID") for one in server.asked] == [None, "1", "1"]


def test_connections_that_bring_nothing_are_given_up(connect: Connect) -> None:
    with scripted(Scripted(headers=STREAM)) as server, pytest.raises(Unavailable, match="end before the job"):
        list(connect(server.url).events("j"))
    assert len(server.asked) == 3


def test_a_connection_that_brings_something_makes_good_for_those_that_did_not(connect: Connect) -> None:
    nothing, something = Scripted(headers=STREAM), Scripted(body=event("running", "1"), headers=STREAM)
    last = Scripted(body=event("failed", "2"), headers=STREAM)
    with scripted(nothing, nothing, something, nothing, last) as server:
        assert [one.job.state for one in connect(server.url).events("j")] == ["running", "failed"]


def test_an_event_that_is_no_job_is_an_error(connect: Connect) -> None:
    with scripted(Scripted(body=b"data: {}\n\n", headers=STREAM)) as server, pytest.raises(ApiError, match="no job"):
        list(connect(server.url).events("j"))


def test_fields_that_are_at_fault_are_named_where_the_framework_says_so(connect: Connect) -> None:
    body = b'{"title": "Bad Request", "detail": "k: not a number", "errors": [{"key": "k", "message": "not a number"}]}'
    with scripted(Scripted(400, body, PROBLEM)) as server, pytest.raises(Rejected) as raised:
        connect(server.url).similar("lamp", SearchFields())
    assert raised.value.field == "k"


def test_methods_say_what_they_take() -> None:
    assert list(inspect.signature(Client("http://127.0.0.1:9").search).parameters) == ["photo", "fields"]
    assert "Search by a photo" in str(Client.search.__doc__)
