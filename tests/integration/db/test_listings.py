"""Listings in the database: upserts, reads and deletes, on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from db.models import FeedOperation
from db.rows import embeddings, listings, photos
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
