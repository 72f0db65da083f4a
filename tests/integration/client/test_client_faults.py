"""The sync and the async client against servers that are unreachable, busy or broken."""

from __future__ import annotations

import inspect
import socket
from typing import TYPE_CHECKING

import pytest

from services.client import ApiError, Client, Rejected, Retries, Unavailable
from services.wire import NewListing, SearchFields, StoredSearch
from tests.clients import ScriptedAnswer, scripted_server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Connect

CATEGORIES = ScriptedAnswer(body=b'[{"category": "Phones", "listings": 4, "of_a_newer_server": 1}]')
PROBLEM = {"Content-Type": "application/problem+json", "X-Request-ID": "r-1"}
BUSY_BODY = b'{"status": 503, "title": "Unavailable", "detail": "Try again in 7 s."}'
BUSY = ScriptedAnswer(503, BUSY_BODY, {**PROBLEM, "Retry-After": "7"})
STREAM = {"Content-Type": "text/event-stream"}

pytestmark = pytest.mark.usefixtures("pauses")


def test_retries_a_busy_server_after_the_pause_that_it_asks_for(connect: Connect, pauses: list[float]) -> None:
    with scripted_server(BUSY, CATEGORIES) as server:
        (found,) = connect(server.url).categories()
    assert (found.category, found.listings, pauses) == ("Phones", 4, [7.0])


def test_doubles_the_pause_with_each_attempt_without_retry_after(connect: Connect, pauses: list[float]) -> None:
    with scripted_server(ScriptedAnswer(503)) as server, pytest.raises(Unavailable) as raised:
        connect(server.url, retries=Retries(tries=4, pause_s=0.1)).categories()
    assert (raised.value.status, len(server.requests), len(pauses)) == (503, 4, 3)
    assert all(pause <= most for pause, most in zip(pauses, (0.1, 0.2, 0.4), strict=True))


def test_fails_at_once_when_the_server_asks_for_too_long_a_pause(connect: Connect, pauses: list[float]) -> None:
    limited = ScriptedAnswer(
        429, b'{"title": "Too many requests", "detail": "Later."}', {**PROBLEM, "Retry-After": "60"}
    )
    with scripted_server(limited) as server, pytest.raises(Unavailable) as raised:
        connect(server.url).categories()
    assert (raised.value.retry_after_s, raised.value.request_id, pauses, len(server.requests)) == (60.0, "r-1", [], 1)


def test_does_not_retry_an_internal_error(connect: Connect) -> None:
    with scripted_server(ScriptedAnswer(500)) as server, pytest.raises(Unavailable):
        connect(server.url).categories()
    assert len(server.requests) == 1


def test_does_not_retry_calls_that_are_not_repeatable(connect: Connect) -> None:
    with scripted_server(BUSY) as server:
        client = connect(server.url)
        for call in (
            lambda: client.add_listing(NewListing(title="Lamp", category="Phones")),
            lambda: client.cancel("j"),
            client.reindex,
        ):
            with pytest.raises(Unavailable, match="Try again in 7 s"):
                call()
    assert [request.method for request in server.requests] == ["POST"] * 3


def test_retries_an_upload_with_the_whole_file_and_the_same_key(connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "listings.csv"
    file.write_bytes(b"id,product_name\n1,Lamp\n" * 1000)
    with scripted_server(BUSY, ScriptedAnswer(202, b'{"job_id": "j"}')) as server:
        assert connect(server.url).upload(file).job_id == "j"
    first, second = server.requests
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] != ""
    assert all(file.read_bytes() in one.body and b'filename="listings.csv"' in one.body for one in (first, second))


def test_retries_a_server_that_refuses_connections(connect: Connect, pauses: list[float]) -> None:
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match="GET http://127") as raised:
            connect(f"http://127.0.0.1:{taken.getsockname()[1]}").categories()
    assert (raised.value.status, len(pauses)) == (0, 2)


