"""The review of duplicates: one pair at a time, with the answers of a made-up server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.page.test_page_quality import findings

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

BUSY = {"status": 503, "json": {"title": "Unavailable", "detail": "The server is busy."}}
NO_KEY = {"status": 401, "json": {"title": "Unauthorized", "detail": "An API key is needed."}}
CONFLICT = {"status": 409, "json": {"title": "Conflict", "detail": "Undo that decision first."}}
GROUPS, REVIEW = "**/v1/admin/duplicates?*", "**/v1/admin/duplicates/review"
THINGS = ("lamp", "chair", "sofa")


class Reviews:
    """Three pairs of listings, one pair a page, whose decisions are kept. `failures` are answered first."""

    def __init__(self, page: Page) -> None:
        self.decisions: dict[str, str] = {}
        self.failures: list[dict[str, Any]] = []
        self.held: list[Route] | None = None
        page.route(GROUPS, self._list)
        page.route(REVIEW, self._decide)

    def _list(self, route: Route) -> None:
        found = re.search(r"state=(\w+)(?:.*cursor=(\d+))?", route.request.url)
        assert found
        state, start = found[1], int(found[2] or 0)
        wanted = {"open": None, "accepted": "accept", "rejected": "reject"}[state]
        things = [thing for thing in THINGS if self.decisions.get(thing) == wanted]
        cursor = str(start + 1) if start + 1 < len(things) else None
        groups = [self._group(thing) for thing in things[start : start + 1]]
        left = len(THINGS) - len(self.decisions)
        route.fulfill(json={"groups": groups, "undecided_pairs": left, "cursor": cursor})

    def _group(self, thing: str) -> dict[str, Any]:
        ids = [f"{thing}-1", f"{thing}-2"]
        link = {"listing_id": ids[0], "other_listing_id": ids[1], "photo_id": 1, "other_photo_id": 2, "implied": False}
        link |= {"verdict": "same photo edited", "score": 0.97, "decision": self.decisions.get(thing)}
        facts = {"category_path": ["Home", "Old things"], "location": "Delph", "listed_at": "2026-03-01T09:30:00+00:00"}
        listings = [
            facts | {"listing_id": one, "title": f"Title of {one}", "price": price, "currency": "GBP", "seller": seller}
            for one, price, seller in zip(ids, (20, 25.5), ("ann", "bob"), strict=True)
        ]
        return {"listing_ids": ids, "links": [link], "listings": [one | {"url": "", "sold": False} for one in listings]}

    def _decide(self, route: Route) -> None:
        if self.held is not None:
            self.held.append(route)
            return
        if self.failures:
            route.fulfill(**self.failures.pop(0))
            return
        body = route.request.post_data_json
        thing = body["listing_id"].removesuffix("-1")
        if body["decision"] == "undecided":
            del self.decisions[thing]
        else:
            self.decisions[thing] = body["decision"]
        route.fulfill(status=204)


@pytest.fixture
def reviews(page: Page) -> Reviews:
    made = Reviews(page)
    page.goto("/admin?tab=duplicates")
    return made


def pair(page: Page, thing: str) -> Locator:
    return page.get_by_role("group", name=f"Title of {thing}-1 and Title of {thing}-2")


def test_a_pair_shows_what_a_reviewer_compares(page: Page, reviews: Reviews) -> None:
    lamps = pair(page, "lamp")
    expect(lamps).to_contain_text("Both show the same photo, edited: 97 % of the picture is in both.")
    for row in ("Price £20 £25.50", "Seller ann bob", "Category Home / Old things (both)", "Id lamp-1 lamp-2"):
        expect(lamps.get_by_role("row", name=row)).to_be_visible()
    expect(lamps.get_by_role("img")).to_have_count(2)
    expect(lamps.get_by_role("link", name="Title of lamp-2")).to_have_attribute("href", "/listing?id=lamp-2")
    photos = [lamps.locator("api-photo").nth(at).bounding_box() or {} for at in range(2)]
    assert photos[0]["y"] == photos[1]["y"]
    assert photos[0]["width"] > 400


def test_the_next_pair_follows_a_decision_and_the_last_one_can_be_undone(page: Page, reviews: Reviews) -> None:
    expect(page.get_by_text("3 pairs of listings are left.")).to_be_visible()
    page.get_by_role("button", name="Same item").click()
    expect(pair(page, "chair")).to_be_visible()
    expect(page.get_by_text("2 pairs of listings are left.", exact=True)).to_be_visible()
    page.get_by_role("button", name="Different items").click()
    expect(pair(page, "sofa")).to_be_visible()
    expect(page.get_by_text("1 pair of listings is left.", exact=True)).to_be_visible()
    assert reviews.decisions == {"lamp": "accept", "chair": "reject"}
    page.get_by_role("button", name="Undo the decision about Title of chair-1").click()
    expect(pair(page, "chair")).to_be_visible()
    assert reviews.decisions == {"lamp": "accept"}


def test_a_decision_that_cannot_be_undone_any_more_does_not_hold_up_the_one_before(
    page: Page, reviews: Reviews
) -> None:
    page.get_by_role("button", name="Same item").click()
    expect(pair(page, "chair")).to_be_visible()
    page.get_by_role("button", name="Different items").click()
    expect(pair(page, "sofa")).to_be_visible()
    reviews.failures.append({"status": 404, "json": {"title": "Not found", "detail": "There is no listing 'chair-1'."}})
    page.keyboard.press("u")
    expect(page.get_by_text("There is no listing 'chair-1'.")).to_be_visible()
    page.get_by_role("button", name="Undo the decision about Title of lamp-1").click()
    expect(pair(page, "lamp")).to_be_visible()


def test_letters_decide_put_off_and_undo(page: Page, reviews: Reviews) -> None:
    expect(pair(page, "lamp")).to_be_visible()
    for key, following in (("s", "chair"), ("d", "sofa"), ("u", "chair"), ("l", "sofa")):
        page.keyboard.press(key)
        expect(pair(page, following)).to_be_visible()
    assert reviews.decisions == {"lamp": "accept"}
    page.get_by_label("Show").focus()
    page.keyboard.press("s")
    page.keyboard.press("Control+d")
    assert reviews.decisions == {"lamp": "accept"}


def test_pairs_that_are_put_off_come_again_when_no_other_is_left(page: Page, reviews: Reviews) -> None:
    for thing in THINGS:
        expect(pair(page, thing)).to_be_visible()
        page.get_by_role("button", name="Later").click()
    page.get_by_role("button", name="Review them now").click()
    expect(pair(page, "lamp")).to_be_visible()


def test_nothing_is_left_after_the_last_decision(page: Page, reviews: Reviews) -> None:
    for thing in THINGS:
        expect(pair(page, thing)).to_be_visible()
        page.get_by_role("button", name="Same item").click()
    expect(page.get_by_text("There is nothing to review.")).to_be_visible()
    page.get_by_label("Show").select_option("rejected")
    expect(page.get_by_text("No listings have been called different items yet.")).to_be_visible()


def test_a_decision_is_undone_in_the_list_of_decisions(page: Page, reviews: Reviews) -> None:
    reviews.decisions["chair"] = "reject"
    page.get_by_label("Show").select_option("rejected")
    expect(pair(page, "chair")).to_be_visible()
    assert findings(page) == []
    pair(page, "chair").get_by_role("button", name="Undo").click()
    expect(pair(page, "chair")).to_have_count(0)
    assert reviews.decisions == {}


@pytest.mark.parametrize(("failure", "words"), [(BUSY, "The server is busy"), (CONFLICT, "Undo that decision first")])
def test_a_failed_decision_keeps_its_pair_and_can_be_sent_again(
    page: Page, reviews: Reviews, failure: dict[str, Any], words: str
) -> None:
    reviews.failures.append(failure)
    page.get_by_role("button", name="Different items").click()
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(pair(page, "lamp")).to_be_visible()
    page.get_by_role("button", name="Different items").click()
    expect(pair(page, "chair")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_decision_is_resent_after_a_key_is_entered(page: Page, reviews: Reviews) -> None:
    reviews.failures.append(NO_KEY)
    page.get_by_role("button", name="Same item").click()
    page.get_by_role("button", name="Enter a key").click()
    page.get_by_label("Key", exact=True).fill("anything")
    page.get_by_role("button", name="Use this key").click()
    expect(pair(page, "chair")).to_be_visible()
    assert reviews.decisions == {"lamp": "accept"}


def test_leaving_the_tab_does_not_cancel_a_decision(page: Page, reviews: Reviews) -> None:
    reviews.held = []
    with page.expect_request(REVIEW):
        page.get_by_role("button", name="Different items").click()
    page.get_by_role("tab", name="Model").click()
    expect(page.get_by_role("heading", name=re.compile("^Model "))).to_be_visible()
    with page.expect_event("requestfinished", lambda request: request.url.endswith("/review")):
        reviews.held[0].fulfill(status=204)


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_the_buttons_stay_in_sight_and_nothing_is_wider_than_the_page(page: Page, reviews: Reviews, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    expect(page.get_by_role("button", name="Same item")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Different items")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_price_and_seller_of_a_pair_are_in_sight_with_its_photos(page: Page, reviews: Reviews) -> None:
    page.set_viewport_size({"width": 1280, "height": 860})
    for name in ("Price", "Seller"):
        expect(pair(page, "lamp").get_by_role("row", name=name)).to_be_in_viewport(ratio=1)


def test_photos_can_be_larger_on_a_phone(page: Page, reviews: Reviews) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    photo = pair(page, "lamp").locator("api-photo").first
    assert (photo.bounding_box() or {})["width"] < 200
    page.get_by_role("button", name="Larger photos").click()
    assert (photo.bounding_box() or {})["width"] > 300
