"""Attributes on the page: facets and their filters, sold listings, and links to the shop."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.page.steps import results, wait_for_results
from tests.page.test_hostile import wait_until_embedded
from tests.page.test_page_quality import findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page, Route

    from tests.page.browsing import Demo

MARKUP = "<img src=x onerror=document.title='owned'>"
SHOES: dict[str, dict[str, Any]] = {
    "shoe-1": {"attributes": {"brand": "Acme", "size": 41, "boxed": True}},
    "shoe-2": {"attributes": {"brand": "Bolt", "size": 42.5, "boxed": False}},
    "shoe-3": {"attributes": {"brand": "Acme", "size": 44, "boxed": False}, "sold": True},
    "shoe-4": {"attributes": {"brand": MARKUP, "note": "W" * 200}, "url": "https://shop.example/4?a=1&b=2"},
}

pytestmark = pytest.mark.usefixtures("no_page_errors")


@pytest.fixture(scope="module")
def shoes(demo: Demo) -> Iterator[list[str]]:
    """Ids of four searchable listings with attributes; the third is sold, the fourth hostile."""
    with demo.client() as client:
        for (listing_id, fields), photo in zip(SHOES.items(), demo.photos[60:], strict=False):
            form = {"listing_id": listing_id, "title": f"Shoe {listing_id}", "category": "Shoes", "price": "5"}
            form |= {name: value if name == "url" else json.dumps(value) for name, value in fields.items()}
            files = [("photos", ("a.jpg", photo.read_bytes(), "image/jpeg"))]
            client.post("/v1/listings", data=form, files=files).raise_for_status()
        wait_until_embedded(client, list(SHOES))
        yield list(SHOES)
        for listing_id in SHOES:
            client.delete(f"/v1/listings/{listing_id}")


@pytest.fixture
def searched(page: Page, shoes: list[str]) -> Page:
    """A search among the shoes, by another listing, until all four are found."""
    with page.expect_response("**/v1/listings?*") as newest:
        page.goto("/")
    other = next(one for one in newest.value.json()["listings"] if one["listing_id"] not in shoes)
    for _ in range(60):
        page.goto(f"/?listing={other['listing_id']}&category=Shoes")
        wait_for_results(page)
        if sorted(results(page)) == shoes:
            break
        page.wait_for_timeout(500)
    expect(facet(page, "brand")).to_be_visible()
    return page


def facet(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name=name, exact=True)


def expect_results(page: Page, *listing_ids: str) -> None:
    """Wait until exactly these listings are found, in any order."""
    expect(page.locator(".found .result[data-listing]")).to_have_count(len(listing_ids))
    for listing_id in listing_ids:
        expect(page.locator(f".found .result[data-listing={listing_id}]")).to_be_visible()


def test_values_of_one_attribute_are_alternatives_and_stay_in_the_address(searched: Page) -> None:
    page = searched
    facet(page, "brand").get_by_label("Acme 2").check()
    expect_results(page, "shoe-1", "shoe-3")
    facet(page, "brand").get_by_label("Bolt 1").check()
    expect_results(page, "shoe-1", "shoe-2", "shoe-3")
    facet(page, "boxed").get_by_label("no 2").check()
    expect_results(page, "shoe-2", "shoe-3")
    page.reload()
    expect_results(page, "shoe-2", "shoe-3")
    expect(facet(page, "brand").get_by_label("Acme")).to_be_checked()
    page.get_by_role("button", name="Remove the filter brand: Acme").click()
    expect_results(page, "shoe-2")


def test_numbers_are_filtered_by_a_range(searched: Page) -> None:
    page, sizes = searched, facet(searched, "size")
    expect(sizes.get_by_label("from")).to_have_attribute("placeholder", "41")
    sizes.get_by_label("from").fill("42.5")
    sizes.get_by_label("from").press("Enter")
    expect_results(page, "shoe-2", "shoe-3")
    sizes.get_by_label("to").fill("43")
    sizes.get_by_label("to").press("Enter")
    expect_results(page, "shoe-2")
    assert "attribute=size%3A42.5..43" in page.url
    page.get_by_role("button", name="Remove the filter size: 42.5 to 43").click()
    expect_results(page, *SHOES)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_sold_listings_are_marked_and_can_be_hidden(searched: Page, scheme: str) -> None:
    page = searched
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    expect(page.locator(".result[data-listing=shoe-3] .sold")).to_have_text("Sold")
    assert findings(page) == []
    page.get_by_label("Hide sold items").check()
    expect_results(page, "shoe-1", "shoe-2", "shoe-4")
    page.get_by_role("button", name="Remove the filter not sold").click()
    expect_results(page, *SHOES)


def test_conditions_that_no_one_could_choose_are_left_out_of_the_address(page: Page, shoes: list[str]) -> None:
    conditions = "&".join(
        f"attribute={text}"
        for text in ("nonsense", ":x", "brand:Acme", "brand:acme", "brand:1..2", "size:..42", "size:41", "a<b:c")
    )
    page.goto(f"/?listing={shoes[1]}&{conditions}&sold=maybe")
    expect_results(page, "shoe-1")
    chips = page.get_by_role("list", name="Active filters").get_by_role("button")
    expect(chips).to_have_text([re.compile("brand: Acme"), re.compile("size: up to 42")])


def test_hostile_attributes_and_values_stay_text(searched: Page) -> None:
    page = searched
    facet(page, "brand").get_by_label(MARKUP).check()
    expect_results(page, "shoe-4")
    expect(page.get_by_role("button", name=f"Remove the filter brand: {MARKUP}")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
    page.goto("/listing?id=shoe-4")
    expect(page.locator(".facts-list")).to_contain_text(MARKUP)
    expect(page.locator(".facts-list")).to_contain_text("W" * 200)
    assert page.locator(".about img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
    assert "owned" not in page.title()


def test_a_listing_links_to_its_page_in_the_shop(searched: Page) -> None:
    page = searched
    links = page.get_by_role("link", name="Shop page")
    expect(links).to_have_count(1)
    page.goto("/listing?id=shoe-4")
    expect(links).to_have_attribute("href", "https://shop.example/4?a=1&b=2")
    expect(links).to_have_attribute("rel", "noopener noreferrer nofollow")


@pytest.mark.parametrize("url", ["javascript:document.title='owned'", "data:text/html,x", "//evil.example", "x y"])
def test_a_url_that_is_not_of_the_web_is_no_link(page: Page, shoes: list[str], url: str) -> None:
    def with_url(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"url": url})

    page.route(f"**/v1/listings/{shoes[0]}", with_url)
    page.goto(f"/listing?id={shoes[0]}")
    expect(page.locator(".about h1")).to_be_visible()
    expect(page.get_by_role("link", name="Shop page")).to_have_count(0)


def test_the_listing_view_shows_attributes_and_that_it_is_sold(page: Page, shoes: list[str]) -> None:
    page.goto(f"/listing?id={shoes[2]}")
    expect(page.locator(".about .sold")).to_have_text("Sold")
    shown = page.locator(".facts-list div").evaluate_all("all => all.map(one => one.innerText.split(/\\s+/))")
    for fact in (["Brand", "Acme"], ["Size", "44"], ["Boxed", "no"]):
        assert fact in shown
