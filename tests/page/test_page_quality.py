"""What holds of every view: accessible, light, by keyboard alone, and from this server only."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.page.steps import choose_photo, results, wait_for_results

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.page.browsing import Demo

HEAVIEST = 150_000
TABS = {
    "ingest": "[aria-labelledby=jobs-title] tbody tr",
    "indexes": "[aria-labelledby=generations-title] tbody tr",
    "recall": "#searches-title",
    "duplicates": "[aria-labelledby=duplicates-title] :is(.group, .notice:not(.problem))",
    "model": "#model-title",
}
"""What each tab of administration shows once it has its answers."""

SCHEMES = ("light", "dark")


def findings(page: Page) -> list[str]:
    """Return axe-core's serious and critical findings."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['target']} {node.get('failureSummary', '')[:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.fixture(params=SCHEMES)
def look(page: Page, request: pytest.FixtureRequest) -> Page:
    page.emulate_media(color_scheme=request.param)
    return page


def test_the_start_is_accessible(look: Page) -> None:
    look.goto("/")
    expect(look.locator(".result api-photo[data-state=shown]").first).to_be_visible()
    assert findings(look) == []


def test_results_are_accessible_with_filters_and_tastes(look: Page, photo: Path) -> None:
    look.goto("/")
    choose_photo(look, photo)
    assert findings(look) == []
    look.get_by_role("button", name=re.compile("^More like this")).nth(1).click()
    look.wait_for_url(re.compile("like="))
    wait_for_results(look)
    look.locator(".result .photo").nth(1).click()
    expect(look.locator(".trail")).to_be_visible()
    wait_for_results(look)
    assert findings(look) == []


def test_a_listing_is_accessible(look: Page) -> None:
    look.goto("/")
    look.locator(".result h3 a").first.click()
    expect(look.locator("[aria-labelledby=similar] .result[data-listing]").first).to_be_visible()
    assert findings(look) == []


@pytest.mark.parametrize("tab", TABS)
def test_administration_is_accessible(look: Page, tab: str) -> None:
    look.goto(f"/admin?tab={tab}")
    expect(look.locator(TABS[tab]).first).to_be_visible()
    assert findings(look) == []


def test_the_colours_follow_the_scheme(page: Page) -> None:
    page.goto("/")
    shades = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        shade = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades[scheme] = sum(int(part) for part in re.findall(r"\d+", shade))
    assert shades["light"] > 600
    assert shades["dark"] < 150


def test_a_problem_and_a_dialog_are_accessible(look: Page) -> None:
    look.goto("/?listing=nobody")
    expect(look.get_by_role("alert").first).to_be_visible()
    look.get_by_role("button", name="Key", exact=True).click()
    expect(look.get_by_role("dialog")).to_be_visible()
    assert findings(look) == []


@pytest.mark.usefixtures("calm")
def test_a_search_is_refined_and_followed_by_keyboard_alone(page: Page, photo: Path) -> None:
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


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_nothing_sticks_out_at_any_width(page: Page, photo: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/")
    choose_photo(page, photo)
    shown = {page.url: ".found .match", "/": ".result[data-listing]"}
    shown |= {f"/admin?tab={tab}": content for tab, content in TABS.items()}
    for address, content in shown.items():
        page.goto(address)
        expect(page.locator(content).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


def test_the_page_weighs_little_without_photos(browser: Browser, demo: Demo) -> None:
    with browser.new_context(base_url=demo.url) as fresh:
        page, answers = fresh.new_page(), []
        page.on("response", lambda answer: answers.append(answer))
        page.goto("/")
        page.wait_for_load_state("networkidle")
        weight = {one.url: len(one.body()) for one in answers if one.url.startswith(demo.url) and "/v1/" not in one.url}
    total = sum(weight.values())
    print(f"\n{len(weight)} files of the page, {total / 1000:.0f} kB uncompressed")
    assert len(weight) > 10
    assert total <= HEAVIEST


@pytest.mark.usefixtures("calm")
def test_first_results_come_soon_after_a_photo_was_given(page: Page, photo: Path) -> None:
    page.goto("/")
    expect(page.locator(".result").first).to_be_visible()
    times = []
    for _ in range(5):
        page.goto("/")
        expect(page.locator(".hero")).to_be_visible()
        began = time.perf_counter()
        page.set_input_files("input[type=file] >> nth=0", photo)
        page.wait_for_selector(".match")
        times.append((time.perf_counter() - began) * 1000)
        assert "token=" in page.url
    print(f"\nfirst results after {min(times):.0f} to {max(times):.0f} ms")


def test_the_policy_lets_nothing_run_but_the_pages_own_files(page: Page) -> None:
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
