"""From query vectors to candidates: fetches photos until they make up enough listings, and reads those from SQL."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from math import inf
from typing import TYPE_CHECKING

from db.rows.payloads import payload_of
from db.vectors.base import NO_FILTER, Hit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from db.rows.search_rows import PhotoWithListing
    from db.vectors.base import Filter, Vector

_PHOTOS_PER_LISTING = 2
"""Photos fetched at first for each listing needed; doubled as long as the photos make up too few listings."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A listing, represented by its photo nearest to the query, with the cosine of the two."""

    photo: PhotoWithListing
    cosine: float


def find_candidates(
    search: Callable[[Sequence[Vector], int], Sequence[Sequence[Hit]]],
    read_photos: Callable[[Sequence[int]], Mapping[int, PhotoWithListing]],
    vectors: Sequence[Vector],
    *,
    count: int,
    where: Filter,
    fold: bool = False,
) -> list[Candidate]:
    """Return `count` listings or more, nearest first, by their photos nearest to any vector; fewer if no more match.

    An index lags a moment behind the database. Photos that were deleted or no longer match the filter are dropped, and
    others take their place. So do others for copies that are folded.

    Args:
        search: returns, for each vector, the given number of nearest photos that match the filter.
        read_photos: reads photos with their listings from the database, by id.
        vectors: the query vectors.
        count: listings needed.
        where: the filter.
        fold: return only the nearest listing of each group of copies.

    Raises:
        OSError: the engine cannot be reached.
    """
    fetch = count * _PHOTOS_PER_LISTING
    while True:
        hits = search(vectors, fetch)
        certain = settled(hits, fetch)
        nearest = best_per_listing(certain, read_photos([hit.photo_id for hit in certain]))
        candidates = matching(nearest, where)
        if fold:
            candidates = fold_copies(candidates)
        if len(candidates) >= count or all(len(of_vector) < fetch for of_vector in hits):
            return candidates
        fetch *= 2


def fold_copies(candidates: list[Candidate]) -> list[Candidate]:
    """Return the first candidate of each group of copies, and all without a group, in their order."""
    if not any(one.photo.listing.copy_group for one in candidates):
        return candidates
    first: dict[str | int, Candidate] = {}
    for one in candidates:
        first.setdefault(one.photo.listing.copy_group or one.photo.id, one)
    return list(first.values())


def matching(candidates: Sequence[Candidate], where: Filter) -> list[Candidate]:
    """Return the candidates that pass the filter by what the database says now."""
    others = [one for one in candidates if one.photo.listing.id not in where.excluded_listing_ids]
    if replace(where, excluded_listing_ids=frozenset()) == NO_FILTER:
        return others  # skips building the payloads, a dozen strings for each hit, which took 0.3 ms
    return [one for one in others if where.matches(payload_of(one.photo.listing))]


def merge(hits: Iterable[Hit]) -> list[Hit]:
    """Return each photo once with its best score, best first, ties by ascending photo id."""
    best: dict[int, float] = {}
    for hit in hits:
        best[hit.photo_id] = max(hit.score, best.get(hit.photo_id, hit.score))
    return sorted((Hit(*found) for found in best.items()), key=lambda hit: (-hit.score, hit.photo_id))


def settled(hits: Sequence[Sequence[Hit]], fetched: int) -> list[Hit]:
    """Merge the hits, and keep those that no unfetched photo can precede.

    Args:
        hits: for each query vector, its `fetched` nearest photos, best first; fewer if no more match.
        fetched: number of photos fetched for each vector.
    """
    horizon = max((of_vector[-1].score for of_vector in hits if len(of_vector) >= fetched), default=-inf)
    return [hit for hit in merge(chain.from_iterable(hits)) if hit.score >= horizon]


def best_per_listing(hits: Iterable[Hit], photos: Mapping[int, PhotoWithListing]) -> list[Candidate]:
    """Return each listing by the first of its hits, in the order of the hits.

    Args:
        hits: best first.
        photos: the photos of the hits; a hit without one, deleted meanwhile, is dropped.
    """
    best: dict[str, Candidate] = {}
    for hit in hits:
        photo = photos.get(hit.photo_id)
        if photo is not None:
            best.setdefault(photo.listing.id, Candidate(photo, hit.score))
    return list(best.values())
