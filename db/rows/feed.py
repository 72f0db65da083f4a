"""The change feed: which photos' points changed, and how far each collection has followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, text
from sqlmodel import Session, col, select

from db.models import Event, FeedCursor, FeedOperation, utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

PAYLOAD_VERSION = 2
"""Of what points carry, the fields of `db.vectors.base.Payload`: to be raised with every change of them.

A collection whose position was written under another number lacks something, and is filled anew when it is opened.
"""

_FEED_LOCK = 0x10_0C_A1
"""Key of the PostgreSQL advisory lock that is the writers' turn."""


@dataclass(frozen=True, slots=True)
class Change:
    """An event: the point of `photo_id` must be brought in line with the truth."""

    seq: int
    operation: FeedOperation
    photo_id: int


def lock_feed(session: Session) -> None:
    """Wait until no other transaction writes listings, photos or the feed; until it commits, this one alone does.

    SQLite has one writer anyway. On PostgreSQL, two transactions could otherwise commit in the opposite order of their
    sequence numbers, and a follower that has seen the higher one would never see the lower. What will `append` takes
    its turn before it touches a row: holding a row and waiting for the turn would stop the one whose turn it is.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _FEED_LOCK})


def append(session: Session, operation: FeedOperation, photo_ids: Sequence[int]) -> None:
    """Add one event per photo to the feed, in the caller's transaction, which has taken its turn."""
    if not photo_ids:
        return
    lock_feed(session)  # at no cost where it was taken; seq order must be commit order whatever the caller forgot
    now = utc_now()
    session.execute(
        insert(Event),
        [{"operation": operation, "photo_id": photo_id, "created_at": now} for photo_id in photo_ids],
    )


def changes_after(session: Session, seq: int, limit: int) -> list[Change]:
    """Return up to `limit` events that follow `seq`, oldest first."""
    rows = session.exec(select(Event).where(col(Event.seq) > seq).order_by(col(Event.seq)).limit(limit)).all()
    return [Change(row.seq or 0, FeedOperation(row.operation), row.photo_id) for row in rows]


def last_seq(session: Session) -> int:
    """Return the number of the newest event, 0 when there is none."""
    return session.exec(select(func.max(Event.seq))).one() or 0


def complete_after(session: Session) -> int:
    """Return the position from which on the feed is whole: who stands further back cannot follow it."""
    oldest = session.exec(select(func.min(Event.seq))).one()
    return 0 if oldest is None else oldest - 1


def prune(session: Session, *, before: datetime, followers: Sequence[str]) -> int:
    """Delete events from before a time that every follower has applied; return how many those were.

    The newest event stays, whatever its age: its number is the position of the truth. A follower without a position
    has applied nothing.
    """
    lock_feed(session)
    slowest = min((cursor_of(session, follower) or 0 for follower in followers), default=0)
    kept_from = session.exec(select(func.min(Event.seq)).where(col(Event.created_at) >= before)).one()
    newest = last_seq(session)
    # Without gaps, whatever the clocks said: `complete_after` tells by the first event what is whole.
    outdated = delete(Event).where(
        col(Event.seq) <= slowest, col(Event.seq) < (newest if kept_from is None else min(newest, kept_from))
    )
    return int(session.execute(outdated).rowcount)  # type: ignore[attr-defined]


def delete_cursors(session: Session, collections: Sequence[str]) -> None:
    """Delete the positions of collections that are no more."""
    session.execute(delete(FeedCursor).where(col(FeedCursor.collection).in_(collections)))


def cursor_of(session: Session, collection: str) -> int | None:
    """Return how far `collection` has followed, or None when it never has."""
    row = session.get(FeedCursor, collection)
    return None if row is None else row.seq


def was_filled(session: Session, collection: str) -> bool:
    """Say whether `collection` was filled once with points that carry what they must carry now."""
    row = session.get(FeedCursor, collection)
    return row is not None and row.payload_version == PAYLOAD_VERSION


def set_cursor(session: Session, collection: str, seq: int) -> None:
    """Record that `collection` has durably applied every event up to and with `seq`."""
    row = session.get(FeedCursor, collection) or FeedCursor(collection=collection, seq=seq)
    row.seq, row.payload_version, row.updated_at = seq, PAYLOAD_VERSION, utc_now()
    session.add(row)
