"""A follower brings one index in line with the truth, event by event of the change feed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from db import embeddings, feed

if TYPE_CHECKING:
    from collections.abc import Callable

    from db.session import Database
    from db.vectors.base import VectorIndex

_BATCH = 500


class CursorStore(Protocol):
    """Where an index's position in the change feed is kept."""

    def read(self) -> int:
        """Return the position up to which events are applied and durable, 0 when there is none."""
        ...

    def write(self, seq: int) -> None:
        """Record that every event up to and with `seq` is applied."""
        ...


class SqlCursor:
    """A cursor kept in the truth, for indexes that are durable by themselves (both Qdrants)."""

    def __init__(self, database: Database, collection: str) -> None:
        self._database, self.collection = database, collection

    def read(self) -> int:
        """See `CursorStore`."""
        with self._database.read() as session:
            return feed.cursor_of(session, self.collection) or 0

    def write(self, seq: int) -> None:
        """See `CursorStore`."""
        with self._database.write() as session:
            feed.set_cursor(session, self.collection, seq)


class MemoryCursor:
    """A cursor kept beside an index in memory (FAISS); it becomes durable with the index's snapshot."""

    def __init__(self, seq: int = 0) -> None:
        self._seq = seq

    def read(self) -> int:
        """See `CursorStore`."""
        return self._seq

    def write(self, seq: int) -> None:
        """See `CursorStore`."""
        self._seq = seq


class Follower:
    """Applies the change feed to one collection, idempotently: applying an event twice changes nothing.

    An event only names a photo. What the index then gets is what the truth says of that photo now, so that an old
    event can never bring an old state back.
    """

    def __init__(self, database: Database, index: VectorIndex, cursor: CursorStore, *, model_version: str) -> None:
        self._database, self._index, self.cursor = database, index, cursor
        self._model_version = model_version

    def catch_up(self, progress: Callable[[int], None] = lambda _applied: None) -> int:
        """Apply every event that is there, and return how many were applied."""
        applied = 0
        while batch := self._apply_batch():
            applied += batch
            progress(applied)
        return applied

    def _apply_batch(self) -> int:
        with self._database.read() as session:
            changes = feed.changes_after(session, self.cursor.read(), _BATCH)
            photo_ids = sorted({change.photo_id for change in changes})
            points = embeddings.points(session, photo_ids, model_version=self._model_version)
        if not changes:
            return 0
        present = {point.photo_id for point in points}
        self._index.upsert(points)
        self._index.delete([photo_id for photo_id in photo_ids if photo_id not in present])
        self.cursor.write(changes[-1].seq)
        return len(changes)
