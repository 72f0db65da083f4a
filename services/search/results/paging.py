"""Pages of results: the page itself, and the pages that follow the first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from db.rows.payloads import payload_of
from db.rows.search_rows import photos_with_listings
from services.errors import BadQuery, Conflict
from services.search.query.frozen_results import MAX_DEPTH, FrozenResults
from services.search.query.parsing import check_k, query_of
from services.search.query.stored_vectors import SourceOptions
from services.search.query.tokens import listing_hash, split_hashes
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
        facets: those that the request names; only on the first page.
        empty: why there are no results.
    """

    results: tuple[RankedListing, ...]
    origin: SearchOrigin
    took_ms: dict[str, float]
    cursor: str | None = None
    query_token: str | None = None
    category_probabilities: tuple[tuple[str, float], ...] = ()
    facets: Mapping[str, Facet] = field(default_factory=dict)
    empty: NoResults | None = None


class Pager:
    """Returns the pages after the first. Thread-safe."""

    def __init__(self, resources: Resources, sources: QuerySources, ranker: PoolRanker, tokens: Tokens) -> None:
        self._resources, self._sources, self._ranker, self._tokens = resources, sources, ranker, tokens

    def next_page(
        self, cursor_text: str, fields: SearchFields, times: StageTimes, *, source_fields: object = ()
    ) -> ResultPage:
        """Return the page that a cursor leads to, even if the index has changed since.

        No listing appears twice. No listing that stays in the catalogue is missing, down to `MAX_DEPTH` listings: the
        second page freezes their order, and the cursor carries it.

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
        frozen = FrozenResults.unpacked(cursor.frozen) if cursor.frozen else self._freeze(live, cursor, query, times)
        results, frozen = self._take(frozen, query, cursor, times=times)
        has_more = len(frozen.photo_ids) > 0
        following = msgspec.structs.replace(cursor, seen=b"", frozen=frozen.packed()) if has_more else None
        return ResultPage(
            tuple(results),
            cursor.origin,
            times.took_ms(),
            cursor=self._tokens.cursor(following) if following else None,
            query_token=self._tokens.query_token(cursor.source_key),
            empty=None if results else NoResults("end", "There are no more results."),
        )

    def _freeze(self, live: IndexSet, cursor: Cursor, query: Query, times: StageTimes) -> FrozenResults:
        """Search again, and return the results after the first page, in order, down to `MAX_DEPTH` listings."""
        version = live.generation.model_version
        with times.stage("embed"):
            source = self._sources.from_key(cursor.source_key, SourceOptions(version, times))
        score_map = score_map_of(self._resources, source.key, version)
        depth = SORTED_LISTINGS if query.ranking.is_sorted else MAX_DEPTH
        pool = self._ranker.rank(live, PoolRequest(source, query, depth, score_map), times)
        seen = split_hashes(cursor.seen)
        following = [one for one in pool.results if listing_hash(one.photo.listing.id) not in seen]
        following = following[: MAX_DEPTH - len(seen)]
        return FrozenResults.of([(one.photo.id, one.cosine) for one in following])

    def _take(
        self, frozen: FrozenResults, query: Query, cursor: Cursor, *, times: StageTimes
    ) -> tuple[list[RankedListing], FrozenResults]:
        """Return the next `k` results that still exist and pass the filter, and the frozen results after them."""
        photo_ids, passing = frozen.photo_ids.tolist(), list[Candidate]()
        photos, end = self._photos(photo_ids[: query.k], query, times), min(query.k, len(photo_ids))
        if len(photos) < end < len(photo_ids):  # some were deleted since
            photos, end = self._photos(photo_ids, query, times), len(photo_ids)
        taken = 0
        while taken < end and len(passing) < query.k:
            if (photo := photos.get(photo_ids[taken])) is not None:
                passing.append(Candidate(photo, float(frozen.cosines[taken])))
            taken += 1
        score_map = score_map_of(self._resources, cursor.source_key, cursor.origin.model_version)
        reference = reference_of(query.ranking)
        results = score_candidates(passing, query.ranking, reference=reference, score_map=score_map)
        return results, frozen.after(taken)

    def _photos(self, photo_ids: Sequence[int], query: Query, times: StageTimes) -> dict[int, PhotoWithListing]:
        """Read the photos that still exist and pass the filter, by id, in one query."""
        with times.reading(self._resources.database) as session:
            photos = photos_with_listings(session, photo_ids)
        return {one.id: one for one in photos.values() if query.where.matches(payload_of(one.listing))}
