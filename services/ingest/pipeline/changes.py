"""Single listings: created, replaced, changed in part, deleted. Each change is one transaction, whole or not at all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from db.rows import feed, listings, photos
from db.rows.records import RejectedRecord
from ml.photos.decode import PhotoError
from services.errors import Conflict, ListingRejected, PhotoRejected, ResourceNotFound
from services.ingest.cleaning.listings import check_records, clean_listing
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.files.listings import PHOTO_ID_LIMIT
from services.ingest.pipeline.storing import store_photo
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlmodel import Session

    from db.models import Listing, Photo
    from db.rows.photos import StoredPhoto
    from db.rows.records import ListingRecord
    from services.resources import Resources


_FETCHES_FOR_S = 60.0
"""For so long the photos of one listing are fetched, all together."""

_PATHS = frozenset({"bulk"})


class GivenPhoto(Protocol):
    """A photo that comes with a listing."""

    @property
    def name(self) -> str:
        """What tells it from the listing's other photos: a file name or URL."""
        ...

    def content(self) -> bytes:
        """Return its bytes.

        Raises:
            PhotoRejected: they cannot be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class GivenListing:
    """A listing as a client states it.

    Attributes:
        category: the levels of its path, with ` / ` between them.
        price: an amount, or text such as `£10`; empty for none.
        currency: ISO 4217 code, for a price whose text names none.
        seller: the marketplace's own id of who sells it; empty when unknown.
        listed_at: ISO 8601 or Unix seconds; empty when unknown.
        flags: of the listing that is changed: how it was read.
    """

    title: str
    category: str
    description: str = ""
    price: str = ""
    currency: str | None = None
    location: str = ""
    seller: str = ""
    listed_at: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What a change left behind. `outcome`: `created`, `updated` or `unchanged`, photos included."""

    listing_id: str
    outcome: str
    photos: tuple[Photo, ...]


class ListingChanges:
    """Applies changes of single listings to the truth; `embed` is called when one leaves photos to embed.

    Photos are fetched and stored first, outside of the transaction. A photo that the change then does not name, since
    it was refused, is a file that no row names.
    """

    def __init__(self, resources: Resources, *, embed: Callable[[], None]) -> None:
        self._resources, self._embed = resources, embed

    def create(self, listing_id: str, given: GivenListing, named: Sequence[GivenPhoto]) -> Written:
        """Add a listing with its photos.

        Raises:
            Conflict: there is a listing of this id.
            ListingRejected, PhotoRejected: something is wrong with it; no row was written.
        """
        record = _record(listing_id, given)
        if listing_id in _PATHS:
            raise ListingRejected("id", RejectReason.BAD_ID, f"/v1/listings/{listing_id} is another call of the API")
        with self._resources.database.read() as session:
            _refuse_known(session, listing_id)  # before its photos are fetched
        stored = self._store(listing_id, named)
        with self._resources.database.write() as session:
            feed.lock_feed(session)
            _refuse_known(session, listing_id)
            written = _write(session, record, stored)
        self._embed()
        return written

    def put(self, listing_id: str, given: GivenListing, named: Sequence[GivenPhoto]) -> Written:
        """Make the listing be as given, with these photos and no others, whether or not it was there.

        Raises:
            ListingRejected, PhotoRejected: something is wrong with it; no row was written.
        """
        record = _record(listing_id, given)
        stored = self._store(listing_id, named)
        with self._resources.database.write() as session:
            written = _write(session, record, stored)
        self._embed()
        return written

    def patch(self, listing_id: str, stated: Mapping[str, Any], named: Sequence[GivenPhoto] | None) -> Written:
        """Change the stated fields of `GivenListing`, and the photos unless they are None.

        Raises:
            NotFound: there is no such listing.
            ListingRejected, PhotoRejected: something is wrong with it; no row was written.
        """
        with self._resources.database.read() as session:
            _find(session, listing_id)  # before its photos are fetched
        stored = None if named is None else self._store(listing_id, named)
        with self._resources.database.write() as session:
            feed.lock_feed(session)
            record = _record(listing_id, _changed(_find(session, listing_id), stated))
            written = _write(session, record, stored)
        self._embed()
        return written

    def delete(self, listing_id: str) -> None:
        """Remove the listing with its photos.

        Raises:
            NotFound: there is no such listing.
        """
        with self._resources.database.write() as session:
            _find(session, listing_id)
            listings.delete_listing(session, listing_id)

    def _store(self, listing_id: str, named: Sequence[GivenPhoto]) -> list[StoredPhoto]:
        self._check_names([photo.name for photo in named])
        with self._resources.photo_fetcher.time_limit(_FETCHES_FOR_S):
            return [self._store_one(listing_id, photo) for photo in named]

    def _store_one(self, listing_id: str, photo: GivenPhoto) -> StoredPhoto:
        try:
            return store_photo(
                self._resources.photo_files,
                photo.content(),
                listing_id=listing_id,
                external_id=photo.name,
                source=photo.name,
                limits=self._resources.photo_limits,
            )
        except PhotoError as error:
            raise PhotoRejected(RejectReason(error.reason), f"{photo.name}: {error}") from error

    def _check_names(self, names: Sequence[str]) -> None:
        most = self._resources.settings.max_listing_photos
        if len(names) > most:
            raise ListingRejected(
                "photos", RejectReason.TOO_MANY_PHOTOS, f"{len(names)}, and at most {most} are accepted"
            )
        for name, count in Counter(names).items():
            if count > 1:
                raise ListingRejected("photos", RejectReason.DUPLICATE_ID, f"two photos are called {name!r}")
            if not name or len(name) > PHOTO_ID_LIMIT or "\0" in name:
                raise ListingRejected(
                    "photos", RejectReason.BAD_ID, f"a name has 1 to {PHOTO_ID_LIMIT} characters and no NUL"
                )


