"""Finds and ranks the candidates of a query: search, prefer likely categories, score, diversify."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from db.models import utc_now
from db.rows import embeddings
from services.search.results.ranking import (
    Reference,
    diverse_order,
    likely_categories,
    order_by_best_score,
    rank_candidates,
    sorted_by,
)
from services.search.results.scores import displayed_scores
from services.search.retrieval.candidates import fold_copies
from services.search.retrieval.engines import RetrievalRequest
from services.wire import SORTED_LISTINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from db.session import Database
    from db.vectors.base import Filter
    from ml.bundle.score_map import ScoreMap
    from services.indexing.live import IndexSet
    from services.search.query.parsing import Query, RankingOptions
    from services.search.query.sources import QuerySource
    from services.search.results.ranking import RankedListing
    from services.search.retrieval.candidates import Candidate
    from services.search.retrieval.engines import EngineResult, Engines
    from services.search.stage_times import StageTimes

CATEGORY_AWARE = False
"""Default of `category_aware`. Off, since it did not win: on the real listings recall@1 fell from 0.599 to 0.584, and
precision@5 rose from 0.547 to 0.554 (`tests.benchmarks.category_aware`)."""

_CANDIDATES_PER_RESULT = 5
"""Candidates ranked for each result, where the order can differ from that of similarity."""

_MIN_RERANKED = 100


@dataclass(frozen=True, slots=True)
class PoolRequest:
    """What to rank.

    Attributes:
        source: the query source.
        query: the query, completed with the defaults of the source.
        count: listings needed.
        score_map: maps cosines to displayed scores; None displays cosines.
    """

    source: QuerySource
    query: Query
    count: int
    score_map: ScoreMap | None


@dataclass(frozen=True, slots=True)
class RankedPool:
    """Ranked results, and how they were found.

    Attributes:
        results: best first; each passes the filter and `min_score`.
        engine_result: the first search behind the results.
        best_similarity: highest displayed score before `min_score` applies; None if nothing passes the filter.
        restricted_to: the categories that come first.
    """

    results: list[RankedListing]
    engine_result: EngineResult
    best_similarity: float | None
    restricted_to: tuple[str, ...]


class PoolRanker:
    """Finds and ranks candidates. Thread-safe."""

    def __init__(self, database: Database, engines: Engines) -> None:
        self._database, self._engines = database, engines

    def rank(self, live: IndexSet, request: PoolRequest, times: StageTimes) -> RankedPool:
        """Return at least as many ranked listings as the request needs; fewer if no more match.

        Raises:
            IndexUnavailable: no engine answers.
        """
        source, query = request.source, request.query
        with times.stage("search"):
            preferred = _preferred_categories(source, query)
            engine_result, candidates = self._candidates(live, request, preferred, times=times)
        with times.stage("rank"):
            if source.negatives:
                vectors = self._vectors(candidates, live, times)
                candidates = order_by_best_score(candidates, vectors, np.stack(source.negatives))
            reference = reference_of(query.ranking)
            results = rank_candidates(candidates, query.ranking, reference=reference, score_map=request.score_map)
            if results and query.ranking.diversity > 0:
                relevance = np.array([one.score for one in results])
                order = diverse_order(relevance, self._vectors(results, live, times), query.ranking.diversity)
                results = [results[row] for row in order]
            if preferred:
                results.sort(key=lambda one: one.photo.listing.category not in preferred)
            if query.ranking.is_sorted:
                results = sorted_by(results, query.ranking.sort)
        best = displayed_scores([candidate.cosine for candidate in candidates[:1]], request.score_map)
        return RankedPool(results, engine_result, best[0] if best else None, preferred)

    def _candidates(
        self, live: IndexSet, request: PoolRequest, preferred: tuple[str, ...], *, times: StageTimes
    ) -> tuple[EngineResult, list[Candidate]]:
        """Search in the preferred categories first, and in all others if that yields too few."""
        query = request.query

        def search(where: Filter) -> EngineResult:
            retrieval = RetrievalRequest(
                request.source.vectors, request.count, where, query.engine, fold=query.fold_copies
            )
            return self._engines.search(live, retrieval, times)

        if not preferred:
            engine_result = search(query.where)
            return engine_result, engine_result.candidates
        engine_result = search(replace(query.where, categories=frozenset(preferred)))
        first = engine_result.candidates
        if len(first) >= request.count:
            return engine_result, first
        others = [one for one in search(query.where).candidates if one.photo.listing.category not in preferred]
        both = [*first, *others]
        return engine_result, fold_copies(both) if query.fold_copies else both

    def _vectors(
        self, photos: Sequence[Candidate | RankedListing], live: IndexSet, times: StageTimes
    ) -> NDArray[np.float32]:
        """Read the vectors of the photos, shape (n, d); zeros for a photo that was deleted meanwhile."""
        photo_ids = [one.photo.id for one in photos]
        with times.reading(self._database) as session:
            points = embeddings.points(session, photo_ids, model_version=live.generation.model_version)
        by_id = {point.photo_id: point.vector for point in points}
        zeros = np.zeros(live.generation.vector_size, dtype=np.float32)
        return np.stack([by_id.get(photo_id, zeros) for photo_id in photo_ids])


def pool_size(query: Query, source: QuerySource) -> int:
    """Return the number of candidates for a first page: at least one more than it shows, to tell if there is a next."""
    if query.ranking.is_sorted:
        return SORTED_LISTINGS
    if query.ranking.reorders or source.negatives:
        return max(_MIN_RERANKED, _CANDIDATES_PER_RESULT * query.k)
    return query.k + 1


def reference_of(options: RankingOptions) -> Reference:
    """Return what prices, places and ages are compared with."""
    return Reference(options.near_price, options.near_currency, options.near_place or "", utc_now())


def _preferred_categories(source: QuerySource, query: Query) -> tuple[str, ...]:
    """Return the categories that the model is sure of, if the query wants them first and filters by none itself."""
    is_category_aware = CATEGORY_AWARE if query.category_aware is None else query.category_aware
    if not is_category_aware or query.where.categories or query.where.category_path is not None:
        return ()
    if source.in_distribution is False:
        return ()
    return likely_categories(source.category_probabilities) or ()
