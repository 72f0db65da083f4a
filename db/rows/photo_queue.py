"""The queue of photos to embed: the `photo` table itself, whose `state` and lease columns workers claim photos by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import or_, update
from sqlmodel import Session, col, select

from db.models import ENDED, Job, Photo, PhotoState, utc_now
from db.rows import feed

if TYPE_CHECKING:
    from datetime import timedelta

    from sqlalchemy import ColumnElement

ISOLATE_AFTER_ATTEMPTS = 2
"""After so many attempts that ended with a dead worker, a photo is claimed alone: only the photo that kills its worker
is blamed."""

MAX_ATTEMPTS = 4
"""After so many attempts that ended with a dead worker, a photo is marked failed."""


@dataclass(frozen=True, slots=True)
class PhotoRef:
    """A photo to embed: its id, and the SHA-256 that names its bytes in the photo store."""

    photo_id: int
    sha256: str


def claim(session: Session, owner: str, *, limit: int, lease: timedelta) -> list[PhotoRef]:
    """Lease up to `limit` pending photos to `owner`, lowest ids first, without suspects (see `claim_suspect`).

    Photos with an expired lease can be claimed again. An empty list means that at most suspects are left.
    """
    claimed = _claimable(session, col(Photo.attempts) < ISOLATE_AFTER_ATTEMPTS, limit)
    return [_lease(row, owner, lease) for row in claimed]


def claim_suspect(session: Session, owner: str, *, lease: timedelta) -> PhotoRef | None:
    """Lease one photo on which `ISOLATE_AFTER_ATTEMPTS` workers died, to be embedded alone; None if there is none.

    Marks photos with `MAX_ATTEMPTS` attempts failed instead of leasing them.
    """
    while suspects := _claimable(session, col(Photo.attempts) >= ISOLATE_AFTER_ATTEMPTS, 1):
        (row,) = suspects
        if row.attempts < MAX_ATTEMPTS:
            return _lease(row, owner, lease)
        _mark_failed(row, f"abandoned: {row.attempts} workers stopped while embedding it")
        session.flush()
    return None


def fail_photo(session: Session, photo_id: int, error: str) -> None:
    """Mark a photo as impossible to embed, with the error as `reason: message`."""
    row = session.get(Photo, photo_id)
    if row is not None and row.state != PhotoState.SET_ASIDE:
        _mark_failed(row, error)


def renew(session: Session, owner: str, *, lease: timedelta) -> None:
    """Extend all leases of a worker that is still alive."""
    session.execute(update(Photo).where(col(Photo.lease_owner) == owner).values(lease_until=utc_now() + lease))


def release(session: Session, owner: str, *, undo_attempt: bool) -> None:
    """Release every photo leased to `owner`.

    `undo_attempt` also takes back the attempt, for an owner that stopped normally. A dead owner's attempts count.
    """
    feed.lock_feed(session)
    query = update(Photo).where(col(Photo.lease_owner) == owner)
    session.execute(query.values(lease_owner=None, lease_until=None, attempts=col(Photo.attempts) - int(undo_attempt)))


def lease_owners(session: Session) -> list[str]:
    owners = session.exec(select(Photo.lease_owner).where(col(Photo.lease_owner).is_not(None)).distinct())
    return [owner for owner in owners if owner is not None]


def reassign_leftover_photos(session: Session, *, job_id: str) -> None:
    """Assign the pending photos of ended jobs to this job."""
    feed.lock_feed(session)
    ended = select(Job.id).where(col(Job.state).in_(ENDED))
    query = update(Photo).where(col(Photo.state) == PhotoState.PENDING, col(Photo.job_id).in_(ended))
    session.execute(query.values(job_id=job_id))


def _claimable(session: Session, condition: ColumnElement[bool], limit: int) -> list[Photo]:
    """Return pending photos without a valid lease, lowest ids first (the order of an index)."""
    is_free = or_(col(Photo.lease_until).is_(None), col(Photo.lease_until) < utc_now())
    query = select(Photo).where(Photo.state == PhotoState.PENDING, is_free, condition)
    # SQLite ignores SKIP LOCKED: its write transactions are exclusive anyway.
    return list(session.exec(query.order_by(col(Photo.id)).limit(limit).with_for_update(skip_locked=True)))


def _lease(row: Photo, owner: str, lease: timedelta) -> PhotoRef:
    assert row.id is not None, "a row that was read from the database has an id"
    row.attempts += 1
    row.lease_owner, row.lease_until = owner, utc_now() + lease
    return PhotoRef(row.id, row.sha256)


def _mark_failed(row: Photo, error: str) -> None:
    row.state, row.error = PhotoState.FAILED, error
    row.lease_owner = row.lease_until = None
