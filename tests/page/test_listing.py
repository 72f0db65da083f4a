"""The view of one listing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.steps import wait_for_results

if TYPE_CHECKING:
    from typing import Any

    from playwright.sync_api import Page

    from tests.page.browsing import Demo


@pytest.fixture
def listing(demo: Demo) -> dict[str, Any]:
    """The newest listing with more than one photo."""
    with demo.client() as client:
        newest = client.get("/v1/listings").json()["listings"]
        with_several_photos: dict[str, Any] = next(
            listing
            for listing in (client.get(f"/v1/listings/{summary['listing_id']}").json() for summary in newest)
            if len(listing["photos"]) > 1
        )
    return with_several_photos


@pytest.mark.usefixtures("no_page_errors")
def test_a_listing_shows_its_photos_its_details_and_similar_listings(page: Page, listing: dict[str, Any]) -> None:
    page.goto(f"/listing?id={listing['listing_id']}")
    expect(page.locator(".about h1")).to_have_text(listing["title"])
    expect(page.locator(".description")).to_have_text(re.compile(re.escape(listing["description"][:20])))
    expect(page.locator(".facts-list")).to_contain_text(" / ".join(listing["category_path"]))
    expect(page.locator(".gallery .large[data-state=shown]")).to_be_visible()
    expect(page.locator("[aria-labelledby=similar] .result[data-listing]")).to_have_count(12)


@pytest.mark.usefixtures("no_page_errors")
def test_another_photo_can_be_shown_and_searched(page: Page, listing: dict[str, Any]) -> None:
    page.goto(f"/listing?id={listing['listing_id']}")
    page.get_by_role("button", name="Photo 2").click()
    expect(page.locator(".gallery .large")).to_have_attribute("src", listing["photos"][1]["url"])
    page.get_by_role("button", name="Search by this photo").click()
    page.wait_for_url(re.compile(f"photo={listing['photos'][1]['photo_id']}"))
    wait_for_results(page)


@pytest.mark.usefixtures("no_page_errors")
def test_a_duplicate_is_shown_with_its_verdict(page: Page, demo: Demo, listing: dict[str, Any]) -> None:
    with demo.client() as client:
        photo = client.get(listing["photos"][0]["url"])
        fields = {"listing_id": "copied-lamp", "title": "Again", "category": listing["category"], "price": "5"}
        files = [("photos", ("a.jpg", photo.content, photo.headers["content-type"]))]
        client.post("/v1/listings", data=fields, files=files).raise_for_status()
        try:
            for _ in range(60):
                page.goto(f"/listing?id={listing['listing_id']}")
                page.wait_for_load_state("networkidle")
                if page.locator("[aria-labelledby=duplicates]").count():
                    break
                page.wait_for_timeout(500)
            expect(page.locator("[aria-labelledby=duplicates]")).to_contain_text("The same photo")
            expect(page.locator("[aria-labelledby=duplicates] a.photo").first).to_have_attribute(
                "href", "/listing?id=copied-lamp"
            )
            similar = page.locator("[aria-labelledby=similar] .result[data-listing]")
            expect(similar).to_have_count(12)
            expect(similar.locator("xpath=self::*[@data-listing='copied-lamp']")).to_have_count(0)
        finally:
            client.delete("/v1/listings/copied-lamp").raise_for_status()


def test_a_listing_that_does_not_exist_shows_an_error(page: Page) -> None:
    page.goto("/listing?id=nobody")
    expect(page.get_by_role("alert").first).to_contain_text("This is no longer here")


@pytest.mark.usefixtures("no_page_errors")
def test_a_listing_whose_id_has_a_slash_is_shown_and_searched(page: Page, demo: Demo) -> None:
    fields = {"listing_id": "lamp/1 & more", "title": "A lamp", "category": "Appliances", "price": "5"}
    path = "/v1/listings/lamp%2F1%20%26%20more"
    with demo.client() as client:
        files = [("photos", ("a.jpg", demo.photos[7].read_bytes(), "image/jpeg"))]
        client.post("/v1/listings", data=fields, files=files).raise_for_status()
        try:
            for _ in range(60):
                if client.get(path).json()["photos"][0]["state"] == "embedded":
                    break
                page.wait_for_timeout(200)
            page.goto("/listing?id=lamp/1+%26+more")
            expect(page.locator(".about h1")).to_have_text("A lamp")
            page.get_by_role("link", name="Find similar listings").click()
            wait_for_results(page)
        finally:
            client.delete(path).raise_for_status()
