"""Model versions, and generations of the indexes with their states."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import func
from sqlmodel import Session, col, select

from db.models import Embedding, Generation, GenerationState, ModelVersion, utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class GenerationRecord:
    """A generation with its model's vector size."""

    id: int
    model_version: str
    vector_size: int
    state: GenerationState
    photos: int
    created_at: datetime
    promoted_at: datetime | None
    forced: bool

    @property
    def collection(self) -> str:
        """Name of this generation's collection in every engine."""
        return f"photos_g{self.id}"

    def cursor_name(self, engine: str) -> str:
        """Return the name of the feed cursor of an engine's collection."""
        return f"{engine}:{self.collection}"


def register_model(session: Session, version: str, *, path: str, vector_size: int) -> None:
    """Insert a model version, or update the folder of its bundle."""
    session.merge(ModelVersion(version=version, path=path, vector_size=vector_size))


def model_path(session: Session, version: str) -> str | None:
    """Return the folder of a model bundle, or None if the version is unknown."""
    row = session.get(ModelVersion, version)
    return None if row is None else row.path


def create_generation(session: Session, model_version: str, *, forced: bool = False) -> GenerationRecord:
    """Insert a generation in state `building` for a registered model version."""
    row = Generation(model_version=model_version, forced=forced)
    session.add(row)
    session.flush()
    return _record(row, session.get_one(ModelVersion, model_version))


def promote_generation(session: Session, generation_id: int, *, photos: int) -> None:
    """Make a generation live, and the generation that was live `previous`, in the caller's transaction.

    Raises:
        ValueError: the generation is neither building nor previous.
    """
    promoted = session.get_one(Generation, generation_id, with_for_update=True)
    if promoted.state not in (GenerationState.BUILDING, GenerationState.PREVIOUS):
        raise ValueError(
            f"generation {generation_id} is {promoted.state}; only a building or previous generation can be promoted"
        )
    for row in session.exec(select(Generation).where(Generation.state == GenerationState.LIVE)):
        row.state = GenerationState.PREVIOUS
    session.flush()  # at most one row may be live, so the old one changes first
    promoted.state, promoted.photos, promoted.promoted_at = GenerationState.LIVE, photos, utc_now()


def fail_generation(session: Session, generation_id: int) -> None:
    session.get_one(Generation, generation_id).state = GenerationState.FAILED


def mark_pruned(session: Session, generation_id: int) -> None:
    """Mark a generation pruned, before its collections are dropped."""
    session.get_one(Generation, generation_id).state = GenerationState.PRUNED


def find_generation(session: Session, generation_id: int) -> GenerationRecord | None:
    """Return the generation, or None if no generation has this id."""
    return next((record for record in _records(session) if record.id == generation_id), None)


def live_generation(session: Session) -> GenerationRecord | None:
    """Return the generation that serves searches, or None before the first one."""
    return next(iter(_records(session, GenerationState.LIVE)), None)


def generations(session: Session) -> Sequence[GenerationRecord]:
    """Return every generation, newest first."""
    return _records(session)


def generations_with_current_counts(session: Session) -> Sequence[GenerationRecord]:
    """Return every generation, newest first, with current photo counts for live and previous ones.

    The stored count is the one at the time of promotion.
    """
    embedded = dict(session.exec(select(Embedding.model_version, func.count()).group_by(Embedding.model_version)).all())
    has_collections = (GenerationState.LIVE, GenerationState.PREVIOUS)
    return [
        replace(record, photos=embedded.get(record.model_version, 0)) if record.state in has_collections else record
        for record in _records(session)
    ]


def _records(session: Session, *states: GenerationState) -> list[GenerationRecord]:
    query = select(Generation, ModelVersion).join(ModelVersion).order_by(col(Generation.id).desc())
    if states:
        query = query.where(col(Generation.state).in_(states))
    return [_record(row, model) for row, model in session.exec(query)]


def _record(row: Generation, model: ModelVersion) -> GenerationRecord:
    assert row.id is not None, "a row that was flushed has an id"
    return GenerationRecord(
        id=row.id,
        model_version=row.model_version,
        vector_size=model.vector_size,
        state=GenerationState(row.state),
        photos=row.photos,
        created_at=row.created_at,
        promoted_at=row.promoted_at,
        forced=row.forced,
    )
