"""The page's files over HTTP; `tests/page` tests them in a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from services.resources import Resources
from services.search.app import create_app
from services.settings import Settings
from tests.databases import copy_migrated_sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient[Litestar]]:
    folder: Path = tmp_path_factory.mktemp("data")
    copy_migrated_sqlite(folder / "lookalike.sqlite")
    settings = Settings(_env_file=None, data_dir=folder, threads=1, ingest_url="https://ingest.example:8443/")
    resources = Resources(settings)
    with TestClient(create_app(resources), raise_server_exceptions=False) as opened:
        yield opened
    resources.close()


@pytest.mark.parametrize("view", ["/", "/listing?id=lamp-1", "/admin?tab=indexes"])
def test_every_view_has_its_own_address(client: TestClient[Litestar], view: str) -> None:
    answer = client.get(view)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


def test_every_file_that_the_page_loads_exists_and_may_be_cached(client: TestClient[Litestar]) -> None:
    seen, waiting = set(), re.findall(r'(?:href|src)="(/page/[^"]+)"', client.get("/").text)
    while waiting:
        address = waiting.pop()
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"]
        seen.add(address)
        imported = (
            re.findall(r"""(?:from|import)\s*\(?["'](\.[^"']+)["']""", answer.text) if address.endswith(".js") else []
        )
        here = address.rpartition("/")[0]
        found = {re.sub(r"/[^/.]+/\.\./", "/", f"{here}/{one.removeprefix('./')}") for one in imported}
        waiting += found - seen
    assert len(seen) > 30


def test_the_content_policy_allows_only_the_page_and_the_ingest_service(client: TestClient[Litestar]) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "connect-src 'self' https://ingest.example:8443;" in policy
    assert 'content="https://ingest.example:8443"' in client.get("/").text


@pytest.mark.parametrize("path", ["index.html", "../routes.py", "nothing.js", "%2e%2e/routes.py"])
def test_serves_no_other_files(client: TestClient[Litestar], path: str) -> None:
    folder = re.findall(r"/page/\w+/", client.get("/").text)[0]
    assert client.get(folder + path).status_code == 404
