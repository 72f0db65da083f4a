"""The page with no results, slow answers, lost connections and invalid addresses."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.browsing import DEMO, serving
from tests.page.steps import choose_photo, results, wait_for_results

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Route

    from tests.page.browsing import Demo


def test_no_results_show_the_reason_and_one_click_removes_all_filters(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    page.goto(f"{page.url}&price_min=1e9&place=Atlantis")
    notice = page.locator(".found .notice")
    expect(notice).to_contain_text("No listing passes all of these filters")
    notice.get_by_role("button", name="Remove all filters").click()
    wait_for_results(page)


def test_a_slow_search_shows_a_notice_and_can_be_stopped(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    address = page.url
    page.goto("/")
    held: list[Route] = []
    page.route("**/v1/search", lambda route: held.append(route))
    page.goto(address)
    expect(page.locator(".found .waiting").first).to_be_attached()
    expect(page.locator(".slow")).to_contain_text("longer than usual", timeout=10_000)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".slow")).to_have_count(0)
    page.unroute("**/v1/search")
    page.get_by_role("button", name="Load again").click()
    wait_for_results(page)


@pytest.mark.parametrize(
    ("address", "request_url", "content"),
    [("/", "**/v1/listings?*", ".result[data-listing]"), ("/listing?id={}", "**/v1/listings/*", ".about h1")],
    ids=["the start", "a listing"],
)
def test_a_view_stopped_while_loading_can_be_loaded_again(
    page: Page, demo: Demo, address: str, request_url: str, content: str
) -> None:
    with demo.client() as client:
        newest = client.get("/v1/listings").json()["listings"][0]["listing_id"]
    page.clock.install()
    page.route(request_url, lambda _: None, times=1)
    page.goto(address.format(newest))
    expect(page.locator(".waiting").first).to_be_attached()
    page.clock.fast_forward(5000)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Load again").click()
    expect(page.locator(content).first).to_be_visible()


def test_try_again_repeats_a_search_that_a_busy_server_refused(page: Page, photo: Path) -> None:
    page.goto("/")
    answers = iter([503])

    def refuse_once(route: Route) -> None:
        if (status := next(answers, None)) is None:
            route.continue_()
            return
        body = '{"status": 503, "title": "Unavailable", "detail": "Too many photos are waiting to be embedded."}'
        route.fulfill(status=status, body=body, content_type="application/problem+json")

    choose_photo(page, photo)
    page.route("**/v1/search", refuse_once)
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("The shop is busy")
    page.get_by_role("button", name="Try again").click()
    wait_for_results(page)


def test_going_offline_shows_a_notice_and_reconnecting_resumes_the_search(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    page.context.set_offline(True)
    expect(page.get_by_text("You are offline. Results stay")).to_be_visible()
    assert results(page), "what is shown stays"
    page.locator(".guesses .chip").first.click()
    expect(page.get_by_role("alert")).to_contain_text("You are offline")
    page.context.set_offline(False)
    wait_for_results(page)
    expect(page.get_by_text("You are offline")).to_have_count(0)


def test_a_stopped_server_shows_an_error_and_try_again_works_after_its_restart(
    browser: Browser, tmp_path: Path
) -> None:
    data = tmp_path / "demo"
    shutil.copytree(DEMO, data)
    page = browser.new_page()
    with serving(data) as url:
        page.goto(f"{url}/")
        expect(page.locator(".result").first).to_be_visible()
    page.locator(".result h3 a").first.click()
    expect(page.get_by_role("alert").first).to_contain_text("The server does not answer")
    port = int(url.rpartition(":")[2])
    with serving(data, port=port):
        page.get_by_role("button", name="Try again").first.click()
        expect(page.locator(".about h1")).to_be_visible()
    page.close()


def test_an_invalid_token_in_the_address_shows_an_error(page: Page) -> None:
    page.goto("/?token=nonsense")
    expect(page.get_by_role("alert")).to_contain_text("The photo of this search is gone")


def test_results_stay_when_their_photo_has_expired(page: Page, demo: Demo, photo: Path) -> None:
    with demo.client() as client:
        answer = client.post("/v1/search", files={"image": photo.read_bytes()}).json()
    page.route("**/v1/search/photo*", lambda route: route.fulfill(status=404, body="{}"))
    page.goto(f"/?token={answer['query_token']}")
    wait_for_results(page)
    expect(page.locator(".preview.gone")).to_contain_text("has expired")


def test_a_photo_that_failed_to_load_appears_after_reconnecting(page: Page, demo: Demo, photo: Path) -> None:
    with demo.client() as client:
        answer = client.post("/v1/search", files={"image": photo.read_bytes()}).json()
    page.route("**/v1/search/photo*", lambda route: route.fulfill(status=500, body="{}"), times=1)
    page.goto(f"/?token={answer['query_token']}")
    wait_for_results(page)
    expect(page.locator("crop-box api-photo[data-state=failed]")).to_be_attached()
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("crop-box api-photo[data-state=shown]")).to_be_visible()


def test_a_key_works_when_the_browser_blocks_session_storage(page: Page) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('', 'SecurityError'); } })"
    )
    page.route(re.compile(r"/v1/jobs\?"), lambda route: route.fulfill(status=401, json={"title": "No key"}), times=1)
    page.goto("/admin")
    page.get_by_role("button", name="Key", exact=True).click()
    page.get_by_label("Key", exact=True).fill("a key")
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_role("button", name="Key: set")).to_be_visible()


def test_an_empty_catalogue_says_in_one_line_how_to_add_listings(page: Page) -> None:
    page.route(re.compile(r"/v1/listings\?"), lambda route: route.fulfill(json={"listings": [], "cursor": None}))
    page.goto("/")
    notice = page.locator(".found .notice")
    expect(notice).to_have_text("There are no listings yet. Add listings to search them.")
    link = notice.get_by_role("link", name="Add listings")
    box, inner = notice.bounding_box(), link.bounding_box()
    assert box
    assert inner
    assert box["height"] < 4 * inner["height"]
    link.click()
    expect(page.get_by_role("heading", name="Ingest listings")).to_be_visible()


def test_reconnecting_keeps_the_loaded_results(page: Page) -> None:
    page.goto("/")
    expect(page.locator(".result[data-listing]").first).to_be_visible()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(page.locator(".result[data-listing]").nth(40)).to_be_attached()
    loaded = results(page)
    with page.expect_response("**/v1/categories"):
        page.evaluate("dispatchEvent(new Event('online'))")
    assert results(page)[: len(loaded)] == loaded


@pytest.mark.parametrize("address", ["/listing", "/listing?id=."])
def test_an_impossible_listing_id_in_the_address_shows_an_error(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("alert").first).to_contain_text("The address is wrong, or the listing was removed")


@pytest.mark.parametrize("tab", ["constructor", "__proto__", "nothing"])
def test_an_unknown_admin_tab_opens_the_first_tab(page: Page, tab: str) -> None:
    page.goto(f"/admin?tab={tab}")
    expect(page.get_by_role("heading", name="Ingest listings")).to_be_visible()


def test_a_file_dropped_outside_the_drop_zones_does_not_replace_the_page(page: Page) -> None:
    page.goto("/listing?id=nobody")
    expect(page.get_by_role("alert").first).to_be_visible()
    assert page.evaluate("!dispatchEvent(new DragEvent('drop', { cancelable: true }))"), "it is taken from the browser"


def test_a_photo_that_a_busy_server_refuses_is_asked_for_again_when_the_server_says(page: Page) -> None:
    busy = {"status": 503, "headers": {"Retry-After": "7"}, "json": {"title": "Service Unavailable"}}
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) > 1:
            route.continue_()
        else:
            route.fulfill(**busy)  # type: ignore[arg-type]

    page.clock.install()
    with page.expect_response("**/thumbnail?*"):
        page.route("**/thumbnail?*", answer, times=2)
        page.goto("/")
    photo = page.locator(".result api-photo").first
    page.clock.run_for(6_900)
    assert asked.count(asked[0]) == 1
    page.clock.run_for(4_000)
    expect(photo).to_have_attribute("data-state", "shown")
    expect(page.locator("api-photo[data-state=failed]")).to_have_count(0)


def test_a_photo_that_a_server_always_refuses_is_asked_for_four_times(page: Page) -> None:
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=503, headers={"Retry-After": "0"}, json={"title": "Service Unavailable"})

    page.route("**/thumbnail?*", refuse)
    page.goto("/")
    expect(page.locator(".result api-photo").first).to_have_attribute("data-state", "failed")
    assert asked.count(asked[0]) == 4
