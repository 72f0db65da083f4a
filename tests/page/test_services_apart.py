"""Search and ingest as two servers: the page of the one administers the other."""

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
def apart(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The addresses of a search service and of an ingest service, on one database."""
    data, port = tmp_path / "demo", free_port()
    shutil.copytree(DEMO, data)
    origin = f"http://127.0.0.1:{port}"
    with (
        serving(data, app="ingest", LOOKALIKE_CORS_ORIGINS=origin, LOOKALIKE_INDEXES="faiss") as ingest,
        serving(data, app="search", port=port, LOOKALIKE_INGEST_URL=ingest, LOOKALIKE_INDEXES="faiss") as search,
    ):
        yield search, ingest


def test_administration_reaches_the_ingest_service_and_nobody_else(browser: Browser, apart: tuple[str, str]) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{apart[0]}/admin?tab=indexes")
    expect(page.get_by_role("row", name="live")).to_be_visible()
    page.goto(f"{apart[0]}/admin?tab=model")
    expect(page.locator("main svg").first).to_be_visible()
    page.close()
    assert {url for url in asked if not url.startswith(apart)} == set()


def test_a_server_that_only_searches_says_so(browser: Browser, tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "demo")
    page = browser.new_page()
    with serving(tmp_path / "demo", app="search", LOOKALIKE_INDEXES="faiss") as search:
        page.goto(f"{search}/admin?tab=indexes")
        expect(page.locator("main")).to_contain_text("This server only searches")
    page.close()
