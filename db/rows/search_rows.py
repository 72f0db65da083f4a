"""What a search reads of the truth: the listing that is asked by, and the photos that are found, with their listings.

Plain columns by statements that are built once: a search reads dozens of rows, and mapping them to objects, or building
a statement for each, took longer than the database did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from more_itertools import chunked
from sqlalchemy import and_, bindparam, exists, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col
from sqlmodel import select as sqlmodel_select

from db.models import Embedding, Listing, Photo, PhotoState
from db.rows.payloads import PAYLOAD_COLUMNS, ListingFields, from_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select

    from db.vectors.base import Vector

_IDS_AT_ONCE = 5000
"""Ids in one query: SQLite takes 32,766 parameters, PostgreSQL 65,535."""


@dataclass(frozen=True, slots=True)
class PhotoWithListing:
    """An embedded photo with its listing."""

    id: int
    sha256: str
    listing: ListingFields


@dataclass(frozen=True, slots=True)
class QueryPhoto:
    """A photo that is asked by.

    Attributes:
        vector: None where the model has not embedded it.
        category, probability: what the model believes; empty and 0 where it has not embedded it.
    """

    id: int
    sha256: str
    state: PhotoState
    vector: Vector | None
    category: str
    probability: float


@dataclass(frozen=True, slots=True)
class QueryListing:
    """A listing that is asked by, with its photos in the order of their ids."""

    listing: ListingFields
    photos: list[QueryPhoto]


def photos_with_listings(session: Session, photo_ids: Sequence[int]) -> dict[int, PhotoWithListing]:
    """Return those of the photos that are there and embedded, by id; photos of one listing share its object."""
    listings: dict[str, ListingFields] = {}
    found = {}
    for ids in chunked(photo_ids, _IDS_AT_ONCE):
        for photo_id, sha256, listing_id, *fields in session.connection().execute(_FOUND, {"ids": ids}):
            if listing_id not in listings:
                listings[listing_id] = ListingFields(listing_id, *fields)
            found[photo_id] = PhotoWithListing(photo_id, sha256, listings[listing_id])
    return found


def newest_photos(session: Session, *, before: int | None, limit: int) -> list[PhotoWithListing]:
    """Return the first searchable photo of each listing, the latest of these photos first.

    Args:
        session: a read transaction.
        before: a photo id; only what comes before it.
        limit: photos at most.
    """
    query = _FIRST_PHOTOS if before is None else _FIRST_PHOTOS.where(col(Photo.id) < before)
    photo_ids = [photo_id for photo_id in session.exec(query.limit(limit)) if photo_id is not None]
    found = photos_with_listings(session, photo_ids)
    return [found[photo_id] for photo_id in photo_ids if photo_id in found]


def query_listing(session: Session, listing_id: str, *, model_version: str) -> QueryListing | None:
    """Return a listing with all its photos; None where there is none, as of an id with a NUL (see `listings_by_id`)."""
    return None if "\0" in listing_id else _asked(session, _ASKED_LISTING, listing_id, model_version)


def query_photo(session: Session, photo_id: int, *, model_version: str) -> QueryListing | None:
    """Return the listing of a photo, with that photo alone; None where there is no such photo."""
    return _asked(session, _ASKED_PHOTO, photo_id, model_version)


def _asked(session: Session, statement: Select[Any], key: str | int, model_version: str) -> QueryListing | None:
    rows = session.connection().execute(statement, {"key": key, "model": model_version}).all()
    if not rows:
        return None
    photos = [_asked_photo(*row[: len(_ASKED_COLUMNS)]) for row in rows if row[0] is not None]
    return QueryListing(ListingFields(*rows[0][len(_ASKED_COLUMNS) :]), photos)


def _asked_photo(
    photo_id: int, sha256: str, state: str, vector: bytes | None, category: str | None, probability: float | None
) -> QueryPhoto:
    unit = None if vector is None else from_bytes(vector)
    return QueryPhoto(photo_id, sha256, PhotoState(state), unit, category or "", probability or 0.0)


_LISTING_COLUMNS: tuple[Any, ...] = (*PAYLOAD_COLUMNS, Listing.title)
"""In the order of `ListingFields`'s fields."""

_ASKED_COLUMNS: tuple[Any, ...] = (
    Photo.id,
    Photo.sha256,
    Photo.state,
    Embedding.vector,
    Embedding.category,
    Embedding.probability,
)
"""In the order of `QueryPhoto`'s fields."""

_FOUND = (
    select(Photo.id, Photo.sha256, *_LISTING_COLUMNS)  # type: ignore[call-overload]
    .join(Listing, col(Listing.id) == col(Photo.listing_id))
    .where(col(Photo.id).in_(bindparam("ids", expanding=True)), Photo.state == PhotoState.EMBEDDED)
)


_earlier = aliased(Photo)
_FIRST_PHOTOS = (
    sqlmodel_select(col(Photo.id))
    .where(
        Photo.state == PhotoState.EMBEDDED,
        ~exists().where(
            col(_earlier.listing_id) == col(Photo.listing_id),
            col(_earlier.id) < col(Photo.id),
            col(_earlier.state) == PhotoState.EMBEDDED,
        ),
    )
    .order_by(col(Photo.id).desc())
)


def _asking(which: ColumnElement[bool]) -> Select[Any]:
    embedded = and_(col(Embedding.photo_id) == col(Photo.id), col(Embedding.model_version) == bindparam("model"))
    query = select(*_ASKED_COLUMNS, *_LISTING_COLUMNS).select_from(Listing)
    with_photos = query.outerjoin(Photo, col(Photo.listing_id) == col(Listing.id)).outerjoin(Embedding, embedded)
    return with_photos.where(which).order_by(col(Photo.id))


_ASKED_LISTING = _asking(col(Listing.id) == bindparam("key"))
_ASKED_PHOTO = _asking(col(Photo.id) == bindparam("key"))
