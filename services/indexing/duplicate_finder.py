"""Finds copies among photos as they arrive: compares each new photo with its nearest neighbours by vector."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from db.locks import hold_lock, try_lock
from db.photo_bytes.base import PhotoDamaged
from db.rows import duplicates, embeddings, feed, photos
from db.rows.duplicates import PhotoCopy
from db.vectors.base import Filter
from ml.copies.comparer import PhotoComparer
from ml.copies.verdicts import Verdict
from ml.photos.decode import DEFAULT_LIMITS, PhotoError
from services.indexing.copy_candidates import HITS_PER_PHOTO, distinct_candidates
from services.indexing.follower import SqlCursor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from db.models import Photo
    from db.photo_bytes.base import PhotoStore
    from db.rows.photo_queue import PhotoRef
    from db.session import Database
    from db.vectors.base import Point, VectorIndex
    from ml.copies.verdicts import CopyMatch
    from ml.photos.decode import PhotoLimits
    from services.indexing.live import LiveIndexes

    OnProgress: TypeAlias = Callable[["CopySearchCount"], object]

log = logging.getLogger(__name__)

CURSOR = "duplicates"
"""Name of the cursor that holds the finder's position in the change feed."""

_LOCK = "find duplicates"

_BATCH = 16
"""Photos per transaction: one second of work, which is the most that a kill loses."""

_EVENTS = 500


@dataclass(frozen=True, slots=True)
class CopySearchCount:
    """Number of photos whose copies were searched, and of pairs found."""

    photos: int = 0
    pairs: int = 0

    def __add__(self, other: CopySearchCount) -> CopySearchCount:
        return CopySearchCount(self.photos + other.photos, self.pairs + other.pairs)


class DuplicateFinder:
    """Keeps the pairs of copies in line with the photos, and resumes after every interruption.

    The change feed only wakes the finder. The work itself is read from the database: photos whose present bytes were
    not compared yet. So a pruned feed hides nothing, and neither a changed price nor a new model causes comparisons,
    because verdicts depend on the photos alone.
    """

    def __init__(
        self,
        database: Database,
        live: LiveIndexes,
        store: PhotoStore,
        *,
        limits: PhotoLimits = DEFAULT_LIMITS,
        stopping: threading.Event | None = None,
    ) -> None:
        """Check `stopping` after each photo, and stop when it is set."""
        self._database, self._live = database, live
        self._comparer = PhotoComparer(store.read, limits)
        self._cursor = SqlCursor(database, CURSOR)
        self._stopping = stopping or threading.Event()

    def find(self, on_progress: OnProgress = lambda _count: None) -> CopySearchCount:
        """Search the copies of every photo that is due, after waiting for other finders, and return the counts.

        `on_progress` receives the counts so far.

        Raises:
            ModelMissing: no generation is live.
            OSError: an index or the photo store cannot be reached.
        """
        with hold_lock(self._database, _LOCK):
            return self._catch_up(on_progress)

    def find_if_free(self) -> CopySearchCount:
        """Do as `find` does, unless another finder is running; then do nothing."""
        if not self._is_behind():
            return CopySearchCount()
        lock = try_lock(self._database, _LOCK)
        if lock is None:
            return CopySearchCount()
        try:
            return self._catch_up(lambda _count: None)
        finally:
            lock.release()

    def _is_behind(self) -> bool:
        with self._database.read() as session:
            return feed.last_seq(session) > (feed.cursor_of(session, CURSOR) or 0)

    def _catch_up(self, on_progress: OnProgress) -> CopySearchCount:
        total = CopySearchCount()
        while self._is_behind() and not self._stopping.is_set():
            self._live.refresh()  # so that photos of one batch find each other
            with self._database.read() as session:
                position, complete_after = feed.cursor_of(session, CURSOR), feed.complete_after(session)
                newest = feed.last_seq(session)
                changes = feed.changes_after(session, position or 0, _EVENTS)
            if position is None or position < complete_after:
                total, reached = self._search_all(total, on_progress), newest
            else:
                changed = sorted({change.photo_id for change in changes})
                total, reached = self._search_changed(changed, total, on_progress), changes[-1].seq
            if not self._stopping.is_set():
                self._cursor.write(reached)
        return total

    def _search_all(self, total: CopySearchCount, on_progress: OnProgress) -> CopySearchCount:
        with self._database.write() as session:
            duplicates.forget_replaced(session)
        after = 0
        while not self._stopping.is_set():
            with self._database.read() as session:
                due = duplicates.unsearched(session, model_version=self._model_version, after=after, limit=_BATCH)
            if not due:
                break
            after, total = due[-1].photo_id, total + self._search(due)
            on_progress(total)
        return total

    def _search_changed(
        self, photo_ids: Sequence[int], total: CopySearchCount, on_progress: OnProgress
    ) -> CopySearchCount:
        with self._database.write() as session:
            duplicates.forget_replaced(session, photo_ids)
        with self._database.read() as session:
            due = duplicates.unsearched_among(session, photo_ids, model_version=self._model_version)
        for start in range(0, len(due), _BATCH):
            total += self._search(due[start : start + _BATCH])
            on_progress(total)
        return total

    @property
    def _model_version(self) -> str:
        return self._live.current().generation.model_version

    def _search(self, due: Sequence[PhotoRef]) -> CopySearchCount:
        """Find the copies of some photos, and save them in one short transaction at the end."""
        version = self._model_version
        with self._database.read() as session:
            points = embeddings.points(session, [photo.photo_id for photo in due], model_version=version)
        point_of = {point.photo_id: point for point in points}
        searched = []
        for photo in due:
            if self._stopping.is_set():
                break
            if photo.photo_id in point_of:
                searched.append((photo, self._copies(photo, point_of[photo.photo_id])))
        with self._database.write() as session:
            pairs = sum(
                duplicates.save_search(session, photo, copies, model_version=version) for photo, copies in searched
            )
        return CopySearchCount(len(searched), pairs)

    def _copies(self, photo: PhotoRef, point: Point) -> list[PhotoCopy]:
        where = Filter(excluded_listing_ids=frozenset({point.payload.listing_id}))
        hits = self._index().search(point.vector, HITS_PER_PHOTO, where)
        with self._database.read() as session:
            identical = duplicates.photos_with_same_bytes(session, photo)
            rows = {row.id: row for row in photos.photos_by_id(session, [hit.photo_id for hit in hits])}
        copies = [PhotoCopy(photo_id, photo.sha256, Verdict.IDENTICAL, 1.0) for photo_id in identical]
        nearest = [row for hit in hits if (row := rows.get(hit.photo_id)) and row.sha256 != photo.sha256]
        return copies + self._edited_copies(photo.sha256, nearest)

    def _edited_copies(self, sha256: str, nearest: Sequence[Photo]) -> list[PhotoCopy]:
        copies = []
        for other_sha256, rows in distinct_candidates(nearest).items():
            copy = self._compare(sha256, other_sha256)
            if copy is not None:
                score = round(copy.score, 4)
                copies += [PhotoCopy(row.id, other_sha256, copy.verdict, score) for row in rows if row.id]
        return copies

    def _compare(self, sha256: str, other_sha256: str) -> CopyMatch | None:
        """Compare two photos; a photo that was deleted meanwhile or cannot be decoded has no copies."""
        try:
            return self._comparer.compare(sha256, other_sha256)
        except (FileNotFoundError, PhotoDamaged, PhotoError) as error:
            log.warning("skipped the comparison of two photos: %s", error)
            return None

    def _index(self) -> VectorIndex:
        live = self._live.current()
        return live.index(next(iter(live.opened), "faiss"))
