"""From vectors to candidates: fetch photos until they make up the listings wanted, and read those from the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from db.rows import embeddings
from db.rows.found import found_photos
from db.vectors.base import NO_FILTER
from services.search.results.ranking import Candidate, best_per_listing, settled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from db.session import Database
    from db.vectors.base import Filter, Hit, Vector

_PHOTOS_PER_LISTING = 2
"""Photos fetched per listing wanted, at first; where listings have more, the fetch is repeated with twice as many."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Candidates, nearest first; `is_all` when nothing else passes the filter."""

    candidates: list[Candidate]
    is_all: bool


def find_candidates(
    database: Database,
    search: Callable[[Sequence[Vector], int], Sequence[Sequence[Hit]]],
    vectors: Sequence[Vector],
    *,
    count: int,
    where: Filter,
) -> Pool:
    """Return `count` listings or more with the photos nearest to any of the vectors; fewer where no more match.

    An index is a moment behind the truth. What the truth no longer has, or no longer satisfies the filter, is left
    out, and others take its place.

    Args:
        database: the truth.
        search: returns, for each vector, the nearest photos that pass the filter, as many as asked for.
        vectors: of the query.
        count: listings wanted.
        where: the filter.

    Raises:
        OSError: the engine cannot be reached.
    """
    fetch = count * _PHOTOS_PER_LISTING
    while True:
        found = search(vectors, fetch)
        candidates = _candidates(database, settled(found, fetch), where)
        is_all = all(len(hits) < fetch for hits in found)
        if len(candidates) >= count or is_all:
            return Pool(candidates, is_all)
        fetch *= 2


def _candidates(database: Database, hits: Sequence[Hit], where: Filter) -> list[Candidate]:
    with database.read() as session:
        photos = found_photos(session, [hit.photo_id for hit in hits])
    candidates = best_per_listing(hits, photos)
    others = [one for one in candidates if one.photo.listing.id not in where.excluded_listing_ids]
    if replace(where, excluded_listing_ids=frozenset()) == NO_FILTER:
        return others  # without payloads: a dozen strings for each hit, which took 0.3 ms
    return [one for one in others if where.matches(embeddings.payload_of(one.photo.listing))]
