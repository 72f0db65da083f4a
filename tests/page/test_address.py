"""The address reproduces the view: after sharing, reloading, and going back and forward."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.steps import choose_photo, load_more_results, results, wait_for_results

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Route

    from tests.page.browsing import Demo

pytestmark = pytest.mark.usefixtures("no_page_errors")


@pytest.fixture
def refined_results(page: Page, photo: Path) -> list[str]:
    """Results of a search by an uploaded photo, with a crop, a category and a price filter."""
    page.goto("/")
    choose_photo(page, photo)
    page.goto(f"{page.url}&crop=0.1,0.1,0.8,0.8&price_max=150")
    wait_for_results(page)
    page.locator(".guesses .chip").first.click()
    page.wait_for_url(re.compile("category="))
    wait_for_results(page)
    return results(page)


def test_a_reload_shows_the_same_results(page: Page, refined_results: list[str]) -> None:
    page.reload()
    wait_for_results(page)
    assert results(page) == refined_results
    expect(page.locator(".preview api-photo[data-state=shown]")).to_be_visible()
    expect(page.get_by_label("to", exact=True)).to_have_value("150")


def test_a_shared_address_shows_the_same_results(page: Page, browser: Browser, refined_results: list[str]) -> None:
    with browser.new_context() as other_profile:
        other_page = other_profile.new_page()
        other_page.goto(page.url)
        wait_for_results(other_page)
        assert results(other_page) == refined_results


def test_back_and_forward_restore_each_view(page: Page, refined_results: list[str]) -> None:
    address = page.url
    page.locator(".result h3 a").first.click()
    page.wait_for_url(re.compile("/listing"))
    expect(page.locator(".about h1")).to_be_visible()
    page.go_back()
    assert page.url == address
    wait_for_results(page)
    assert results(page) == refined_results
    page.go_forward()
    page.wait_for_url(re.compile("/listing"))
    expect(page.locator(".about h1")).to_be_visible()


def test_going_back_restores_the_scroll_position_and_the_loaded_results(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    for _ in range(2):
        load_more_results(page)
    loaded, depth = results(page), page.evaluate("scrollY")
    page.locator(".result h3 a").last.click()
    page.wait_for_url(re.compile("/listing"))
    page.go_back()
    wait_for_results(page)
    assert results(page)[: len(loaded)] == loaded, "more may have come since"
    assert page.evaluate("scrollY") > depth / 2


def test_going_back_to_a_listing_loads_similar_listings_that_were_still_loading(page: Page) -> None:
    page.goto("/")
    page.route("**/similar?*", lambda _: None, times=1)
    page.locator(".result h3 a").first.click()
    expect(page.locator(".about h1")).to_be_visible()
    page.locator(".brand").click()
    expect(page.locator(".hero")).to_be_visible()
    page.go_back()
    expect(page.locator("[aria-labelledby=similar] .result[data-listing]").first).to_be_visible()


def test_leaving_during_an_upload_opens_the_chosen_view(page: Page, demo: Demo, photo: Path) -> None:
    with demo.client() as client:
        answer = client.post("/v1/search", files={"image": photo.read_bytes()}).json()
    held_searches: list[Route] = []
    held_scripts: list[Route] = []
    page.goto("/")
    page.route("**/v1/search", lambda route: held_searches.append(route))
    page.route("**/admin/view.js", lambda route: held_scripts.append(route))
    with page.expect_request("**/v1/search"):
        page.set_input_files("input[type=file] >> nth=0", photo)
    with page.expect_request("**/admin/view.js"):
        page.get_by_role("link", name="Admin", exact=True).click()
    held_searches[0].fulfill(json=answer)
    page.evaluate("fetch('/v1/categories').then((answer) => answer.text())")
    held_scripts[0].continue_()
    expect(page.get_by_role("heading", name="Admin", exact=True)).to_be_visible()
    assert "/admin" in page.url


def test_control_click_opens_a_listing_in_a_new_tab(page: Page, refined_results: list[str]) -> None:
    with page.context.expect_page() as opened:
        page.locator(".result h3 a").first.click(modifiers=["Control"])
    expect(opened.value.locator(".about h1")).to_be_visible()
    assert results(page) == refined_results


def test_leaving_right_after_moving_the_crop_by_key_opens_the_chosen_view(
    page: Page, refined_results: list[str]
) -> None:
    page.clock.install()
    page.locator("crop-box .box").focus()
    page.keyboard.press("ArrowRight")
    page.locator(".brand").click()
    expect(page.locator(".hero")).to_be_visible()
    page.clock.fast_forward(1000)
    assert page.url.endswith("/")


def test_an_unfinished_crop_change_does_not_affect_another_photo(page: Page, refined_results: list[str]) -> None:
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
    assert results(page) == refined_results
    page.clock.fast_forward(1000)
    assert page.url == address


def test_history_entries_before_and_after_a_reload_are_not_confused(page: Page, photo: Path) -> None:
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


def test_refining_keeps_the_focus(page: Page, refined_results: list[str]) -> None:
    address = page.url
    box = page.get_by_role("group", name="Category").get_by_role("checkbox", checked=False).first
    name = box.evaluate("box => box.labels[0].querySelector('[dir=auto]').innerText")
    box.focus()
    page.keyboard.press("Space")
    page.wait_for_url(lambda url: url != address)
    wait_for_results(page)
    expect(page.get_by_role("checkbox", name=name)).to_be_focused()
    expect(page.get_by_role("checkbox", name=name)).to_be_checked()


@pytest.mark.parametrize("selector", [".guesses .chip", ".found > .chips .chip", ".beneath button"])
def test_focus_moves_to_the_main_area_when_refining_removes_the_focused_element(
    page: Page, refined_results: list[str], selector: str
) -> None:
    address = page.url
    page.locator(selector).last.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != address)
    wait_for_results(page)
    assert results(page) != refined_results
    expect(page.locator("main")).to_be_focused()
