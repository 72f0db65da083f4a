"""Searching the live indexes: plan, search, and where an engine fails, the next one's plan."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.errors import IndexUnavailable
from services.indexing.recall_audit import AuditedSearch, K
from services.search.retrieval.candidates import find_candidates
from services.search.retrieval.costs import MeasuredCosts
from services.search.retrieval.planner import Choice, SearchPlan, Situation, choices, is_open, shape_of
from services.settings import Engine
from services.web.metrics import count_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from db.session import Database
    from db.vectors.base import Filter, Hit, Vector, VectorIndex
    from services.indexing.live import IndexSet
    from services.indexing.recall_audit import RecallAuditor
    from services.search.retrieval.candidates import Pool

log = logging.getLogger(__name__)

_KINDS_KNOWN_S = 30.0
"""For so long it is believed how an index searches: a Qdrant server has to be asked."""


@dataclass(frozen=True, slots=True)
class Searched:
    """Candidates, and how they were found.

    Attributes:
        matching: photos that pass the filter; None where nobody counted.
        rows_s: seconds that reading the candidates from the truth took.
    """

    pool: Pool
    choice: Choice
    matching: int | None
    rows_s: float


class Engines:
    """Searches the indexes of the live generation. Safe to use from several threads."""

    def __init__(self, database: Database, auditor: RecallAuditor, *, setting: Engine) -> None:
        self._database, self._auditor, self._setting = database, auditor, setting
        self._costs = MeasuredCosts()
        self._kinds: dict[int, tuple[float, Mapping[Engine, str]]] = {}

    def search(
        self, live: IndexSet, vectors: Sequence[Vector], *, count: int, where: Filter, asked: Engine = Engine.AUTO
    ) -> Searched:
        """Return `count` candidates or more that pass the filter, fewer where there are no more.

        Raises:
            IndexUnavailable: no engine answers.
        """
        matching, size = _counted(live, where)
        shape = shape_of(where, size=size, matching=matching)
        below = self._auditor.below_mark(live.generation.id, shape)
        situation = Situation(asked, self._setting, self._known_kinds(live), size, matching, where, below)
        failed = dict(live.unavailable)
        for choice in choices(situation, self._costs):
            run = _Run(live.index(choice.plan.engine), choice.plan, where)
            started = time.perf_counter()
            try:
                pool = find_candidates(self._database, run, vectors, count=count, where=where)
            except OSError as error:
                log.warning("the %s index failed, trying another: %s", choice.plan.engine, error)
                failed[choice.plan.engine] = str(error)
                continue
            rows_s = time.perf_counter() - started - run.took_s
            self._take_note(run, situation, live.generation.id, shape)
            return Searched(pool, _told(choice, failed), matching, rows_s)
        raise IndexUnavailable(" and ".join(failed) or "search", "; ".join(failed.values()) or "none is open")

    def _take_note(self, run: _Run, situation: Situation, generation: int, shape: str) -> None:
        self._costs.record(run.plan, size=situation.size, matching=situation.passing, ms=run.mean_ms)
        count_plan(run.plan.name)
        if not run.plan.exact and run.first_hits is not None:
            vector, hits = run.first_hits
            self._auditor.offer(
                AuditedSearch(generation, run.plan.engine, run.plan.name, shape, vector, run.where, hits[:K])
            )

    def _known_kinds(self, live: IndexSet) -> Mapping[Engine, str]:
        known_at, kinds = self._kinds.get(live.generation.id, (0.0, {}))
        if known_at + _KINDS_KNOWN_S < time.monotonic() or kinds.keys() != live.opened.keys():
            kinds = {Engine(engine): _kind(opened.index) for engine, opened in live.opened.items()}
            self._kinds = {live.generation.id: (time.monotonic(), kinds)}
        return kinds


class _Run:
    """One plan's searches for one request, with what they took."""

    def __init__(self, index: VectorIndex, plan: SearchPlan, where: Filter) -> None:
        self.plan, self.where = plan, where
        self.first_hits: tuple[Vector, Sequence[Hit]] | None = None
        self.took_s = 0.0
        self._index, self._searches = index, 0

    def __call__(self, vectors: Sequence[Vector], k: int) -> Sequence[Sequence[Hit]]:
        started = time.perf_counter()
        found = self._index.search_each(vectors, k, self.where, exact=self.plan.exact, acorn=self.plan.acorn)
        self.took_s += time.perf_counter() - started
        self._searches += len(vectors)
        self.first_hits = self.first_hits or (vectors[0], found[0])
        return found

    @property
    def mean_ms(self) -> float:
        """Milliseconds of a search, on average; of several that were asked for at once, their share of the time."""
        return self.took_s * 1000 / self._searches


def _counted(live: IndexSet, where: Filter) -> tuple[int | None, int]:
    """Return how many photos pass the filter, and how many there are: FAISS knows, in this process's memory.

    Counting would cost a Qdrant server as much as searching: without FAISS nobody counts.
    """
    if Engine.FAISS in live.opened:
        index = live.index(Engine.FAISS)
        size = index.count()
        return (size if is_open(where) else index.count(where)), size
    return None, live.generation.photos


def _kind(index: VectorIndex) -> str:
    try:
        return index.describe().kind
    except OSError:  # it is down: whatever is asked of it fails, and the other engine answers
        return "exact"


def _told(choice: Choice, failed: Mapping[str, str]) -> Choice:
    """Return the choice with what failed before it."""
    if not failed:
        return choice
    return Choice(choice.plan, choice.reason + "".join(f"; {engine} is down" for engine in failed))
