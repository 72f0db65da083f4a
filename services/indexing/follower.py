"""A follower brings one index in line with the truth, event by event of the change feed."""

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
    """Where an index's position in the change feed is kept."""

    def read(self) -> int:
        """Return the position up to which events are applied and durable, 0 when there is none."""
        ...

    def write(self, seq: int) -> None:
        """Record that every event up to and with `seq` is applied."""
        ...

    def turn(self) -> AbstractContextManager[object]:
        """Wait until no other process brings the index forward, and keep others from it while the block runs.

        Without it one could put back what another, further on, has just taken out.
        """
        ...


class SqlCursor:
    """A cursor kept in the truth, for indexes that are durable by themselves (both Qdrants) and may have many users."""

    def __init__(self, database: Database, collection: str) -> None:
        self._database, self.collection = database, collection

    def was_filled(self) -> bool:
        """Say whether the index was filled once, and its points carry what they must carry now."""
        with self._database.read() as session:
            return feed.was_filled(session, self.collection)

    def forget(self) -> None:
        """Record that the index is not filled, before it is: a crash half-way must not leave it looking whole."""
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

    def turn(self) -> AbstractContextManager[object]:
        """See `CursorStore`."""
        return hold_lock(self._database, f"follow {self.collection}")


class MemoryCursor:
    """A cursor kept beside an index in memory (FAISS); it becomes durable with the index's snapshot."""

    def __init__(self, seq: int = 0) -> None:
        self._seq, self._turn = seq, threading.Lock()

    def read(self) -> int:
        """See `CursorStore`."""
        return self._seq

    def write(self, seq: int) -> None:
        """See `CursorStore`."""
        self._seq = seq

    def turn(self) -> AbstractContextManager[object]:
        """See `CursorStore`. No other process has this index, but another thread of this one may be at it."""
        return self._turn


class Follower:
    """Applies the change feed to one collection, idempotently: applying an event twice changes nothing.

    An event only names a photo. What the index then gets is what the truth says of that photo now, so that an old
    event can never bring an old state back.
    """

    def __init__(self, database: Database, index: VectorIndex, cursor: CursorStore, *, model_version: str) -> None:
        self._database, self._index, self.cursor = database, index, cursor
        self._model_version = model_version

    def catch_up(self) -> int:
        """Apply every event that is there, and return how many were applied.

        An index that stands further back than the feed reaches is filled anew instead.
        """
        applied = 0
        while self._is_behind():
            with self.cursor.turn():
                applied += self._apply_batch()
        return applied

    def bring_in_line(self, photo_ids: Sequence[int]) -> None:
        """Let the index hold of these photos what the truth says of them now; for who has the turn."""
        with self._database.read() as session:
            points = embeddings.points(session, photo_ids, model_version=self._model_version)
        self._put(points, photo_ids)

    def fill(self) -> None:
        """Bring in every point of the model, take out everything else, and go on from there; for who has the turn.

        The position is that of the snapshot that the points are read from: what came since is for `catch_up`.
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
            left_behind = position < feed.complete_after(session)
            changes = feed.changes_after(session, position, _BATCH)
            photo_ids = sorted({change.photo_id for change in changes})
            points = embeddings.points(session, photo_ids, model_version=self._model_version)
        if left_behind:
            self.fill()
        elif changes:
            self._put(points, photo_ids)
            self.cursor.write(changes[-1].seq)
        return len(changes)

    def _put(self, points: Sequence[Point], photo_ids: Sequence[int]) -> None:
        present = {point.photo_id for point in points}
        self._index.upsert(points)
        self._index.delete([photo_id for photo_id in photo_ids if photo_id not in present])
