"""Measures the recall of searches while the service runs, and notices damaged indexes.

A sample of the searches is compared with exact searches, later and at low priority. Only counts by plan and filter
shape are kept. `low_recall_plans` reports approximate plans whose recall is too low for a filter shape, and the search
planner avoids them. The exact searches are compared with the database; see `DamageAudit`.
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
from services.errors import ModelMissing
from services.indexing.ann_recall import LEAST_ANN_RECALL, count_true_hits
from services.indexing.damage_audit import DamageAudit
from services.indexing.low_priority import lower_priority
from services.repeated_failures import RepeatedFailures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from db.session import Database
    from db.vectors.base import Filter, Hit, Vector
    from services.indexing.live import LiveIndexes

log = logging.getLogger(__name__)

K = 10
"""Number of compared neighbours."""

MIN_QUERIES = 30
"""Minimum number of searches for a verdict: with 300 neighbours, a recall of 0.95 is known to within 0.025 (95 %)."""

WINDOW = 200
"""Number of recent searches over which a plan's recall is computed."""

_ALL_OF_FIRST = 50
"""The first searches of each plan and shape are all compared; of later ones, one in `_ONE_IN`."""

_ONE_IN = 20

_MAX_TIME_SHARE = 0.05
"""Maximum share of the time spent comparing: an exact search of a million vectors takes 0.1 s of a core, and much of
the memory bandwidth that other searches need."""

_MAX_WAITING = 256
"""Maximum number of searches that wait for comparison; the oldest are dropped."""

_SAVE_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class AuditedSearch:
    """A search that was answered. `hits` are best first, at least `k` unless fewer photos pass the filter."""

    generation: int
    engine: str
    plan: str
    shape: str
    vector: Vector
    where: Filter
    hits: Sequence[Hit]
    k: int = K
    """How many neighbours are compared: fewer than `K` if the search asked for fewer."""
    is_exact: bool = False
    """Whether the plan compares with every photo: it is never avoided, and finds less only where photos change."""


