"""The address bar reproduces the view: shared, reloaded, gone back to and forth."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.steps import choose_photo, results, scroll_on, wait_for_results

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Route

    from tests.page.browsing import Demo

pytestmark = pytest.mark.usefixtures("calm")


@pytest.fixture
def view(page: Page, photo: Path) -> list[str]:
    """A search by an upload, with a crop, a category and a price; its results."""
    page.goto("/")
    choose_photo(page, photo)
    page.goto(f"{page.url}&crop=0.1,0.1,0.8,0.8&price_max=150")
    wait_for_results(page)
    page.locator(".guesses .chip").first.click()
    page.wait_for_url(re.compile("category="))
    wait_for_results(page)
    return results(page)


def test_a_reload_shows_the_same(page: Page, view: list[str]) -> None:
    page.reload()
    wait_for_results(page)
    assert results(page) == view
    expect(page.locator(".preview api-photo[data-state=shown]")).to_be_visible()
    expect(page.get_by_label("to", exact=True)).to_have_value("150")


def test_who_is_sent_the_address_sees_the_same(page: Page, browser: Browser, view: list[str]) -> None:
    with browser.new_context() as elsewhere:
        other = elsewhere.new_page()
        other.goto(page.url)
        wait_for_results(other)
        assert results(other) == view


def test_back_and_forward_show_at_once_what_was_there(page: Page, view: list[str]) -> None:
    address = page.url
    page.locator(".result h3 a").first.click()
    page.wait_for_url(re.compile("/listing"))
    expect(page.locator(".about h1")).to_be_visible()
    page.go_back()
    assert page.url == address
    expect(page.locator(".found .match").first).to_be_visible()
    assert results(page) == view
    page.go_forward()
    page.wait_for_url(re.compile("/listing"))
    expect(page.locator(".about h1")).to_be_visible()


def test_going_back_keeps_the_place_and_what_was_scrolled_to(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    for _ in range(2):
        scroll_on(page)
    found, depth = results(page), page.evaluate("scrollY")
    page.locator(".result h3 a").last.click()
    page.wait_for_url(re.compile("/listing"))
    page.go_back()
    wait_for_results(page)
    assert results(page)[: len(found)] == found, "more may have come since"
    assert page.evaluate("scrollY") > depth / 2


def test_going_back_to_a_listing_loads_what_had_not_come_when_it_was_left(page: Page) -> None:
    page.goto("/")
    page.route("**/similar?*", lambda _: None, times=1)
    page.locator(".result h3 a").first.click()
    expect(page.locator(".about h1")).to_be_visible()
    page.locator(".brand").click()
    expect(page.locator(".hero")).to_be_visible()
    page.go_back()
    expect(page.locator("[aria-labelledby=similar] .result[data-listing]").first).to_be_visible()


def test_who_leaves_while_a_photo_is_on_its_way_arrives_where_they_asked_to(
    page: Page, demo: Demo, photo: Path
) -> None:
    with demo.client() as client:
        answer = client.post("/v1/search", files={"image": photo.read_bytes()}).json()
    sent: list[Route] = []
    asked: list[Route] = []
    page.goto("/")
    page.route("**/v1/search", lambda route: sent.append(route))
    page.route("**/admin/view.js", lambda route: asked.append(route))
    with page.expect_request("**/v1/search"):
        page.set_input_files("input[type=file] >> nth=0", photo)
    with page.expect_request("**/admin/view.js"):
        page.get_by_role("link", name="Admin", exact=True).click()
    sent[0].fulfill(json=answer)
    page.evaluate("fetch('/v1/categories').then((answer) => answer.text())")
    asked[0].continue_()
    expect(page.get_by_role("heading", name="Admin", exact=True)).to_be_visible()
    assert "/admin" in page.url


def test_a_link_to_another_view_opens_in_another_tab_as_well(page: Page, view: list[str]) -> None:
    with page.context.expect_page() as opened:
        page.locator(".result h3 a").first.click(modifiers=["Control"])
    expect(opened.value.locator(".about h1")).to_be_visible()
    assert results(page) == view


def test_leaving_at_once_after_a_key_moved_the_crop_leads_where_it_was_asked_to(page: Page, view: list[str]) -> None:
    page.clock.install()
    page.locator("crop-box .box").focus()
    page.keyboard.press("ArrowRight")
    page.locator(".brand").click()
    expect(page.locator(".hero")).to_be_visible()
    page.clock.fast_forward(1000)
    assert page.url.endswith("/")


def test_a_crop_that_was_begun_is_not_taken_to_another_photo(page: Page, view: list[str]) -> None:
    address = page.url
    page.locator(".result .photo").nth(1).click()
    page.wait_for_url(re.compile("listing="))
    wait_for_results(page)
    page.clock.install()
    page.locator("crop-box .box").evaluate("""(box) => {
        box.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
        history.back();
    }""")
    page.wait_for_url(address)
    wait_for_results(page)
    assert results(page) == view
    page.clock.fast_forward(1000)
    assert page.url == address


def test_entries_before_and_after_a_reload_are_not_taken_for_each_other(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    shown = {page.url: results(page)}
    for _ in range(2):
        page.locator(".result .photo").nth(2).click()
        page.wait_for_url(lambda url: url not in shown)
        wait_for_results(page)
        shown[page.url] = results(page)
    first, second, _ = shown
    page.go_back()
    page.go_back()
    page.wait_for_url(first)
    page.reload()
    wait_for_results(page)
    page.go_forward()
    page.wait_for_url(second)
    wait_for_results(page)
    page.locator(".result .photo").nth(5).click()
    page.wait_for_url(lambda url: url not in shown)
    wait_for_results(page)
    page.go_back()
    page.wait_for_url(second)
    wait_for_results(page)
    assert results(page) == shown[second]


def test_refining_keeps_the_focus_where_it_is(page: Page, view: list[str]) -> None:
    box = page.get_by_role("checkbox", name="Baby & Kids Stuff")
    box.focus()
    page.keyboard.press("Space")
    page.wait_for_url(re.compile("Baby"))
    wait_for_results(page)
    expect(box).to_be_focused()


@pytest.mark.parametrize("pressed", [".guesses .chip", ".found-head .chip", ".beneath button"])
def test_the_focus_stays_with_the_search_where_refining_takes_away_what_had_it(
    page: Page, view: list[str], pressed: str
) -> None:
    address = page.url
    page.locator(pressed).last.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != address)
    wait_for_results(page)
    assert results(page) != view
    expect(page.locator("main")).to_be_focused()
