"""Photos in the truth. The photo's own state is the work queue: claim, complete, fail."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, tuple_, update
from sqlmodel import Session, col, select

from db.models import ENDED, Embedding, FeedOperation, Job, Listing, Photo, PhotoState, utc_now
from db.rows import feed

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import timedelta

    from sqlalchemy import ColumnElement

SOLITARY_ATTEMPTS = 2
"""A photo whose workers died this often is claimed alone, so that only a photo that kills its worker is blamed."""

MAX_ATTEMPTS = 4
"""A photo whose workers died this often is failed, not tried again."""


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A photo whose bytes are in the photo store and whose header was accepted. `width`, `height` as stored."""

    listing_id: str
    external_id: str
    source: str
    sha256: str
    format: str
    size_bytes: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ClaimedPhoto:
    """A photo to embed: its id and the key of its bytes in the photo store."""

    photo_id: int
    sha256: str


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A photo and the category that its listing states, the broadest level first: what a model is trained on."""

    photo_id: int
    listing_id: str
    sha256: str
    category_path: list[str]


def register_photos(session: Session, photos: Sequence[StoredPhoto], *, job_id: str | None = None) -> Counter[str]:
    """Make each photo known, as `new`, `replaced` (other bytes under the same id) or `unchanged`.

    What is pending then is on the account of the job, if there is one.

    New and replaced photos are pending. A replaced photo's old point is taken out of the indexes at once. An unchanged
    photo that failed is tried again, so that every run reports it; but not one that its workers died of.
    (listing_id, external_id) must be distinct within `photos`, and the listings must exist.
    """
    feed.lock_feed(session)
    existing = {(row.listing_id, row.external_id): row for row in _by_external_id(session, photos)}
    outcome: Counter[str] = Counter()
    replaced: list[int] = []
    for photo in photos:
        row = existing.get((photo.listing_id, photo.external_id))
        if row is None:
            columns = {name: getattr(photo, name) for name in StoredPhoto.__dataclass_fields__}
            session.add(Photo(**columns, job_id=job_id))
            outcome["new"] += 1
        elif row.sha256 != photo.sha256:
            replaced.append(_replace(row, photo))
            row.job_id = job_id
            outcome["replaced"] += 1
        else:
            outcome["unchanged"] += 1
            if row.state == PhotoState.FAILED and row.attempts < MAX_ATTEMPTS:
                row.state, row.attempts, row.error = PhotoState.PENDING, 0, None
            if row.state == PhotoState.PENDING:
                row.job_id = job_id
    session.flush()
    for embedding in session.exec(select(Embedding).where(col(Embedding.photo_id).in_(replaced))):
        session.delete(embedding)
    feed.append(session, FeedOperation.DELETE, replaced)
    return outcome


def remove_photos(session: Session, listing_id: str, *, keep: Collection[str]) -> int:
    """Remove the listing's photos but for those with the external ids in `keep`; return how many.

    Their embeddings go with them, and their deletion is put on the change feed.
    """
    feed.lock_feed(session)
    outdated = [row for row in photos_of(session, [listing_id]) if row.external_id not in keep]
    for row in outdated:
        session.delete(row)
    feed.append(session, FeedOperation.DELETE, [_id(row) for row in outdated])
    return len(outdated)


def claim(session: Session, owner: str, *, limit: int, lease: timedelta) -> list[ClaimedPhoto]:
    """Lease up to `limit` pending photos to `owner`, lowest ids first; none whose workers died more than once.

    A lease that ran out is free to be claimed again. An empty answer means that only suspects are left to claim.
    """
    claimed = _claimable(session, col(Photo.attempts) < SOLITARY_ATTEMPTS, limit)
    return [_leased(row, owner, lease) for row in claimed]


def claim_suspect(session: Session, owner: str, *, lease: timedelta) -> ClaimedPhoto | None:
    """Lease the first photo whose workers died more than once, to be embedded alone; None where there is none.

    Those on which workers died alone as well, `MAX_ATTEMPTS` times in all, are failed.
    """
    while suspects := _claimable(session, col(Photo.attempts) >= SOLITARY_ATTEMPTS, 1):
        (row,) = suspects
        if row.attempts < MAX_ATTEMPTS:
            return _leased(row, owner, lease)
        _fail(row, f"abandoned: {row.attempts} workers stopped while embedding it")
        session.flush()
    return None


def _leased(row: Photo, owner: str, lease: timedelta) -> ClaimedPhoto:
    row.attempts += 1
    row.lease_owner, row.lease_until = owner, utc_now() + lease
    return ClaimedPhoto(_id(row), row.sha256)


def _claimable(session: Session, such: ColumnElement[bool], limit: int) -> list[Photo]:
    """Return pending photos that nobody holds, lowest ids first: an index gives them in this order."""
    is_free = or_(col(Photo.lease_until).is_(None), col(Photo.lease_until) < utc_now())
    query = select(Photo).where(Photo.state == PhotoState.PENDING, is_free, such).order_by(col(Photo.id)).limit(limit)
    # SQLite ignores SKIP LOCKED: there the write transaction is exclusive anyway.
    return list(session.exec(query.with_for_update(skip_locked=True)))


def fail_photo(session: Session, photo_id: int, error: str) -> None:
    """Record that the photo cannot be embedded, and why (`reason: message`)."""
    row = session.get(Photo, photo_id)
    if row is not None:
        _fail(row, error)


def renew(session: Session, owner: str, *, lease: timedelta) -> None:
    """Let the leases of a worker that is alive begin anew."""
    session.execute(update(Photo).where(col(Photo.lease_owner) == owner).values(lease_until=utc_now() + lease))


def release(session: Session, owner: str, *, blameless: bool) -> int:
    """Give back every photo leased to `owner`, and return how many.

    `blameless` (the owner stopped in good order) also takes the attempt back; a dead owner's attempts stand.
    """
    feed.lock_feed(session)
    query = update(Photo).where(col(Photo.lease_owner) == owner)
    released = session.execute(
        query.values(lease_owner=None, lease_until=None, attempts=col(Photo.attempts) - int(blameless))
    )
    return int(released.rowcount)  # type: ignore[attr-defined]


def lease_owners(session: Session) -> list[str]:
    """Return who holds leases, each once."""
    owners = session.exec(select(Photo.lease_owner).where(col(Photo.lease_owner).is_not(None)).distinct())
    return [owner for owner in owners if owner is not None]


def take_over_leftovers(session: Session, *, job_id: str) -> None:
    """Put photos that finished jobs left pending on the account of this job."""
    feed.lock_feed(session)
    finished = select(Job.id).where(col(Job.state).in_(ENDED))
    query = update(Photo).where(col(Photo.state) == PhotoState.PENDING, col(Photo.job_id).in_(finished))
    session.execute(query.values(job_id=job_id))


def any_pending(session: Session) -> bool:
    """Say whether a photo waits to be embedded, claimed or not."""
    return session.exec(select(Photo.id).where(Photo.state == PhotoState.PENDING).limit(1)).first() is not None


def state_counts(session: Session, *, job_id: str | None = None) -> dict[PhotoState, int]:
    """Return the number of photos in each state, of all or of a job's; states without photos count 0."""
    query = select(Photo.state, func.count()).group_by(col(Photo.state))
    rows = session.exec(query if job_id is None else query.where(Photo.job_id == job_id)).all()
    return dict.fromkeys(PhotoState, 0) | {PhotoState(state): count for state, count in rows}


