"""The rows that a search reads: the query's listing or photo, and the photos that were found with their listings.

They are plain columns of prebuilt statements: for the dozens of rows of a search, building statements and mapping rows
to ORM objects took longer than the database itself.
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
from db.session import VALUES_PER_QUERY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select

    from db.vectors.base import Vector


@dataclass(frozen=True, slots=True)
class PhotoWithListing:
    """An embedded photo with its listing."""

    id: int
    sha256: str
    listing: ListingFields


@dataclass(frozen=True, slots=True)
class QueryPhoto:
    """A stored photo used as a query.

    Attributes:
        vector: None if the model has not embedded the photo.
        category, probability: the model's prediction; empty and 0 if it has not embedded the photo.
    """

    id: int
    sha256: str
    state: PhotoState
    vector: Vector | None
    category: str
    probability: float


@dataclass(frozen=True, slots=True)
class QueryListing:
    """A listing used as a query, with its photos in id order."""

    listing: ListingFields
    photos: list[QueryPhoto]


def photos_with_listings(session: Session, photo_ids: Sequence[int]) -> dict[int, PhotoWithListing]:
    """Return the embedded photos among these ids, by id. Photos of one listing share its `ListingFields`."""
    listings: dict[str, ListingFields] = {}
    photos = {}
    for ids in chunked(photo_ids, VALUES_PER_QUERY):
        for photo_id, sha256, listing_id, *fields in session.connection().execute(_PHOTOS_WITH_LISTINGS, {"ids": ids}):
            if listing_id not in listings:
                listings[listing_id] = ListingFields(listing_id, *fields)
            photos[photo_id] = PhotoWithListing(photo_id, sha256, listings[listing_id])
    return photos


def photos_of_groups(
    session: Session, groups: Sequence[str], *, model_version: str
) -> list[tuple[PhotoWithListing, Vector]]:
    """Return the embedded photos, with their vectors, of all listings in these groups of copies (`copy_groups`)."""
    found: list[tuple[PhotoWithListing, Vector]] = []
    rows = session.connection().execute(_PHOTOS_OF_GROUPS, {"groups": list(groups), "model": model_version})
    for vector, photo_id, sha256, *fields in rows:
        found.append((PhotoWithListing(photo_id, sha256, ListingFields(*fields)), from_bytes(vector)))
    return found


def newest_photos(
    session: Session, *, before: int | None, limit: int, sold: bool | None = None
) -> list[PhotoWithListing]:
    """Return the first searchable photo of each listing, newest photo first.

    Args:
        session: a read transaction.
        before: a photo id; only lower ids are returned.
        limit: maximum number of photos.
        sold: whether their listings are sold; None for either.
    """
    query = _FIRST_PHOTOS if before is None else _FIRST_PHOTOS.where(col(Photo.id) < before)
    if sold is not None:
        query = query.join(Listing).where(Listing.sold == sold)
    photo_ids = [photo_id for photo_id in session.exec(query.limit(limit)) if photo_id is not None]
    photos = photos_with_listings(session, photo_ids)
    return [photos[photo_id] for photo_id in photo_ids if photo_id in photos]


def query_listing(session: Session, listing_id: str, *, model_version: str) -> QueryListing | None:
    """Return a listing with all its photos; None if it does not exist. Ids with a NUL never do (`listings_by_id`)."""
    return None if "\0" in listing_id else _query_rows(session, _QUERY_LISTING, listing_id, model_version)


def query_photo(session: Session, photo_id: int, *, model_version: str) -> QueryListing | None:
    """Return a photo's listing with that photo only; None if the photo does not exist."""
    return _query_rows(session, _QUERY_PHOTO, photo_id, model_version)


def _query_rows(session: Session, statement: Select[Any], key: str | int, model_version: str) -> QueryListing | None:
    rows = session.connection().execute(statement, {"key": key, "model": model_version}).all()
    if not rows:
        return None
    photos = [_query_photo(*row[: len(_PHOTO_COLUMNS)]) for row in rows if row[0] is not None]
    return QueryListing(ListingFields(*rows[0][len(_PHOTO_COLUMNS) :]), photos)


def _query_photo(
    photo_id: int, sha256: str, state: str, vector: bytes | None, category: str | None, probability: float | None
) -> QueryPhoto:
    unpacked = None if vector is None else from_bytes(vector)
    return QueryPhoto(photo_id, sha256, PhotoState(state), unpacked, category or "", probability or 0.0)


_LISTING_COLUMNS: tuple[Any, ...] = (*PAYLOAD_COLUMNS, Listing.title, Listing.url, Listing.copy_group)
"""In the field order of `ListingFields`."""

_PHOTO_COLUMNS: tuple[Any, ...] = (
    Photo.id,
    Photo.sha256,
    Photo.state,
    Embedding.vector,
    Embedding.category,
    Embedding.probability,
)
"""In the field order of `QueryPhoto`."""

_PHOTOS_WITH_LISTINGS = (
    select(Photo.id, Photo.sha256, *_LISTING_COLUMNS)  # type: ignore[call-overload]
    .join(Listing, col(Listing.id) == col(Photo.listing_id))
    .where(col(Photo.id).in_(bindparam("ids", expanding=True)), Photo.state == PhotoState.EMBEDDED)
)

_PHOTOS_OF_GROUPS = (
    select(Embedding.vector, Photo.id, Photo.sha256, *_LISTING_COLUMNS)  # type: ignore[call-overload]
    .join(Photo, col(Photo.id) == col(Embedding.photo_id))
    .join(Listing, col(Listing.id) == col(Photo.listing_id))
    .where(
        col(Listing.copy_group).in_(bindparam("groups", expanding=True)),
        Photo.state == PhotoState.EMBEDDED,
        Embedding.model_version == bindparam("model"),
    )
    .order_by(col(Photo.id))
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


def _query_statement(condition: ColumnElement[bool]) -> Select[Any]:
    embedded = and_(col(Embedding.photo_id) == col(Photo.id), col(Embedding.model_version) == bindparam("model"))
    query = select(*_PHOTO_COLUMNS, *_LISTING_COLUMNS).select_from(Listing)
    with_photos = query.outerjoin(Photo, col(Photo.listing_id) == col(Listing.id)).outerjoin(Embedding, embedded)
    return with_photos.where(condition).order_by(col(Photo.id))


_QUERY_LISTING = _query_statement(col(Listing.id) == bindparam("key"))
_QUERY_PHOTO = _query_statement(col(Photo.id) == bindparam("key"))
