"""One server and one browser for all tests of the page; a fresh browser profile for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.page import browsing
from tests.page.browsing import CHROMIUM, DEMO, Demo, Witness, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

HERE = "tests/page"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.as_posix():
            item.add_marker(pytest.mark.page)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    if not (DEMO / "demo.json").is_file():
        pytest.fail(f"{DEMO} holds no demo: `lookalike demo --no-serve` builds one")
    with served(tmp_path_factory.mktemp("served"), LOOKALIKE_FETCH_ALLOW="127.0.0.0/8") as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.fail("there is no Chromium: install Debian's `chromium`, or name one with LOOKALIKE_TEST_CHROMIUM")
    with browsing.browser() as opened:
        yield opened


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
def page(browser: Browser, demo: Demo, witness: Witness) -> Iterator[Page]:
    """A page at the demo. It asked nobody else for anything when the test ends."""
    context = browser.new_context(
        base_url=demo.url, viewport={"width": 1280, "height": 900}, reduced_motion="reduce", locale="en-GB"
    )
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    witness.watch(opened)
    yield opened
    context.close()
    assert not witness.strangers(demo.url)


@pytest.fixture
def calm(witness: Witness) -> Iterator[None]:
    """Nothing went wrong in the page when the test ends: no exception, nothing that the policy refused."""
    yield
    assert not witness.errors


@pytest.fixture
def photo(demo: Demo) -> Path:
    return demo.photos[3]
