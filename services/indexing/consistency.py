"""Drift: the truth minus an index, as sets of photo ids; and its repair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from db.rows import embeddings
from db.vectors.base import HeldPoints
from db.vectors.checksums import checksums
from services.indexing.follower import Follower
from services.indexing.live import as_index_unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.session import Database
    from db.vectors.base import VectorIndex
    from services.indexing.live import IndexSet

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Drift:
    """How one index differs from the truth.

    Attributes:
        engine: the index's engine.
        expected: number of photos that the truth says it must hold.
        held: number of photos that it holds.
        missing: ids in the truth and not in the index, ascending.
        extra: ids in the index and not in the truth, ascending.
        different: ids in both whose checksums differ: the index holds another vector or payload, ascending.
    """

    engine: str
    expected: int
    held: int
    missing: tuple[int, ...]
    extra: tuple[int, ...]
    different: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether index and truth hold the same photos, each with the same vector and payload."""
        return not self.missing and not self.extra and not self.different


def drift(database: Database, index: VectorIndex, *, model_version: str) -> Drift:
    """Compare an index with the truth. Run it after the index has caught up, or what is on its way shows as drift."""
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
    """Return what an index must hold; memory stays flat but for 16 bytes a photo."""
    ids, sums = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.uint64)]
    with database.read() as session:
        for batch in embeddings.all_points(session, model_version=model_version):
            ids.append(np.array([point.photo_id for point in batch], dtype=np.int64))
            sums.append(checksums(batch, np.array([point.vector for point in batch])))
    return HeldPoints(np.concatenate(ids), np.concatenate(sums))


def live_drift(database: Database, live: IndexSet) -> list[Drift]:
    """Compare each open index of the live generation with the truth; see `drift`.

    Raises:
        IndexUnavailable: an engine cannot be reached.
    """
    found = []
    for engine, opened in live.opened.items():
        with as_index_unavailable(engine):
            found.append(drift(database, opened.index, model_version=live.generation.model_version))
    return found


def repair_live(database: Database, live: IndexSet, found: Sequence[Drift]) -> None:
    """Repair what `live_drift` found.

    Raises:
        IndexUnavailable: an engine cannot be reached.
    """
    for one in found:
        opened, version = live.opened[one.engine], live.generation.model_version
        with as_index_unavailable(one.engine):
            repair(Follower(database, opened.index, opened.cursor, model_version=version), one)


def repair(follower: Follower, found: Drift) -> None:
    """Put in what is missing or different, and take out what is too much, from the truth alone: nothing is embedded.

    The truth is asked again, in the follower's turn: what was on its way when it was compared may have arrived since.
    """
    for ids in _batches(sorted((*found.missing, *found.different, *found.extra))):
        with follower.cursor.turn():
            follower.bring_in_line(ids)


def _ids(found: np.ndarray) -> tuple[int, ...]:
    return tuple(int(photo_id) for photo_id in found)


def _batches(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]
