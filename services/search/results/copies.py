"""Adds to folded results the other listings of the same item."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from more_itertools import chunked

from db.rows import copy_groups
from db.rows.search_rows import photos_of_groups
from services.search.results.ranking import RankedListing
from services.search.results.scores import displayed_scores
from services.search.retrieval.candidates import Candidate, matching

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from db.rows.search_rows import PhotoWithListing
    from db.session import Database
    from db.vectors.base import Vector
    from ml.bundle.score_map import ScoreMap
    from services.search.query.parsing import Query
    from services.search.query.sources import QuerySource
    from services.search.results.ranking_pool import PoolRequest
    from services.search.stage_times import StageTimes

_GROUPS_PER_QUERY = 20
"""Groups whose vectors are read at once: at most 2,000 listings, 16 MB for two photos each."""


class CopyFolder:
    """Finds the other listings of an item: of each result's, and of the source's. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def without_own_copies(self, source: QuerySource, query: Query, times: StageTimes) -> QuerySource:
        """Return the source with the copies of its own listings left out of the results, unless copies are shown."""
        if not query.fold_copies or not source.copy_groups:
            return source
        with times.reading(self._database) as session:
            copies = copy_groups.listings_of(session, source.copy_groups)
        return replace(source, excluded_listing_ids=source.excluded_listing_ids | copies)

    def with_copies(
        self, results: Sequence[RankedListing], request: PoolRequest, *, model_version: str, times: StageTimes
    ) -> list[RankedListing]:
        """Return the results, each with those listings of its group that would be results without folding.

        They pass the filter and `min_score`. Their cosines are computed from the stored vectors, so none is missing
        however many photos the index returned. Without groups among the results, nothing is read.
        """
        groups = [one.photo.listing.copy_group for one in results if one.photo.listing.copy_group]
        if not request.query.fold_copies or not groups:
            return list(results)
        nearest: dict[str, list[Candidate]] = {}
        for some in chunked(groups, _GROUPS_PER_QUERY):
            with times.reading(self._database) as session:
                stored = photos_of_groups(session, some, model_version=model_version)
            nearest |= _nearest_by_group(stored, request)
        return [_with_others(one, nearest, request) for one in results]


def copies_of(candidates: Sequence[Candidate], score_map: ScoreMap | None) -> tuple[RankedListing, ...]:
    """Return the candidates as copies of a result: their score is their similarity, without weights."""
    similarities = displayed_scores([one.cosine for one in candidates], score_map)
    return tuple(
        RankedListing(one.photo, one.cosine, similarity, similarity, {})
        for one, similarity in zip(candidates, similarities, strict=True)
    )


def still_one_item(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Split the listings of a result into those that are one item by now: a review may have parted them."""
    groups: dict[str | int, list[Candidate]] = {}
    for one in candidates:
        groups.setdefault(one.photo.listing.copy_group or one.photo.id, []).append(one)
    return list(groups.values())


def _nearest_by_group(
    stored: Sequence[tuple[PhotoWithListing, Vector]], request: PoolRequest
) -> Mapping[str, list[Candidate]]:
    """Return the listings of each group that pass the filter, by their nearest photos, nearest first."""
    by_listing: dict[str, Candidate] = {}
    for one in _by_cosine(stored, request.source.vectors):
        by_listing.setdefault(one.photo.listing.id, one)
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for one in matching(list(by_listing.values()), request.query.where):
        groups[one.photo.listing.copy_group or ""].append(one)
    return groups


def _by_cosine(stored: Sequence[tuple[PhotoWithListing, Vector]], queries: Sequence[Vector]) -> Iterable[Candidate]:
    """Return the photos by their cosine to the nearest query vector, highest first, ties by ascending photo id."""
    if not stored:
        return []
    cosines = (np.stack([vector for _, vector in stored]) @ np.stack(list(queries)).T).max(axis=1)
    photos = [Candidate(photo, float(cosine)) for (photo, _), cosine in zip(stored, cosines, strict=True)]
    return sorted(photos, key=lambda one: (-one.cosine, one.photo.id))


def _with_others(result: RankedListing, nearest: Mapping[str, list[Candidate]], request: PoolRequest) -> RankedListing:
    listing = result.photo.listing
    others = [one for one in nearest.get(listing.copy_group or "", []) if one.photo.listing.id != listing.id]
    if not others:
        return result
    copies = copies_of(others, request.score_map)
    lowest = request.query.ranking.min_score
    return replace(result, also_offered_by=tuple(copy for copy in copies if copy.similarity >= lowest))
