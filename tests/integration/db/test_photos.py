"""Photos in the database: registering and replacing them, on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.exc import IntegrityError

from db.models import FeedOperation, PhotoState
from db.rows import embeddings, listings, photos
from db.rows.photos import PhotoSet
from services.ingest.photos.urls import stored_id
from tests.truth import (
    LAMP,
    MODEL,
    add_listings,
    add_photos,
    embed,
    feed_changes,
    new_embedding,
    photo_states,
    stored_photo,
)

if TYPE_CHECKING:
    from db.rows.photos import StoredPhoto
    from db.session import Database


def test_ids_of_deleted_photos_are_not_reused(database: Database) -> None:
    add_listings(database, LAMP)
    (gone,) = add_photos(database, stored_photo())
    with database.write() as session:
        listings.delete_listing(session, "lamp")
    add_listings(database, LAMP)
    assert add_photos(database, stored_photo()) > [gone]


def test_stores_the_longest_ids_of_listings_and_photos(database: Database) -> None:
    letters = "".join(chr(0x20000 + number * 7919 % 40_000) for number in range(2200))  # four bytes each
    listing = replace(LAMP, listing_id=letters[:200])
    name = stored_id("https://x.example/" + letters[200:])
    add_listings(database, listing)
    (photo_id,) = add_photos(database, replace(stored_photo(), listing_id=listing.listing_id, external_id=name))
    assert photo_id


def test_a_photo_with_new_bytes_becomes_pending_and_its_point_is_deleted(database: Database) -> None:
    add_listings(database, LAMP)
    (photo_id,) = add_photos(database, stored_photo())
    embed(database, new_embedding(photo_id, stored_photo()))
    assert add_photos(database, stored_photo(content=b"other")) == [photo_id]
    assert photo_states(database)[PhotoState.PENDING] == 1
    assert feed_changes(database)[-1].operation == FeedOperation.DELETE
    with database.read() as session:
        assert embeddings.points(session, [photo_id], model_version=MODEL) == []


def test_registering_the_same_photo_again_is_unchanged(database: Database) -> None:
    add_listings(database, LAMP)
    add_photos(database, stored_photo())
    with database.write() as session:
        assert photos.register_photos(session, [PhotoSet("lamp", [stored_photo()])]) == [{"unchanged": 1}]


def test_a_photo_of_an_unknown_listing_violates_the_foreign_key(database: Database) -> None:
    with pytest.raises(IntegrityError):
        add_photos(database, stored_photo("nobody"))


def register(database: Database, *stored: StoredPhoto, **options: Any) -> dict[str, int]:
    """Make these the lamp's photos, and return what became of them."""
    with database.write() as session:
        (counts,) = photos.register_photos(session, [PhotoSet("lamp", stored, **options)])
    return dict(counts)


def lamp_photos(database: Database) -> dict[str, tuple[int | None, str]]:
    """Return the id and the stored bytes of each of the lamp's photos."""
    with database.read() as session:
        return {row.external_id: (row.id, row.sha256) for row in photos.photos_of(session, ["lamp"])}


def test_the_same_bytes_under_another_name_keep_their_embedding(database: Database) -> None:
    add_listings(database, LAMP)
    (photo_id,) = add_photos(database, stored_photo())
    embed(database, new_embedding(photo_id, stored_photo()))
    before = feed_changes(database)
    assert register(database, stored_photo(external_id="p1?signed=tuesday")) == {"renamed": 1}
    assert photo_states(database)[PhotoState.EMBEDDED] == 1
    assert feed_changes(database) == before


def test_swapped_names_are_swapped_back_without_a_new_photo(database: Database) -> None:
    add_listings(database, LAMP)
    register(database, stored_photo(external_id="a"), stored_photo(external_id="b", content=b"two"))
    before = lamp_photos(database)
    swapped = stored_photo(external_id="a", content=b"two"), stored_photo(external_id="b")
    assert register(database, *swapped) == {"renamed": 2}
    assert lamp_photos(database) == {"a": before["b"], "b": before["a"]}


def test_a_photo_that_takes_the_name_of_a_removed_one_is_renamed(database: Database) -> None:
    add_listings(database, LAMP)
    register(database, stored_photo(external_id="a"), stored_photo(external_id="b", content=b"two"))
    before = lamp_photos(database)
    assert register(database, stored_photo(external_id="a", content=b"two")) == {"renamed": 1, "removed": 1}
    assert lamp_photos(database) == {"a": before["b"]}


def test_the_point_of_a_photo_that_is_no_longer_named_is_deleted(database: Database) -> None:
    add_listings(database, LAMP)
    kept, gone = add_photos(database, stored_photo(), stored_photo(external_id="p2", content=b"two"))
    assert register(database, stored_photo()) == {"unchanged": 1, "removed": 1}
    assert [(change.operation, change.photo_id) for change in feed_changes(database)] == [(FeedOperation.DELETE, gone)]
    assert lamp_photos(database)["p1"][0] == kept


def test_keeps_photos_that_are_unavailable_or_told_to_be_kept(database: Database) -> None:
    add_listings(database, LAMP)
    register(database, stored_photo(external_id="a"), stored_photo(external_id="b", content=b"two"))
    assert register(database, unavailable=frozenset({"a"})) == {"removed": 1}
    assert register(database, keeps_others=True) == {"kept": 1}


def test_a_photo_stored_before_metadata_was_removed_gets_its_new_bytes_and_keeps_its_embedding(
    database: Database,
) -> None:
    add_listings(database, LAMP)
    (photo_id,) = add_photos(database, stored_photo())
    embed(database, new_embedding(photo_id, stored_photo()))
    cleaned = replace(stored_photo(content=b"clean"), original_sha256=stored_photo().sha256)
    assert register(database, cleaned) == {"unchanged": 1}
    assert lamp_photos(database) == {"p1": (photo_id, cleaned.sha256)}
    assert photo_states(database)[PhotoState.EMBEDDED] == 1
