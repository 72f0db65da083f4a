"""Drops the collections of generations that nobody needs any more: outdated, abandoned or half dropped ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.locks import hold_lock
from db.models import GenerationState
from db.rows import feed, generations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.rows.generations import GenerationRecord
    from db.session import Database
    from services.indexing.live import IndexStore

GENERATIONS_LOCK = "generations"
"""Name of the lock held while a generation is built, promoted or pruned: one process at a time does any of these."""


def prune(database: Database, stores: Sequence[IndexStore], *, keep: int) -> list[int]:
    """Drop the collections of all previous generations but the `keep` that were live last.

    Returns:
        The ids of the dropped generations.
    """
    with hold_lock(database, GENERATIONS_LOCK):
        return prune_locked(database, stores, keep=keep)


def prune_locked(database: Database, stores: Sequence[IndexStore], *, keep: int) -> list[int]:
    """Do as `prune` does, for a caller that holds the lock."""
    with database.read() as session:
        all_generations = generations.generations(session)
    outdated = previous_by_promotion(all_generations)[keep:]
    with database.write() as session:  # first, because a half-dropped generation must not be promoted again
        for generation in outdated:
            generations.mark_pruned(session, generation.id)
    for generation in outdated:
        _drop(database, stores, generation)
    drop_leftovers(database, stores, all_generations)
    return [generation.id for generation in outdated]


def drop_leftovers(
    database: Database, stores: Sequence[IndexStore], all_generations: Sequence[GenerationRecord]
) -> None:
    """Drop pruned generations that still have a cursor: the process that dropped them was killed."""
    for generation in all_generations:
        if generation.state == GenerationState.PRUNED:
            with database.read() as session:
                positions = [feed.cursor_of(session, generation.cursor_name(store.engine)) for store in stores]
            if any(position is not None for position in positions):
                _drop(database, stores, generation)


def abandon(database: Database, stores: Sequence[IndexStore], generation: GenerationRecord) -> None:
    """Drop an unfinished generation and mark it failed."""
    _drop(database, stores, generation)
    with database.write() as session:  # last: until then, the state says that something is left to drop
        generations.fail_generation(session, generation.id)


def previous_by_promotion(all_generations: Sequence[GenerationRecord]) -> list[GenerationRecord]:
    """Return the previous generations, the last promoted first: after a rollback that is not the newest."""
    previous = [generation for generation in all_generations if generation.state == GenerationState.PREVIOUS]
    return sorted(previous, key=lambda generation: generation.promoted_at or generation.created_at, reverse=True)


def _drop(database: Database, stores: Sequence[IndexStore], generation: GenerationRecord) -> None:
    """Delete a generation's collections and then its cursors, which keep the feed from being pruned until then."""
    for store in stores:
        store.drop(generation)
    with database.write() as session:
        feed.delete_cursors(session, [generation.cursor_name(store.engine) for store in stores])
