"""Embeddings in the database: float16 vectors, and the points that indexes are built from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, exists, func, update
from sqlalchemy.orm import load_only
from sqlmodel import Session, col, select

from db.models import Embedding, FeedOperation, Listing, Photo, PhotoState
from db.rows import feed
from db.rows.payloads import PAYLOAD_COLUMNS, from_bytes, payload_of, to_bytes
from db.rows.photo_queue import PhotoRef
from db.vectors.base import Point, Vector

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement
    from sqlmodel.sql.expression import SelectOfScalar


@dataclass(frozen=True, slots=True)
class NewEmbedding:
    """A photo's embedding to store. `sha256` identifies the embedded bytes.

    `width` and `height` are those of the decoded, upright photo; `category` is the most probable one; `flags` are codes
    of what is wrong with a photo that was embedded nevertheless.
    """

    photo_id: int
    sha256: str
    vector: Vector
    category: str
    probability: float
    width: int
    height: int
    perceptual_hash: str
    flags: tuple[str, ...] = ()


def save_embeddings(
    session: Session, embeddings: Sequence[NewEmbedding], *, model_version: str, keep_pending: bool = False
) -> int:
    """Store embeddings, mark their photos embedded and put them on the change feed, in one transaction.

    Skips a photo that was deleted, set aside or got other bytes since it was claimed.

    Args:
        session: a write transaction.
        embeddings: the embeddings to store.
        model_version: the model that made them.
        keep_pending: leave pending photos pending. For a model that is not live and may never be; see
            `mark_pending_as_embedded`.

    Returns:
        The number of stored embeddings.
    """
    feed.lock_feed(session)
    photo_ids = [new.photo_id for new in embeddings]
    rows = {row.id: row for row in session.exec(select(Photo).where(col(Photo.id).in_(photo_ids)))}
    earlier = {row.photo_id: row for row in session.exec(_embeddings_of(photo_ids, model_version))}
    stored = []
    for new in embeddings:
        photo = rows.get(new.photo_id)
        if photo is None or photo.sha256 != new.sha256 or photo.state == PhotoState.SET_ASIDE:
            continue
        columns: dict[str, Any] = {
            "vector": to_bytes(new.vector),
            "category": new.category,
            "probability": new.probability,
        }
        if new.photo_id in earlier:
            earlier[new.photo_id].sqlmodel_update(columns)
        else:
            session.add(Embedding(model_version=model_version, photo_id=new.photo_id, **columns))
        _update_photo(photo, new, keep_pending=keep_pending)
        stored.append(new.photo_id)
    session.flush()
    feed.append(session, FeedOperation.UPSERT, stored)
    return len(stored)


def points(session: Session, photo_ids: Sequence[int], *, model_version: str) -> list[Point]:
    """Return the points of the photos that `model_version` has embedded, in id order."""
    return _points(session, model_version, col(Photo.id).in_(photo_ids), None)


def all_points(session: Session, *, model_version: str, batch_size: int = 1000) -> Iterator[list[Point]]:
    """Yield all points of `model_version` in id order, in batches, so that memory use stays constant."""
    last = -1
    while batch := _points(session, model_version, col(Photo.id) > last, batch_size):
        yield batch
        last = batch[-1].photo_id


def embedded_ids(session: Session, *, model_version: str) -> list[int]:
    """Return the ids of all photos that `model_version` has embedded, ascending: the ids an index must hold."""
    query = select(Embedding.photo_id).where(Embedding.model_version == model_version)
    return list(session.exec(query.order_by(col(Embedding.photo_id))))


def embedded_ids_after(session: Session, photo_id: int, limit: int, *, model_version: str) -> list[int]:
    """Return the ids of up to `limit` photos above `photo_id` that `model_version` has embedded, ascending."""
    query = select(Embedding.photo_id).where(Embedding.model_version == model_version, Embedding.photo_id > photo_id)
    return list(session.exec(query.order_by(col(Embedding.photo_id)).limit(limit)))


def embedding_count(session: Session, *, model_version: str) -> int:
    query = select(func.count()).select_from(Embedding).where(Embedding.model_version == model_version)
    return session.exec(query).one()


def predicted_categories(session: Session, *, model_version: str) -> dict[int, str]:
    """Return the most probable category of each photo that `model_version` has embedded, by photo id."""
    query = select(Embedding.photo_id, Embedding.category).where(Embedding.model_version == model_version)
    return dict(session.exec(query).all())


def photos_without(session: Session, *, model_version: str, after: int, limit: int) -> list[PhotoRef]:
    """Return up to `limit` photos with ids above `after` that `model_version` has not embedded.

    Photos that failed or are set aside are left out.
    """
    query = select(Photo.id, Photo.sha256).where(_lacks(model_version), col(Photo.id) > after)
    rows = session.exec(query.order_by(col(Photo.id)).limit(limit))
    return [PhotoRef(photo_id, sha256) for photo_id, sha256 in rows if photo_id is not None]


def missing_count(session: Session, *, model_version: str) -> int:
    """Return the total number of photos that `photos_without` would return."""
    return session.exec(select(func.count()).select_from(Photo).where(_lacks(model_version))).one()


def requeue_missing(session: Session, *, model_version: str, job_id: str | None = None) -> None:
    """Make photos pending again that are marked embedded but have no embedding by `model_version`.

    This happens when the live model changes while photos are being embedded.
    """
    feed.lock_feed(session)
    query = update(Photo).where(_lacks(model_version), col(Photo.state) == PhotoState.EMBEDDED)
    session.execute(query.values(state=PhotoState.PENDING, attempts=0, job_id=job_id))


def mark_pending_as_embedded(session: Session, *, model_version: str) -> None:
    """Mark pending photos embedded that `model_version`, which has just become live, has already embedded."""
    feed.lock_feed(session)
    embedded = exists().where(Embedding.photo_id == Photo.id, Embedding.model_version == model_version)  # type: ignore[arg-type]
    query = update(Photo).where(embedded, col(Photo.state) == PhotoState.PENDING)
    session.execute(query.values(state=PhotoState.EMBEDDED, lease_owner=None, lease_until=None))


def _update_photo(photo: Photo, new: NewEmbedding, *, keep_pending: bool) -> None:
    photo.error, photo.perceptual_hash = None, new.perceptual_hash
    photo.width, photo.height, photo.flags = new.width, new.height, list(new.flags)
    if not (keep_pending and photo.state == PhotoState.PENDING):
        photo.state = PhotoState.EMBEDDED
        photo.lease_owner = photo.lease_until = None


def _embeddings_of(photo_ids: Sequence[int], model_version: str) -> SelectOfScalar[Embedding]:
    return select(Embedding).where(Embedding.model_version == model_version, col(Embedding.photo_id).in_(photo_ids))


def _lacks(model_version: str) -> ColumnElement[bool]:
    embedded = exists().where(Embedding.photo_id == Photo.id, Embedding.model_version == model_version)  # type: ignore[arg-type]
    return and_(~embedded, col(Photo.state).in_((PhotoState.PENDING, PhotoState.EMBEDDED)))


def _points(session: Session, model_version: str, condition: ColumnElement[bool], limit: int | None) -> list[Point]:
    query = (
        select(Photo.id, Embedding.vector, Listing)
        .join(Embedding, col(Embedding.photo_id) == Photo.id)
        .join(Listing, col(Listing.id) == Photo.listing_id)
        .where(Embedding.model_version == model_version, condition)
        .order_by(col(Photo.id))
        .limit(limit)
        .options(load_only(*PAYLOAD_COLUMNS))
    )
    return [_point(photo_id, vector, listing) for photo_id, vector, listing in session.exec(query)]


def _point(photo_id: int | None, vector: bytes, listing: Listing) -> Point:
    assert photo_id is not None, "a row that was read from the database has an id"
    return Point(photo_id, from_bytes(vector), payload_of(listing))
