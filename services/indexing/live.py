"""The open indexes of the live generation, which serve searches and follow the change feed."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from db.rows import generations
from db.vectors.damage import is_damage
from db.vectors.folder_lock import IndexLocked
from services.disk_errors import disk_problem
from services.errors import IndexUnavailable, ModelMissing
from services.indexing.breaker import RETRY_AFTER_S, CircuitBreaker
from services.indexing.follower import Follower

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from db.rows.generations import GenerationRecord
    from db.session import Database
    from db.vectors.base import VectorIndex
    from services.indexing.follower import CursorStore

log = logging.getLogger(__name__)

_KINDS_LIFETIME_S = 30.0
"""How long the kinds of the indexes are kept: a Qdrant server must be asked for its."""


@contextmanager
def as_index_unavailable(engine: str) -> Iterator[None]:
    """Convert an engine's OSError to IndexUnavailable."""
    try:
        yield
    except OSError as error:
        raise IndexUnavailable(engine, str(error)) from error


@dataclass(frozen=True, slots=True)
class OpenIndex:
    """A collection that is open in this process, with its cursor in the change feed."""

    index: VectorIndex
    cursor: CursorStore


class IndexStore(Protocol):
    """One engine's collections, one for each generation."""

    @property
    def engine(self) -> str:
        """The engine's name: `faiss` or `qdrant`."""
        ...

    def check(self) -> None:
        """Check that the engine responds, within a second.

        Raises:
            OSError: it does not.
        """
        ...

    def recover(self, generation: GenerationRecord, opened: OpenIndex, error: OSError) -> OpenIndex:
        """Return an index that works, in place of one that failed with `error`: rebuilt if it is damaged.

        Raises:
            OSError: it still does not work.
        """
        ...

    def open(self, generation: GenerationRecord) -> OpenIndex:
        """Open the generation's collection, rebuilding it from the database if it is missing or damaged.

        Raises:
            OSError: the engine cannot be reached, or another process holds the collection.
        """
        ...

    def persist(self, opened: OpenIndex) -> None:
        """Make applied events durable, if the engine does not do so itself."""
        ...

    def promote(self, generation: GenerationRecord) -> None:
        """Point the engine's alias, if it has one, at this generation."""
        ...

    def drop(self, generation: GenerationRecord) -> None:
        """Delete the generation's collection, if it exists."""
        ...


@dataclass(frozen=True, slots=True)
class IndexSet:
    """The live generation and its indexes.

    Attributes:
        generation: the live generation.
        opened: the indexes that work, by engine.
        unavailable: why each other engine has none.
        kinds: how the index of an engine searches: `exact`, `ivf` or `hnsw`; at most half a minute old.
    """

    generation: GenerationRecord
    opened: Mapping[str, OpenIndex]
    unavailable: Mapping[str, str]
    kinds: Mapping[str, str] = field(default_factory=dict)

    def without(self, failures: Mapping[str, str]) -> IndexSet:
        """Return these indexes without some that failed, whose errors are given by engine."""
        working = {engine: opened for engine, opened in self.opened.items() if engine not in failures}
        return replace(self, opened=working, unavailable={**self.unavailable, **failures})

    def index(self, engine: str) -> VectorIndex:
        """Return the index of an engine.

        Raises:
            IndexUnavailable: the index could not be opened in this process.
        """
        if engine not in self.opened:
            raise IndexUnavailable(engine, self.unavailable.get(engine, "this process does not serve this engine"))
        return self.opened[engine].index


