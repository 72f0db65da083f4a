"""Hostile listing titles: markup, scripts, text direction and very long text."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    from playwright.sync_api import Page

    from tests.page.browsing import Demo

TITLES = [
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "<svg onload=\"document.title='owned'\">",
    "\"><iframe src=javascript:document.title='owned'></iframe>",
    "javascript:document.title='owned'",
    "</title></h3></li><h1>owned</h1>",
    "${document.title='owned'}",
    "{{constructor.constructor('document.title=1')()}}",
    "<style>body{display:none}</style>",
    "<a href=//evil.example>a</a> https://evil.example/x.png",
    "&lt;b&gt;bold&lt;/b&gt; &amp;amp;",
    "<!-- lit-part --> <?lit$ ?>",
    "אופניים \u202emoc.live",
    "مصباح طاولة ← رائع",
    "\u202eevil\u202c \u2066x\u2069 \u200f",
    "🪔" * 40,
    "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿 é́́́́́́́́́́ Z̷̧̛̲͓̈́a̸l̴g̵o̶",
    "W" * 5000,
    "many words " * 450,
    "' OR 1=1 -- \\ \" ` %s %n",
]


def wait_until_embedded(client: httpx.Client, listing_ids: list[str]) -> None:
    """Wait until every photo of the listings is embedded; until then, requests for similar listings fail with 409."""
    for _ in range(600):
        listings = (client.get(f"/v1/listings/{listing_id}").json() for listing_id in listing_ids)
        if all(photo["state"] == "embedded" for listing in listings for photo in listing["photos"]):
            return
        time.sleep(0.1)
    raise AssertionError("not embedded within a minute")


@pytest.fixture
def hostile_ids(demo: Demo) -> Iterator[list[str]]:
    """Ids of the newest listings: one with a photo for each of TITLES."""
    ids = [f"hostile-{number}" for number in range(len(TITLES))]
    with demo.client() as client:
        category = client.get("/v1/categories").json()[0]["category"]
        for listing_id, title, photo in zip(ids, TITLES, demo.photos[20:], strict=False):
            fields = {
                "listing_id": listing_id,
                "title": title,
                "description": title,
                "category": category,
                "price": "5",
            }
            client.post(
                "/v1/listings", data=fields, files=[("photos", ("a.jpg", photo.read_bytes(), "image/jpeg"))]
            ).raise_for_status()
        wait_until_embedded(client, ids)
        yield ids
        for listing_id in ids:
            client.delete(f"/v1/listings/{listing_id}")


@pytest.mark.usefixtures("no_page_errors")
def test_hostile_titles_appear_as_text_inside_their_cards(page: Page, demo: Demo, hostile_ids: list[str]) -> None:
    assert len(TITLES) == 20
    with demo.client() as client:
        stored_titles = {
            listing_id: client.get(f"/v1/listings/{listing_id}").json()["title"] for listing_id in hostile_ids
        }
    page.goto("/")
    page.wait_for_selector(".result[data-listing]")
    expect(page.locator(".result[data-listing^=hostile]")).to_have_count(len(hostile_ids))
    for listing_id in hostile_ids:
        card = page.locator(f".result[data-listing={listing_id}]")
        assert card.locator("h3").text_content() == stored_titles[listing_id]
        box, text = card.bounding_box(), card.locator("h3").bounding_box()
        assert box
        assert text
        assert text["x"] >= box["x"]
        assert text["x"] + text["width"] <= box["x"] + box["width"]
        assert text["height"] < 60, "two lines"
    assert page.title() == "Lookalike"
    assert page.locator("h1").count() == 1
    assert page.locator("iframe, main script, main style").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"


@pytest.mark.usefixtures("no_page_errors")
def test_the_listing_view_shows_a_hostile_title_as_text(page: Page, demo: Demo, hostile_ids: list[str]) -> None:
    for listing_id in hostile_ids:
        with demo.client() as client:
            title = client.get(f"/v1/listings/{listing_id}").json()["title"]
        page.goto(f"/listing?id={listing_id}")
        expect(page.locator(".about h1")).to_be_visible()
        assert page.locator(".about h1").text_content() == title
        assert re.sub(r" · Lookalike$", "", page.title()) != "owned"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
