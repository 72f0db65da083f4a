"""Photos in the database: registering and replacing them, on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import IntegrityError

from db.models import FeedOperation, PhotoState
from db.rows import embeddings, listings, photos
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
    from db.session import Database


def test_ids_of_deleted_photos_are_not_reused(database: Database) -> None:
    add_listings(database, LAMP)
    (gone,) = add_photos(database, stored_photo())
    with database.write() as session:
        listings.delete_listing(session, "lamp")
    add_listings(database, LAMP)
    assert add_photos(database, stored_photo()) > [gone]


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
        assert photos.register_photos(session, [stored_photo()]) == {"unchanged": 1}


def test_a_photo_of_an_unknown_listing_violates_the_foreign_key(database: Database) -> None:
    with pytest.raises(IntegrityError):
        add_photos(database, stored_photo("nobody"))
