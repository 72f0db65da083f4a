"""Builds a generation of the indexes from the database, verifies and promotes it, and rolls back to an earlier one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from db.locks import hold_lock, try_lock
from db.models import GenerationState
from db.rows import embeddings, generations
from services.errors import Conflict, ResourceNotFound, ServiceUnavailable
from services.indexing.ann_recall import LEAST_ANN_RECALL, ann_recall
from services.indexing.consistency import Drift, drift
from services.indexing.follower import Follower
from services.indexing.pruning import (
    GENERATIONS_LOCK,
    abandon,
    drop_leftovers,
    previous_by_promotion,
    prune_locked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlmodel import Session

    from db.locks import HeldLock
    from db.rows.generations import GenerationRecord
    from db.session import Database
    from services.indexing.live import IndexStore, OpenIndex


log = logging.getLogger(__name__)

_COMPARISONS = 5
"""How often a new index is compared with the database while changes keep coming in."""


def build_and_promote(
    database: Database,
    stores: Sequence[IndexStore],
    model_version: str,
    *,
    force: bool = False,
    checkpoint: Callable[[], None] = lambda: None,
    promoting: Callable[[Session, int], None] = lambda _session, _generation: None,
) -> GenerationRecord:
    """Build a new generation beside the live one in every store, verify it, promote it, and drop outdated ones.

    One process at a time builds or promotes; others wait. First cleans up after builds whose process died.

    Args:
        database: the database to build from.
        stores: where to build the generation's indexes, one store for each engine.
        model_version: the version whose embeddings to index.
        force: promote an index even if its recall is too low.
        checkpoint: called before the promotion; an exception that it raises (a cancelled job) ends the build.
        promoting: called with the generation's id in the transaction that promotes it.

    Raises:
        Conflict: the new indexes differ from the database, or their recall is too low; the live generation stays.
        OSError: an engine cannot be reached; the live generation stays.
    """
    with hold_lock(database, GENERATIONS_LOCK) as lock:
        _clean_up_locked(database, stores)
        with database.write() as session:
            generation = generations.create_generation(session, model_version, forced=force)
        try:
            photos = _build(database, stores, generation, force=force)
            checkpoint()
            _check_held(lock)
        except BaseException:
            abandon(database, stores, generation)
            raise
        _make_live(database, stores, generation, photos, promoting)
        prune_locked(database, stores, keep=1)
    return generation


def promote_again(database: Database, stores: Sequence[IndexStore], generation: GenerationRecord) -> None:
    """Update a previous generation from the database, verify it, and make it live again.

    Raises:
        Conflict: it is not a previous generation, or its indexes differ from the database; the live generation stays.
        OSError: an engine cannot be reached, or another process holds the index; the live generation stays.
    """
    with hold_lock(database, GENERATIONS_LOCK) as lock:
        check_promotable(known_generation(database, generation.id))
        photos = _build(database, stores, generation, force=False)
        _check_held(lock)
        _make_live(database, stores, generation, photos)


def clean_up(database: Database, stores: Sequence[IndexStore]) -> None:
    """Finish or drop what killed processes left unfinished, unless a process is building or pruning now.

    An unfinished build is dropped, and the generation before it stays live. A promotion is completed in the engines.
    A half-dropped generation is dropped completely.
    """
    lock = try_lock(database, GENERATIONS_LOCK)
    if lock is None:
        return
    try:
        _clean_up_locked(database, stores)
    finally:
        lock.release()


def known_generation(database: Database, generation_id: int) -> GenerationRecord:
    """Return the generation with this id.

    Raises:
        ResourceNotFound: no generation has this id.
    """
    with database.read() as session:
        found = generations.find_generation(session, generation_id)
    if found is None:
        raise ResourceNotFound("generation", generation_id, remedy="`lookalike index list` shows all generations.")
    return found


def check_promotable(generation: GenerationRecord) -> None:
    """Check that a generation is a previous one, whose collections still exist.

    Raises:
        Conflict: it is in another state.
    """
    if generation.state != GenerationState.PREVIOUS:
        raise Conflict(
            f"Generation {generation.id} is {generation.state}; only a previous generation can be made live again. "
            "`lookalike reindex` builds a new one."
        )


def previous_generation(database: Database) -> GenerationRecord:
    """Return the generation that a rollback makes live: the previous one that was live last.

    Raises:
        Conflict: there is no previous generation.
    """
    with database.read() as session:
        all_generations = generations.generations(session)
    for generation in previous_by_promotion(all_generations):
        return generation
    raise Conflict("There is no previous generation to return to. `lookalike reindex` builds a new one.")


def _check_held(lock: HeldLock) -> None:
    """Raise ServiceUnavailable if the lock's connection was lost: another process may have cleaned up meanwhile."""
    if not lock.is_held():
        raise ServiceUnavailable(
            "The connection to the database was lost during the build. The live generation is unchanged."
        )


def _clean_up_locked(database: Database, stores: Sequence[IndexStore]) -> None:
    with database.read() as session:
        all_generations = generations.generations(session)
    for generation in all_generations:
        if generation.state == GenerationState.BUILDING:  # its builder is dead: we hold the builders' lock
            abandon(database, stores, generation)
        if generation.state == GenerationState.LIVE:
            for store in stores:
                store.promote(generation)
    drop_leftovers(database, stores, all_generations)


def _build(database: Database, stores: Sequence[IndexStore], generation: GenerationRecord, *, force: bool) -> int:
    """Build and verify the generation in every store, and return its number of photos."""
    photos = 0
    for store in stores:
        opened = store.open(generation)
        try:
            photos = _verify(database, store.engine, opened, generation, force=force)
            store.persist(opened)
        finally:
            opened.index.close()
    return photos


def _verify(database: Database, engine: str, opened: OpenIndex, generation: GenerationRecord, *, force: bool) -> int:
    found = _drift_after_catching_up(database, opened, generation)
    if not found.is_empty:
        raise Conflict(
            f"The {engine} index of generation {generation.id} differs from the database (photos missing: "
            f"{len(found.missing)}, too many: {len(found.extra)}, different: {len(found.different)}). "
            "The live generation is unchanged; try again."
        )
    recall = ann_recall(database, opened.index, model_version=generation.model_version)
    if recall < LEAST_ANN_RECALL and not force:
        raise Conflict(
            f"The {engine} index of generation {generation.id} finds {recall:.3f} of the true neighbours; at least "
            f"{LEAST_ANN_RECALL} is required. The live generation is unchanged; --force makes the index live anyway."
        )
    return found.held


def _drift_after_catching_up(database: Database, opened: OpenIndex, generation: GenerationRecord) -> Drift:
    """Compare an index with the database, again if changes came in between following and comparing."""
    follower = Follower(database, opened.index, opened.cursor, model_version=generation.model_version)
    for _ in range(_COMPARISONS):
        follower.catch_up()
        found = drift(database, opened.index, model_version=generation.model_version)
        if found.is_empty:
            break
    return found


def _make_live(
    database: Database,
    stores: Sequence[IndexStore],
    generation: GenerationRecord,
    photos: int,
    promoting: Callable[[Session, int], None] = lambda _session, _generation: None,
) -> None:
    with database.write() as session:
        promoting(session, generation.id)
        generations.promote_generation(session, generation.id, photos=photos)
        embeddings.mark_pending_as_embedded(session, model_version=generation.model_version)
    for store in stores:
        try:
            store.promote(generation)
        except OSError as error:  # the generation is live all the same; the next start or build promotes it here too
            log.warning("generation %s is live, but not yet in %s: %s", generation.id, store.engine, error)
