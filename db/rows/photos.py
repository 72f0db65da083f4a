"""Photos in the database: register, remove, read and count them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import Text, cast, func
from sqlmodel import Session, col, select

from db.models import Embedding, FeedOperation, Listing, Photo, PhotoState
from db.rows import feed
from db.rows.photo_queue import MAX_ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


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


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """The photos that a feed or a request names for one listing.

    Attributes:
        photos: the named photos that could be stored; their external ids are distinct.
        unavailable: external ids of named photos that could not be obtained now; the photos stored under them stay.
        refused: external ids of named files that are no photo, or the same as another; the photos stored under them go.
        keeps_others: whether stored photos that are not named stay.
    """

    listing_id: str
    photos: Sequence[StoredPhoto]
    unavailable: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    keeps_others: bool = False


def register_photos(session: Session, sets: Sequence[PhotoSet], *, job_id: str | None = None) -> list[Counter[str]]:
    """Make the photos of each listing those of its set, and count what became of them, set by set.

    `unchanged`: the same bytes under the same id. `renamed`: the same bytes under another id, for example a URL with a
    new signature; they are not embedded again. `replaced`: other bytes under the same id. `new`: the rest. Stored
    photos that the set does not name are `removed`, or `kept`.

    New and replaced photos become pending, for `job_id` if there is one. The old point of a replaced or removed photo
    leaves the indexes at once. An unchanged photo that failed is tried again, so that every run reports it, unless it
    failed because its workers died. Listing ids must be distinct within `sets`, and the listings must exist.
    """
    feed.lock_feed(session)
    stored: dict[str, list[Photo]] = {one.listing_id: [] for one in sets}
    query = select(Photo).where(col(Photo.listing_id).in_(stored)).order_by(col(Photo.id))
    for row in session.exec(query.with_for_update()):  # a worker may be about to claim one
        stored[row.listing_id].append(row)
    plans = [_Plan.of(one, stored[one.listing_id]) for one in sets]
    for row in [row for plan in plans for row in plan.removed]:
        session.delete(row)
    session.flush()  # frees the ids of the removed photos
    _rename(session, [pair for plan in plans for pair in plan.renamed])
    for photo, row in [pair for plan in plans for pair in (*plan.renamed, *plan.unchanged)]:
        _renew(row, photo, job_id)
    for photo in [photo for plan in plans for photo in plan.new]:
        columns = {name: getattr(photo, name) for name in StoredPhoto.__dataclass_fields__}
        session.add(Photo(**columns, job_id=job_id))
    replaced = [_replace(row, photo, job_id) for plan in plans for photo, row in plan.replaced]
    session.flush()
    for embedding in session.exec(select(Embedding).where(col(Embedding.photo_id).in_(replaced))):
        session.delete(embedding)
    feed.append(session, FeedOperation.DELETE, [*replaced, *(_id(row) for plan in plans for row in plan.removed)])
    return [plan.counts() for plan in plans]


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


def by_original(session: Session, listing_ids: Sequence[str]) -> dict[str, Photo]:
    """Return the photos of these listings by the SHA-256 of their original bytes, without those of earlier versions."""
    return {row.original_sha256: row for row in photos_of(session, listing_ids) if row.original_sha256}


def photos_by_id(session: Session, photo_ids: Sequence[int]) -> Sequence[Photo]:
    """Return the photos with these ids that exist, in id order."""
    return session.exec(select(Photo).where(col(Photo.id).in_(photo_ids)).order_by(col(Photo.id))).all()


def photos_after(session: Session, photo_id: int, limit: int) -> Sequence[Photo]:
    """Return up to `limit` photos with ids above `photo_id`, in id order."""
    return session.exec(select(Photo).where(col(Photo.id) > photo_id).order_by(col(Photo.id)).limit(limit)).all()


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


@dataclass(slots=True)
class _Plan:
    """What to do with the named and the stored photos of one listing."""

    new: list[StoredPhoto]
    unchanged: list[tuple[StoredPhoto, Photo]] = field(default_factory=list)
    renamed: list[tuple[StoredPhoto, Photo]] = field(default_factory=list)
    replaced: list[tuple[StoredPhoto, Photo]] = field(default_factory=list)
    removed: list[Photo] = field(default_factory=list)
    kept: list[Photo] = field(default_factory=list)

    @classmethod
    def of(cls, named: PhotoSet, stored: list[Photo]) -> _Plan:
        """Match by id and bytes, then by bytes, then by id; a stored photo with an embedding is preferred."""
        plan = cls(new=list(named.photos))
        left = sorted(stored, key=lambda row: row.state != PhotoState.EMBEDDED)
        plan.unchanged = plan._match(left, lambda one: (one.external_id, bytes_key(one)))
        plan.renamed = plan._match(left, bytes_key)
        plan.replaced = plan._match(left, lambda one: one.external_id)
        taken = {photo.external_id for photo in named.photos} | named.refused
        for row in left:
            if row.external_id not in taken and row.external_id in named.unavailable:
                continue  # it is named, and stays until it can be obtained again
            stays = row.external_id not in taken and named.keeps_others
            (plan.kept if stays else plan.removed).append(row)
        return plan

    def _match(
        self, left: list[Photo], key: Callable[[Photo | StoredPhoto], object]
    ) -> list[tuple[StoredPhoto, Photo]]:
        """Take the pairs with equal keys out of the new and the stored photos."""
        rows: dict[object, list[Photo]] = defaultdict(list)
        for row in left:
            rows[key(row)].append(row)
        pairs, unmatched = [], []
        for photo in self.new:
            if same := rows.get(key(photo)):
                pairs.append((photo, same.pop(0)))
            else:
                unmatched.append(photo)
        matched = {row.id for _photo, row in pairs}
        self.new, left[:] = unmatched, [row for row in left if row.id not in matched]
        return pairs

    def counts(self) -> Counter[str]:
        """Return the number of photos by what became of them, without zeros."""
        return Counter({name: len(getattr(self, name)) for name in self.__slots__ if getattr(self, name)})


def bytes_key(photo: Photo | StoredPhoto) -> str:
    """Return the SHA-256 of the original bytes; rows of earlier versions have only that of the stored bytes."""
    return photo.original_sha256 or photo.sha256


def _rename(session: Session, pairs: Sequence[tuple[StoredPhoto, Photo]]) -> None:
    """Give the rows the new ids. Names may be swapped, so every row first gets a name that nobody else has."""
    for _photo, row in pairs:
        row.external_id = uuid4().hex
    session.flush()
    for photo, row in pairs:
        row.external_id = photo.external_id


def _renew(row: Photo, photo: StoredPhoto, job_id: str | None) -> None:
    """Take over how the same photo is stored now, and try it again if it failed."""
    if row.sha256 != photo.sha256:  # an earlier version stored the bytes as they came
        row.sha256, row.format, row.size_bytes = photo.sha256, photo.format, photo.size_bytes
        row.lease_owner = row.lease_until = None  # what a worker is embedding has another name
    row.original_sha256 = photo.original_sha256 or row.original_sha256
    row.source = photo.source
    if row.state == PhotoState.FAILED and row.attempts < MAX_ATTEMPTS:
        row.state, row.attempts, row.error = PhotoState.PENDING, 0, None
    if row.state == PhotoState.PENDING:
        row.job_id = job_id


def _replace(row: Photo, photo: StoredPhoto, job_id: str | None) -> int:
    for name in StoredPhoto.__dataclass_fields__:
        setattr(row, name, getattr(photo, name))
    row.state, row.attempts, row.error, row.perceptual_hash = PhotoState.PENDING, 0, None, None
    row.lease_owner = row.lease_until = None
    row.job_id = job_id
    return _id(row)


def _id(row: Photo) -> int:
    assert row.id is not None, "a row that was read from the database has an id"
    return row.id
