"""Pages of results: the page itself, and the pages that follow the first."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from db.rows.payloads import payload_of
from db.rows.search_rows import photos_with_listings
from services.errors import BadQuery, Conflict
from services.search.query.frozen_results import MAX_DEPTH, FrozenResults
from services.search.query.parsing import check_k, query_of
from services.search.query.stored_vectors import SourceOptions
from services.search.query.tokens import listing_hash, split_hashes
from services.search.results.copies import copies_of, still_one_item
from services.search.results.ranking import score_candidates
from services.search.results.ranking_pool import PoolRequest, reference_of
from services.search.results.scores import score_kind, score_map_of
from services.search.retrieval.candidates import Candidate
from services.wire import SORTED_LISTINGS, NoResults, SearchFields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from db.vectors.facets import Facet
    from ml.bundle.score_map import ScoreMap
    from services.indexing.live import IndexSet
    from services.resources import Resources
    from services.search.query.parsing import Query
    from services.search.query.sources import QuerySources
    from services.search.query.tokens import Cursor, SearchOrigin, Tokens
    from services.search.results.copies import CopyFolder
    from services.search.results.ranking import RankedListing
    from services.search.results.ranking_pool import PoolRanker
    from services.search.stage_times import StageTimes
    from services.wire import ScoreKind


@dataclass(frozen=True, slots=True)
class ResultPage:
    """One page of results.

    Attributes:
        results: best first.
        origin: where the results came from.
        score_kind: what their similarities are.
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
    score_kind: ScoreKind
    took_ms: dict[str, float]
    cursor: str | None = None
    query_token: str | None = None
    category_probabilities: tuple[tuple[str, float], ...] = ()
    in_distribution: bool | None = None
    facets: Mapping[str, Facet] = field(default_factory=dict)
    empty: NoResults | None = None


class Pager:
    """Returns the pages after the first. Thread-safe."""

    def __init__(
        self, resources: Resources, sources: QuerySources, ranker: PoolRanker, copies: CopyFolder, *, tokens: Tokens
    ) -> None:
        self._resources, self._sources, self._ranker = resources, sources, ranker
        self._copies, self._tokens = copies, tokens

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
        score_map = score_map_of(self._resources, cursor.source_key, cursor.origin.model_version)
        waiting = FrozenResults.unpacked(cursor.frozen, cursor.frozen_sizes) if cursor.frozen else None
        frozen = waiting or self._freeze(live, cursor, query, score_map=score_map, times=times)
        items, rest = self._take(frozen, query, times)
        return ResultPage(
            tuple(_ranked(items, query, score_map)),
            cursor.origin,
            score_kind(score_map),
            times.took_ms(),
            cursor=self._cursor_after(cursor, rest),
            query_token=self._tokens.query_token(cursor.source_key),
            empty=None if items else NoResults("end", "There are no more results."),
        )

    def _freeze(
        self, live: IndexSet, cursor: Cursor, query: Query, *, score_map: ScoreMap | None, times: StageTimes
    ) -> FrozenResults:
        """Search again, and return the results after the first page, in order, down to `MAX_DEPTH` results."""
        version = live.generation.model_version
        with times.stage("embed"):
            source = self._sources.from_key(cursor.source_key, SourceOptions(version, times))
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
        self, frozen: FrozenResults, query: Query, times: StageTimes
    ) -> tuple[list[list[Candidate]], FrozenResults]:
        """Return the listings of the next `k` items, and the frozen results after them."""
        following, rest = frozen.split(query.k)
        items = self._items(following, query, times)
        if len(items) < query.k:  # some were deleted since
            items, rest = items + self._items(rest, query, times), FrozenResults.of(())
        left = [[(one.photo.id, one.cosine) for one in item] for item in items[query.k :]]
        return items[: query.k], FrozenResults.of([*left, *rest.results()])

    def _items(self, frozen: FrozenResults, query: Query, times: StageTimes) -> list[list[Candidate]]:
        """Return the listings that still exist and pass the filter, by item; a result may be several items by now."""
        if not len(frozen.photo_ids):
            return []
        with times.reading(self._resources.database) as session:
            read = photos_with_listings(session, frozen.photo_ids.tolist())
        photos = {one.id: one for one in read.values() if query.where.matches(payload_of(one.listing))}
        present = (
            [Candidate(photos[photo_id], cosine) for photo_id, cosine in result if photo_id in photos]
            for result in frozen.results()
        )
        return [item for listings in present for item in still_one_item(listings)]

    def _cursor_after(self, cursor: Cursor, rest: FrozenResults) -> str | None:
        if not len(rest.photo_ids):
            return None
        following = msgspec.structs.replace(cursor, seen=b"", frozen=rest.packed(), frozen_sizes=rest.packed_sizes())
        return self._tokens.cursor(following)


def _ranked(items: Sequence[Sequence[Candidate]], query: Query, score_map: ScoreMap | None) -> list[RankedListing]:
    """Return each item as a result, its first listing, with the others as copies."""
    firsts = [item[0] for item in items]
    results = score_candidates(firsts, query.ranking, reference=reference_of(query.ranking), score_map=score_map)
    return [
        replace(result, also_offered_by=copies_of(item[1:], score_map))
        for result, item in zip(results, items, strict=True)
    ]
