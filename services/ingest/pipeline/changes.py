"""Creates, replaces, updates and deletes single listings, each in one transaction."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from more_itertools import unique_everseen

from db.rows import feed, listings, photos, placeholders
from db.rows.photos import PhotoSet
from ml.photos.decode import PhotoError
from services.errors import Conflict, ListingRejected, PhotoRejected
from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import shorten
from services.ingest.loading.categories import unify_categories
from services.ingest.loading.photo_loader import store_photo
from services.ingest.photos.urls import NAME_LIMIT, URL_LIMIT, is_too_long, stored_id, stored_source
from services.ingest.pipeline.listing_input import clean_input, with_fields
from services.lookup import find_listing
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlmodel import Session

    from db.models import Photo
    from db.rows.photos import StoredPhoto
    from services.ingest.cleaning.listings import CleanListing
    from services.ingest.pipeline.listing_input import ListingInput
    from services.resources import Resources


_FETCH_TIMEOUT_S = 60.0
"""Time limit for fetching all photos of one listing."""

_RESERVED_IDS = frozenset({"bulk"})
"""Last parts of other paths under /v1/listings."""


class PhotoInput(Protocol):
    """A photo that a client sends, or names by URL, with a listing."""

    @property
    def name(self) -> str:
        """File name or URL; unique among the photos of the listing."""
        ...

    def content(self) -> bytes:
        """Return the bytes of the photo.

        Raises:
            PhotoRejected: the photo cannot be read or fetched.
        """
        ...


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The stored listing's id and photos, and what was repaired, guessed or left out in the request.

    `outcome` is `created`, `updated` or `unchanged`, counting photos.
    """

    listing_id: str
    outcome: str
    photos: tuple[Photo, ...]
    repairs: tuple[Repair, ...] = ()


class ListingChanges:
    """Writes single listings to the database.

    Photos are fetched and stored before the transaction begins. If the change is then rejected, the stored files are
    left without a row, and the tidy job deletes them.
    """

    def __init__(self, resources: Resources, *, on_written: Callable[[], None]) -> None:
        """Call `on_written` after each write that may leave photos to embed."""
        self._resources, self._on_written = resources, on_written

    def create(self, listing_id: str, listing: ListingInput, inputs: Sequence[PhotoInput]) -> WriteResult:
        """Create a listing with its photos.

        Raises:
            Conflict: a listing with this id exists.
            ListingRejected, PhotoRejected: the listing or a photo is invalid; no row was written.
        """
        cleaned = clean_input(listing_id, listing)
        if listing_id in _RESERVED_IDS:
            raise ListingRejected(
                "id",
                RejectReason.BAD_ID,
                f"{listing_id!r} is reserved for /v1/listings/{listing_id}",
            )
        with self._resources.database.read() as session:
            _refuse_existing(session, listing_id)  # before fetching its photos
        stored = self._store(listing_id, inputs)
        with self._resources.database.write() as session:
            feed.lock_feed(session)
            _refuse_existing(session, listing_id)
            written = _write(session, cleaned, stored)
        self._on_written()
        return written

    def put(self, listing_id: str, listing: ListingInput, inputs: Sequence[PhotoInput]) -> WriteResult:
        """Create the listing, or replace it and all its photos.

        Raises:
            ListingRejected, PhotoRejected: the listing or a photo is invalid; no row was written.
        """
        cleaned = clean_input(listing_id, listing)
        stored = self._store(listing_id, inputs)
        with self._resources.database.write() as session:
            written = _write(session, cleaned, stored)
        self._on_written()
        return written

    def patch(self, listing_id: str, fields: Mapping[str, Any], inputs: Sequence[PhotoInput] | None) -> WriteResult:
        """Update these fields of `ListingInput`, and replace the photos unless `inputs` is None.

        Raises:
            ResourceNotFound: there is no such listing.
            ListingRejected, PhotoRejected: the listing or a photo is invalid; no row was written.
        """
        with self._resources.database.read() as session:
            find_listing(session, listing_id)  # before fetching its photos
        stored = None if inputs is None else self._store(listing_id, inputs)
        with self._resources.database.write() as session:
            feed.lock_feed(session)
            cleaned = clean_input(listing_id, with_fields(find_listing(session, listing_id), fields))
            sent = tuple(repair for repair in cleaned.repairs if repair.field in fields)
            written = _write(session, replace(cleaned, repairs=sent), stored)
        self._on_written()
        return written

    def delete(self, listing_id: str) -> None:
        """Delete the listing with its photos.

        Raises:
            ResourceNotFound: there is no such listing.
        """
        with self._resources.database.write() as session:
            find_listing(session, listing_id)
            listings.delete_listing(session, listing_id)

    def _store(self, listing_id: str, inputs: Sequence[PhotoInput]) -> list[StoredPhoto]:
        self._check_names([photo.name for photo in inputs])
        with self._resources.database.read() as session:
            known = photos.by_original(session, [listing_id])
        with self._resources.photo_fetcher.time_limit(_FETCH_TIMEOUT_S):
            return [self._store_one(listing_id, photo, known) for photo in inputs]

    def _store_one(self, listing_id: str, photo: PhotoInput, known: Mapping[str, Photo]) -> StoredPhoto:
        try:
            return store_photo(
                self._resources,
                photo.content(),
                listing_id=listing_id,
                external_id=stored_id(photo.name),
                source=stored_source(photo.name),
                known=known,
            )
        except PhotoError as error:
            raise PhotoRejected(RejectReason(error.reason), f"{shorten(photo.name)}: {error}") from error

    def _check_names(self, names: Sequence[str]) -> None:
        limit = self._resources.settings.max_listing_photos
        if len(names) > limit:
            raise ListingRejected(
                "photos", RejectReason.TOO_MANY_PHOTOS, f"{len(names)} photos; at most {limit} are accepted"
            )
        for name, count in Counter(names).items():
            if count > 1:
                raise ListingRejected("photos", RejectReason.DUPLICATE_ID, f"two photos have the name {name!r}")
            if not name or is_too_long(name) or "\0" in name:
                raise ListingRejected(
                    "photos",
                    RejectReason.BAD_ID,
                    f"a name must have 1 to {NAME_LIMIT:,} characters, a URL at most {URL_LIMIT:,}, none of them NUL",
                )


