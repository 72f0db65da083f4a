"""Search and ingest on two servers: the page of the search server administers the ingest server."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.browsing import DEMO, serving
from tests.sites import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser


@pytest.fixture
def two_servers(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Base URLs of a search server and an ingest server that share one database."""
    data, port = tmp_path / "demo", free_port()
    shutil.copytree(DEMO, data)
    origin = f"http://127.0.0.1:{port}"
    with (
        serving(data, app="ingest", LOOKALIKE_CORS_ORIGINS=origin, LOOKALIKE_INDEXES="faiss") as ingest,
        serving(data, app="search", port=port, LOOKALIKE_INGEST_URL=ingest, LOOKALIKE_INDEXES="faiss") as search,
    ):
        yield search, ingest


def test_the_admin_page_sends_requests_only_to_the_two_servers(browser: Browser, two_servers: tuple[str, str]) -> None:
    page = browser.new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(f"{two_servers[0]}/admin?tab=indexes")
    expect(page.locator("tr [data-state=live]")).to_be_visible()
    page.goto(f"{two_servers[0]}/admin?tab=model")
    expect(page.locator("main svg").first).to_be_visible()
    page.close()
    assert {url for url in requested if not url.startswith(two_servers)} == set()


def test_a_search_only_server_says_that_it_cannot_administer(browser: Browser, tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "demo")
    page = browser.new_page()
    with serving(tmp_path / "demo", app="search", LOOKALIKE_INDEXES="faiss") as search:
        page.goto(f"{search}/admin?tab=indexes")
        expect(page.locator("main")).to_contain_text("This server only searches")
    page.close()
