"""Keeps one index up to date with the database, by the events of the change feed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

import numpy as np

from db.locks import hold_lock
from db.rows import embeddings, feed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from db.session import Database
    from db.vectors.base import Point, VectorIndex

_BATCH = 500


class CursorStore(Protocol):
    """Stores an index's position in the change feed."""

    def read(self) -> int:
        """Return the position up to which events are durably applied, or 0 if there is none."""
        ...

    def write(self, seq: int) -> None:
        """Record that all events up to and including `seq` are applied."""
        ...

    def lock(self) -> AbstractContextManager[object]:
        """Return a context manager that makes this process (or thread) the only one to update the index.

        Without the lock, a slower process could restore a point that another has already deleted.
        """
        ...


class SqlCursor:
    """A cursor in the database, for indexes that are durable by themselves and may have many users (both Qdrants)."""

    def __init__(self, database: Database, collection: str) -> None:
        self._database, self.collection = database, collection

    def was_filled(self) -> bool:
        """Say whether the index was filled with points of the present payload version."""
        with self._database.read() as session:
            return feed.was_filled(session, self.collection)

    def clear(self) -> None:
        """Record that the index is not filled. Call it before filling, so that a crash leaves no half-filled index."""
        with self._database.write() as session:
            if feed.cursor_of(session, self.collection) is not None:
                feed.delete_cursors(session, [self.collection])

    def read(self) -> int:
        """See `CursorStore`."""
        with self._database.read() as session:
            return feed.cursor_of(session, self.collection) or 0

    def write(self, seq: int) -> None:
        """See `CursorStore`."""
        with self._database.write() as session:
            feed.set_cursor(session, self.collection, seq)

    def lock(self) -> AbstractContextManager[object]:
        """See `CursorStore`."""
        return hold_lock(self._database, f"follow {self.collection}")


class MemoryCursor:
    """A cursor in memory, for an index in memory (FAISS). The index's snapshot makes it durable."""

    def __init__(self, seq: int = 0) -> None:
        self._seq, self._lock = seq, threading.Lock()

    def read(self) -> int:
        """See `CursorStore`."""
        return self._seq

    def write(self, seq: int) -> None:
        """See `CursorStore`."""
        self._seq = seq

    def lock(self) -> AbstractContextManager[object]:
        """See `CursorStore`. No other process has this index, but another thread may update it."""
        return self._lock


class Follower:
    """Applies the change feed to one collection, idempotently: applying an event twice changes nothing.

    An event only names a photo. The index gets the photo's present state from the database, so that an old event never
    restores an old state.
    """

    def __init__(self, database: Database, index: VectorIndex, cursor: CursorStore, *, model_version: str) -> None:
        self._database, self._index, self.cursor = database, index, cursor
        self._model_version = model_version

    def catch_up(self) -> int:
        """Apply all pending events, and return their number.

        An index whose position is older than the pruned feed is filled again instead.
        """
        applied = 0
        while self._is_behind():
            with self.cursor.lock():
                applied += self._apply_batch()
        return applied

    def sync_photos(self, photo_ids: Sequence[int]) -> None:
        """Upsert or delete these photos according to the database. The caller must hold the cursor's lock."""
        with self._database.read() as session:
            points = embeddings.points(session, photo_ids, model_version=self._model_version)
        self._put(points, photo_ids)

    def fill(self) -> None:
        """Upsert all points of the model, delete all others, and set the cursor. The caller must hold its lock.

        The new position is that of the database snapshot that was read; `catch_up` applies later events.
        """
        with self._database.read() as session:
            start = feed.last_seq(session)
            for batch in embeddings.all_points(session, model_version=self._model_version):
                self._index.upsert(batch)
            expected = np.asarray(embeddings.embedded_ids(session, model_version=self._model_version), dtype=np.int64)
        held = self._index.photo_ids()
        self._index.delete(np.setdiff1d(held, expected, assume_unique=True).tolist())
        self.cursor.write(start)

    def _is_behind(self) -> bool:
        position = self.cursor.read()
        with self._database.read() as session:
            return feed.last_seq(session) > position

    def _apply_batch(self) -> int:
        position = self.cursor.read()
        with self._database.read() as session:
            has_missed_events = position < feed.complete_after(session)
            changes = feed.changes_after(session, position, _BATCH)
            photo_ids = sorted({change.photo_id for change in changes})
            points = embeddings.points(session, photo_ids, model_version=self._model_version)
        if has_missed_events:
            self.fill()
        elif changes:
            self._put(points, photo_ids)
            self.cursor.write(changes[-1].seq)
        return len(changes)

    def _put(self, points: Sequence[Point], photo_ids: Sequence[int]) -> None:
        present = {point.photo_id for point in points}
        self._index.upsert(points)
        self._index.delete([photo_id for photo_id in photo_ids if photo_id not in present])
