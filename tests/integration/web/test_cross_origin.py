"""Cross-origin access: pages of other sites may call the API only if the settings name their site."""

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
def client_with_origins(folder: Path, origins: str) -> Iterator[TestClient[Litestar]]:
    resources = Resources(Settings(_env_file=None, data_dir=folder, threads=1, cors_origins=origins))
    try:
        with TestClient(create_app(resources, title="Test", parts=[])) as client:
            yield client
    finally:
        resources.close()


def allowed_origin(client: TestClient[Litestar], origin: str) -> str | None:
    value: str | None = client.get("/health/live", headers={"Origin": origin}).headers.get(
        "access-control-allow-origin"
    )
    return value


def test_allows_no_other_site_by_default(tmp_path: Path) -> None:
    with client_with_origins(tmp_path, "") as client:
        assert allowed_origin(client, SHOP) is None
        assert "access-control-allow-origin" not in client.options("/health/live", headers=PREFLIGHT).headers


def test_named_sites_may_call_and_read_the_response_headers(tmp_path: Path) -> None:
    with client_with_origins(tmp_path, f"{SHOP}, http://localhost:3000") as client:
        assert allowed_origin(client, SHOP) == SHOP
        assert allowed_origin(client, "http://localhost:3000") == "http://localhost:3000"
        assert allowed_origin(client, "https://shop.example.evil") is None
        exposed = client.get("/health/live", headers={"Origin": SHOP}).headers["access-control-expose-headers"]
        assert {"etag", "retry-after", "x-request-id"} <= {name.strip().lower() for name in exposed.split(",")}
        preflight = client.options("/health/live", headers=PREFLIGHT)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == SHOP
        assert "access-control-allow-credentials" not in preflight.headers


def test_named_sites_may_read_error_answers(tmp_path: Path) -> None:
    with client_with_origins(tmp_path, SHOP) as client:
        refused = client.get("/nowhere", headers={"Origin": SHOP})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (404, SHOP)


@pytest.mark.parametrize("wrong", ["shop.example", "https://shop.example/path", "ftp://shop.example"])
def test_rejects_settings_that_are_not_origins(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Settings(_env_file=None, cors_origins=wrong)
