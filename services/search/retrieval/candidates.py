"""From vectors to candidates: fetch photos until they make up the listings wanted, and read those from the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from math import inf
from typing import TYPE_CHECKING

from db.rows.payloads import payload_of
from db.rows.search_rows import photos_with_listings
from db.vectors.base import NO_FILTER, Hit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from db.rows.search_rows import PhotoWithListing
    from db.session import Database
    from db.vectors.base import Filter, Vector


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
        photos = photos_with_listings(session, [hit.photo_id for hit in hits])
    candidates = best_per_listing(hits, photos)
    others = [one for one in candidates if one.photo.listing.id not in where.excluded_listing_ids]
    if replace(where, excluded_listing_ids=frozenset()) == NO_FILTER:
        return others  # without payloads: a dozen strings for each hit, which took 0.3 ms
    return [one for one in others if where.matches(payload_of(one.photo.listing))]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A listing found, by its photo that is nearest to the query, with the cosine of the two."""

    photo: PhotoWithListing
    cosine: float


def merge(hits: Iterable[Hit]) -> list[Hit]:
    """Return each photo once, with its best score, best first, equal scores by ascending photo id."""
    best: dict[int, float] = {}
    for hit in hits:
        best[hit.photo_id] = max(hit.score, best.get(hit.photo_id, hit.score))
    return sorted((Hit(*found) for found in best.items()), key=lambda hit: (-hit.score, hit.photo_id))


def settled(found: Sequence[Sequence[Hit]], fetched: int) -> list[Hit]:
    """Return those of the hits, merged, that no photo which was not fetched can come before.

    Args:
        found: for each vector of the query, its `fetched` nearest photos, best first; fewer where there are no more.
    """
    horizon = max((hits[-1].score for hits in found if len(hits) >= fetched), default=-inf)
    return [hit for hit in merge(chain.from_iterable(found)) if hit.score >= horizon]


def best_per_listing(hits: Iterable[Hit], photos: Mapping[int, PhotoWithListing]) -> list[Candidate]:
    """Return each listing by the first of its hits, in the order of the hits.

    Args:
        hits: best first.
        photos: what the hits are; those that are not in it (deleted meanwhile) are left out.
    """
    best: dict[str, Candidate] = {}
    for hit in hits:
        photo = photos.get(hit.photo_id)
        if photo is not None:
            best.setdefault(photo.listing.id, Candidate(photo, hit.score))
    return list(best.values())