def test_retries_after_a_truncated_answer(connect: Connect) -> None:
    cut = ScriptedAnswer(body=CATEGORIES.body[:10], cut=100)
    with scripted_server(cut, CATEGORIES) as server:
        assert len(connect(server.url).categories()) == 1
    with scripted_server(cut) as server, pytest.raises(Unavailable) as raised:
        connect(server.url).categories()
    assert (raised.value.status, len(server.requests)) == (0, 3)


@pytest.mark.parametrize("body", [b"<html>Log in</html>", b'{"categories": []}', b'["\xff"]', b"", b"[" * 100_000])
def test_raises_api_error_for_an_answer_that_is_not_the_expected_json(connect: Connect, body: bytes) -> None:
    with (
        scripted_server(ScriptedAnswer(body=body)) as server,
        pytest.raises(ApiError, match="Is this a Lookalike server") as raised,
    ):
        connect(server.url).categories()
    assert (type(raised.value), raised.value.status) == (ApiError, 200)


def test_raises_api_error_for_an_answer_of_another_media_type(connect: Connect) -> None:
    with scripted_server(ScriptedAnswer(body=b"<html>", headers={"Content-Type": "text/html"})) as server:
        client = connect(server.url)
        for call in (client.photo, client.thumbnail, client.rejects, lambda job: list(client.events(job))):
            with pytest.raises(ApiError, match="text/html"):
                call(1 if call in (client.photo, client.thumbnail) else "j")


def test_shows_the_text_of_a_proxy_error(connect: Connect) -> None:
    with (
        scripted_server(ScriptedAnswer(502, b"<h1>upstream is away</h1>")) as server,
        pytest.raises(Unavailable) as raised,
    ):
        connect(server.url).categories()
    assert (raised.value.title, raised.value.detail) == ("Bad Gateway", "<h1>upstream is away</h1>")


def test_sends_the_key_to_the_named_server_only(connect: Connect) -> None:
    with (
        scripted_server(CATEGORIES) as other,
        scripted_server(ScriptedAnswer(307, headers={"Location": other.url})) as server,
        pytest.raises(ApiError) as raised,
    ):
        connect(server.url, key="lk_1_secret").categories()
    assert (raised.value.status, other.requests) == (307, [])
    assert server.requests[0].headers["Authorization"] == "Bearer lk_1_secret"
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("base_url", ["", "nowhere", "localhost:8000", "ftp://example.org", "http://a:b", "http://"])
def test_rejects_a_base_url_that_is_not_an_http_url(connect: Connect, base_url: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        connect(base_url)


@pytest.mark.parametrize("key", ["ключ", "a\r\nX-Role: admin"])
def test_rejects_a_key_with_impossible_characters(connect: Connect, key: str) -> None:
    with pytest.raises(ValueError, match="API key"):
        connect("http://127.0.0.1:9", key=key)


def test_rejects_a_filter_that_json_cannot_express(connect: Connect) -> None:
    with scripted_server(CATEGORIES) as server, pytest.raises(ValueError, match="JSON"):
        connect(server.url).search_by(StoredSearch(listing_id="lamp", price_max=float("nan")))
    assert server.requests == []


def test_accepts_a_base_url_with_a_path_and_a_trailing_slash(connect: Connect) -> None:
    with scripted_server(CATEGORIES) as server:
        connect(server.url + "/lookalike/").categories()
    assert server.requests[0].path == "/lookalike/v1/categories"


def test_names_the_invalid_field_of_a_framework_error(connect: Connect) -> None:
    body = b'{"title": "Bad Request", "detail": "k: not a number", "errors": [{"key": "k", "message": "not a number"}]}'
    with scripted_server(ScriptedAnswer(400, body, PROBLEM)) as server, pytest.raises(Rejected) as raised:
        connect(server.url).similar("lamp", SearchFields())
    assert raised.value.field == "k"


def test_methods_have_the_signature_and_docstring_of_their_call() -> None:
    assert list(inspect.signature(Client("http://127.0.0.1:9").search).parameters) == ["photo", "fields"]
    assert "Search by a photo" in str(Client.search.__doc__)
