"""Whether the indexes still find what they should, asked of the searches that people make.

Some of the searches that an approximate plan answered are compared, later and at low priority, with a search of every
vector. What is kept of them is a count by plan and shape of filter. A plan that finds too few of the true neighbours
under one shape is reported by `below_mark`, and whoever plans searches leaves it there.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.rows import generations, recall
from db.rows.recall import Tally
from services.indexing.ann_recall import LEAST_ANN_RECALL, count_true_hits
from services.indexing.low_priority import lower_priority

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from db.session import Database
    from db.vectors.base import Filter, Hit, Vector
    from services.indexing.live import LiveIndexes

log = logging.getLogger(__name__)

K = 10
"""Neighbours that are compared."""

FEWEST_QUERIES = 30
"""Searches that a verdict rests on: 300 neighbours, so that a recall of 0.95 is known to within 0.025 (95 %)."""

WINDOW = 200
"""The latest searches of a plan and shape that its recall is taken over."""

_FIRST = 50
"""So many searches of each plan and shape are all compared; of the later ones one in `_ONE_IN`."""

_ONE_IN = 20

_SHARE = 0.05
"""Of the time, at most, that is spent comparing: a search of every vector of a million takes 0.1 s of a core, and more
of the memory's bandwidth than searches can spare."""

_WAITING = 256
"""Searches that wait to be compared; more are let go."""

_SAVE_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class AuditedSearch:
    """A search that an approximate plan answered with `hits`, best first, `K` or more unless fewer pass the filter."""

    generation: int
    engine: str
    plan: str
    shape: str
    vector: Vector
    where: Filter
    hits: Sequence[Hit]


class RecallAuditor:
    """Keeps ann recall@10 by plan and shape of filter. `offer` is cheap; `audit_one` does the work.

    Args:
        database: where the counts are kept over time.
        live: the indexes that searches are compared on.
        mark: recall below which a plan is reported.
        choose: draws which searches are compared, for tests.
        show: is told a plan, a shape and its present recall, in [0, 1].
    """

    def __init__(
        self,
        database: Database,
        live: LiveIndexes,
        *,
        mark: float = LEAST_ANN_RECALL,
        choose: random.Random | None = None,
        show: Callable[[str, str, float], None] = lambda _plan, _shape, _recall: None,
    ) -> None:
        self._show = show
        self._database, self._live, self._mark = database, live, mark
        self._choose = choose or random.Random()  # noqa: S311 - nothing secret is drawn
        self._waiting: deque[AuditedSearch] = deque(maxlen=_WAITING)
        self._offered: Counter[tuple[int, str, str]] = Counter()
        self._windows: defaultdict[tuple[int, str, str], deque[Tally]] = defaultdict(deque)
        self._pending: dict[tuple[int, str, str], Tally] = {}
        self._below: frozenset[tuple[int, str, str]] = frozenset()
        self._lock = threading.Lock()

    def offer(self, sample: AuditedSearch) -> None:
        """Take a search to be compared, or leave it."""
        key = (sample.generation, sample.plan, sample.shape)
        with self._lock:
            self._offered[key] += 1
            if self._offered[key] <= _FIRST or self._choose.random() * _ONE_IN < 1:
                self._waiting.append(sample)

    def below_mark(self, generation: int, shape: str) -> frozenset[str]:
        """Return the names of the plans that find too few of the true neighbours under filters of this shape."""
        return frozenset(plan for of, plan, under in self._below if (of, under) == (generation, shape))

    def recalls(self) -> dict[tuple[int, str, str], Tally]:
        """Return the latest counts, by generation, plan and shape of filter."""
        with self._lock:
            return {key: sum(window, Tally()) for key, window in self._windows.items()}

    def audit_one(self) -> bool:
        """Compare the search that waits longest, and return whether there was one.

        Raises:
            OSError: its engine cannot be reached.
        """
        with self._lock:
            if not self._waiting:
                return False
            sample = self._waiting.popleft()
        self._audit(sample)
        return True

    def save(self) -> None:
        """Add what was counted since the last time to the truth."""
        with self._lock:
            counted, self._pending = self._pending, {}
        if counted:
            with self._database.write() as session:
                recall.add(session, counted)

    def load(self) -> None:
        """Go on from what the truth has of the live generation and the last day, by this process or another."""
        with self._database.read() as session:
            live = generations.live_generation(session)
            known = {} if live is None else recall.latest(session, live.id)
        with self._lock:
            for key, tally in known.items():
                self._windows[key] = deque([tally])
        self._judge()

    def _audit(self, sample: AuditedSearch) -> None:
        live = self._live.current()
        if live.generation.id != sample.generation or sample.engine not in live.opened:
            return
        true = live.index(sample.engine).search(sample.vector, K, sample.where, exact=True)
        tally = Tally(1, len(true), count_true_hits(true, sample.hits))
        self._count((sample.generation, sample.plan, sample.shape), tally)
        self._judge()

    def _count(self, key: tuple[int, str, str], tally: Tally) -> None:
        with self._lock:
            self._windows[key].append(tally)
            self._pending[key] = self._pending.get(key, Tally()) + tally
            while sum(one.queries for one in self._windows[key]) > WINDOW and len(self._windows[key]) > 1:
                self._windows[key].popleft()

    def _judge(self) -> None:
        totals = self.recalls()
        for (_, plan, shape), tally in totals.items():
            self._show(plan, shape, tally.recall)
        below = frozenset(
            key for key, tally in totals.items() if tally.queries >= FEWEST_QUERIES and tally.recall < self._mark
        )
        for generation, plan, shape in below - self._below:
            found = totals[generation, plan, shape].recall
            log.warning(
                "%s finds %.3f of the true neighbours under the filter %r, and is left there", plan, found, shape
            )
        self._below = below


class AuditThread:
    """A thread of low priority that lets an auditor do its work until it is stopped."""

    def __init__(self, auditor: RecallAuditor, *, interval_s: float = 1.0) -> None:
        self._auditor, self._interval_s, self._stopping = auditor, interval_s, threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit recall", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, with what was counted kept."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        lower_priority()
        self._attempt(self._auditor.load)
        saved_at, pause_s = time.monotonic(), self._interval_s
        while not self._stopping.wait(pause_s):
            began = time.monotonic()
            audited = self._attempt(self._auditor.audit_one)
            pause_s = (time.monotonic() - began) * (1 / _SHARE - 1) if audited else self._interval_s
            if time.monotonic() - saved_at >= _SAVE_EVERY_S:
                saved_at = time.monotonic()
                self._attempt(self._auditor.save)
        self._attempt(self._auditor.save)

    @staticmethod
    def _attempt(work: Callable[[], object]) -> object:
        try:
            return work()
        except Exception:
            log.warning("recall could not be looked at; trying again", exc_info=True)
            return None
