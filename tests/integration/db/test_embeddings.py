"""Embeddings and the points made from them, on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sqlalchemy import event

from db.models import PhotoState
from db.rows import embeddings, listings
from db.rows.payloads import payload_of
from db.vectors.base import Payload
from tests.truth import (
    DRILL,
    LAMP,
    MODEL,
    add_listings,
    add_photos,
    embed,
    new_embedding,
    photo_states,
    stored_photo,
    unit_vector,
)

if TYPE_CHECKING:
    from db.session import Database


def test_the_payload_of_a_point_copies_the_listing(database: Database) -> None:
    lamp = replace(
        LAMP,
        seller="ann",
        listed_at=datetime(2024, 1, 31, 9, 30, 0, 900_000, UTC),
        other_categories=(("Sale", "Lamps"), ("Home & Garden",)),
        sold=True,
        attributes={"size": 3, "brand": "Acme", "boxed": True},
    )
    add_listings(database, lamp)
    photo = stored_photo()
    ids = add_photos(database, photo)
    embed(database, *(new_embedding(photo_id, photo) for photo_id in ids))
    with database.read() as session:
        (point,) = embeddings.points(session, ids, model_version=MODEL)
    assert point.payload == Payload(
        listing_id="lamp",
        category="Home & Garden",
        price=12.5,
        locations=("delph, manchester", "delph", "manchester"),
        category_paths=("home & garden", "home & garden / lamps", "sale", "sale / lamps"),
        currency="GBP",
        region="manchester",
        seller="ann",
        listed_at=1706693400,
        sold=True,
        attributes=(("boxed", True), ("brand", "Acme"), ("size", 3.0)),
    )
    assert type(dict(point.payload.attributes)["size"]) is float


def test_a_listing_without_a_date_uses_the_time_it_was_added(database: Database) -> None:
    add_listings(database, LAMP)
    with database.read() as session:
        (row,) = listings.listings_by_id(session, ["lamp"])
        assert payload_of(row).listed_at == int(row.created_at.timestamp())


def test_points_are_read_with_one_query(database: Database) -> None:
    add_listings(database, LAMP, DRILL)
    stored = [stored_photo(), stored_photo("drill")]
    ids = add_photos(database, *stored)
    embed(database, *(new_embedding(i, photo) for i, photo in zip(ids, stored, strict=True)))
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    with database.read() as session:
        assert len(embeddings.points(session, ids, model_version=MODEL)) == 2
    assert len([statement for statement in asked if "SELECT" in statement]) == 1


def test_an_embedding_of_replaced_bytes_is_not_stored(database: Database) -> None:
    add_listings(database, LAMP)
    (photo_id,) = add_photos(database, stored_photo())
    add_photos(database, stored_photo(content=b"newer"))
    assert embed(database, new_embedding(photo_id, stored_photo())) == 0
    assert photo_states(database)[PhotoState.PENDING] == 1


def test_a_stored_vector_has_unit_length_and_float16_precision(database: Database) -> None:
    add_listings(database, LAMP)
    (photo_id,) = add_photos(database, stored_photo())
    embed(database, new_embedding(photo_id, stored_photo(), seed=3))
    with database.read() as session:
        (point,) = embeddings.points(session, [photo_id], model_version=MODEL)
    assert np.linalg.norm(point.vector) == pytest.approx(1.0, abs=1e-6)
    assert np.abs(point.vector - unit_vector(3)).max() < 1e-3
    assert point.payload.price == 12.5
    assert point.payload.locations == ("delph, manchester", "delph", "manchester")


def test_all_points_of_one_model_are_read_in_batches(database: Database) -> None:
    add_listings(database, LAMP)
    stored = [stored_photo(external_id=f"p{n}") for n in range(5)]
    ids = add_photos(database, *stored)
    embed(database, *(new_embedding(photo_id, photo) for photo_id, photo in zip(ids, stored, strict=True)))
    embed(database, new_embedding(ids[0], stored[0]), model_version="model-b")
    with database.read() as session:
        batches = list(embeddings.all_points(session, model_version=MODEL, batch_size=2))
        assert [len(batch) for batch in batches] == [2, 2, 1]
        assert embeddings.embedded_ids(session, model_version="model-b") == ids[:1]
        missing = embeddings.photos_without(session, model_version="model-b", after=ids[1], limit=2)
        assert [photo.photo_id for photo in missing] == ids[2:4]
        assert embeddings.missing_count(session, model_version="model-b") == 4
