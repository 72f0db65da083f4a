"""A server answers only to its own names, so that no foreign name can be made to point at it (DNS rebinding)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from db.models import Role
from db.rows.access import keys
from services.settings import Settings
from services.web.browsers.host_names import Authority, KnownHosts
from tests.integration.web.test_cross_site import add_listing, listing_count, server_of
from tests.servers import send_raw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.resources import Resources


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, live_data: Path) -> Iterator[tuple[Resources, int]]:
    names = ("shop.example", "*.internal.example", "[fd00::7]", "search")
    with server_of(tmp_path_factory.mktemp("named") / "data", live_data, allowed_hosts=names) as opened:
        yield opened


FOREIGN = [
    ("Host: evil.example",),
    ("Host: evil.example:PORT",),
    ("Host: EVIL.EXAMPLE",),
    ("Host: evil.example.",),
    ("Host: evil.example:80",),
    ("Host: localhost.evil.example:PORT",),
    ("Host: 127.0.0.1.evil.example:PORT",),
    ("Host: 127-0-0-1.evil.example",),
    ("Host: evillocalhost",),
    ("Host: evil.localhost",),
    ("Host: localhost..",),
    ("Host: .localhost",),
    ("Host: 8.8.8.8:PORT",),
    ("Host: 192.168.1.5",),
    ("Host: 0.0.0.0:PORT",),
    ("Host: 127.1:PORT",),
    ("Host: 2130706433",),
    ("Host: 0x7f.0.0.1",),
    ("Host: 0177.0.0.1",),
    ("Host: [2001:db8::1]:PORT",),
    ("Host: [::]:PORT",),
    ("Host: [fd00::8]",),
    ("Host: ::1",),
    ("Host: [::1].evil.example",),
    ("Host: [::ffff:8.8.8.8]",),
    ("Host: localhost:99999",),
    ("Host: localhost:PORT:PORT",),
    ("Host: localhost:port",),
    ("Host: localhost@evil.example",),
    ("Host: evil.example@localhost",),
    ("Host: user:secret@localhost:PORT",),
    ("Host: localhost, evil.example",),
    ("Host: evil.example localhost",),
    ("Host: localhost/evil.example",),
    ("Host: localhost#evil.example",),
    ("Host: http://localhost:PORT",),
    ("Host: localhost", "Host: evil.example"),
    ("Host: localhost", "Host: localhost"),
    ("Host: ",),
    ("Host: evil.example", "X-Forwarded-Host: localhost"),
    ("Host: evil.example", "Forwarded: host=localhost"),
    ("Host: evil.example", "Origin: http://evil.example"),
    ("Host: evil.example:PORT", "Origin: http://evil.example:PORT"),
    ("Host: evil.example", "Sec-Fetch-Site: same-origin"),
    ("Host: evil.example", "Sec-Fetch-Site: none"),
    # almost a name that the settings allow
    ("Host: shop.example.evil",),
    ("Host: evil.shop.example",),
    ("Host: internal.example",),
    ("Host: evilinternal.example",),
    ("Host: search.evil.example",),
]


@pytest.mark.parametrize("headers", FOREIGN, ids=" | ".join)
def test_refuses_a_change_under_a_foreign_name(server: tuple[Resources, int], headers: tuple[str, ...]) -> None:
    resources, port = server
    before = listing_count(resources)
    answer = add_listing(port, *headers)
    assert answer.status in (400, 421)
    assert answer.headers["content-type"] == "application/problem+json"
    assert listing_count(resources) == before


@pytest.mark.parametrize(
    "path", ["/", "/listing", "/docs", "/docs/openapi.json", "/metrics", "/health/ready", "/v1/jobs"]
)
def test_reads_nothing_under_a_foreign_name(server: tuple[Resources, int], path: str) -> None:
    answer = send_raw(server[1], f"GET {path} HTTP/1.1", ["Host: evil.example"])
    assert answer.status == 421
    assert "'evil.example'" in answer.json()["detail"]
    assert "LOOKALIKE_ALLOWED_HOSTS" in answer.json()["detail"]


@pytest.mark.parametrize(
    "target", ["http://evil.example/v1/jobs", "http://localhost/v1/jobs", "//evil.example/v1/jobs"]
)
def test_a_target_that_names_a_host_finds_nothing(server: tuple[Resources, int], target: str) -> None:
    assert send_raw(server[1], f"GET {target} HTTP/1.1", ["Host: localhost"]).status in (400, 404)


@pytest.mark.parametrize("headers", [("Sec-Fetch-Site: none",), ()], ids=["browser", "program"])
def test_a_request_without_a_host_name_is_refused(server: tuple[Resources, int], headers: tuple[str, ...]) -> None:
    assert send_raw(server[1], "GET /v1/jobs HTTP/1.0", headers).status == 421
    assert send_raw(server[1], "GET /v1/jobs HTTP/1.1", headers).status == 400


OWN = [
    "localhost",
    "localhost:PORT",
    "LocalHost:PORT",
    "localhost.",
    "localhost.:PORT",
    "localhost:",
    "localhost:1",  # published under another port
    "127.0.0.1",
    "127.0.0.1:PORT",
    "127.0.0.1.:PORT",
    "127.8.9.10:PORT",
    "[::1]",
    "[::1]:PORT",
    "[0:0:0:0:0:0:0:1]:PORT",
    "[::ffff:127.0.0.1]:PORT",
    "shop.example",
    "SHOP.example:443",
    "shop.example.",
    "a.internal.example",
    "a.b.internal.example:8000",
    "[FD00:0::7]:8000",
    "search:8000",
]


@pytest.mark.parametrize("host", OWN)
def test_answers_to_loopback_names_and_to_the_names_in_the_settings(server: tuple[Resources, int], host: str) -> None:
    port = server[1]
    authority = host.replace("PORT", str(port))
    assert add_listing(port, f"Host: {authority}").status == 201
    assert add_listing(port, f"Host: {authority}", "Sec-Fetch-Site: same-origin").status == 201


def test_answers_to_its_own_address() -> None:
    hosts = KnownHosts([])
    assert hosts.include("192.168.1.5", own_address="192.168.1.5")
    assert hosts.include("2001:db8::1", own_address="2001:0db8::1")
    assert not hosts.include("192.168.1.6", own_address="192.168.1.5")


def test_a_star_allows_every_name() -> None:
    assert KnownHosts(["*"]).include("evil.example", own_address="127.0.0.1")


def test_once_a_key_exists_programs_may_use_any_name_but_pages_may_not(tmp_path: Path, live_data: Path) -> None:
    with server_of(tmp_path / "data", live_data) as (resources, port):
        with resources.database.write() as session:
            bearer = f"Authorization: Bearer {keys.create_key(session, 'test', Role.ADMIN)}"
        assert add_listing(port, "Host: lookalike.internal", bearer).status == 201
        assert add_listing(port, "Host: lookalike.internal").status == 401
        assert add_listing(port, "Host: evil.example", bearer, "Sec-Fetch-Site: same-origin").status == 421
        assert add_listing(port, "Host: evil.example", bearer, "Origin: http://evil.example").status == 421


def test_the_ingest_service_answers_to_the_name_by_which_browsers_reach_it(tmp_path: Path, live_data: Path) -> None:
    settings = {"ingest_url": "https://ingest.example", "cors_origins": ("https://search.example",)}
    with server_of(tmp_path / "data", live_data, **settings) as (_, port):
        page = ("Sec-Fetch-Site: same-site", "Origin: https://search.example")
        assert add_listing(port, "Host: ingest.example", *page).status == 201


@pytest.mark.parametrize("name", ["https://shop.example", "shop.example:8000", "a b", "shop.example/", "*shop.example"])
def test_refuses_settings_that_are_no_host_names(name: str) -> None:
    with pytest.raises(ValidationError):
        Settings(_env_file=None, allowed_hosts=name)


def test_reads_host_names_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_ALLOWED_HOSTS", "shop.example, *.shop.example,[::5], *")
    assert Settings(_env_file=None).allowed_hosts == ("shop.example", "*.shop.example", "[::5]", "*")


@pytest.mark.parametrize(
    ("text", "authority"),
    [
        ("Shop.Example:80", Authority("shop.example", 80)),
        ("[0::1]:8000", Authority("::1", 8000)),
        ("localhost:", Authority("localhost")),
        ("user@shop.example", None),
        ("shop.example:65536", None),
        ("", None),
    ],
)
def test_reads_a_host_header(text: str, authority: Authority | None) -> None:
    assert Authority.parse(text) == authority
