"""Requirements on every view: accessibility, keyboard use, width, size, speed and the security policy."""

from __future__ import annotations

import json
import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.page.steps import FOUND, choose_photo, results, wait_for_results

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Response

    from tests.page.browsing import Demo

MAX_BYTES_AT_START, MAX_BYTES_WITH_A_SEARCH = 125_000, 151_000
TABS = {
    "ingest": "[aria-labelledby=jobs-title] tbody tr",
    "indexes": "[aria-labelledby=generations-title] tbody tr",
    "recall": "#searches-title",
    "duplicates": "[aria-labelledby=duplicates-title] :is(.review, .notice:not(.problem))",
    "model": "#model-title",
}
"""Selectors of the content that each admin tab shows once its data is loaded."""

SCHEMES = ("light", "dark")


def findings(page: Page) -> list[str]:
    """Return the findings of axe-core."""
    checked = Axe().run(page).response
    assert len(checked["passes"]) > 10
    return [
        f"{violation['id']}: {node['target']} {node.get('failureSummary', '')[:200]}"
        for violation in checked["violations"]
        for node in violation["nodes"]
    ]


@pytest.fixture(params=SCHEMES)
def themed_page(page: Page, request: pytest.FixtureRequest) -> Page:
    page.emulate_media(color_scheme=request.param)
    return page


def test_the_start_view_is_accessible(themed_page: Page) -> None:
    themed_page.goto("/")
    expect(themed_page.locator(".result api-photo[data-state=shown]").first).to_be_visible()
    assert findings(themed_page) == []


def test_results_are_accessible_with_likes_and_breadcrumbs(themed_page: Page, photo: Path) -> None:
    themed_page.goto("/")
    choose_photo(themed_page, photo)
    assert findings(themed_page) == []
    themed_page.get_by_role("button", name=re.compile("^More like this")).nth(1).click()
    themed_page.wait_for_url(re.compile("like="))
    wait_for_results(themed_page)
    themed_page.locator(".result .photo").nth(1).click()
    expect(themed_page.locator(".trail")).to_be_visible()
    wait_for_results(themed_page)
    assert findings(themed_page) == []


def test_the_listing_view_is_accessible(themed_page: Page) -> None:
    themed_page.goto("/")
    themed_page.locator(".result h3 a").first.click()
    expect(themed_page.locator("[aria-labelledby=similar] .result[data-listing]").first).to_be_visible()
    assert findings(themed_page) == []


@pytest.mark.parametrize("tab", TABS)
def test_every_admin_tab_is_accessible(themed_page: Page, tab: str) -> None:
    themed_page.goto(f"/admin?tab={tab}")
    expect(themed_page.locator(TABS[tab]).first).to_be_visible()
    assert findings(themed_page) == []


def test_the_page_follows_the_colour_scheme(page: Page) -> None:
    page.goto("/")
    shades = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        shade = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades[scheme] = sum(int(part) for part in re.findall(r"\d+", shade))
    assert shades["light"] > 600
    assert shades["dark"] < 150


def test_an_error_and_a_dialog_are_accessible(themed_page: Page) -> None:
    themed_page.goto("/?listing=nobody")
    expect(themed_page.get_by_role("alert").first).to_be_visible()
    assert findings(themed_page) == []
    themed_page.route(re.compile(r"/v1/jobs\?"), lambda route: route.fulfill(status=401, json={"title": "No key"}))
    themed_page.goto("/admin")
    themed_page.get_by_role("button", name="Key", exact=True).click()
    expect(themed_page.get_by_role("dialog")).to_be_visible()
    assert findings(themed_page) == []


