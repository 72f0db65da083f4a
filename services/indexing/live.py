"""The open indexes of the live generation, which serve searches and follow the change feed."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from db.rows import generations
from db.vectors.folder_lock import IndexLocked
from services.errors import IndexUnavailable, ModelMissing
from services.indexing.follower import Follower

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from db.rows.generations import GenerationRecord
    from db.session import Database
    from db.vectors.base import VectorIndex
    from services.indexing.follower import CursorStore

log = logging.getLogger(__name__)


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
        """Check that the engine responds.

        Raises:
            OSError: it cannot be reached.
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
    """The live generation and its open indexes by engine. `unavailable` has the error of every engine without one."""

    generation: GenerationRecord
    opened: Mapping[str, OpenIndex]
    unavailable: Mapping[str, str]

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

    Only one thread at a time runs `refresh`; others wait. `current` is cheap and does not wait for it.
    """

    def __init__(self, database: Database, stores: Sequence[IndexStore]) -> None:
        self._database, self._stores = database, stores
        self._current: IndexSet | None = None
        self._retired: IndexSet | None = None
        self._lock = threading.Lock()

    def current(self) -> IndexSet:
        """Return the live generation's indexes, opening them on the first call.

        Raises:
            ModelMissing: no generation is live yet.
        """
        current = self._current
        if current is None:
            self.refresh()
            current = self._current
        if current is None:
            raise ModelMissing
        return current

    def refresh(self) -> int:
        """Adopt the live generation, retry unavailable indexes, apply the feed, and return the number of events."""
        with self._lock:
            with self._database.read() as session:
                live = generations.live_generation(session)
            if live is None:
                return 0
            self._adopt(live)
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
        if current is not None and current.generation.id == live.id and not current.unavailable:
            return
        already_open = current.opened if current is not None and current.generation.id == live.id else {}
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
                unavailable[store.engine] = str(error)
                if logged.get(store.engine) != str(error):
                    # Beside a server, a locked index is normal: the server keeps it up to date.
                    level = logging.INFO if isinstance(error, IndexLocked) else logging.WARNING
                    log.log(level, "the %s index cannot be opened: %s", store.engine, error)
        return IndexSet(live, opened, unavailable)

    def _follow(self) -> int:
        applied = 0
        for store, opened in self._pairs():
            try:
                applied += self.follower(opened).catch_up()
            except OSError as error:
                log.warning("the %s index cannot follow the change feed: %s", store.engine, error)
        return applied

    def follower(self, opened: OpenIndex) -> Follower:
        """Return the follower of one of the current indexes."""
        return Follower(
            self._database,
            opened.index,
            opened.cursor,
            model_version=self.current().generation.model_version,
        )

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
