"""What buyers read: their own words, and nothing that cannot work."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect

from services.reason_codes import RejectReason
from services.web.refusals import KeyRefused, RateLimited, RoleMissing
from tests.page.steps import choose_photo, drop_or_paste, wait_for_results

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page, Route

    from tests.page.browsing import Demo, PageLog

OF_THE_API = re.compile(
    r"`|_|\bAPI\b|Authorization|Bearer|location|lookalike |LOOKALIKE|JSON|token|embed|field|request|server|Conflict"
    r"|Internal|valid|Error",
)
"""Words that no buyer should read."""

PROBLEMS = [
    (400, "query_token: is not valid or not complete. Copy it unchanged from an answer.", {"field": "query_token"}),
    (400, "price_min: 50.0 is above price_max, 30.0", {"field": "price_min"}),
    (400, "category: no listing is in 'x'; the categories are ...", {"field": "category"}),
    (400, "something that nobody thought of", {"field": "no_such_field"}),
    (401, str(KeyRefused(presented=False)), {}),
    (401, str(KeyRefused(presented=True)), {}),
    (403, str(RoleMissing("read", "write")), {}),
    (404, "There is no listing 'nobody'.", {}),
    (409, "Listing 'x' has no embedded photo to search by (pending).", {}),
    (413, "Request Entity Too Large", {}),
    (415, "Send multipart/form-data with an `image`, or application/json with a `listing_id`.", {}),
    *(
        (422, reason.explanation, {"reason": reason.value})
        for reason in (RejectReason.TRUNCATED, RejectReason.TOO_SMALL)
    ),
    (422, RejectReason.FORBIDDEN_ADDRESS.explanation, {"reason": "forbidden_address"}),
    (422, "a reason that nobody thought of", {"reason": "no_such_reason"}),
    (429, str(RateLimited(retry_after_s=3)), {}),
    (500, "Internal error", {}),
    (503, "There is no model yet. Train one on your listings with `lookalike train`.", {}),
]


@pytest.mark.parametrize(("status", "detail", "more"), PROBLEMS, ids=[f"{one[0]} {one[1][:30]}" for one in PROBLEMS])
def test_a_problem_is_told_in_the_words_of_buyers(
    page: Page, demo: Demo, photo: Path, status: int, detail: str, more: dict[str, str]
) -> None:
    with demo.client() as client:
        token = client.post("/v1/search", files={"image": photo.read_bytes()}).json()["query_token"]
    body = json.dumps({"status": status, "title": "Bad Request", "detail": detail} | more)
    kind = "application/problem+json"
    page.route("**/v1/search", lambda route: route.fulfill(status=status, body=body, content_type=kind))
    page.goto(f"/?token={token}")
    alert = page.get_by_role("alert")
    expect(alert).to_be_visible()
    assert OF_THE_API.findall(alert.inner_text()) == []
    expect(alert.locator("button, label")).not_to_have_count(0)


def test_the_dialog_for_a_key_is_in_the_words_of_buyers(page: Page) -> None:
    body = json.dumps({"status": 401, "title": "An API key is needed", "detail": str(KeyRefused(presented=False))})
    page.route("**/v1/listings?*", lambda route: route.fulfill(status=401, body=body))
    page.goto("/")
    page.get_by_role("button", name="Enter a key").click()
    dialog = page.get_by_role("dialog", name="Your key")
    expect(dialog).to_be_visible()
    assert OF_THE_API.findall(dialog.inner_text()) == []


def test_a_file_that_is_not_a_photo_is_told_in_the_words_of_buyers(page: Page) -> None:
    page.goto("/")
    expect(page.locator(".hero")).to_be_visible()
    drop_or_paste(page, b"no photo")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The file is not a photo")
    assert OF_THE_API.findall(alert.inner_text()) == []


@pytest.mark.parametrize("filters", ["&price_min=1e9", "&place=Atlantis", "&seller=nobody", "&attribute=brand:none"])
def test_nothing_found_is_told_in_the_words_of_buyers(page: Page, photo: Path, filters: str) -> None:
    page.goto("/")
    choose_photo(page, photo)
    page.goto(page.url + filters)
    notice = page.locator(".found .notice")
    expect(notice).to_contain_text("No listing passes")
    expect(notice.get_by_role("button", name=re.compile("^Without"))).to_have_count(1)
    assert OF_THE_API.findall(notice.inner_text()) == []


@pytest.mark.usefixtures("no_page_errors")
def test_a_free_item_says_so(page: Page, demo: Demo, photo: Path) -> None:
    with demo.client() as client:
        listing = client.get("/v1/listings").json()["listings"][0]
        path = f"/v1/listings/{listing['listing_id']}"
        client.patch(path, json={"price": 0}).raise_for_status()
        try:
            page.goto("/")
            expect(page.locator(f".result[data-listing='{listing['listing_id']}'] .price")).to_have_text("Free")
            page.goto(f"/listing?id={listing['listing_id']}")
            expect(page.locator(".about .price")).to_have_text("Free")
        finally:
            client.patch(path, json={"price": listing["price"]}).raise_for_status()


@pytest.fixture
def without_photos(demo: Demo) -> Iterator[str]:
    """Id of a listing without photos."""
    with demo.client() as client:
        fields = {"listing_id": "no-photo", "title": "Never seen", "category": "Appliances", "price": "5"}
        client.post("/v1/listings", json=fields | {"seller": "ann"}).raise_for_status()
        yield "no-photo"
        client.delete("/v1/listings/no-photo")


@pytest.mark.usefixtures("no_page_errors")
def test_a_listing_without_photos_offers_only_what_works(page: Page, page_log: PageLog, without_photos: str) -> None:
    page.goto(f"/listing?id={without_photos}")
    expect(page.locator(".about h1")).to_have_text("Never seen")
    expect(page.locator(".gallery")).to_have_text("No photo")
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("link", name=re.compile("similar|seller"))).to_have_count(0)
    expect(page.locator("[aria-labelledby=similar]")).to_have_count(0)
    assert [one.url for one in page_log.requests if re.search("/(similar|duplicates)[?]", one.url)] == []


@pytest.mark.usefixtures("no_page_errors")
def test_similarity_has_the_same_words_before_and_after_more_like_this(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    first = page.locator(".found .result").first
    expect(first.locator(".match")).to_have_text("Same item")
    words = set(page.locator(".match").all_inner_texts())
    page.get_by_role("button", name=re.compile("^More like this")).nth(3).click()
    page.wait_for_url(re.compile("like="))
    wait_for_results(page)
    expect(first.locator(".match")).to_have_text("Same item")
    assert {*words, *page.locator(".match").all_inner_texts()} <= {"Same item", "Probably the same", "Very similar"}
    assert "%" not in page.locator("main").inner_text()


def test_a_photo_unlike_the_catalogue_is_called_so_and_its_categories_weak_guesses(page: Page, tmp_path: Path) -> None:
    picture = Image.new("RGB", (300, 300), "white")
    ImageDraw.Draw(picture).rectangle((90, 90, 210, 210), fill=(40, 92, 200))
    picture.save(tmp_path / "square.png")
    page.goto("/")
    choose_photo(page, tmp_path / "square.png")
    expect(page.locator(".found")).to_contain_text("Unlike anything in this catalogue. The nearest come first.")
    expect(page.locator(".guesses h2")).to_have_text("Weak guesses")
    expect(page.locator(".match")).to_have_count(0)


def test_nothing_is_called_the_same_item_where_scores_are_cosines(page: Page, demo: Demo) -> None:
    def as_cosines(route: Route) -> None:
        fetched = route.fetch()
        answer = fetched.json()
        results = [one | {"score": 0.95} for one in answer["results"]]
        route.fulfill(response=fetched, json=answer | {"score_kind": "cosine", "results": results})

    page.route("**/v1/search", as_cosines)
    with demo.client() as client:
        listing = client.get("/v1/listings").json()["listings"][0]["listing_id"]
    page.goto(f"/?listing={listing}")
    wait_for_results(page)
    expect(page.locator(".match, .far")).to_have_count(0)


def test_a_photo_like_the_catalogue_has_guesses_that_are_not_called_weak(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    expect(page.locator(".guesses h2")).to_have_text("Looks like")
    expect(page.locator(".found")).not_to_contain_text("Unlike")


def test_a_search_without_a_close_match_says_so(page: Page, demo: Demo) -> None:
    with demo.client() as client:
        listings = client.get("/v1/listings").json()["listings"]
        far = next(
            one["listing_id"]
            for one in listings
            if client.get(f"/v1/listings/{one['listing_id']}/similar?k=1").json()["results"][0]["score"] < 0.1
        )
    page.goto(f"/?listing={far}")
    wait_for_results(page)
    expect(page.locator(".found")).to_contain_text("No exact match")
    expect(page.locator(".match")).to_have_count(0)
