"""The change feed: events of photos whose points changed, and each collection's position (cursor) in the feed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, text
from sqlmodel import Session, col, select

from db.models import Event, FeedCursor, FeedOperation, utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

PAYLOAD_VERSION = 3
"""Version of the points' payload fields; raise it with every change of `db.vectors.base.Payload`.

A collection whose cursor has another version is filled again when it is opened.
"""

_FEED_LOCK = 0x10_0C_A1
"""Key of the PostgreSQL advisory lock of the feed's writers."""


@dataclass(frozen=True, slots=True)
class Change:
    """An event: the point of `photo_id` must be updated from the database."""

    seq: int
    operation: FeedOperation
    photo_id: int


def lock_feed(session: Session) -> None:
    """Make this transaction the only writer of listings, photos and the feed until it commits.

    SQLite has only one writer anyway. On PostgreSQL, two transactions could otherwise commit in the opposite order of
    their sequence numbers, and a follower that has seen the higher number would miss the lower one. A transaction that
    will `append` must take the lock before it changes a row, or it could deadlock with the lock's holder.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _FEED_LOCK})


def append(session: Session, operation: FeedOperation, photo_ids: Sequence[int]) -> None:
    """Add one event per photo to the feed, in the caller's transaction, which should hold the feed's lock."""
    if not photo_ids:
        return
    lock_feed(session)  # costs nothing if already held; seq order must be commit order
    now = utc_now()
    session.execute(
        insert(Event),
        [{"operation": operation, "photo_id": photo_id, "created_at": now} for photo_id in photo_ids],
    )


def changes_after(session: Session, seq: int, limit: int) -> list[Change]:
    """Return up to `limit` events after `seq`, oldest first."""
    rows = session.exec(select(Event).where(col(Event.seq) > seq).order_by(col(Event.seq)).limit(limit)).all()
    return [Change(row.seq or 0, FeedOperation(row.operation), row.photo_id) for row in rows]


def last_seq(session: Session) -> int:
    """Return the `seq` of the newest event, or 0 if there is none."""
    return session.exec(select(func.max(Event.seq))).one() or 0


def complete_after(session: Session) -> int:
    """Return the position after which the feed is complete. A follower further back has missed pruned events."""
    oldest = session.exec(select(func.min(Event.seq))).one()
    return 0 if oldest is None else oldest - 1


def prune(session: Session, *, before: datetime, followers: Sequence[str]) -> int:
    """Delete events from before a time that every follower has applied, and return their number.

    The newest event always stays, because its `seq` is the feed's position. A follower without a cursor has applied
    nothing.
    """
    lock_feed(session)
    slowest = min((cursor_of(session, follower) or 0 for follower in followers), default=0)
    kept_from = session.exec(select(func.min(Event.seq)).where(col(Event.created_at) >= before)).one()
    newest = last_seq(session)
    # By seq, without gaps even if clocks jumped: `complete_after` relies on the first remaining event.
    outdated = delete(Event).where(
        col(Event.seq) <= slowest, col(Event.seq) < (newest if kept_from is None else min(newest, kept_from))
    )
    return int(session.execute(outdated).rowcount)  # type: ignore[attr-defined]


def delete_cursors(session: Session, collections: Sequence[str]) -> None:
    session.execute(delete(FeedCursor).where(col(FeedCursor.collection).in_(collections)))


def cursor_of(session: Session, collection: str) -> int | None:
    """Return the position of `collection` in the feed, or None if it has no cursor."""
    row = session.get(FeedCursor, collection)
    return None if row is None else row.seq


def was_filled(session: Session, collection: str) -> bool:
    """Say whether `collection` was filled with points of the current `PAYLOAD_VERSION`."""
    row = session.get(FeedCursor, collection)
    return row is not None and row.payload_version == PAYLOAD_VERSION


def set_cursor(session: Session, collection: str, seq: int) -> None:
    """Record that `collection` has durably applied all events up to and including `seq`."""
    row = session.get(FeedCursor, collection) or FeedCursor(collection=collection, seq=seq)
    row.seq, row.payload_version, row.updated_at = seq, PAYLOAD_VERSION, utc_now()
    session.add(row)
