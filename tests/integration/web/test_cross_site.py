"""A page of another site can neither change nor read anything of a server without a key, whatever its browser sends."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import pytest
from sqlmodel import func, select

from db.models import Listing, Role
from db.rows.access import keys
from services.client import Client
from services.wire import NewListing
from tests.servers import RawAnswer, send_raw, serving
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.resources import Resources

SHOP = "https://shop.example"
JSON = "Content-Type: application/json"
NAVIGATION = ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")


@contextmanager
def server_of(folder: Path, live_data: Path, **settings: object) -> Iterator[tuple[Resources, int]]:
    with resources_in(folder, like=live_data) as resources:
        for name, value in settings.items():
            setattr(resources.settings, name, value)
        with serving(resources) as url:
            yield resources, int(urlsplit(url).port or 0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, live_data: Path) -> Iterator[tuple[Resources, int]]:
    with server_of(tmp_path_factory.mktemp("open") / "data", live_data, cors_origins=(SHOP,)) as opened:
        yield opened


def add_listing(port: int, *headers: str) -> RawAnswer:
    """Try to add a new listing with these headers; `PORT` stands for the port."""
    listing = {"listing_id": uuid4().hex, "title": "Lamp", "category": "Home"}
    lines = [line.replace("PORT", str(port)) for line in headers]
    host = [] if any(line.startswith("Host:") for line in lines) else [f"Host: 127.0.0.1:{port}"]
    content_type = [] if any(line.startswith("Content-Type:") for line in lines) else [JSON]
    return send_raw(port, "POST /v1/listings HTTP/1.1", [*host, *content_type, *lines], msgspec.json.encode(listing))


def listing_count(resources: Resources) -> int:
    with resources.database.read() as session:
        return session.exec(select(func.count()).select_from(Listing)).one()


FOREIGN = [
    # fetch, XMLHttpRequest and forms of another site
    ("Sec-Fetch-Site: cross-site",),
    ("Sec-Fetch-Site: cross-site", "Origin: https://evil.example"),
    ("Sec-Fetch-Site: cross-site", "Origin: null"),
    ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: empty"),
    ("Sec-Fetch-Site: cross-site", *NAVIGATION),
    ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"),
    ("Sec-Fetch-Site: cross-site", "Origin: http://127.0.0.1:PORT"),
    ("Sec-Fetch-Site: cross-site", "Referer: http://127.0.0.1:PORT/"),
    # another server of the same machine or domain
    ("Sec-Fetch-Site: same-site",),
    ("Sec-Fetch-Site: same-site", "Origin: http://127.0.0.1:1"),
    ("Origin: http://127.0.0.1:1",),
    ("Origin: http://127.0.0.1",),
    ("Origin: http://localhost:PORT",),
    ("Origin: https://127.0.0.1:443",),
    # unknown or repeated values
    ("Sec-Fetch-Site: ",),
    ("Sec-Fetch-Site: anything",),
    ("Sec-Fetch-Site: SAME-ORIGIN",),
    ("Sec-Fetch-Site: same-origin, cross-site",),
    ("Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"),
    ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: none"),
    # two headers that contradict each other
    ("Sec-Fetch-Site: same-origin", "Origin: https://evil.example"),
    ("Sec-Fetch-Site: none", "Origin: https://evil.example"),
    ("Sec-Fetch-Site: same-origin", "Origin: http://127.0.0.1:1"),
    ("Sec-Fetch-Site: same-origin", "Origin: http://localhost:PORT"),
    ("Sec-Fetch-Site: same-origin", "Origin: null", "Origin: https://evil.example"),
    ("Sec-Fetch-Site: same-origin", "Origin: "),
    ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin", "Origin: null"),
    # browsers that send no Sec-Fetch-Site
    ("Origin: null",),
    ("Origin: ",),
    ("Origin: *",),
    ("Origin: https://evil.example",),
    ("Origin: HTTPS://EVIL.EXAMPLE",),
    ("Origin: http://evil.example:PORT",),
    ("Origin: http://127.0.0.1:PORT.evil.example",),
    ("Origin: http://127.0.0.1.evil.example:PORT",),
    ("Origin: http://127.0.0.1:PORT@evil.example",),
    ("Origin: http://evil.example@127.0.0.1:PORT",),
    ("Origin: http://127.0.0.1:PORT/", "Origin: https://evil.example"),
    ("Origin: http://127.0.0.1:PORT", "Origin: https://evil.example"),
    ("Origin: http://127.0.0.1:PORT, https://evil.example",),
    ("Origin: //127.0.0.1:PORT",),
    ("Origin: file://",),
    ("Origin: chrome-extension://abcdefgh",),
    ("Origin: http://[::1]:PORT",),
    # almost the origin that the settings allow
    ("Origin: https://shop.example.evil",),
    ("Origin: https://shop.example:8443",),
    ("Origin: http://shop.example",),
    ("Origin: https://evil.shop.example",),
    ("Origin: https://shop.example", "Origin: https://evil.example"),
    ("Sec-Fetch-Site: cross-site", "Referer: https://shop.example.evil/"),
    ("Sec-Fetch-Site: cross-site", "Origin: https://evil.example", "Referer: https://shop.example/"),
]


@pytest.mark.parametrize("headers", FOREIGN, ids=" | ".join)
def test_refuses_a_change_that_a_foreign_page_sends(server: tuple[Resources, int], headers: tuple[str, ...]) -> None:
    resources, port = server
    before = listing_count(resources)
    answer = add_listing(port, *headers)
    assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")
    assert "LOOKALIKE_CORS_ORIGINS" in answer.json()["detail"]
    assert listing_count(resources) == before


OWN = [
    (),
    ("User-Agent: curl/8.5.0", "Accept: */*"),
    ("Sec-Fetch-Site: same-origin",),
    ("Sec-Fetch-Site: same-origin", "Origin: http://127.0.0.1:PORT"),
    ("Sec-Fetch-Site: none",),
    ("Sec-Fetch-Site: same-origin", "Origin: null"),  # a form of a page with `Referrer-Policy: no-referrer`
    ("Origin: http://127.0.0.1:PORT",),
    ("Origin: HTTP://127.0.0.1:PORT",),
    ("Host: localhost:PORT", "Origin: http://localhost:PORT"),
    ("Host: [::1]:PORT", "Origin: http://[::1]:PORT"),
    ("Host: localhost", "Origin: http://localhost:80"),
    ("Host: shop.example", "Origin: https://shop.example:443"),  # a proxy that ends TLS and keeps the name
    ("Sec-Fetch-Site: same-origin", "Origin: https://shop.example"),  # a proxy that replaces the Host header
    ("Sec-Fetch-Site: cross-site", "Origin: https://shop.example"),
    ("Sec-Fetch-Site: cross-site", "Origin: https://SHOP.example"),
    ("Sec-Fetch-Site: cross-site", "Referer: https://shop.example/listing?id=1"),
    ("Origin: https://shop.example",),
    ("Referer: https://evil.example/",),  # programs may send it; browsers send more
]


@pytest.mark.parametrize("headers", OWN, ids=" | ".join)
def test_accepts_own_pages_allowed_origins_and_programs(
    server: tuple[Resources, int], headers: tuple[str, ...]
) -> None:
    answer = add_listing(server[1], *headers)
    assert answer.status == 201, answer.body


CALLS = [
    ("GET", "/v1/listings"),
    ("HEAD", "/v1/listings"),
    ("GET", "/v1/categories"),
    ("GET", "/v1/photos/1"),
    ("GET", "/v1/photos/1/thumbnail"),
    ("GET", "/v1/listings/lamp/similar"),
    ("GET", "/v1/jobs"),
    ("GET", "/v1/admin/consistency"),
    ("GET", "/metrics"),
    ("GET", "/health/ready"),
    ("GET", "/docs/openapi.json"),
    ("POST", "/v1/search"),
    ("POST", "/v1/search/batch"),
    ("POST", "/v1/recommend"),
    ("POST", "/v1/classify"),
    ("POST", "/v1/listings"),
    ("POST", "/v1/listings/bulk"),
    ("POST", "/v1/admin/reindex"),
    ("PUT", "/v1/listings/lamp"),
    ("PATCH", "/v1/listings/lamp"),
    ("DELETE", "/v1/listings/lamp"),
    ("DELETE", "/v1/listings?category=Home"),
    ("POST", "/"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_no_call_answers_a_foreign_page(server: tuple[Resources, int], method: str, path: str) -> None:
    headers = [f"Host: 127.0.0.1:{server[1]}", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"]
    assert send_raw(server[1], f"{method} {path} HTTP/1.1", headers).status in (403, 405)


@pytest.mark.parametrize(
    ("reason", "headers"),
    [
        ("site", ["Host: localhost", "Origin: https://evil.example"]),
        ("host name", ["Host: evil.example", "Sec-Fetch-Site: same-origin"]),
        ("host name", ["Host: evil@example"]),
    ],
)
def test_the_metrics_count_refused_requests_by_reason_alone(
    server: tuple[Resources, int], reason: str, headers: list[str]
) -> None:
    def count() -> float:
        text = send_raw(server[1], "GET /metrics HTTP/1.1", [f"Host: 127.0.0.1:{server[1]}"]).body.decode()
        found = re.search(rf'^lookalike_requests_refused_total{{reason="{reason}"}} (\S+)', text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    before = count()
    for path in ("/v1/jobs", "/v1/listings"):
        send_raw(server[1], f"GET {path} HTTP/1.1", headers)
    assert count() == before + 2


def test_links_of_other_sites_lead_to_the_page_but_to_no_call(server: tuple[Resources, int]) -> None:
    headers = [f"Host: 127.0.0.1:{server[1]}", "Sec-Fetch-Site: cross-site", *NAVIGATION]
    statuses = {
        path: send_raw(server[1], f"GET {path} HTTP/1.1", headers).status for path in ("/", "/docs", "/v1/jobs")
    }
    assert statuses == {"/": 200, "/docs": 200, "/v1/jobs": 403}


NOT_JSON = [
    (),
    ("Content-Type: ",),
    ("Content-Type: text/plain",),
    ("Content-Type: text/plain; charset=utf-8",),
    ("Content-Type: text/plain; application/json",),
    ("Content-Type: application/x-www-form-urlencoded",),
    ("Content-Type: application/json, text/plain",),
    ("Content-Type: application/json", "Content-Type: text/plain"),
    ("Content-Type: text/json+json",),
    ("Content-Type: application/octet-stream",),
]
JSON_CALLS = [
    ("POST", "/v1/listings"),
    ("PUT", "/v1/listings/lamp"),
    ("PATCH", "/v1/listings/lamp"),
    ("POST", "/v1/search"),
    ("POST", "/v1/search/batch"),
    ("POST", "/v1/recommend"),
]


@pytest.mark.parametrize("content_type", NOT_JSON, ids=" | ".join)
def test_json_calls_take_json_content_types_only(server: tuple[Resources, int], content_type: tuple[str, ...]) -> None:
    resources, port = server
    before = listing_count(resources)
    body = msgspec.json.encode({"listing_id": "typed", "title": "Lamp", "category": "Home"})
    for method, path in JSON_CALLS:
        answer = send_raw(port, f"{method} {path} HTTP/1.1", ["Host: localhost", *content_type], body)
        assert (method, path, answer.status) == (method, path, 415)
    assert listing_count(resources) == before


@pytest.mark.parametrize("content_type", ["application/json;charset=UTF-8", "APPLICATION/JSON", "application/ld+json"])
def test_every_json_type_is_accepted(server: tuple[Resources, int], content_type: str) -> None:
    assert add_listing(server[1], f"Content-Type: {content_type}").status == 201


@pytest.mark.parametrize(
    "content_type", ["text/plain; boundary=EDGE", "application/json", "application/x-www-form-urlencoded"]
)
def test_an_upload_takes_a_form_only(server: tuple[Resources, int], content_type: str) -> None:
    body = b'--EDGE\r\nContent-Disposition: form-data; name="listings"; filename="a.csv"\r\n\r\nid\r\n1\r\n--EDGE--\r\n'
    headers = ["Host: localhost", f"Content-Type: {content_type}"]
    assert send_raw(server[1], "POST /v1/listings/bulk HTTP/1.1", headers, body).status == 415


def test_a_key_does_not_help_a_foreign_page(tmp_path: Path, live_data: Path) -> None:
    with server_of(tmp_path / "data", live_data) as (resources, port):
        with resources.database.write() as session:
            bearer = f"Authorization: Bearer {keys.create_key(session, 'test', Role.ADMIN)}"
        assert add_listing(port, bearer).status == 201
        assert add_listing(port, bearer, "Sec-Fetch-Site: same-origin").status == 201
        assert add_listing(port, bearer, "Sec-Fetch-Site: cross-site").status == 403
        assert add_listing(port, bearer, "Origin: https://evil.example").status == 403
        assert listing_count(resources) == 2


def test_the_python_client_needs_no_browser_header(server: tuple[Resources, int]) -> None:
    with Client(f"http://127.0.0.1:{server[1]}") as client:
        assert client.add_listing(NewListing(title="Lamp", category="Home")).outcome == "created"