def failed_photos(session: Session, *, job_id: str) -> Sequence[Photo]:
    """Return the job's photos that could not be embedded, in id order."""
    query = select(Photo).where(Photo.job_id == job_id, Photo.state == PhotoState.FAILED).order_by(col(Photo.id))
    return session.exec(query).all()


def photos_of(session: Session, listing_ids: Sequence[str]) -> Sequence[Photo]:
    """Return all photos of these listings, in id order."""
    return session.exec(select(Photo).where(col(Photo.listing_id).in_(listing_ids)).order_by(col(Photo.id))).all()


def photos_by_id(session: Session, photo_ids: Sequence[int]) -> Sequence[Photo]:
    """Return the photos with these ids that exist, in id order."""
    return session.exec(select(Photo).where(col(Photo.id).in_(photo_ids)).order_by(col(Photo.id))).all()


def known_files(session: Session, sha256s: Sequence[str]) -> set[str]:
    """Return those of the SHA-256s that a photo has."""
    return set(session.exec(select(Photo.sha256).where(col(Photo.sha256).in_(sha256s)).distinct()))


def labelled(session: Session) -> list[LabelledRow]:
    """Return every photo that is not failed with its listing's category, in id order."""
    query = (
        select(Photo.id, Photo.listing_id, Photo.sha256, Listing.category_path)
        .join(Listing)
        .where(Photo.state != PhotoState.FAILED)
        .order_by(col(Photo.id))
    )
    return [
        LabelledRow(photo_id or 0, listing_id, sha256, list(category_path))
        for photo_id, listing_id, sha256, category_path in session.exec(query)
    ]


def _by_external_id(session: Session, photos: Sequence[StoredPhoto]) -> Sequence[Photo]:
    keys = [(photo.listing_id, photo.external_id) for photo in photos]
    query = select(Photo).where(tuple_(Photo.listing_id, Photo.external_id).in_(keys))
    return session.exec(query.with_for_update()).all()  # a worker may be about to claim one


def _replace(row: Photo, photo: StoredPhoto) -> int:
    for name in StoredPhoto.__dataclass_fields__:
        setattr(row, name, getattr(photo, name))
    row.state, row.attempts, row.error, row.perceptual_hash = PhotoState.PENDING, 0, None, None
    row.lease_owner = row.lease_until = None
    return _id(row)


def _fail(row: Photo, error: str) -> None:
    row.state, row.error = PhotoState.FAILED, error
    row.lease_owner = row.lease_until = None


def _id(row: Photo) -> int:
    assert row.id is not None, "a row that was read from the database has an id"
    return row.id