@pytest.mark.usefixtures("no_page_errors")
def test_a_result_can_be_searched_by_keyboard_alone(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    found = results(page)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.result .photo')"):
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none", "the focus is seen"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"listing={found[0]}"))
    wait_for_results(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null"), "the focus stays with what has changed"


@pytest.mark.parametrize("width", [320, 390, 820, 1280])
def test_no_view_is_wider_than_the_screen(page: Page, photo: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/")
    choose_photo(page, photo)
    shown = {page.url: FOUND, "/": ".result[data-listing]"}
    shown |= {f"/admin?tab={tab}": content for tab, content in TABS.items()}
    for address, content in shown.items():
        page.goto(address)
        expect(page.locator(content).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


def test_the_page_stays_small_without_photos(browser: Browser, demo: Demo, photo: Path) -> None:
    with browser.new_context(base_url=demo.url) as fresh:
        page, answers = fresh.new_page(), []
        page.on("response", lambda answer: answers.append(answer))
        page.goto("/")
        page.wait_for_load_state("networkidle")
        at_start = bytes_of_the_page(answers, demo)
        choose_photo(page, photo)
        page.wait_for_load_state("networkidle")
        with_a_search = bytes_of_the_page(answers, demo)
    print(f"\n{at_start / 1000:.0f} kB uncompressed at the start, {with_a_search / 1000:.0f} kB with a search")
    assert 50_000 < at_start <= MAX_BYTES_AT_START
    assert at_start < with_a_search <= MAX_BYTES_WITH_A_SEARCH


def bytes_of_the_page(answers: list[Response], demo: Demo) -> int:
    """Return the size of the page's own files among the answers, each counted once."""
    own = {answer.url: answer for answer in answers if answer.url.startswith(demo.url) and "/v1/" not in answer.url}
    return sum(len(answer.body()) for answer in own.values())


@pytest.mark.usefixtures("no_page_errors")
def test_repeated_uploads_show_results_and_print_their_times(page: Page, photo: Path) -> None:
    page.goto("/")
    expect(page.locator(".result").first).to_be_visible()
    times = []
    for _ in range(5):
        page.goto("/")
        expect(page.locator(".hero")).to_be_visible()
        began = time.perf_counter()
        page.set_input_files("input[type=file] >> nth=0", photo)
        page.wait_for_selector(FOUND)
        times.append((time.perf_counter() - began) * 1000)
        assert "token=" in page.url
    print(f"\nfirst results after {min(times):.0f} to {max(times):.0f} ms")


def test_the_security_policy_runs_only_the_scripts_of_the_page(page: Page) -> None:
    answer = page.goto("/")
    assert answer
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    refused = page.evaluate(
        """() => new Promise((done) => {
            document.addEventListener("securitypolicyviolation", (event) => done(event.violatedDirective));
            const script = document.createElement("script");
            try { script.textContent = "window.ran = true"; } catch { return done("trusted types"); }
            document.head.append(script);
            setTimeout(() => done("nothing"), 2000);
        })"""
    )
    assert refused != "nothing"
    assert page.evaluate("window.ran") is None


def test_the_api_page_opens_with_calls_that_work_as_they_stand(page: Page, demo: Demo, tmp_path: Path) -> None:
    page.goto("/docs")
    code = page.locator(".info code.language-sh, .info pre code").first.inner_text()
    assert demo.url in code
    for line in filter(None, code.splitlines()):
        assert line.startswith("curl -s ")
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, check=True, text=True)
    assert len(json.loads(done.stdout)["results"]) == 3
    tags = page.locator(".opblock-tag-section h3 a").all_inner_texts()
    assert tags == ["search", "catalogue", "ingest", "admin", "health"]
    first = page.locator(".opblock-summary-path").first.get_attribute("data-path")
    assert first == "/v1/search"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_documentation_of_the_api_has_the_colours_that_the_reader_prefers(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto("/docs")
    heading = page.locator(".info h1")
    expect(heading).to_be_visible()
    red, green, blue = map(int, re.findall(r"\d+", heading.evaluate("one => getComputedStyle(one).color"))[:3])
    assert (red + green + blue > 3 * 128) == (scheme == "dark")
