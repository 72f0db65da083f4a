"""The audit log: changes, calls under /v1/admin, refused calls, and commands that change something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete
from sqlmodel import Session, col, select

from db.models import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def begin_entry(session: Session, entry: AuditEntry) -> int:
    """Insert the entry of a call or command that starts, and return its id."""
    session.add(entry)
    session.flush()
    assert entry.id is not None, "a row that was flushed has an id"
    return entry.id


def end_entry(session: Session, entry_id: int, *, status: int, resource: str | None = None) -> None:
    """Record the HTTP status or exit code, and the path of what was made; a removed entry stays removed."""
    if (entry := session.get(AuditEntry, entry_id)) is not None:
        entry.status, entry.resource = status, resource


def newest_entries(session: Session, *, limit: int) -> Sequence[AuditEntry]:
    """Return up to `limit` entries, newest first."""
    return session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(limit)).all()


def prune(session: Session, *, before: datetime) -> int:
    """Remove entries from before this time, and return how many."""
    outdated = delete(AuditEntry).where(col(AuditEntry.at) < before)
    return int(session.execute(outdated).rowcount)  # type: ignore[attr-defined]
