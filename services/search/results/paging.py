"""Pages of results: the page itself, and the pages that follow the first."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from db.rows.payloads import payload_of
from db.rows.search_rows import photos_with_listings
from services.errors import BadQuery, Conflict
from services.search.query.frozen_results import MAX_DEPTH, FrozenResults
from services.search.query.parsing import check_k, query_of
from services.search.query.stored_vectors import SourceOptions
from services.search.query.tokens import listing_hash, split_hashes
from services.search.results.copies import CopyFolder, copies_of, still_one_item
from services.search.results.ranking import score_candidates
from services.search.results.ranking_pool import PoolRequest, reference_of
from services.search.results.scores import score_map_of
from services.search.retrieval.candidates import Candidate
from services.wire import SORTED_LISTINGS, NoResults, SearchFields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from db.rows.search_rows import PhotoWithListing
    from db.vectors.facets import Facet
    from services.indexing.live import IndexSet
    from services.resources import Resources
    from services.search.query.parsing import Query
    from services.search.query.sources import QuerySources
    from services.search.query.tokens import Cursor, SearchOrigin, Tokens
    from services.search.results.ranking import RankedListing
    from services.search.results.ranking_pool import PoolRanker
    from services.search.stage_times import StageTimes


@dataclass(frozen=True, slots=True)
class ResultPage:
    """One page of results.

    Attributes:
        results: best first.
        origin: where the results came from.
        took_ms: milliseconds by stage, and in `total`.
        cursor: leads to the next page; None on the last one.
        query_token: searches by the same source again.
        category_probabilities: the most probable categories of the source; only on the first page.
        in_distribution: of the source; only on the first page.
        facets: those that the request names; only on the first page.
        empty: why there are no results.
    """

    results: tuple[RankedListing, ...]
    origin: SearchOrigin
    took_ms: dict[str, float]
    cursor: str | None = None
    query_token: str | None = None
    category_probabilities: tuple[tuple[str, float], ...] = ()
    in_distribution: bool | None = None
    facets: Mapping[str, Facet] = field(default_factory=dict)
    empty: NoResults | None = None


class Pager:
    """Returns the pages after the first. Thread-safe."""

    def __init__(self, resources: Resources, sources: QuerySources, ranker: PoolRanker, tokens: Tokens) -> None:
        self._resources, self._sources, self._ranker, self._tokens = resources, sources, ranker, tokens
        self._copies = CopyFolder(resources.database)

    def next_page(
        self, cursor_text: str, fields: SearchFields, times: StageTimes, *, source_fields: object = ()
    ) -> ResultPage:
        """Return the page that a cursor leads to, even if the index has changed since.

        No listing appears twice, be it as a result or as a copy. No listing that stays in the catalogue is missing,
        down to `MAX_DEPTH` results: the second page freezes their order, and the cursor carries it.

        Args:
            cursor_text: from the page before.
            fields: of the request; only `k` may be set.
            times: the clock of the request.
            source_fields: the fields of the request that name a source; none may be set.

        Raises:
            BadQuery: the cursor is not valid or has expired, or the request sets a field that the cursor already holds.
            Conflict: the model has changed since the first page.
            Overloaded, ServiceUnavailable: see `SearchService.by_photo`.
        """
        if source_fields or msgspec.structs.replace(fields, k=SearchFields().k, cursor=None) != SearchFields():
            raise BadQuery("cursor", "already holds the whole query; send only `k` with it")
        check_k(fields.k)
        cursor = self._tokens.read_cursor(cursor_text)
        live = self._resources.live.current()
        if live.generation.model_version != cursor.origin.model_version:
            raise Conflict("The model has changed since the first page. Search again from the start.")
        query = query_of(msgspec.structs.replace(cursor.fields, k=fields.k))
        waiting = FrozenResults.unpacked(cursor.frozen, cursor.frozen_sizes) if cursor.frozen else None
        results, rest = self._take(waiting or self._freeze(live, cursor, query, times), query, cursor, times=times)
        following = _after(cursor, rest) if len(rest.photo_ids) else None
        return ResultPage(
            tuple(results),
            cursor.origin,
            times.took_ms(),
            cursor=self._tokens.cursor(following) if following else None,
            query_token=self._tokens.query_token(cursor.source_key),
            empty=None if results else NoResults("end", "There are no more results."),
        )

    def _freeze(self, live: IndexSet, cursor: Cursor, query: Query, times: StageTimes) -> FrozenResults:
        """Search again, and return the results after the first page, in order, down to `MAX_DEPTH` results."""
        version = live.generation.model_version
        with times.stage("embed"):
            source = self._sources.from_key(cursor.source_key, SourceOptions(version, times))
        score_map = score_map_of(self._resources, source.key, version)
        depth = SORTED_LISTINGS if query.ranking.is_sorted else MAX_DEPTH
        request = PoolRequest(source, query, depth, score_map)
        found = self._ranker.rank(live, request, times).results[:depth]
        folded = self._copies.with_copies(found, request, model_version=version, times=times)
        seen = split_hashes(cursor.seen)
        unseen = [
            [one for one in (result, *result.also_offered_by) if listing_hash(one.photo.listing.id) not in seen]
            for result in folded
        ]
        following = [group for group in unseen if group][: MAX_DEPTH - cursor.fields.k]
        return FrozenResults.of([(one.photo.id, one.cosine) for one in group] for group in following)

    def _take(
        self, frozen: FrozenResults, query: Query, cursor: Cursor, *, times: StageTimes
    ) -> tuple[list[RankedListing], FrozenResults]:
        """Return the next `k` results that still exist and pass the filter, and the frozen results after them."""
        waiting = frozen.results()
        first = list(chain.from_iterable(waiting[: query.k]))
        photos = self._photos(first, query, times)
        if len(photos) < len(first) < len(frozen.photo_ids):  # some were deleted since
            photos = self._photos(list(chain.from_iterable(waiting)), query, times)
        taken, groups = 0, list[list[Candidate]]()
        while taken < len(waiting) and len(groups) < query.k:
            present = [Candidate(photos[photo_id], cosine) for photo_id, cosine in waiting[taken] if photo_id in photos]
            groups += still_one_item(present)
            taken += 1
        left = [[(one.photo.id, one.cosine) for one in group] for group in groups[query.k :]]
        return self._ranked(groups[: query.k], query, cursor), FrozenResults.of([*left, *waiting[taken:]])

    def _ranked(self, groups: Sequence[Sequence[Candidate]], query: Query, cursor: Cursor) -> list[RankedListing]:
        """Return each group as a result, its first listing, with the others as copies."""
        score_map = score_map_of(self._resources, cursor.source_key, cursor.origin.model_version)
        reference = reference_of(query.ranking)
        firsts = [group[0] for group in groups]
        results = score_candidates(firsts, query.ranking, reference=reference, score_map=score_map)
        return [
            replace(result, also_offered_by=copies_of(group[1:], score_map)) if len(group) > 1 else result
            for result, group in zip(results, groups, strict=True)
        ]

    def _photos(
        self, listings: Sequence[tuple[int, float]], query: Query, times: StageTimes
    ) -> dict[int, PhotoWithListing]:
        """Read the photos that still exist and pass the filter, by id, in one query."""
        with times.reading(self._resources.database) as session:
            photos = photos_with_listings(session, [photo_id for photo_id, _ in listings])
        return {one.id: one for one in photos.values() if query.where.matches(payload_of(one.listing))}


def _after(cursor: Cursor, rest: FrozenResults) -> Cursor:
    return msgspec.structs.replace(cursor, seen=b"", frozen=rest.packed(), frozen_sizes=rest.packed_sizes())
