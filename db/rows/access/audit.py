"""The audit log: changes, calls under /v1/admin, refused calls, and commands that change something."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sqlalchemy import delete
from sqlmodel import Session, col, select

from db.models import AuditEntry, Listing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


COMMAND = "CLI"
"""The method of an entry whose path is a command line."""

_ERASED = "(erased)"


def begin_entry(session: Session, entry: AuditEntry) -> int:
    """Insert the entry of a call or command that starts, and return its id."""
    session.add(entry)
    session.flush()
    assert entry.id is not None, "a row that was flushed has an id"
    return entry.id


def end_entry(session: Session, entry_id: int, *, status: int, resource: str | None = None, fields: str = "") -> None:
    """Record the HTTP status or exit code, the path of what was made, and fields of the body, as a query of the path.

    A removed entry stays removed.
    """
    if (entry := session.get(AuditEntry, entry_id)) is not None:
        entry.status, entry.resource = status, resource
        if fields:
            entry.path = f"{entry.path}?{fields}"


def newest_entries(session: Session, *, limit: int) -> Sequence[AuditEntry]:
    """Return up to `limit` entries, newest first."""
    return session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(limit)).all()


def prune(session: Session, *, before: datetime) -> int:
    """Remove entries from before this time, and return how many."""
    outdated = delete(AuditEntry).where(col(AuditEntry.at) < before)
    return int(session.execute(outdated).rowcount)  # type: ignore[attr-defined]


def erase_listings(session: Session) -> int:
    """Take the ids of listings that no longer exist, all queries and all arguments of commands out of the entries.

    Returns:
        The number of changed entries. Each still says who did what kind of thing, and when.
    """
    changed = 0
    for entry in session.exec(select(AuditEntry)).all():
        before = entry.path, entry.resource
        is_command = entry.method == COMMAND
        entry.path = _without_arguments(entry.path) if is_command else _without_listing(session, entry.path)
        if entry.resource is not None and entry.resource.startswith("/"):
            entry.resource = _without_listing(session, entry.resource)
        changed += before != (entry.path, entry.resource)
    return changed


def _without_listing(session: Session, path: str) -> str:
    path, _, query = path.partition("?")
    prefix, listings, rest = path.partition("/v1/listings/")
    quoted = rest.partition("/")[0]
    if listings and quoted not in ("bulk", "") and not _exists(session, (rest, quoted, unquote(quoted))):
        path = f"{prefix}{listings}{_ERASED}"
    return f"{path}?{_ERASED}" if query else path


def _exists(session: Session, listing_ids: Sequence[str]) -> bool:
    return session.exec(select(Listing.id).where(col(Listing.id).in_(listing_ids)).limit(1)).first() is not None


def _without_arguments(line: str) -> str:
    command = list(takewhile(lambda word: word.isalpha(), line.split(" ")[:2]))
    return " ".join(command) if " ".join(command) == line else f"{' '.join(command)} {_ERASED}"
