"""Searching on a phone and on a tablet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.steps import choose_photo, drag_crop, results, wait_for_results
from tests.page.test_page_quality import findings

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.page.browsing import Demo

pytestmark = pytest.mark.usefixtures("no_page_errors")

IN_SIGHT = """cards => cards.filter(card => {
    const { top, bottom } = card.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
}).length"""


def searched(page: Page, photo: Path, width: int, height: int) -> Page:
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/")
    choose_photo(page, photo)
    expect(page.locator(".total").first).not_to_be_empty()
    return page


@pytest.fixture
def phone(page: Page, photo: Path) -> Page:
    return searched(page, photo, 390, 844)


def test_a_phone_shows_four_whole_results_at_once(phone: Page) -> None:
    assert phone.locator(".found .result[data-listing]").evaluate_all(IN_SIGHT) == 4


def test_the_photo_and_the_filters_stay_in_sight_on_a_phone(phone: Page) -> None:
    phone.mouse.wheel(0, 3000)
    phone.wait_for_function("scrollY > 500")
    for control in (phone.locator(".thumb"), phone.get_by_role("button", name="Filters")):
        box = control.bounding_box()
        assert box
        assert 0 <= box["y"] <= 20
        assert box["height"] <= 60


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_filters_open_in_a_sheet_that_stays_while_filters_are_chosen(phone: Page, scheme: str) -> None:
    page = phone
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.get_by_role("button", name="Filters").click()
    sheet = page.get_by_role("dialog", name="Sort and filter")
    expect(sheet).to_be_visible()
    assert findings(page) == []
    sheet.get_by_label("Home & Garden").check()
    sheet.get_by_label("Sort by").select_option("Price: low to high")
    page.wait_for_url(re.compile("category=.*sort=price"))
    sheet.get_by_role("button", name=re.compile(r"^Show \d+ listings$")).click()
    expect(sheet).to_be_hidden()
    wait_for_results(page)
    expect(page.get_by_role("button", name="Filters")).to_contain_text("2")
    page.get_by_role("button", name="Filters").click()
    sheet.get_by_role("button", name="Clear all").click()
    page.wait_for_url(lambda url: "category=" not in url and "sort=" not in url)
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()


def test_a_click_beside_the_sheet_closes_it(phone: Page) -> None:
    phone.get_by_role("button", name="Filters").click()
    sheet = phone.get_by_role("dialog", name="Sort and filter")
    sheet.get_by_text("Price", exact=True).click()
    expect(sheet).to_be_visible()
    phone.mouse.click(195, 20)
    expect(sheet).to_be_hidden()


def test_going_back_closes_the_sheet(phone: Page) -> None:
    phone.get_by_role("button", name="Filters").click()
    phone.go_back()
    expect(phone.get_by_role("dialog")).to_have_count(0)


def test_a_part_of_the_photo_is_chosen_in_a_sheet(phone: Page) -> None:
    page = phone
    whole = results(page)
    page.locator(".thumb").click()
    sheet = page.get_by_role("dialog", name="Your photo")
    expect(sheet.locator("crop-box api-photo[data-state=shown]")).to_be_visible()
    assert findings(page) == []
    drag_crop(page, sheet.locator("crop-box"))
    sheet.get_by_role("button", name="Show results").click()
    wait_for_results(page)
    assert results(page) != whole
    expect(page.locator(".thumb.cropped")).to_be_visible()


def test_another_photo_is_chosen_in_the_sheet(phone: Page, demo: Demo) -> None:
    page = phone
    address = page.url
    page.locator(".thumb").click()
    sheet = page.get_by_role("dialog", name="Your photo")
    sheet.locator("input[type=file]").first.set_input_files(demo.photos[9])
    page.wait_for_url(lambda url: url != address and "token=" in url)
    expect(page.get_by_role("dialog")).to_have_count(0)
    wait_for_results(page)


def test_a_tablet_shows_the_photo_and_the_filters_beside_three_columns(page: Page, photo: Path) -> None:
    searched(page, photo, 820, 1180)
    query = page.locator(".query").bounding_box()
    assert query
    cards = page.locator(".found .result[data-listing]").evaluate_all(
        "cards => cards.map(card => card.getBoundingClientRect()).map(({ x, y }) => [x, y])"
    )
    first_row = [x for x, y in cards if y == cards[0][1]]
    assert len(first_row) == 3
    assert min(first_row) >= query["x"] + query["width"]
    assert page.locator(".found .result[data-listing]").evaluate_all(IN_SIGHT) >= 9
    expect(page.get_by_label("Place")).to_be_visible()


def test_a_listing_on_a_tablet_has_its_facts_beside_its_photo(page: Page) -> None:
    page.set_viewport_size({"width": 820, "height": 1180})
    page.goto("/")
    page.locator(".result h3 a").first.click()
    photo, facts = page.locator(".gallery .large").bounding_box(), page.locator(".about").bounding_box()
    assert photo
    assert facts
    assert facts["x"] >= photo["x"] + photo["width"]


def test_turning_a_tablet_moves_the_filters(page: Page, photo: Path) -> None:
    searched(page, photo, 768, 1024)
    expect(page.get_by_role("button", name="Filters")).to_be_visible()
    page.set_viewport_size({"width": 1024, "height": 768})
    expect(page.get_by_label("Place")).to_be_visible()
    expect(page.get_by_role("button", name="Filters")).to_have_count(0)
