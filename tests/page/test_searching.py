"""Searching by photo: ways to add one, crops, categories, filters, results, likes and endless scrolling."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests.page.steps import choose_photo, draw_crop, drop_or_paste, load_more_results, results, wait_for_results
from tests.page.test_page_quality import findings
from tests.sites import running_site
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    from playwright.sync_api import Page

    from tests.page.browsing import Demo, PageLog

pytestmark = pytest.mark.usefixtures("no_page_errors")


def test_the_start_view_shows_the_newest_listings(page: Page) -> None:
    page.goto("/")
    expect(page.locator(".result api-photo[data-state=shown]").first).to_be_visible()
    assert len(results(page)) == 24


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_dropped_or_pasted_photo_is_shown_and_searched(page: Page, photo: Path, event: str) -> None:
    page.goto("/")
    expect(page.locator(".hero")).to_be_visible()
    drop_or_paste(page, photo.read_bytes(), event=event)
    wait_for_results(page)
    expect(page.locator(".preview api-photo[data-state=shown]")).to_be_visible()
    expect(page.locator(".match").first).to_contain_text("Same item")


def test_a_photo_can_be_pasted_into_a_text_field(page: Page, photo: Path) -> None:
    page.goto("/")
    drop_or_paste(page, photo.read_bytes(), event="paste", at="#link")
    wait_for_results(page)
    assert "token=" in page.url


def test_a_chosen_photo_finds_its_own_listing_first(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    assert "token=" in page.url
    expect(page.locator(".match").first).to_have_text("Same item")


def test_a_phone_offers_its_camera(page: Page) -> None:
    page.goto("/")
    camera = page.locator("input[capture=environment]")
    assert camera.count() == 1
    assert camera.get_attribute("accept") == "image/*"


def test_the_server_fetches_a_linked_photo_and_the_page_shows_it(page: Page, photo: Path) -> None:
    with running_site() as site:
        site.photos["/lamp.jpg"] = photo.read_bytes()
        page.goto("/")
        page.fill("#link", f"{site.url}/lamp.jpg")
        page.click(".link button")
        wait_for_results(page)
    assert "token=" in page.url, "the photo is not fetched again when the page is loaded again"
    expect(page.locator(".preview api-photo[data-state=shown]")).to_be_visible()


def test_searching_by_a_crop_does_not_upload_the_photo_again(page: Page, photo: Path, page_log: PageLog) -> None:
    page.goto("/")
    choose_photo(page, photo)
    whole, sent_before = results(page), len(page_log.requests_to("/v1/search"))
    draw_crop(page)
    wait_for_results(page)
    assert results(page) != whole
    (again,) = page_log.requests_to("/v1/search")[sent_before:]
    assert again.headers["content-type"] == "application/json"


def test_keys_move_and_resize_the_crop_and_escape_removes_it(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    page.locator("crop-box .box").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowLeft")
    page.wait_for_url(re.compile(r"crop=0\.12%2C0\.1%2C0\.78%2C0\.8"))
    page.locator("crop-box .box").focus()
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "crop=" not in url)
    wait_for_results(page)


@pytest.mark.parametrize("modifier", ["altKey", "ctrlKey", "metaKey"])
def test_browser_shortcuts_do_not_move_the_crop(page: Page, photo: Path, modifier: str) -> None:
    page.goto("/")
    choose_photo(page, photo)
    press = "(box, pressed) => box.dispatchEvent(new KeyboardEvent('keydown', pressed))"
    pressed = {"key": "ArrowLeft", "cancelable": True, modifier: True}
    assert page.locator("crop-box .box").evaluate(press, pressed), "it is left to the browser"
    expect(page.locator("crop-box .box")).to_have_class(re.compile("whole"))


def test_a_filter_chosen_during_an_upload_applies_to_its_search(page: Page, photo: Path) -> None:
    page.goto("/")
    page.route("**/v1/search", lambda _: None, times=1)
    page.set_input_files("input[type=file] >> nth=0", photo)
    page.get_by_label("Home & Garden").check()
    page.wait_for_url(re.compile("token=.*category="))
    wait_for_results(page)
    expect(page.get_by_role("checkbox", name="Home & Garden")).to_be_checked()


def test_a_click_on_the_predicted_category_toggles_its_filter(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    guess = page.locator(".guesses .chip").first
    guess.click()
    page.wait_for_url(re.compile("category="))
    wait_for_results(page)
    expect(page.locator(".guesses .chip").first).to_have_attribute("aria-pressed", "true")
    page.locator(".guesses .chip").first.click()
    page.wait_for_url(lambda url: "category=" not in url)


def test_a_result_shows_photo_title_price_place_and_similarity(page: Page, demo: Demo, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    first = page.locator(".found .result").first
    with demo.client() as client:
        listing = client.get(f"/v1/listings/{results(page)[0]}").json()
    expect(first.locator("api-photo[data-state=shown]")).to_be_visible()
    expect(first.locator("h3")).to_have_text(listing["title"])
    expect(first.locator(".price")).to_contain_text(f"{listing['price']:g}")
    expect(first.locator(".facts .muted")).to_have_text(listing["location"])


def test_a_result_starts_a_search_and_the_breadcrumb_leads_back(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    found = results(page)
    page.locator(".result .photo").nth(1).click()
    page.wait_for_url(re.compile(f"listing={found[1]}"))
    wait_for_results(page)
    page.locator(".result .photo").nth(0).click()
    expect(page.locator(".trail li")).to_have_count(3)
    page.locator(".trail a").first.click()
    page.wait_for_url(re.compile("token="))
    wait_for_results(page)
    assert results(page) == found
    assert page.locator(".trail").count() == 0


def test_control_click_opens_a_breadcrumb_in_a_new_tab(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    page.locator(".result .photo").nth(1).click()
    with page.context.expect_page() as opened:
        page.locator(".trail a").click(modifiers=["Control"])
    wait_for_results(opened.value)
    assert "token=" in opened.value.url
    assert "listing=" in page.url


def test_likes_and_dislikes_change_the_results_and_can_be_removed(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    before = results(page)
    page.get_by_role("button", name=re.compile("^More like this")).nth(3).click()
    page.wait_for_url(re.compile("like="))
    wait_for_results(page)
    page.get_by_role("button", name=re.compile("^Less like this")).nth(0).click()
    page.wait_for_url(re.compile("unlike="))
    wait_for_results(page)
    expect(page.locator(".liked .strip button")).to_have_count(2)
    assert before[3] not in results(page), "what is liked is known"
    for _ in range(2):
        page.locator(".liked .strip button").first.click()
        wait_for_results(page)
    page.wait_for_url(lambda url: "like=" not in url)
    assert results(page) == before


def test_every_search_is_announced_to_screen_readers(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    announcement = page.locator(".unseen[role=status]")
    expect(announcement).to_have_text("24 listings shown.")
    announcement.evaluate("""(region) =>
        new MutationObserver(() => (region.dataset.changed = region.textContent.trim()))
        .observe(region, { characterData: true, childList: true, subtree: true })""")
    page.locator(".result .photo").nth(1).click()
    wait_for_results(page)
    expect(announcement).to_have_attribute("data-changed", "24 listings shown.")


def test_scrolling_down_loads_more_results_without_repeats(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    for _ in range(2):
        load_more_results(page)
    found = results(page)
    assert len(found) >= 72
    assert len(set(found)) == len(found)


@pytest.fixture
def copies(demo: Demo, photo: Path) -> Iterator[list[str]]:
    """Two listings of other sellers with the same photo as a listing, called the same item."""
    ids = ["offered-1", "offered-2"]
    with demo.client() as client:
        original = client.post("/v1/search", files={"image": photo.read_bytes()}, data={"k": "1"}).json()["results"][0]
        for listing_id in ids:
            fields = {"listing_id": listing_id, "title": f"Offer {listing_id}", "category": original["category"]}
            fields |= {"price": "£31", "seller": f"seller of {listing_id}"}
            client.post("/v1/listings", data=fields, files={"photos": photo.read_bytes()}).raise_for_status()
            decision = {"listing_id": original["listing_id"], "other_listing_id": listing_id, "decision": "accept"}
            client.post("/v1/admin/duplicates/review", json=decision).raise_for_status()
        wait_for(lambda: all(is_embedded(client, listing_id) for listing_id in ids))
        yield ids
        for listing_id in ids:
            client.delete(f"/v1/listings/{listing_id}").raise_for_status()


def is_embedded(client: httpx.Client, listing_id: str) -> bool:
    photos = client.get(f"/v1/listings/{listing_id}").json()["photos"]
    return all(one["state"] == "embedded" for one in photos)


def test_the_other_offers_of_a_result_open_in_place(page: Page, photo: Path, copies: list[str]) -> None:
    page.goto("/")
    choose_photo(page, photo)
    offers = page.locator(".result").first.locator(".offers")
    expect(offers.get_by_role("link")).to_have_count(0)
    offers.get_by_text("Also offered by 2 other sellers").click()
    for listing_id in copies:
        expect(offers.get_by_role("link", name=f"Offer {listing_id}")).to_be_visible()
    expect(offers.get_by_text("£31")).to_have_count(2)
    expect(offers.locator("api-photo[data-state=shown]")).to_have_count(2)
    assert page.locator(f".result[data-listing={copies[0]}]").count() == 0
    assert findings(page) == []


def test_a_filter_for_one_seller_leaves_no_other_offer(page: Page, photo: Path, copies: list[str]) -> None:
    page.goto("/?" + urlencode({"seller": f"seller of {copies[0]}"}))
    choose_photo(page, photo)
    expect(page.locator(f".result[data-listing={copies[0]}]")).to_be_visible()
    expect(page.locator(".offers")).to_have_count(0)
    expect(page.get_by_text("No more results.")).to_be_visible()
