"""Pages of other sites may call the API only where the settings name them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient
from pydantic import ValidationError

from services.resources import Resources
from services.settings import Settings
from services.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

SHOP = "https://shop.example"
PREFLIGHT = {"Origin": SHOP, "Access-Control-Request-Method": "GET"}


@contextmanager
def client_of(folder: Path, origins: str) -> Iterator[TestClient[Litestar]]:
    resources = Resources(Settings(_env_file=None, data_dir=folder, threads=1, cors_origins=origins))
    try:
        with TestClient(create_app(resources, title="Test", parts=[])) as client:
            yield client
    finally:
        resources.close()


def allowed(client: TestClient[Litestar], origin: str) -> str | None:
    value: str | None = client.get("/health/live", headers={"Origin": origin}).headers.get(
        "access-control-allow-origin"
    )
    return value


def test_no_page_of_another_site_may_call_unless_it_is_named(tmp_path: Path) -> None:
    with client_of(tmp_path, "") as client:
        assert allowed(client, SHOP) is None
        assert "access-control-allow-origin" not in client.options("/health/live", headers=PREFLIGHT).headers


def test_pages_of_the_sites_that_are_named_may_call_and_see_what_the_headers_say(tmp_path: Path) -> None:
    with client_of(tmp_path, f"{SHOP}, http://localhost:3000") as client:
        assert allowed(client, SHOP) == SHOP
        assert allowed(client, "http://localhost:3000") == "http://localhost:3000"
        assert allowed(client, "https://shop.example.evil") is None
        exposed = client.get("/health/live", headers={"Origin": SHOP}).headers["access-control-expose-headers"]
        assert {"etag", "retry-after", "x-request-id"} <= {name.strip().lower() for name in exposed.split(",")}
        preflight = client.options("/health/live", headers=PREFLIGHT)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == SHOP
        assert "access-control-allow-credentials" not in preflight.headers


def test_a_refusal_may_be_read_by_a_page_that_is_named(tmp_path: Path) -> None:
    with client_of(tmp_path, SHOP) as client:
        refused = client.get("/nowhere", headers={"Origin": SHOP})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (404, SHOP)


@pytest.mark.parametrize("wrong", ["shop.example", "https://shop.example/path", "ftp://shop.example"])
def test_what_is_no_origin_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Settings(_env_file=None, cors_origins=wrong)
