"""From vectors to listings: fetch photos until they make up the listings wanted, and read those from the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from more_itertools import chunked

from db import embeddings, listings, photos
from db.models import PhotoState
from services.search.ranking import best_per_listing, settled, shown_score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from db.models import Listing, Photo
    from db.session import Database
    from db.vectors.base import Filter, Hit, Vector, VectorIndex
    from ml.score_map import ScoreMap

_PHOTOS_PER_LISTING = 3
"""Photos fetched per listing wanted, at first; where listings have more, the fetch is repeated with twice as many."""

_IDS_AT_ONCE = 5000
"""Ids in one query: SQLite takes 32,766 parameters, PostgreSQL 65,535."""


@dataclass(frozen=True, slots=True)
class Result:
    """A listing found, by its best photo. `score` is in [0, 1]; see `ranking.shown_score`."""

    listing: Listing
    photo: Photo
    score: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many listings, what they must satisfy, and how their scores are shown (see `ranking.shown_score`)."""

    k: int
    where: Filter
    score_map: ScoreMap | None = None


def find_listings(
    database: Database, index: VectorIndex, vectors: Sequence[Vector], wanted: Wanted
) -> tuple[Result, ...]:
    """Return the listings with the photos nearest to any of the vectors, best first; fewer where no more match.

    An index is a moment behind the truth. What the truth no longer has, or no longer satisfies the filter, is left
    out, and others take its place.

    Raises:
        OSError: the engine cannot be reached.
    """
    fetch = wanted.k * _PHOTOS_PER_LISTING
    while True:
        found = [index.search(vector, fetch, wanted.where) for vector in vectors]
        with database.read() as session:
            results = _results(session, settled(found, fetch), wanted)
        if len(results) >= wanted.k or all(len(hits) < fetch for hits in found):
            return tuple(results[: wanted.k])
        fetch *= 2


def _results(session: Session, hits: Sequence[Hit], wanted: Wanted) -> list[Result]:
    photo_rows = {
        row.id: row
        for ids in chunked((hit.photo_id for hit in hits), _IDS_AT_ONCE)
        for row in photos.photos_by_id(session, ids)
        if row.id is not None and row.state == PhotoState.EMBEDDED
    }
    best = best_per_listing(hits, {photo_id: row.listing_id for photo_id, row in photo_rows.items()})
    listing_rows = {
        row.id: row
        for ids in chunked((listing_id for listing_id, _ in best), _IDS_AT_ONCE)
        for row in listings.listings_by_id(session, ids)
        if wanted.where.matches(embeddings.payload_of(row))
    }
    return [
        Result(listing_rows[listing_id], photo_rows[hit.photo_id], shown_score(hit.score, wanted.score_map))
        for listing_id, hit in best
        if listing_id in listing_rows
    ]