def _write(session: Session, cleaned: CleanListing, stored: Sequence[StoredPhoto] | None) -> WriteResult:
    """Write the listing, and replace its photos unless `stored` is None."""
    ((record, spelled),) = unify_categories(session, [cleaned.record])
    cleaned = replace(cleaned, repairs=(*cleaned.repairs, *spelled))
    counts = listings.upsert_listings(session, [record])
    changed = counts.updated
    if stored is not None:
        distinct = list(unique_everseen(stored, key=photos.bytes_key))
        cleaned = replace(cleaned, repairs=(*cleaned.repairs, *_left_out(stored, distinct)))
        (outcomes,) = photos.register_photos(session, [PhotoSet(record.listing_id, distinct)])
        session.flush()
        placeholders.set_aside_known(session, record.listing_id)
        changed += outcomes.total() - outcomes["unchanged"]
    outcome = "created" if counts.inserted else "updated" if changed else "unchanged"
    rows = tuple(photos.photos_of(session, [record.listing_id]))
    return WriteResult(record.listing_id, outcome, rows, cleaned.repairs)


def _left_out(stored: Sequence[StoredPhoto], distinct: Sequence[StoredPhoto]) -> Iterator[Repair]:
    """Name the photos whose bytes another photo of the listing has."""
    kept = {photos.bytes_key(photo): photo for photo in distinct}
    for photo in stored:
        first = kept[photos.bytes_key(photo)]
        if first is not photo:
            yield Repair(ListingFlag.REPEATED_PHOTO, "photos", photo.external_id, first.external_id)


def _refuse_existing(session: Session, listing_id: str) -> None:
    if listings.listings_by_id(session, [listing_id]):
        raise Conflict(f"The listing {listing_id!r} already exists. Use PUT to replace it, or PATCH to change fields.")
