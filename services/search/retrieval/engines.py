"""Searches the live indexes: chooses a plan, runs it, and falls back to the next engine if one fails."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from db.rows.search_rows import photos_with_listings
from services.errors import IndexUnavailable
from services.indexing.recall_audit import AuditedSearch, K
from services.search.retrieval.candidates import find_candidates
from services.search.retrieval.costs import MeasuredCosts
from services.search.retrieval.planner import PlanChoice, SearchPlan, Situation, filter_shape, is_open, rank_plans
from services.settings import Engine
from services.web.metrics import count_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from db.rows.search_rows import PhotoWithListing
    from db.session import Database
    from db.vectors.base import Filter, Hit, Vector, VectorIndex
    from services.indexing.live import IndexSet, OpenIndex
    from services.indexing.recall_audit import RecallAuditor
    from services.search.retrieval.candidates import Candidate
    from services.search.stage_times import StageTimes


@dataclass(frozen=True, slots=True)
class EngineResult:
    """Candidates, and how they were found.

    Attributes:
        candidates: nearest first.
        choice: the plan that found them.
        matching: photos that match the filter; None if they were not counted.
    """

    candidates: list[Candidate]
    choice: PlanChoice
    matching: int | None


@dataclass(frozen=True, slots=True)
class RetrievalRequest:
    """What to retrieve.

    Attributes:
        vectors: the query vectors.
        count: listings needed.
        where: the filter.
        engine: the engine that the request names; `auto` leaves it to the setting.
        fold: count the listings of a group of copies as one, and return only the nearest.
    """

    vectors: Sequence[Vector]
    count: int
    where: Filter
    engine: Engine = Engine.AUTO
    fold: bool = False


class Engines:
    """Searches the indexes of the live generation. Thread-safe.

    Args:
        database: where the photos of hits are read.
        auditor: receives the searches, to compare some of them.
        setting: the engine that the installation prefers.
        report_failure: receives an engine that failed, its index and the error; see `LiveIndexes.report_failure`.
    """

    def __init__(
        self,
        database: Database,
        auditor: RecallAuditor,
        *,
        setting: Engine,
        report_failure: Callable[[str, OpenIndex, OSError], None],
    ) -> None:
        self._database, self._auditor, self._setting = database, auditor, setting
        self._report_failure = report_failure
        self._costs = MeasuredCosts()

    def search(self, live: IndexSet, request: RetrievalRequest, times: StageTimes) -> EngineResult:
        """Return at least as many candidates as the request needs; fewer if no more match.

        Raises:
            IndexUnavailable: no engine answers.
        """
        situation = self._situation(live, request)
        failed = dict(live.unavailable)
        for choice in rank_plans(situation, self._costs):
            run = _PlanRun(live.index(choice.plan.engine), choice.plan, request.where)
            try:
                candidates = find_candidates(
                    run,
                    lambda photo_ids: self._read_photos(photo_ids, times),
                    request.vectors,
                    count=request.count,
                    where=request.where,
                    fold=request.fold,
                )
            except OSError as error:
                self._report_failure(choice.plan.engine, live.opened[choice.plan.engine], error)
                failed[choice.plan.engine] = str(error)
                continue
            self._record(run, situation, live.generation.id)
            return EngineResult(candidates, _with_failures(choice, failed), situation.matching)
        raise IndexUnavailable(" and ".join(failed) or "search", "; ".join(failed.values()) or "none is open")

    def _situation(self, live: IndexSet, request: RetrievalRequest) -> Situation:
        matching, size = _count(live, request.where)
        shape = filter_shape(request.where, size=size, matching=matching)
        return Situation(
            requested=request.engine,
            setting=self._setting,
            kinds={Engine(engine): live.kinds.get(engine, "exact") for engine in live.opened},
            size=size,
            matching=matching,
            where=request.where,
            low_recall_plans=self._auditor.low_recall_plans(live.generation.id, shape),
        )

    def _read_photos(self, photo_ids: Sequence[int], times: StageTimes) -> dict[int, PhotoWithListing]:
        with times.reading(self._database) as session:
            return photos_with_listings(session, photo_ids)

    def _record(self, run: _PlanRun, situation: Situation, generation: int) -> None:
        self._costs.record(run.plan, size=situation.size, matching=situation.matching_or_guess, ms=run.mean_ms)
        count_plan(run.plan.name)
        if run.first_hits is not None:
            vector, hits, k = run.first_hits
            shape = filter_shape(run.where, size=situation.size, matching=situation.matching)
            self._auditor.offer(
                AuditedSearch(
                    generation,
                    run.plan.engine,
                    run.plan.name,
                    shape,
                    vector,
                    run.where,
                    hits[:k],
                    k,
                    is_exact=run.plan.exact,
                )
            )


class _PlanRun:
    """Runs the searches of one plan for one request, and measures them."""

    def __init__(self, index: VectorIndex, plan: SearchPlan, where: Filter) -> None:
        self.plan, self.where = plan, where
        self.first_hits: tuple[Vector, Sequence[Hit], int] | None = None
        self._index = index
        self._took_s, self._searches = 0.0, 0

    def __call__(self, vectors: Sequence[Vector], k: int) -> Sequence[Sequence[Hit]]:
        started = time.perf_counter()
        hits = self._index.search_each(vectors, k, self.where, exact=self.plan.exact, acorn=self.plan.acorn)
        self._took_s += time.perf_counter() - started
        self._searches += len(vectors)
        self.first_hits = self.first_hits or (vectors[0], hits[0], min(k, K))
        return hits

    @property
    def mean_ms(self) -> float:
        """Mean milliseconds of a search by one vector; a batch counts as equal shares."""
        return self._took_s * 1000 / self._searches


def _count(live: IndexSet, where: Filter) -> tuple[int | None, int]:
    """Return how many photos match the filter, and how many there are.

    FAISS counts in memory. A Qdrant server would take as long as for a search, so without FAISS the first is None.
    """
    if Engine.FAISS in live.opened:
        index = live.index(Engine.FAISS)
        size = index.count()
        return (size if is_open(where) else index.count(where)), size
    return None, live.generation.photos


def _with_failures(choice: PlanChoice, failed: Mapping[str, str]) -> PlanChoice:
    """Name the engines that failed in the reason of the choice."""
    return replace(choice, reason=choice.reason + "".join(f"; {engine} is down" for engine in failed))
