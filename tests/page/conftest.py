"""One server and one browser for all page tests; a fresh browser profile for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.page.browsing import CHROMIUM, DEMO, Demo, PageLog, running_chromium, serving_demo_copy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

PAGE_TESTS = "tests/page"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if PAGE_TESTS in item.path.as_posix():
            item.add_marker(pytest.mark.page)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    if not (DEMO / "demo.json").is_file():
        pytest.fail(f"{DEMO} holds no demo: `lookalike demo --no-serve` builds one")
    with serving_demo_copy(tmp_path_factory.mktemp("demo-server"), LOOKALIKE_FETCH_ALLOW="127.0.0.0/8") as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.fail("there is no Chromium: install Debian's `chromium`, or name one with LOOKALIKE_TEST_CHROMIUM")
    with running_chromium() as chromium:
        yield chromium


@pytest.fixture
def page_log() -> PageLog:
    return PageLog()


@pytest.fixture
def page(browser: Browser, demo: Demo, page_log: PageLog) -> Iterator[Page]:
    """A page on the demo server; fails the test if the page sent a request to another server."""
    context = browser.new_context(
        base_url=demo.url, viewport={"width": 1280, "height": 900}, reduced_motion="reduce", locale="en-GB"
    )
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    page_log.watch(opened)
    yield opened
    context.close()
    assert not page_log.requests_elsewhere(demo.url)


@pytest.fixture
def no_page_errors(page_log: PageLog) -> Iterator[None]:
    """Fails the test if the page raised an exception or logged an error, such as a violation of the security policy."""
    yield
    assert not page_log.errors


@pytest.fixture
def photo(demo: Demo) -> Path:
    return demo.photos[3]