class RecallAuditor:
    """Tracks ann recall@10 by plan and filter shape. `offer` is cheap; `audit_one` does the work.

    Args:
        database: stores the counts.
        live: the indexes for the exact searches.
        rng: draws the sample of searches.
        report: receives a plan, a filter shape and its present recall in [0, 1].
    """

    def __init__(
        self,
        database: Database,
        live: LiveIndexes,
        *,
        rng: random.Random | None = None,
        report: Callable[[str, str, float], None] = lambda _plan, _shape, _recall: None,
    ) -> None:
        self._database, self._live, self._report = database, live, report
        self._damage = DamageAudit(database, live)
        self._rng = rng or random.Random()  # noqa: S311 - not for secrets
        self._waiting: deque[AuditedSearch] = deque(maxlen=_MAX_WAITING)
        self._offered: Counter[tuple[int, str, str]] = Counter()
        self._windows: defaultdict[tuple[int, str, str], deque[Tally]] = defaultdict(deque)
        self._pending: dict[tuple[int, str, str], Tally] = {}
        self._below: frozenset[tuple[int, str, str]] = frozenset()
        self._exact: set[str] = set()
        self._lock = threading.Lock()

    def offer(self, sample: AuditedSearch) -> None:
        """Queue a search for comparison if it is drawn into the sample."""
        key = (sample.generation, sample.plan, sample.shape)
        with self._lock:
            if sample.is_exact:
                self._exact.add(sample.plan)
            self._offered[key] += 1
            if self._offered[key] <= _ALL_OF_FIRST or self._rng.random() * _ONE_IN < 1:
                self._waiting.append(sample)

    def low_recall_plans(self, generation: int, shape: str) -> frozenset[str]:
        """Return the names of the plans whose recall is too low for filters of this shape."""
        return frozenset(key[1] for key in self._below if (key[0], key[2]) == (generation, shape))

    def recalls(self) -> dict[tuple[int, str, str], Tally]:
        """Return the recent counts by generation, plan and filter shape."""
        with self._lock:
            return {key: sum(window, Tally()) for key, window in self._windows.items()}

    def audit_one(self) -> bool:
        """Compare the search that has waited longest, and return whether there was one.

        Raises:
            OSError: its engine cannot be reached.
        """
        with self._lock:
            if not self._waiting:
                return False
            sample = self._waiting.popleft()
        self._audit(sample)
        return True

    def audit_photos(self) -> bool:
        """Compare the next photos of the indexes with the database, and return whether any were due."""
        return self._damage.check_photos()

    def save(self) -> None:
        """Add the counts since the last call to the database."""
        with self._lock:
            counted, self._pending = self._pending, {}
        if counted:
            with self._database.write() as session:
                recall.add(session, counted)

    def load(self) -> None:
        """Load the counts of the live generation of the last day, made by this or other processes."""
        with self._database.read() as session:
            live = generations.live_generation(session)
            stored = {} if live is None else recall.latest(session, live.id)
        with self._lock:
            for key, tally in stored.items():
                self._windows[key] = deque([tally])
        self._judge()

    def _audit(self, sample: AuditedSearch) -> None:
        live = self._live.current()
        if live.generation.id != sample.generation or sample.engine not in live.opened:
            return
        true = live.index(sample.engine).search(sample.vector, sample.k, sample.where, exact=True)
        tally = Tally(1, len(true), count_true_hits(true, sample.hits))
        self._count((sample.generation, sample.plan, sample.shape), tally)
        self._judge()
        self._damage.check_answers(live, sample.vector, K, sample.where)

    def _count(self, key: tuple[int, str, str], tally: Tally) -> None:
        with self._lock:
            self._windows[key].append(tally)
            self._pending[key] = self._pending.get(key, Tally()) + tally
            while sum(one.queries for one in self._windows[key]) > WINDOW and len(self._windows[key]) > 1:
                self._windows[key].popleft()

    def _judge(self) -> None:
        totals = self.recalls()
        for (_, plan, shape), tally in totals.items():
            self._report(plan, shape, tally.recall)
        below = frozenset(
            key
            for key, tally in totals.items()
            if tally.queries >= MIN_QUERIES and tally.recall < LEAST_ANN_RECALL and key[1] not in self._exact
        )
        for generation, plan, shape in below - self._below:
            log.warning(
                "the plan %r finds only %.3f of the true neighbours with filters of shape %r, and is avoided for them",
                plan,
                totals[generation, plan, shape].recall,
                shape,
            )
        self._below = below


class AuditThread:
    """A low-priority thread that runs an auditor until it is stopped."""

    def __init__(self, auditor: RecallAuditor, *, interval_s: float = 1.0) -> None:
        self._auditor, self._interval_s, self._stopping = auditor, interval_s, threading.Event()
        self._failures = RepeatedFailures(log, "the indexes could not be audited; trying again")
        self._thread = threading.Thread(target=self._run, name="audit recall", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and save the counts."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        lower_priority()
        self._attempt(self._auditor.load)
        saved_at, pause_s = time.monotonic(), self._interval_s
        while not self._stopping.wait(pause_s):
            began = time.monotonic()
            audited = self._attempt(self._auditor.audit_one) or self._attempt(self._auditor.audit_photos)
            pause_s = (time.monotonic() - began) * (1 / _MAX_TIME_SHARE - 1) if audited else self._interval_s
            if time.monotonic() - saved_at >= _SAVE_EVERY_S:
                saved_at = time.monotonic()
                self._attempt(self._auditor.save)
        self._attempt(self._auditor.save)

    def _attempt(self, work: Callable[[], object]) -> object:
        try:
            return work()
        except ModelMissing:  # nothing is indexed yet
            return None
        except Exception as error:  # noqa: BLE001 - the loop goes on
            self._failures.failed(error)
            return None