def _write(session: Session, record: ListingRecord, stored: Sequence[StoredPhoto] | None) -> Written:
    """Write the listing, and its photos unless they are None."""
    counts = listings.upsert_listings(session, [record])
    touched = counts.updated
    if stored is not None:
        registered = photos.register_photos(session, stored)
        removed = photos.remove_photos(session, record.listing_id, keep={photo.external_id for photo in stored})
        session.flush()
        touched += removed + registered["new"] + registered["replaced"]
    outcome = "created" if counts.inserted else "updated" if touched else "unchanged"
    return Written(record.listing_id, outcome, tuple(photos.photos_of(session, [record.listing_id])))


def _record(listing_id: str, given: GivenListing) -> ListingRecord:
    """Return the listing, cleaned.

    Raises:
        ListingRejected: it is not accepted.
    """
    raw = RawListing(
        file="",
        line=0,
        listing_id=listing_id,
        title=given.title,
        category=given.category,
        description=given.description,
        price=given.price,
        location=given.location,
        flags=given.flags,
        seller=given.seller,
        listed_at=given.listed_at,
    )
    cleaned = clean_listing(raw)
    if not isinstance(cleaned, RejectedRecord):
        if cleaned.listing_id != listing_id:
            raise ListingRejected("id", RejectReason.BAD_ID, f"{listing_id!r} is not one line of plain text")
        if cleaned.price is not None and cleaned.currency is None:
            cleaned = replace(cleaned, currency=given.currency)
        (cleaned,) = check_records([cleaned])
    if isinstance(cleaned, RejectedRecord):
        raise ListingRejected(cleaned.field, RejectReason(cleaned.reason), cleaned.text)
    return cleaned


def _changed(listing: Listing, stated: Mapping[str, Any]) -> GivenListing:
    """Return the listing as a client would state it, with these fields as stated."""
    found_anew = {ListingFlag.ABSURD_PRICE, *([ListingFlag.UNREADABLE_DATE] if "listed_at" in stated else [])}
    whole = GivenListing(
        title=listing.title,
        category=" / ".join(listing.category_path),
        description=listing.description,
        price="" if listing.price is None else str(listing.price),
        currency=listing.currency,
        location=listing.location,
        seller=listing.seller,
        listed_at="" if listing.listed_at is None else listing.listed_at.isoformat(),
        flags=tuple(flag for flag in listing.flags if flag not in found_anew),
    )
    return replace(whole, **stated)


def _find(session: Session, listing_id: str) -> Listing:
    rows = listings.listings_by_id(session, [listing_id])
    if not rows:
        raise ResourceNotFound("listing", listing_id)
    return rows[0]


def _refuse_known(session: Session, listing_id: str) -> None:
    if listings.listings_by_id(session, [listing_id]):
        raise Conflict(f"There is a listing {listing_id!r} already. PUT replaces it, PATCH changes some of it.")
