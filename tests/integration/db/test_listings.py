"""Listings in the database: upserts, reads and deletes, on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from db.models import FeedOperation
from db.rows import embeddings, listings, photos
from db.rows.listings import ListingConditions
from tests.truth import (
    DRILL,
    LAMP,
    MODEL,
    add_listings,
    add_photos,
    embed,
    feed_changes,
    new_embedding,
    stored_photo,
)

if TYPE_CHECKING:
    from db.session import Database


def test_a_stored_listing_is_read_back_unchanged(database: Database) -> None:
    add_listings(database, replace(LAMP, price=Decimal("10000.05"), flags=("absurd_price",)))
    with database.read() as session:
        (row,) = listings.listings_by_id(session, ["lamp"])
    assert (row.price, row.category_path, row.flags) == (
        Decimal("10000.05"),
        ["Home & Garden", "Lamps"],
        ["absurd_price"],
    )
    assert row.created_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", ["emoji 🛋️", 'quoted "a\\b"', "half a pair \ud83d", ""])
def test_any_text_in_a_json_column_is_read_back(database: Database, text: str) -> None:
    add_listings(database, LAMP)
    with database.write() as session:
        (row,) = listings.listings_by_id(session, ["lamp"])
        row.attributes = {"text": text, "number": 0.1, "flag": False}
    with database.read() as session:
        (row,) = listings.listings_by_id(session, ["lamp"])
    assert row.attributes == {"text": text, "number": 0.1, "flag": False}


def test_upserting_an_equal_listing_counts_as_unchanged(database: Database) -> None:
    add_listings(database, LAMP)
    assert add_listings(database, LAMP, DRILL) == listings.UpsertCounts(inserted=1, updated=0, unchanged=1)


def test_a_changed_listing_puts_its_embedded_photos_on_the_feed(database: Database) -> None:
    add_listings(database, LAMP)
    first, _pending = add_photos(database, stored_photo(), stored_photo(external_id="p2"))
    embed(database, new_embedding(first, stored_photo()))
    add_listings(database, replace(LAMP, price=Decimal(9)))
    assert [(change.operation, change.photo_id) for change in feed_changes(database)] == [
        (FeedOperation.UPSERT, first)
    ] * 2


def test_deleting_a_listing_deletes_photos_and_embeddings_and_adds_feed_events(database: Database) -> None:
    add_listings(database, LAMP)
    (photo_id,) = add_photos(database, stored_photo())
    embed(database, new_embedding(photo_id, stored_photo()))
    with database.write() as session:
        assert listings.delete_listing(session, "lamp")
    with database.read() as session:
        assert photos.photos_by_id(session, [photo_id]) == []
        assert embeddings.embedding_count(session, model_version=MODEL) == 0
    assert feed_changes(database)[-1].operation == FeedOperation.DELETE


def test_category_counts_are_sorted_by_frequency(database: Database) -> None:
    add_listings(database, DRILL, LAMP, replace(LAMP, listing_id="vase"))
    with database.read() as session:
        assert list(listings.category_counts(session).items()) == [("Home & Garden", 2), ("DIY Tools & Materials", 1)]


CHAIR = replace(
    LAMP,
    listing_id="chair",
    category_path=("Home & Garden", "Chairs"),
    price=None,
    currency=None,
    seller="shop-b",
    listed_at=datetime(2026, 1, 2, tzinfo=UTC),
    sold=True,
)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (ListingConditions(), ["chair", "drill", "lamp"]),
        (ListingConditions(listing_ids=["lamp", "no such", "with\0nul"]), ["lamp"]),
        (ListingConditions(listing_ids=[]), []),
        (ListingConditions(categories=["Home & Garden"]), ["chair", "lamp"]),
        (ListingConditions(category_path="home & garden / LAMPS"), ["drill", "lamp"]),
        (ListingConditions(sellers=["shop-b"]), ["chair"]),
        (ListingConditions(currency="GBP"), ["drill", "lamp"]),
        (ListingConditions(price_min=Decimal("12.50"), price_max=Decimal(39)), ["lamp"]),
        (ListingConditions(listed_before=datetime(2026, 1, 2, 0, 0, 1, tzinfo=UTC)), ["chair"]),
        (ListingConditions(listed_since=datetime(2026, 1, 2, 0, 0, 1, tzinfo=UTC)), ["drill", "lamp"]),
        (ListingConditions(sold=True), ["chair"]),
        (ListingConditions(sold=False, categories=["Home & Garden"]), ["lamp"]),
    ],
)
def test_listings_are_selected_by_every_condition(
    database: Database, where: ListingConditions, expected: list[str]
) -> None:
    add_listings(database, LAMP, DRILL, CHAIR)
    with database.read() as session:
        assert listings.matching_ids(session, where) == expected


def test_comparing_listings_counts_what_an_upsert_would_without_writing(database: Database) -> None:
    add_listings(database, LAMP, DRILL)
    records = [LAMP, replace(DRILL, price=Decimal(41)), CHAIR]
    with database.read() as session:
        compared = listings.compare_listings(session, records)
    assert compared == listings.UpsertCounts(inserted=1, updated=1, unchanged=1)
    assert add_listings(database, *records) == compared


def test_several_listings_are_deleted_with_their_photos(database: Database) -> None:
    add_listings(database, LAMP, DRILL, CHAIR)
    (photo_id,) = add_photos(database, stored_photo())
    with database.write() as session:
        assert listings.delete_listings(session, ["lamp", "chair", "no such"]) == 2
    with database.read() as session:
        assert listings.matching_ids(session, ListingConditions()) == ["drill"]
    assert [(one.operation, one.photo_id) for one in feed_changes(database)] == [(FeedOperation.DELETE, photo_id)]


def test_marking_listings_sold_keeps_their_other_fields_and_reaches_the_feed(database: Database) -> None:
    add_listings(database, LAMP, CHAIR)
    (photo_id,) = add_photos(database, stored_photo())
    embed(database, new_embedding(photo_id, stored_photo()))
    with database.write() as session:
        assert listings.mark_sold(session, ["lamp", "chair", "no such"], flag="marked_sold") == 1
    with database.read() as session:
        (row,) = listings.listings_by_id(session, ["lamp"])
    assert listings.record_of(row) == replace(LAMP, sold=True, flags=(*LAMP.flags, "marked_sold"))
    assert (feed_changes(database)[-1].operation, feed_changes(database)[-1].photo_id) == (
        FeedOperation.UPSERT,
        photo_id,
    )


def test_a_listing_that_comes_back_from_sold_counts_as_updated(database: Database) -> None:
    add_listings(database, LAMP)
    with database.write() as session:
        listings.mark_sold(session, ["lamp"], flag="marked_sold")
    assert add_listings(database, LAMP) == listings.UpsertCounts(inserted=0, updated=1, unchanged=0)
