"""Finding copies as photos come: each new photo is compared with those nearest to it by their vectors."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.locks import holding, try_to_hold
from db.rows import duplicates, embeddings, feed, photos
from db.rows.duplicates import FoundCopy
from db.vectors.base import Filter
from ml.copies.local_features import COMPARED_SIDE, extract_features, resize_for_comparison
from ml.copies.verdicts import COPY_CANDIDATES, Verdict, candidate_placements, compare_pixels
from ml.photos.decode import DEFAULT_LIMITS, PhotoError, decode
from services.indexing.follower import SqlCursor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from db.models import Photo
    from db.photo_bytes.base import PhotoStore
    from db.rows.photos import ClaimedPhoto
    from db.session import Database
    from db.vectors.base import Point, VectorIndex
    from ml.copies.local_features import LocalFeatures
    from ml.copies.verdicts import CopyMatch
    from ml.photos.decode import PhotoLimits
    from services.indexing.live import LiveIndexes

log = logging.getLogger(__name__)

CURSOR = "duplicates"
"""The name of the position in the change feed up to which copies were looked for."""

_LOCK = "find duplicates"

_AT_ONCE = 16
"""Photos whose copies are written in one transaction: a second's work, which a kill loses at most."""

_EVENTS = 500

HITS = 3 * COPY_CANDIDATES
"""Photos fetched for one: those of the same bytes count as one candidate."""

_KEPT = 2000
"""Photos whose features are kept in memory: 70 MB."""


@dataclass(frozen=True, slots=True)
class CopySearchCount:
    """How many photos' copies were looked for, and how many pairs were found."""

    photos: int = 0
    pairs: int = 0

    def __add__(self, other: CopySearchCount) -> CopySearchCount:
        return CopySearchCount(self.photos + other.photos, self.pairs + other.pairs)


class PhotoComparer:
    """Compares photos by their bytes; keeps the features of those that it saw last. For one thread at a time."""

    def __init__(self, read: Callable[[str], bytes], limits: PhotoLimits = DEFAULT_LIMITS) -> None:
        """`read` returns the bytes of a SHA-256."""
        self._read, self._limits = read, limits
        self._features: OrderedDict[str, LocalFeatures] = OrderedDict()

    def compare(self, one: str, other: str) -> CopyMatch | None:
        """Return how the photos of two SHA-256s are copies; None where they are not.

        Raises:
            PhotoError: one is not a photo that we accept.
            OSError: one is gone, or the store cannot be reached.
        """
        ways = candidate_placements(self._features_of(one), self._features_of(other))
        return compare_pixels(self._pixels(one), self._pixels(other), ways) if ways else None

    def _features_of(self, sha256: str) -> LocalFeatures:
        found = self._features.pop(sha256, None) or extract_features(self._pixels(sha256))
        self._features[sha256] = found
        while len(self._features) > _KEPT:
            self._features.popitem(last=False)
        return found

    def _pixels(self, sha256: str) -> NDArray[np.uint8]:
        return resize_for_comparison(decode(self._read(sha256), self._limits, at_least=COMPARED_SIDE))


def candidates(nearest: Sequence[Photo]) -> dict[str, list[Photo]]:
    """Return the nearest `COPY_CANDIDATES` distinct photo files, each with the photos that share the file."""
    by_bytes: dict[str, list[Photo]] = {}
    for row in nearest:
        by_bytes.setdefault(row.sha256, []).append(row)
    return dict(list(by_bytes.items())[:COPY_CANDIDATES])


