"""Building a generation of the indexes from the truth, checking it, making it the live one, and going back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from db.locks import holding, try_to_hold
from db.models import GenerationState
from db.rows import embeddings, feed, generations
from services.errors import Conflict, ResourceNotFound, ServiceUnavailable
from services.indexing.consistency import Drift, drift
from services.indexing.follower import Follower
from services.indexing.quality import LEAST_ANN_RECALL, ann_recall

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlmodel import Session

    from db.locks import HeldLock
    from db.rows.generations import GenerationRecord
    from db.session import Database
    from services.indexing.live import IndexStore, OpenIndex


log = logging.getLogger(__name__)

_COMPARED_AT_MOST = 5

_ONE_AT_A_TIME = "generations"
"""Name of the lock that whoever builds, promotes or prunes a generation holds."""


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

    One process at a time does this, or promotes; others wait. What builds that died have left is cleaned up first.
    `force` promotes an index that finds too few true neighbours.
    `checkpoint` is called before it is promoted; what it raises, for example since a job was cancelled, ends the build.
    `promoting` is called with its id in the transaction that promotes it.

    Raises:
        Conflict: the new generation's indexes do not hold what the truth says, or find too little of it; the live one
            stays live.
        OSError: an engine cannot be reached; the live generation stays live.
    """
    with holding(database, _ONE_AT_A_TIME) as turn:
        _clean_up(database, stores)
        with database.write() as session:
            generation = generations.create_generation(session, model_version, forced=force)
        try:
            photos = _build(database, stores, generation, force=force)
            checkpoint()
            _check_turn(turn)
        except BaseException:
            _give_up(database, stores, generation)
            raise
        _make_live(database, stores, generation, photos, promoting)
        _prune(database, stores, keep=1)
    return generation


def promote_again(database: Database, stores: Sequence[IndexStore], generation: GenerationRecord) -> None:
    """Bring a previous generation in line with the truth, verify it, and make it the live one.

    Raises:
        Conflict: it is not a previous one, or its indexes do not hold what the truth says; the live one stays live.
        OSError: an engine cannot be reached, or another process holds it; the live generation stays live.
    """
    with holding(database, _ONE_AT_A_TIME) as turn:
        check_promotable(known_generation(database, generation.id))
        photos = _build(database, stores, generation, force=False)
        _check_turn(turn)
        _make_live(database, stores, generation, photos)


def clean_up(database: Database, stores: Sequence[IndexStore]) -> None:
    """Finish or drop what processes that were killed have left half done, unless one is at it now.

    A generation that was being built is dropped: the one before is live. One that was promoted is live, and is made so
    for the engines too. Of one that was being dropped, what is left is dropped.
    """
    lock = try_to_hold(database, _ONE_AT_A_TIME)
    if lock is None:
        return
    try:
        _clean_up(database, stores)
    finally:
        lock.release()


def _check_turn(turn: HeldLock) -> None:
    """Raise Unavailable where the connection that held the lock was lost: another process may have cleaned up."""
    if not turn.is_held():
        raise ServiceUnavailable(
            "The connection to the database was lost during the build. The live generation is unchanged."
        )


def _clean_up(database: Database, stores: Sequence[IndexStore]) -> None:
    with database.read() as session:
        known = generations.generations(session)
    for generation in known:
        if generation.state == GenerationState.BUILDING:  # whoever builds holds the lock that we hold
            _give_up(database, stores, generation)
        if generation.state == GenerationState.LIVE:
            for store in stores:
                store.promote(generation)
    _drop_leftovers(database, stores, known)


def known_generation(database: Database, generation_id: int) -> GenerationRecord:
    """Return the generation.

    Raises:
        NotFound: there is none of this id.
    """
    with database.read() as session:
        found = generations.find_generation(session, generation_id)
    if found is None:
        raise ResourceNotFound("generation", generation_id, remedy="`lookalike index list` shows those that there are.")
    return found


def check_promotable(generation: GenerationRecord) -> None:
    """Raise Conflict unless the generation is a previous one, whose collections are still there."""
    if generation.state != GenerationState.PREVIOUS:
        raise Conflict(
            f"Generation {generation.id} is {generation.state}; only a previous one can be promoted. "
            "`lookalike reindex` builds a new one."
        )


