"""Rows for tests: listings, photos and embeddings with plain values."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
from more_itertools import map_reduce

from db.rows import embeddings, feed, generations, listings, photos
from db.rows.embeddings import NewEmbedding
from db.rows.listings import ListingConditions
from db.rows.photos import PhotoSet, StoredPhoto
from db.rows.records import ListingRecord

if TYPE_CHECKING:
    from db.models import PhotoState
    from db.rows.feed import Change
    from db.session import Database
    from db.vectors.base import Vector

MODEL = "model-a"
SIZE = 8

LAMP = ListingRecord(
    listing_id="lamp",
    title="Brass lamp",
    description="Works.",
    category="Home & Garden",
    category_path=("Home & Garden", "Lamps"),
    price=Decimal("12.50"),
    currency="GBP",
    location="Delph, Manchester",
    region="Manchester",
)
DRILL = replace(LAMP, listing_id="drill", title="Drill", category="DIY Tools & Materials", price=Decimal(40))


def stored_photo(listing_id: str = "lamp", external_id: str = "p1", *, content: bytes = b"one") -> StoredPhoto:
    """A photo whose bytes were stored."""
    digest = sha256(content).hexdigest()
    return StoredPhoto(listing_id, external_id, f"{external_id}.jpg", digest, "JPEG", len(content), 40, 30)


def unit_vector(seed: int) -> Vector:
    """A vector of unit length that depends on the seed alone."""
    vector = np.random.default_rng(seed).normal(size=SIZE)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def new_embedding(photo_id: int, photo: StoredPhoto, *, seed: int = 0) -> NewEmbedding:
    """What a model made of the photo."""
    return NewEmbedding(photo_id, photo.sha256, unit_vector(seed), "Home & Garden", 0.9, 40, 30, "0" * 16)


def add_listings(database: Database, *records: ListingRecord) -> listings.UpsertCounts:
    """Upsert the listings in a transaction of their own."""
    with database.write() as session:
        return listings.upsert_listings(session, records)


def stored_ids(database: Database) -> list[str]:
    """The ids of all listings, ascending."""
    with database.read() as session:
        return listings.matching_ids(session, ListingConditions())


def add_photos(database: Database, *stored: StoredPhoto) -> list[int]:
    """Register the photos, beside those that are stored, and return the ids of all photos of their listings."""
    of_listings = map_reduce(stored, lambda photo: photo.listing_id)
    with database.write() as session:
        photos.register_photos(session, [PhotoSet(*one, keeps_others=True) for one in of_listings.items()])
        rows = photos.photos_of(session, sorted(of_listings))
        return [row.id for row in rows if row.id is not None]


def register_model(database: Database, version: str = MODEL) -> None:
    """Make a model version known."""
    with database.write() as session:
        generations.register_model(session, version, path=f"models/{version}", vector_size=SIZE)


def embed(database: Database, *new: NewEmbedding, model_version: str = MODEL) -> int:
    """Save embeddings by the model, which is registered where it is not."""
    register_model(database, model_version)
    with database.write() as session:
        return embeddings.save_embeddings(session, new, model_version=model_version)


def feed_changes(database: Database) -> list[Change]:
    with database.read() as session:
        return feed.changes_after(session, 0, 1000)


def photo_states(database: Database) -> dict[PhotoState, int]:
    with database.read() as session:
        return photos.state_counts(session)
