"""Drift, the differences between the database and an index, and its repair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from more_itertools import chunked

from db.rows import embeddings
from db.vectors.base import HeldPoints
from db.vectors.checksums import checksums
from services.indexing.follower import Follower
from services.indexing.live import as_index_unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.session import Database
    from db.vectors.base import PhotoIds, VectorIndex
    from services.indexing.live import IndexSet

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Drift:
    """Differences between one index and the database.

    Attributes:
        engine: the index's engine.
        expected: number of photos that the index should hold.
        held: number of photos that the index holds.
        missing: ids in the database but not in the index, ascending.
        extra: ids in the index but not in the database, ascending.
        different: ids in both with different checksums (another vector or payload), ascending.
    """

    engine: str
    expected: int
    held: int
    missing: tuple[int, ...]
    extra: tuple[int, ...]
    different: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether index and database hold the same photos, with the same vectors and payloads."""
        return not self.missing and not self.extra and not self.different


def drift(database: Database, index: VectorIndex, *, model_version: str) -> Drift:
    """Compare an index with the database. Let it catch up first, or pending changes show as drift."""
    expected, held = _expected(database, model_version), index.held()
    in_both, of_expected, of_held = np.intersect1d(
        expected.photo_ids, held.photo_ids, assume_unique=True, return_indices=True
    )
    differ = expected.checksums[of_expected] != held.checksums[of_held]
    return Drift(
        engine=index.describe().engine,
        expected=len(expected.photo_ids),
        held=len(held.photo_ids),
        missing=_ids(np.setdiff1d(expected.photo_ids, held.photo_ids, assume_unique=True)),
        extra=_ids(np.setdiff1d(held.photo_ids, expected.photo_ids, assume_unique=True)),
        different=_ids(in_both[differ]),
    )


def _expected(database: Database, model_version: str) -> HeldPoints:
    """Return the photo ids and checksums that an index must hold, in constant memory plus 16 bytes per photo."""
    ids, sums = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.uint64)]
    with database.read() as session:
        for batch in embeddings.all_points(session, model_version=model_version):
            ids.append(np.array([point.photo_id for point in batch], dtype=np.int64))
            sums.append(checksums(batch))
    return HeldPoints(np.concatenate(ids), np.concatenate(sums))


def live_drift(database: Database, live: IndexSet) -> list[Drift]:
    """Compare each open index of the live generation with the database; see `drift`.

    Raises:
        IndexUnavailable: an engine cannot be reached.
    """
    drifts = []
    for engine, opened in live.opened.items():
        with as_index_unavailable(engine):
            drifts.append(drift(database, opened.index, model_version=live.generation.model_version))
    return drifts


def repair_live(database: Database, live: IndexSet, drifts: Sequence[Drift]) -> None:
    """Repair the drift of the live generation's indexes; see `live_drift`.

    Raises:
        IndexUnavailable: an engine cannot be reached.
    """
    for found in drifts:
        opened, version = live.opened[found.engine], live.generation.model_version
        with as_index_unavailable(found.engine):
            repair(Follower(database, opened.index, opened.cursor, model_version=version), found)


def repair(follower: Follower, found: Drift) -> None:
    """Upsert missing and different photos, and delete extra ones, from the database; nothing is embedded again.

    The database is read again under the cursor's lock, because pending changes may have arrived since the comparison.
    """
    for photo_ids in chunked(sorted((*found.missing, *found.different, *found.extra)), _BATCH):
        with follower.cursor.lock():
            follower.sync_photos(photo_ids)


def _ids(photo_ids: PhotoIds) -> tuple[int, ...]:
    return tuple(photo_ids.tolist())