def previous_generation(database: Database) -> GenerationRecord:
    """Return the generation that a rollback leads to: of the previous ones the one that was live last.

    Raises:
        Conflict: there is none.
    """
    with database.read() as session:
        known = generations.generations(session)
    for generation in _previous(known):
        return generation
    raise Conflict("There is no previous generation to go back to. `lookalike reindex` builds a new one.")


def prune(database: Database, stores: Sequence[IndexStore], *, keep: int = 1) -> list[int]:
    """Drop the collections of previous generations but for the `keep` that were live last; return the others' ids."""
    with holding(database, _ONE_AT_A_TIME):
        return _prune(database, stores, keep=keep)


def _prune(database: Database, stores: Sequence[IndexStore], *, keep: int) -> list[int]:
    with database.read() as session:
        known = generations.generations(session)
    outdated = _previous(known)[keep:]
    with database.write() as session:  # first: what is half dropped must not be promoted again
        for generation in outdated:
            generations.mark_pruned(session, generation.id)
    for generation in outdated:
        _drop(database, stores, generation)
    _drop_leftovers(database, stores, known)
    return [generation.id for generation in outdated]


def _drop_leftovers(database: Database, stores: Sequence[IndexStore], known: Sequence[GenerationRecord]) -> None:
    """Drop pruned generations that still have a position: whoever dropped them was killed."""
    for generation in known:
        if generation.state == GenerationState.PRUNED:
            with database.read() as session:
                positions = [feed.cursor_of(session, generation.followed_by(store.engine)) for store in stores]
            if any(position is not None for position in positions):
                _drop(database, stores, generation)


def _previous(known: Sequence[GenerationRecord]) -> list[GenerationRecord]:
    """Return the previous ones, the one that was live last first: after a rollback that is not the newest."""
    previous = [generation for generation in known if generation.state == GenerationState.PREVIOUS]
    return sorted(previous, key=lambda generation: generation.promoted_at or generation.created_at, reverse=True)


def _give_up(database: Database, stores: Sequence[IndexStore], generation: GenerationRecord) -> None:
    _drop(database, stores, generation)
    with database.write() as session:  # last: until then it is known to be half there
        generations.fail_generation(session, generation.id)


def _drop(database: Database, stores: Sequence[IndexStore], generation: GenerationRecord) -> None:
    """Delete its collections, and then their positions: until they are gone, the feed waits for them."""
    for store in stores:
        store.drop(generation)
    with database.write() as session:
        feed.forget(session, [generation.followed_by(store.engine) for store in stores])


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
        embeddings.settle(session, model_version=generation.model_version)
    for store in stores:
        try:
            store.promote(generation)
        except OSError as error:  # it is live all the same; the next start or build tells the engine again
            log.warning("generation %s is live, but %s was not told: %s", generation.id, store.engine, error)


def _drift_after_catching_up(database: Database, opened: OpenIndex, generation: GenerationRecord) -> Drift:
    """Return what an index that follows lacks. What came between following and comparing is not lacking."""
    follower = Follower(database, opened.index, opened.cursor, model_version=generation.model_version)
    for _ in range(_COMPARED_AT_MOST):
        follower.catch_up()
        found = drift(database, opened.index, model_version=generation.model_version)
        if found.is_empty:
            break
    return found


def _build(database: Database, stores: Sequence[IndexStore], generation: GenerationRecord, *, force: bool) -> int:
    held = 0
    for store in stores:
        opened = store.open(generation)
        try:
            found = _drift_after_catching_up(database, opened, generation)
            if not found.is_empty:
                raise Conflict(
                    f"The {store.engine} index of generation {generation.id} lacks {len(found.missing)} photos, has "
                    f"{len(found.extra)} too many, and {len(found.different)} that differ. "
                    "The live generation is unchanged; try again."
                )
            recall = ann_recall(database, opened.index, model_version=generation.model_version)
            if recall < LEAST_ANN_RECALL and not force:
                raise Conflict(
                    f"The {store.engine} index of generation {generation.id} finds {recall:.3f} of the true "
                    f"neighbours, less than {LEAST_ANN_RECALL}. The live generation is unchanged; --force promotes it."
                )
            store.persist(opened)
            held = found.held
        finally:
            opened.index.close()
    return held
