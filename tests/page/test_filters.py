"""Filters of a search, the numbers beside them, and the order of the results."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.page.steps import choose_photo, load_more_results, results, wait_for_results

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page, Route

    from tests.page.browsing import Demo

pytestmark = pytest.mark.usefixtures("no_page_errors")


@pytest.fixture
def searched(page: Page, photo: Path) -> Page:
    """A search by a photo, with its numbers."""
    page.goto("/")
    choose_photo(page, photo)
    expect(page.locator(".found .total")).not_to_be_empty()
    return page


def group(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name=name, exact=True)


def choices(page: Page, name: str) -> dict[str, int]:
    """Return the choices of a group with their numbers of listings."""
    rows = (
        group(page, name)
        .locator(".choices label")
        .evaluate_all(
            "all => all.map(one => [one.querySelector('[dir=auto]').innerText, one.querySelector('.count').innerText])"
        )
    )
    return {name: int(count) for name, count in rows if name}


def found(page: Page, demo: Demo) -> list[dict[str, Any]]:
    """Load all results, and return their listings."""
    while page.locator(".more").count():
        load_more_results(page)
    with demo.client() as client:
        return [client.get(f"/v1/listings/{listing_id}").json() for listing_id in results(page)]


def test_results_match_the_filters(searched: Page, demo: Demo) -> None:
    page = searched
    page.get_by_label("Home & Garden").check()
    page.wait_for_url(re.compile("category="))
    page.get_by_label("to", exact=True).fill("30")
    page.get_by_label("to", exact=True).press("Enter")
    page.wait_for_url(re.compile("price_max=30"))
    wait_for_results(page)
    listings = found(page, demo)
    assert {listing["category"] for listing in listings} == {"Home & Garden"}
    assert max(listing["price"] for listing in listings) <= 30


def test_new_results_do_not_overwrite_text_that_is_being_typed(searched: Page) -> None:
    page = searched
    held: list[Route] = []
    page.route("**/v1/search", lambda route: held.append(route))
    page.get_by_label("Home & Garden").check()
    page.wait_for_url(re.compile("category="))
    page.get_by_label("to", exact=True).press_sequentially("30")
    assert held
    for route in held:
        route.continue_()
    wait_for_results(page)
    expect(page.get_by_label("to", exact=True)).to_have_value("30")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [("50", "20", "50 is above 20"), ("-1", "", "Write 0 or more"), ("", "-5", "Write 0 or more")],
)
def test_a_wrong_price_is_explained_in_place_and_not_searched(searched: Page, low: str, high: str, said: str) -> None:
    page = searched
    prices = group(page, "Price")
    for name, text in (("to", high), ("from", low)):
        prices.get_by_label(name).fill(text)
    prices.get_by_label("from").press("Enter")
    expect(prices).to_contain_text(said)
    expect(prices.get_by_label("from")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("alert")).to_have_count(0)
    wait_for_results(page)
    prices.get_by_label("from").fill("1")
    prices.get_by_label("to").fill("60")
    prices.get_by_label("to").press("Enter")
    page.wait_for_url(re.compile("price_min=1&price_max=60"))
    expect(prices).not_to_contain_text("above")


def test_a_chip_removes_its_filter(searched: Page) -> None:
    page = searched
    page.get_by_label("Place").fill("Manchester")
    page.get_by_label("Place").press("Enter")
    page.wait_for_url(re.compile("place=Manchester"))
    page.get_by_role("button", name="Remove the filter Manchester").click()
    page.wait_for_url(lambda url: "place=" not in url)
    wait_for_results(page)


@pytest.mark.parametrize(("name", "fact"), [("Category", "category"), ("Seller", "seller")])
def test_the_number_beside_a_choice_is_that_of_its_results(searched: Page, demo: Demo, name: str, fact: str) -> None:
    page = searched
    page.get_by_label("to", exact=True).fill("40")
    page.get_by_label("to", exact=True).press("Enter")
    page.wait_for_url(re.compile("price_max=40"))
    wait_for_results(page)
    chosen = list(choices(page, name))[2]
    group(page, name).get_by_label(chosen).check()
    chip = re.compile(rf"Remove the filter (by )?{re.escape(chosen)}")
    expect(page.get_by_role("button", name=chip)).to_be_visible()
    wait_for_results(page)
    counted = choices(page, name)[chosen]
    expect(page.locator(".found .total")).to_have_text(f"{counted} listings, most similar first")
    listings = found(page, demo)
    assert len(listings) == counted
    assert {listing[fact] for listing in listings} == {chosen}


def test_another_category_can_be_added(searched: Page, demo: Demo) -> None:
    page = searched
    page.get_by_label("Home & Garden").check()
    page.wait_for_url(re.compile("Garden"))
    wait_for_results(page)
    page.get_by_role("checkbox", name="Appliances").check()
    page.wait_for_url(re.compile("Garden.*Appliances"))
    wait_for_results(page)
    assert {listing["category"] for listing in found(page, demo)} == {"Home & Garden", "Appliances"}


def test_categories_open_level_by_level(searched: Page, demo: Demo) -> None:
    page, categories = searched, group(searched, "Category")
    categories.get_by_label("Home & Garden").check()
    furniture = categories.get_by_label("Dining, Living Room Furniture")
    furniture.check()
    page.wait_for_url(re.compile("path=Home"))
    lamps = categories.get_by_label("Lighting & Fittings")
    expect(lamps).to_be_visible()
    counted = choices(page, "Category")["Lighting & Fittings"]
    lamps.check()
    page.wait_for_url(re.compile("path=.*Lighting"))
    wait_for_results(page)
    listings = found(page, demo)
    path = ["Home & Garden", "Dining, Living Room Furniture", "Lighting & Fittings"]
    assert len(listings) == counted
    assert {tuple(listing["category_path"]) for listing in listings} == {tuple(path)}
    page.reload()
    expect(lamps).to_be_checked()
    lamps.uncheck()
    page.wait_for_url(lambda url: "Lighting" not in url)
    expect(furniture).to_be_checked()
    categories.get_by_label("Home & Garden").uncheck()
    page.wait_for_url(lambda url: "Home" not in url)


def test_the_age_of_listings_is_limited(searched: Page, demo: Demo) -> None:
    page = searched
    page.get_by_label("Listed").select_option("Last 24 hours")
    page.wait_for_url(re.compile("age=1"))
    wait_for_results(page)
    listings = found(page, demo)
    expect(page.locator(".found .total")).to_have_text(f"{len(listings)} listings, most similar first")
    age = max(datetime.now(UTC) - datetime.fromisoformat(listing["listed_at"]) for listing in listings)
    assert age < timedelta(days=1, minutes=5)
    page.get_by_role("button", name="Remove the filter Last 24 hours").click()
    page.wait_for_url(lambda url: "age=" not in url)
    expect(page.get_by_label("Listed")).to_have_value("")


@pytest.mark.parametrize(
    ("order", "said", "key", "is_reversed"),
    [
        ("Price: low to high", "cheapest first", "price", False),
        ("Price: high to low", "dearest first", "price", True),
        ("Newest", "newest first", "listed_at", True),
    ],
)
def test_results_are_sorted(searched: Page, demo: Demo, order: str, said: str, key: str, *, is_reversed: bool) -> None:
    page = searched
    page.get_by_label("Sort by").select_option(order)
    page.wait_for_url(re.compile("sort="))
    wait_for_results(page)
    expect(page.locator(".found .total")).to_have_text(re.compile(rf"The 100 most similar of \d+ listings, {said}"))
    listings = found(page, demo)
    values = [listing[key] for listing in listings if listing[key] is not None]
    assert len(listings) == 100
    assert values == sorted(values, reverse=is_reversed)
    page.reload()
    expect(page.get_by_label("Sort by")).to_have_value(re.compile("price|newest"))


def test_nothing_found_offers_the_filters_to_remove(searched: Page) -> None:
    page = searched
    address = page.url
    page.goto(f"{address}&category=Home+%26+Garden&price_min=250")
    notice = page.locator(".found .notice")
    offered = notice.get_by_role("button", name=re.compile("^Without “Home & Garden”: \\d+$"))
    expect(offered).to_be_visible()
    counted = int(offered.inner_text().split()[-1])
    offered.click()
    page.wait_for_url(lambda url: "category=" not in url)
    wait_for_results(page)
    assert len(results(page)) == min(counted, 24)


def test_the_next_search_counts_again(searched: Page) -> None:
    page = searched
    before = choices(page, "Category")
    page.get_by_label("Place").fill("Manchester")
    page.get_by_label("Place").press("Enter")
    page.wait_for_url(re.compile("place=Manchester"))
    expect(page.locator(".found .total")).to_have_text(re.compile(r"^\d+ listings, most similar first"))
    after = choices(page, "Category")
    assert sum(after.values()) < sum(before.values())
