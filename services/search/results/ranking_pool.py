"""The ranked candidates of a query: search, prefer the categories that the model sees, rank, diversify."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from db.models import utc_now
from db.rows import embeddings
from services.search.results.ranking import (
    Reference,
    believed_categories,
    disliked_last,
    diversified,
    ranked,
    shown_scores,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from db.session import Database
    from db.vectors.base import Filter
    from ml.bundle.score_map import ScoreMap
    from services.indexing.live import IndexSet
    from services.search.query.parsing import Query, RankingOptions
    from services.search.query.stages import StageTimes
    from services.search.query.subjects import QuerySource
    from services.search.results.ranking import Ranked
    from services.search.retrieval.candidates import Candidate
    from services.search.retrieval.engines import Engines, Searched

CATEGORY_AWARE = False
"""Whether searches prefer the categories that the model sees unless asked. It has not won: on the real listings
recall@1 fell from 0.599 to 0.584, and precision@5 rose from 0.547 to 0.554 (`tests.benchmarks.category_aware`)."""

_RERANKED = 5
"""Candidates ranked for each result shown, where the order is not that of similarity."""

_FEWEST_RERANKED = 100


@dataclass(frozen=True, slots=True)
class RankedPool:
    """Ranked results, and what is told of them.

    Attributes:
        results: best first; those that pass the filter and `min_score`.
        searched: how they were found.
        best_similarity: of what passes the filter, in [0, 1]; None where nothing does.
        restricted_to: categories that come first.
    """

    results: list[Ranked]
    searched: Searched
    best_similarity: float | None
    restricted_to: tuple[str, ...]


class Pools:
    """Finds and ranks. Safe to use from several threads."""

    def __init__(self, database: Database, engines: Engines) -> None:
        self._database, self._engines = database, engines

    def ranked(
        self,
        live: IndexSet,
        subject: QuerySource,
        query: Query,
        *,
        count: int,
        score_map: ScoreMap | None,
        stages: StageTimes,
    ) -> RankedPool:
        """Return the `count` nearest listings or more, in the order that is asked for; fewer where there are none.

        Raises:
            IndexUnavailable: no engine answers.
        """
        with stages.of("search"):
            restricted = _restricted_to(subject, query)
            searched, candidates = self._candidates(live, subject, query, count=count, restricted=restricted)
        stages.move(searched.rows_s, of="search", to="rows")
        with stages.of("rank"):
            if subject.negatives:
                vectors = self._vectors(candidates, live)
                candidates = disliked_last(candidates, vectors, np.stack(subject.negatives))
            results = ranked(candidates, query.wishes, reference=reference_of(query.wishes), score_map=score_map)
            if query.wishes.diversity > 0:
                results = self._diversified(results, live, query.wishes.diversity)
            if restricted:
                results.sort(key=lambda one: one.photo.listing.category not in restricted)
        best = shown_scores([candidate.cosine for candidate in candidates[:1]], score_map)
        return RankedPool(results, searched, best[0] if best else None, restricted)

    def _candidates(
        self, live: IndexSet, subject: QuerySource, query: Query, *, count: int, restricted: tuple[str, ...]
    ) -> tuple[Searched, list[Candidate]]:
        def search(where: Filter) -> Searched:
            return self._engines.search(live, subject.vectors, count=count, where=where, asked=query.engine)

        if not restricted:
            searched = search(query.where)
            return searched, searched.pool.candidates
        searched = search(replace(query.where, categories=frozenset(restricted)))
        preferred = searched.pool.candidates
        if len(preferred) >= count:
            return searched, preferred
        others = [
            one for one in search(query.where).pool.candidates if one.photo.listing.category not in set(restricted)
        ]
        return searched, [*preferred, *others]

    def _diversified(self, results: list[Ranked], live: IndexSet, diversity: float) -> list[Ranked]:
        if not results:
            return results
        order = diversified(np.array([one.score for one in results]), self._vectors(results, live), diversity)
        return [results[row] for row in order]

    def _vectors(self, found: Sequence[Candidate | Ranked], live: IndexSet) -> NDArray[np.float32]:
        """Return the vectors of the photos, shape (n, d); of one that was deleted meanwhile, zeros."""
        with self._database.read() as session:
            points = embeddings.points(
                session, [one.photo.id for one in found], model_version=live.generation.model_version
            )
        by_id = {point.photo_id: point.vector for point in points}
        nothing = np.zeros(live.generation.vector_size, dtype=np.float32)
        return np.stack([by_id.get(one.photo.id, nothing) for one in found])


def pool_size(query: Query, subject: QuerySource) -> int:
    """Return how many candidates a first page takes: at least one more than it shows, to tell if there is a next."""
    if query.wishes.reorders or subject.negatives:
        return max(_FEWEST_RERANKED, _RERANKED * query.k)
    return query.k + 1


def reference_of(wishes: RankingOptions) -> Reference:
    """Return what prices, places and ages are compared with."""
    return Reference(wishes.near_price, wishes.near_currency, wishes.near_place or "", utc_now())


def _restricted_to(subject: QuerySource, query: Query) -> tuple[str, ...]:
    """Return the categories that come first: those that the model is sure of, where the query names none."""
    is_wanted = CATEGORY_AWARE if query.category_aware is None else query.category_aware
    if not is_wanted or query.where.categories or query.where.category_path is not None:
        return ()
    return believed_categories(subject.beliefs) or ()
