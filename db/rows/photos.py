"""Photos in the database: register, remove, read and count them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Text, cast, func, tuple_
from sqlmodel import Session, col, select

from db.models import Embedding, FeedOperation, Listing, Photo, PhotoState
from db.rows import feed
from db.rows.photo_queue import MAX_ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A photo whose bytes are in the photo store and whose header was accepted. `width`, `height` as stored.

    `original_sha256` is of the bytes as they came; `sha256` of those that are stored.
    """

    listing_id: str
    external_id: str
    source: str
    sha256: str
    format: str
    size_bytes: int
    width: int
    height: int
    original_sha256: str = ""


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A photo with its listing's category path, the broadest level first: one training example."""

    photo_id: int
    listing_id: str
    sha256: str
    category_path: list[str]


def register_photos(session: Session, photos: Sequence[StoredPhoto], *, job_id: str | None = None) -> Counter[str]:
    """Insert or update photos, and count them as `new`, `replaced` (other bytes under the same id) or `unchanged`.

    New and replaced photos become pending, for `job_id` if there is one. A replaced photo's old point leaves the
    indexes at once. An unchanged photo that failed is tried again, so that every run reports it, unless it failed
    because its workers died. (listing_id, external_id) must be distinct within `photos`, and the listings must exist.
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
            replaced.append(_replace(row, photo, job_id))
            outcome["replaced"] += 1
        else:
            _retry_if_failed(row, job_id)
            outcome["unchanged"] += 1
    session.flush()
    for embedding in session.exec(select(Embedding).where(col(Embedding.photo_id).in_(replaced))):
        session.delete(embedding)
    feed.append(session, FeedOperation.DELETE, replaced)
    return outcome


def remove_photos(session: Session, listing_id: str, *, keep: Collection[str]) -> int:
    """Remove the listing's photos except those with the external ids in `keep`, and return the number removed.

    Their embeddings are deleted too, and their deletion is put on the change feed.
    """
    feed.lock_feed(session)
    outdated = [row for row in photos_of(session, [listing_id]) if row.external_id not in keep]
    for row in outdated:
        session.delete(row)
    feed.append(session, FeedOperation.DELETE, [_id(row) for row in outdated])
    return len(outdated)


def any_pending(session: Session) -> bool:
    """Say whether any photo waits to be embedded, claimed or not."""
    return session.exec(select(Photo.id).where(Photo.state == PhotoState.PENDING).limit(1)).first() is not None


def state_counts(session: Session, *, job_id: str | None = None) -> dict[PhotoState, int]:
    """Return the number of photos in each state, of all jobs or of one; states without photos count 0."""
    query = select(Photo.state, func.count()).group_by(col(Photo.state))
    rows = session.exec(query if job_id is None else query.where(Photo.job_id == job_id)).all()
    return dict.fromkeys(PhotoState, 0) | {PhotoState(state): count for state, count in rows}


def failed_photos(session: Session, *, job_id: str) -> Sequence[Photo]:
    """Return the job's photos that could not be embedded, in id order."""
    query = select(Photo).where(Photo.job_id == job_id, Photo.state == PhotoState.FAILED).order_by(col(Photo.id))
    return session.exec(query).all()


def flagged_photos(session: Session, *, job_id: str) -> Sequence[Photo]:
    """Return the job's photos that were embedded although something is wrong with them, in id order."""
    flagged = cast(col(Photo.flags), Text) != "[]"
    query = select(Photo).where(Photo.job_id == job_id, Photo.state == PhotoState.EMBEDDED, flagged)
    return session.exec(query.order_by(col(Photo.id))).all()


def photos_of(session: Session, listing_ids: Sequence[str]) -> Sequence[Photo]:
    """Return all photos of these listings, in id order."""
    return session.exec(select(Photo).where(col(Photo.listing_id).in_(listing_ids)).order_by(col(Photo.id))).all()


def photos_by_id(session: Session, photo_ids: Sequence[int]) -> Sequence[Photo]:
    """Return the photos with these ids that exist, in id order."""
    return session.exec(select(Photo).where(col(Photo.id).in_(photo_ids)).order_by(col(Photo.id))).all()


def used_sha256s(session: Session, sha256s: Sequence[str]) -> set[str]:
    """Return the subset of `sha256s` that belongs to a photo in the database."""
    return set(session.exec(select(Photo.sha256).where(col(Photo.sha256).in_(sha256s)).distinct()))


def labelled_photos(session: Session) -> list[LabelledRow]:
    """Return every photo that has not failed and is not set aside, with its listing's category path, in id order."""
    query = (
        select(Photo.id, Photo.listing_id, Photo.sha256, Listing.category_path)
        .join(Listing)
        .where(col(Photo.state).in_((PhotoState.PENDING, PhotoState.EMBEDDED)))
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


def _replace(row: Photo, photo: StoredPhoto, job_id: str | None) -> int:
    for name in StoredPhoto.__dataclass_fields__:
        setattr(row, name, getattr(photo, name))
    row.state, row.attempts, row.error, row.perceptual_hash = PhotoState.PENDING, 0, None, None
    row.lease_owner = row.lease_until = None
    row.job_id = job_id
    return _id(row)


def _retry_if_failed(row: Photo, job_id: str | None) -> None:
    if row.state == PhotoState.FAILED and row.attempts < MAX_ATTEMPTS:
        row.state, row.attempts, row.error = PhotoState.PENDING, 0, None
    if row.state == PhotoState.PENDING:
        row.job_id = job_id


def _id(row: Photo) -> int:
    assert row.id is not None, "a row that was read from the database has an id"
    return row.id
