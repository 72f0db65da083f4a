"""Drift: the truth minus an index, as sets of photo ids; and its repair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from db import embeddings
from services.indexing.live import reaching

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
    """

    engine: str
    expected: int
    held: int
    missing: tuple[int, ...]
    extra: tuple[int, ...]

    @property
    def is_empty(self) -> bool:
        """Whether index and truth hold the same photos."""
        return not self.missing and not self.extra


def drift(database: Database, index: VectorIndex, *, model_version: str) -> Drift:
    """Compare an index with the truth. Run it after the index has caught up, or what is on its way shows as drift."""
    with database.read() as session:
        expected = np.asarray(embeddings.embedded_ids(session, model_version=model_version), dtype=np.int64)
    held = index.photo_ids()
    return Drift(
        engine=index.describe().engine,
        expected=len(expected),
        held=len(held),
        missing=_ids(np.setdiff1d(expected, held, assume_unique=True)),
        extra=_ids(np.setdiff1d(held, expected, assume_unique=True)),
    )


def live_drift(database: Database, live: IndexSet) -> list[Drift]:
    """Compare each open index of the live generation with the truth; see `drift`.

    Raises:
        IndexUnavailable: an engine cannot be reached.
    """
    found = []
    for engine, opened in live.opened.items():
        with reaching(engine):
            found.append(drift(database, opened.index, model_version=live.generation.model_version))
    return found


def repair_live(database: Database, live: IndexSet, found: Sequence[Drift]) -> None:
    """Repair what `live_drift` found.

    Raises:
        IndexUnavailable: an engine cannot be reached.
    """
    for one in found:
        with reaching(one.engine):
            repair(database, live.index(one.engine), one, model_version=live.generation.model_version)


def repair(database: Database, index: VectorIndex, found: Drift, *, model_version: str) -> None:
    """Put in what is missing and take out what is too much, from the truth alone: nothing is embedded."""
    for ids in _batches(found.missing):
        with database.read() as session:
            index.upsert(embeddings.points(session, ids, model_version=model_version))
    for ids in _batches(found.extra):
        index.delete(ids)


def _ids(found: np.ndarray) -> tuple[int, ...]:
    return tuple(int(photo_id) for photo_id in found)


def _batches(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]