class LiveIndexes:
    """Holds the open indexes of the live generation, follows the change feed, and adopts a newly promoted generation.

    Only one thread at a time runs `refresh`; others wait. `current` is cheap, asks no engine, and does not wait for it.
    """

    def __init__(self, database: Database, stores: Sequence[IndexStore]) -> None:
        self._database, self._stores = database, stores
        self._current: IndexSet | None = None
        self._retired: IndexSet | None = None
        self._lock = threading.Lock()
        self._breaker = CircuitBreaker()
        self._kinds_read_at = self._retry_at = 0.0

    def current(self) -> IndexSet:
        """Return the live generation's indexes that work, opening them on the first call.

        Raises:
            ModelMissing: no generation is live yet.
        """
        current = self._current
        if current is None:
            self.refresh()
            current = self._current
        if current is None:
            raise ModelMissing
        failures = self._breaker.failures(current.opened)
        return current.without(failures) if failures else current

    def report_failure(self, engine: str, opened: OpenIndex, error: OSError) -> None:
        """Leave an index out of `current` until `refresh` has found that it works again, or rebuilt it."""
        self._breaker.trip(engine, opened, error)

    def refresh(self) -> int:
        """Adopt the live generation, check and recover its indexes, apply the feed, and return the number of events."""
        with self._lock:
            with self._database.read() as session:
                live = generations.live_generation(session)
            if live is None:
                return 0
            self._adopt(live)
            self._heal()
            return self._follow()

    def close_retired(self) -> None:
        """Close the generation that was live before, so that it can be opened and promoted again."""
        with self._lock:
            _close(self._retired)
            self._retired = None

    def persist(self) -> None:
        """Make all open indexes durable at their present positions."""
        with self._lock:
            for store, opened in self._pairs():
                store.persist(opened)

    def close(self) -> None:
        """Close all indexes. Events that were not persisted are applied again after the next start."""
        with self._lock:
            for index_set in (self._current, self._retired):
                _close(index_set)
            self._current = self._retired = None

    def _adopt(self, live: GenerationRecord) -> None:
        current = self._current
        adopted = current if current is not None and current.generation.id == live.id else None
        if adopted is not None and (not adopted.unavailable or time.monotonic() < self._retry_at):
            return
        already_open = adopted.opened if adopted is not None else {}
        logged = current.unavailable if current is not None else {}
        self._current = self._open(live, already_open, logged)
        if current is not None and not already_open:
            _close(self._retired)  # searches that still use `current` can finish until the next promotion
            self._retired = current

    def _open(
        self, live: GenerationRecord, already_open: Mapping[str, OpenIndex], logged: Mapping[str, str]
    ) -> IndexSet:
        """Open all indexes that are not open yet, and log errors that are not `logged` yet."""
        opened, unavailable = dict(already_open), dict[str, str]()
        for store in self._stores:
            if store.engine in opened:
                continue
            try:
                opened[store.engine] = store.open(live)
            except OSError as error:
                unavailable[store.engine] = problem = disk_problem(error) or str(error)
                if isinstance(error, ConnectionError):
                    self._retry_at = time.monotonic() + RETRY_AFTER_S
                if logged.get(store.engine) != problem:
                    # Beside a server, a locked index is normal: the server keeps it up to date.
                    level = logging.INFO if isinstance(error, IndexLocked) else logging.WARNING
                    log.log(level, "the %s index cannot be opened: %s", store.engine, problem)
        return IndexSet(live, opened, unavailable)

    def _heal(self) -> None:
        """Check each engine, bring back the indexes that failed and work again, and read their kinds."""
        for store, opened in self._pairs():
            failure = self._breaker.failure(opened)
            try:
                if failure is None:
                    store.check()
                elif failure.is_due:
                    self._replace(store.engine, store.recover(self._generation, opened, failure.error))
                    self._breaker.reset(store.engine, opened)
            except OSError as error:
                self._breaker.trip(store.engine, opened, error)
        self._read_kinds()

    def _read_kinds(self) -> None:
        assert self._current is not None, "the caller has adopted a generation"
        is_recent = time.monotonic() < self._kinds_read_at + _KINDS_LIFETIME_S
        if is_recent and self._current.kinds.keys() == self._current.opened.keys():
            return
        kinds = {}
        for engine, opened in self._current.opened.items():
            kinds[engine] = self._current.kinds.get(engine, "exact")
            if self._breaker.failure(opened) is None:
                try:
                    kinds[engine] = opened.index.describe().kind
                except OSError as error:
                    self._breaker.trip(engine, opened, error)
        self._current = replace(self._current, kinds=kinds)
        self._kinds_read_at = time.monotonic()

    def _replace(self, engine: str, opened: OpenIndex) -> None:
        assert self._current is not None, "the caller has adopted a generation"
        self._current = replace(self._current, opened={**self._current.opened, engine: opened})

    def _follow(self) -> int:
        applied = 0
        for store, opened in self._pairs():
            if self._breaker.failure(opened) is not None:
                continue
            try:
                applied += self.follower(opened).catch_up()
            except OSError as error:
                if isinstance(error, ConnectionError) or is_damage(error):
                    self._breaker.trip(store.engine, opened, error)
                else:
                    log.warning("the %s index cannot follow: %s", store.engine, disk_problem(error) or error)
        return applied

    def follower(self, opened: OpenIndex) -> Follower:
        """Return the follower of one of the current indexes."""
        return Follower(
            self._database,
            opened.index,
            opened.cursor,
            model_version=self._generation.model_version,
        )

    @property
    def _generation(self) -> GenerationRecord:
        assert self._current is not None, "indexes are followed once a generation was adopted"
        return self._current.generation

    def _pairs(self) -> list[tuple[IndexStore, OpenIndex]]:
        if self._current is None:
            return []
        return [
            (store, self._current.opened[store.engine])
            for store in self._stores
            if store.engine in self._current.opened
        ]


def _close(index_set: IndexSet | None) -> None:
    for opened in index_set.opened.values() if index_set else ():
        opened.index.close()
