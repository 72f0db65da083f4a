"""Compares the live indexes with the database while they serve, and has damaged ones rebuilt."""

from __future__ import annotations

import time
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

from db.rows import embeddings, feed
from db.vectors.checksums import checksums
from db.vectors.damage import IndexDamaged
from services.indexing.agreement import SAME_SCORE
from services.indexing.follower import Follower

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlmodel import Session

    from db.session import Database
    from db.vectors.base import Filter, Hit, Vector
    from services.indexing.live import IndexSet, LiveIndexes, OpenIndex

    Compare = Callable[[Session], str]
    """Says how an index differs from the database; empty if it does not."""

_PHOTOS = 200
"""Photos compared at a time: Qdrant Edge holds the GIL for 3 ms meanwhile."""

_AGAIN_AFTER_S = 24 * 3600.0
"""Pause between two comparisons of all photos."""


class DamageAudit:
    """Compares answers and photos of the live indexes with the database. For one thread."""

    def __init__(self, database: Database, live: LiveIndexes) -> None:
        self._database, self._live = database, live
        self._compared: dict[OpenIndex, int] = {}  # the last photo id that was compared
        self._due: dict[OpenIndex, float] = {}  # when all photos are compared again (`time.monotonic`)

    def check_answers(self, live: IndexSet, vector: Vector, k: int, where: Filter) -> None:
        """Search each index exactly, and compare its hits with the vectors and payloads in the database.

        What one index finds, the others must find.
        """
        found = set[int]()
        for opened in live.opened.values():
            with suppress(OSError):  # an engine that does not answer is noticed below
                found |= {hit.photo_id for hit in opened.index.search(vector, k, where, exact=True)}
        version = live.generation.model_version
        for engine, opened in live.opened.items():

            def compare(session: Session, opened: OpenIndex = opened) -> str:
                hits = opened.index.search(vector, k, where, exact=True)
                ids = sorted(found | {hit.photo_id for hit in hits})
                points = embeddings.points(session, ids, model_version=version)
                scores = {one.photo_id: float(one.vector @ vector) for one in points if where.matches(one.payload)}
                return wrong_hit(hits, scores, k)

            self._judge(engine, opened, version, compare)

    def check_photos(self) -> bool:
        """Compare the next photos of an index whose comparison is due; return whether there was one."""
        live = self._live.current()
        for engine, opened in live.opened.items():
            if time.monotonic() >= self._due.get(opened, 0.0):
                self._check_next(engine, opened, live.generation.model_version)
                return True
        return False

    def _check_next(self, engine: str, opened: OpenIndex, version: str) -> None:
        with self._database.read() as session:
            after = self._compared.pop(opened, -1)
            ids = embeddings.embedded_ids_after(session, after, _PHOTOS, model_version=version)
        if not ids:
            self._due[opened] = time.monotonic() + _AGAIN_AFTER_S
            return

        def compare(session: Session) -> str:
            points = embeddings.points(session, ids, model_version=version)
            held = opened.index.held(ids)
            there = dict(zip(held.photo_ids.tolist(), held.checksums.tolist(), strict=True))
            for point, checksum in zip(points, checksums(points).tolist(), strict=True):
                if there.get(point.photo_id) != checksum:
                    return f"photo {point.photo_id} is {'not the stored one' if point.photo_id in there else 'missing'}"
            return ""

        self._judge(engine, opened, version, compare)
        self._compared[opened] = ids[-1]

    def _judge(self, engine: str, opened: OpenIndex, version: str, compare: Compare) -> None:
        """Report the index if it differs from the database, now and once it has applied every event."""
        try:
            with self._database.read() as session:
                if not compare(session):
                    return
            Follower(self._database, opened.index, opened.cursor, model_version=version).catch_up()
            with opened.cursor.lock(), self._database.read() as session:
                is_behind = feed.last_seq(session) != opened.cursor.read()
                problem = "" if is_behind else compare(session)
        except OSError as error:
            self._live.report_failure(engine, opened, error)
            return
        if problem:
            self._live.report_failure(engine, opened, IndexDamaged(f"it differs from the database: {problem}"))


def wrong_hit(hits: Sequence[Hit], scores: Mapping[int, float], k: int) -> str:
    """Say what is wrong with the hits of an exact search; empty if nothing is.

    Args:
        hits: the hits, `k` unless fewer photos match.
        scores: the true scores of matching photos by id, at least of the hits.
        k: the number of hits that were asked for.
    """
    found = {hit.photo_id: hit.score for hit in hits}
    for photo_id, score in found.items():
        if photo_id not in scores:
            return f"photo {photo_id} is found, but does not match the filter"
        if abs(score - min(1.0, max(-1.0, scores[photo_id]))) > SAME_SCORE:
            return f"photo {photo_id} has the score {score:.4f} instead of {scores[photo_id]:.4f}"
    least = min(found.values(), default=-inf) if len(found) >= k else -inf
    for photo_id, score in scores.items():
        if photo_id not in found and score > least + SAME_SCORE:
            return f"photo {photo_id} is not found"
    return ""