class DuplicateFinder:
    """Brings the pairs of copies in line with the photos, wherever it was stopped before.

    The change feed only tells that there is something to do. What there is to do stands in the truth itself: photos
    whose present bytes were not compared. So nothing is missed where the feed was pruned, a change of a price costs
    nothing, and neither does a new model: the verdicts rest on the photos.
    """

    def __init__(
        self,
        database: Database,
        live: LiveIndexes,
        files: PhotoStore,
        *,
        limits: PhotoLimits = DEFAULT_LIMITS,
        stopping: threading.Event | None = None,
    ) -> None:
        """`stopping` is looked at after each photo."""
        self._database, self._live = database, live
        self._comparer = PhotoComparer(files.read, limits)
        self._cursor = SqlCursor(database, CURSOR)
        self._stopping = stopping or threading.Event()

    def find(self, told: Callable[[CopySearchCount], object] = lambda _found: None) -> CopySearchCount:
        """Wait for the turn, look for the copies of every photo that is due, and return how many were found.

        `told` is called with what was found so far.

        Raises:
            ModelMissing: no generation is live.
            OSError: an index or the store of the photos cannot be reached.
        """
        with holding(self._database, _LOCK):
            return self._catch_up(told)

    def find_if_free(self) -> CopySearchCount:
        """Do as `find` does, unless another process is at it; then nothing."""
        if not self._is_behind():
            return CopySearchCount()
        turn = try_to_hold(self._database, _LOCK)
        if turn is None:
            return CopySearchCount()
        try:
            return self._catch_up(lambda _found: None)
        finally:
            turn.release()

    def _is_behind(self) -> bool:
        with self._database.read() as session:
            return feed.last_seq(session) > (feed.cursor_of(session, CURSOR) or 0)

    def _catch_up(self, told: Callable[[CopySearchCount], object]) -> CopySearchCount:
        found = CopySearchCount()
        while self._is_behind() and not self._stopping.is_set():
            self._live.refresh()  # so that photos of one batch find each other
            with self._database.read() as session:
                position, begins = feed.cursor_of(session, CURSOR), feed.begins_after(session)
                newest = feed.last_seq(session)
                changes = feed.changes_after(session, position or 0, _EVENTS)
            if position is None or position < begins:
                found, reached = self._search_all(found, told), newest
            else:
                changed = sorted({change.photo_id for change in changes})
                found, reached = self._search_changed(changed, found, told), changes[-1].seq
            if not self._stopping.is_set():
                self._cursor.write(reached)
        return found

    def _search_all(self, found: CopySearchCount, told: Callable[[CopySearchCount], object]) -> CopySearchCount:
        with self._database.write() as session:
            duplicates.forget_replaced(session)
        after = 0
        while not self._stopping.is_set():
            with self._database.read() as session:
                due = duplicates.unsearched(session, model_version=self._version, after=after, limit=_AT_ONCE)
            if not due:
                break
            after, found = due[-1].photo_id, found + self._search(due)
            told(found)
        return found

    def _search_changed(
        self, photo_ids: Sequence[int], found: CopySearchCount, told: Callable[[CopySearchCount], object]
    ) -> CopySearchCount:
        with self._database.write() as session:
            duplicates.forget_replaced(session, photo_ids)
        with self._database.read() as session:
            due = duplicates.unsearched_of(session, photo_ids, model_version=self._version)
        for start in range(0, len(due), _AT_ONCE):
            found += self._search(due[start : start + _AT_ONCE])
            told(found)
        return found

    @property
    def _version(self) -> str:
        return self._live.current().generation.model_version

    def _search(self, due: Sequence[ClaimedPhoto]) -> CopySearchCount:
        """Find the copies of some photos, and write them down in one short transaction at the end."""
        version = self._version
        with self._database.read() as session:
            points = embeddings.points(session, [photo.photo_id for photo in due], model_version=version)
        vectors = {point.photo_id: point for point in points}
        searched = []
        for photo in due:
            if self._stopping.is_set():
                break
            if photo.photo_id in vectors:
                searched.append((photo, self._copies(photo, vectors[photo.photo_id])))
        with self._database.write() as session:
            pairs = sum(duplicates.save_search(session, *one, model_version=version) for one in searched)
        return CopySearchCount(len(searched), pairs)

    def _copies(self, photo: ClaimedPhoto, point: Point) -> list[FoundCopy]:
        where = Filter(excluded_listing_ids=frozenset({point.payload.listing_id}))
        hits = self._index().search(point.vector, HITS, where)
        with self._database.read() as session:
            same = duplicates.same_bytes(session, photo)
            rows = {row.id: row for row in photos.photos_by_id(session, [hit.photo_id for hit in hits])}
        found = [FoundCopy(photo_id, photo.sha256, Verdict.IDENTICAL, 1.0) for photo_id in same]
        nearest = [row for hit in hits if (row := rows.get(hit.photo_id)) and row.sha256 != photo.sha256]
        return found + self._compared(photo.sha256, nearest)

    def _compared(self, sha256: str, nearest: Sequence[Photo]) -> list[FoundCopy]:
        found = []
        for other, rows in candidates(nearest).items():
            copy = self._compare(sha256, other)
            if copy is not None:
                found += [FoundCopy(row.id, other, copy.verdict, round(copy.score, 4)) for row in rows if row.id]
        return found

    def _compare(self, one: str, other: str) -> CopyMatch | None:
        """Compare two photos; one that was deleted meanwhile, or cannot be decoded, is a copy of none."""
        try:
            return self._comparer.compare(one, other)
        except (FileNotFoundError, PhotoError) as error:
            log.warning("a photo cannot be compared with others: %s", error)
            return None

    def _index(self) -> VectorIndex:
        live = self._live.current()
        return live.index(next(iter(live.opened), "faiss"))
