"""Several rows of one id, rows of variants, and rows that only add photos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.rows import listings
from tests.integration.ingest.loading.feeds import row

if TYPE_CHECKING:
    from db.models import Listing
    from tests.integration.ingest.loading.feeds import Loaded, ShopFeed


def stored(feed: ShopFeed, listing_id: str) -> Listing:
    with feed.resources.database.read() as session:
        (listing,) = listings.listings_by_id(session, [listing_id])
    return listing


def counts(loaded: Loaded) -> list[int]:
    return [loaded.summary.counts[f"listings_{name}"] for name in ("read", "accepted", "rejected", "duplicates")]


def test_unites_the_photos_of_rows_that_differ_in_nothing_else(feed: ShopFeed) -> None:
    loaded = feed.load([row("10", "p1"), row("11", "p4"), row("10", "p2"), row("10", "p3")])
    assert (feed.names("10"), feed.names("11")) == (["p1", "p2", "p3"], ["p4"])
    assert (counts(loaded), loaded.rejects) == ([4, 2, 0, 2], [])
    assert [(one.record_id, one.line, one.flag, one.before, one.after) for one in loaded.warnings] == [
        ("10", 5, "united_rows", "3 rows", "3 photos")
    ]


def test_a_row_without_title_adds_its_photos_to_its_listing(feed: ShopFeed) -> None:
    shopify = [row("stool", "p1"), row("stool", "p2", title="", category="", price=""), row("mug", "p4")]
    loaded = feed.load([row("stool", "p3", title="", category="", price=""), *shopify])
    assert feed.names("stool") == ["p3", "p1", "p2"]
    assert (counts(loaded), loaded.rejects) == ([4, 2, 0, 2], [])
    assert [one.flag for one in loaded.warnings] == ["united_rows"]


def test_a_row_without_title_is_rejected_if_its_id_is_unknown(feed: ShopFeed) -> None:
    loaded = feed.load([row("1", "p1"), row("2", "p2", title="", category="")])
    assert [(one.record_id, one.line, one.reason) for one in loaded.rejects] == [("2", 3, "missing_title")]
    assert counts(loaded) == [2, 1, 1, 0]


def test_a_further_price_of_a_row_without_title_is_told(feed: ShopFeed) -> None:
    loaded = feed.load([row("1", "p1", price="£39"), row("1", "p2", title="", category="", price="£45")])
    assert stored(feed, "1").price == 39
    assert [(one.flag, one.before) for one in loaded.warnings if one.line == 3] == [("variant_left_out", "45.00 GBP")]


def test_the_last_of_two_complete_rows_wins_and_has_the_photos_of_both(feed: ShopFeed) -> None:
    loaded = feed.load([row("1", "p1", price="£1"), row("1", "p2", price="£2")])
    assert (stored(feed, "1").price, feed.names("1")) == (2, ["p1", "p2"])
    assert [(one.line, one.reason, "price 1.00" in one.text) for one in loaded.rejects] == [(2, "duplicate_id", True)]
    assert counts(loaded) == [2, 1, 0, 1]


def test_a_photo_that_several_rows_name_is_one_photo(feed: ShopFeed) -> None:
    loaded = feed.load([row("1", "p1|p2"), row("1", "p1|p2")])
    assert feed.names("1") == ["p1", "p2"]
    assert loaded.photos("read", "accepted", "duplicates") == [4, 2, 2]


def test_a_second_run_of_united_rows_changes_nothing(feed: ShopFeed) -> None:
    rows = [row("10", "p1"), row("10", "p2")]
    feed.load(rows)
    loaded = feed.load(rows)
    assert loaded.summary.counts["listings_unchanged"] == 1
    assert loaded.photos("unchanged", "removed", "new") == [2, 0, 0]


def test_a_listing_with_an_unreadable_price_is_accepted_without_one_if_told(feed: ShopFeed) -> None:
    loaded = feed.load([row("1", "p1", price="ask the cat")], keep_unpriced=True)
    assert (stored(feed, "1").price, counts(loaded)) == (None, [1, 1, 0, 0])
    assert [(one.flag, one.before) for one in loaded.warnings] == [("price_left_out", "ask the cat")]
