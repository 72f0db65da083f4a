"""Reads the stored photos and vectors that a search starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.rows import embeddings, listings, photos
from db.rows.search_rows import query_listing, query_photo
from ml.photos.crops import WHOLE_PHOTO, Crop
from services.errors import BadQuery, ResourceNotFound
from services.lookup import LARGEST_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.rows.search_rows import QueryListing
    from db.session import Database
    from db.vectors.base import Vector
    from services.search.stage_times import StageTimes


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How to build the source of one request.

    Attributes:
        model_version: the model whose vectors are used.
        times: stage times of the request.
        crop: part of the photo to search by.
    """

    model_version: str
    times: StageTimes
    crop: Crop = WHOLE_PHOTO


@dataclass(frozen=True, slots=True)
class ListingVectors:
    """What a recommendation needs of several listings.

    Attributes:
        vectors: of each listing's photos.
        copy_groups: the groups of copies of the listings.
    """

    vectors: list[tuple[Vector, ...]]
    copy_groups: frozenset[str]


class StoredVectors:
    """Reads query listings, query photos and their vectors. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def listing(self, listing_id: str, options: SourceOptions) -> QueryListing:
        """Read a listing with all its photos.

        Raises:
            ResourceNotFound: no listing has this id.
        """
        with options.times.reading(self._database) as session:
            listing = query_listing(session, listing_id, model_version=options.model_version)
        if listing is None:
            raise ResourceNotFound("listing", listing_id)
        return listing

    def photo(self, photo_id: int, options: SourceOptions) -> QueryListing:
        """Read the listing of a photo, with that photo only.

        Raises:
            ResourceNotFound: no photo has this id.
        """
        listing = None
        if 0 < photo_id <= LARGEST_ID:
            with options.times.reading(self._database) as session:
                listing = query_photo(session, photo_id, model_version=options.model_version)
        if listing is None:
            raise ResourceNotFound("photo", photo_id)
        return listing

    def of_listings(self, listing_ids: Sequence[str], field: str, options: SourceOptions) -> ListingVectors:
        """Read the listings, with their vectors in the order of the ids.

        Raises:
            BadQuery: a listing does not exist or has no embedded photo; `field` names the request field.
        """
        with options.times.reading(self._database) as session:
            known = {row.id: row.copy_group for row in listings.listings_by_id(session, listing_ids)}
            stored = photos.photos_of(session, sorted(known))
            photo_ids = [row.id for row in stored if row.id is not None]
            points = embeddings.points(session, photo_ids, model_version=options.model_version)
        by_listing: dict[str, list[Vector]] = {}
        for point in points:
            by_listing.setdefault(point.payload.listing_id, []).append(point.vector)
        for listing_id in listing_ids:
            if listing_id not in known:
                raise BadQuery(field, f"there is no listing {listing_id!r}")
            if listing_id not in by_listing:
                raise BadQuery(field, f"listing {listing_id!r} has no embedded photo yet")
        vectors = [tuple(by_listing[listing_id]) for listing_id in listing_ids]
        return ListingVectors(vectors, frozenset(group for group in known.values() if group))
