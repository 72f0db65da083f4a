"""Copies the photos that feeds name to the photo store, and registers them. A photo that is not stored is rejected."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, get_args

from more_itertools import constrained_batches

from db.photo_bytes.base import sha256_of
from db.rows import feed, listings, photos
from db.rows.photos import PhotoSet, StoredPhoto
from db.rows.records import PhotoRecord, RejectedRecord, WarningRecord
from ml.photos.clean import clean_photo
from ml.photos.decode import PhotoError, inspect
from ml.photos.errors import Reason as PhotoFault
from services.errors import PhotoRejected
from services.ingest.cleaning.text import shorten
from services.ingest.loading.named_photos import rejected_photo_name
from services.ingest.photos.names import is_guess
from services.ingest.photos.urls import stored_source
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Mapping

    from sqlmodel import Session

    from db.models import Photo
    from services.ingest.loading.ledger import Ledger
    from services.ingest.loading.named_photos import NamedPhotos
    from services.ingest.photos.sources import PhotoSource
    from services.resources import Resources

_PHOTOS_PER_WRITE = 200

_OBTAINED = frozenset({*get_args(PhotoFault), RejectReason.TOO_LARGE.value})
"""Reasons of photos that were obtained but cannot be used: the feed's photo has changed, so the stored one goes."""

_STORING_THREADS = 8
"""More than the cores: the threads wait for the disk or the network."""


class PhotoLoader:
    """Copies photos from a source to the photo store, and makes the photos of each listing those that the feed names.

    New photos are pending.
    """

    def __init__(self, resources: Resources, source: PhotoSource, *, ledger: Ledger) -> None:
        self._resources, self._source, self._ledger = resources, source, ledger

    def load(self, named: Iterable[NamedPhotos], file: str, advance: Callable[[int], None]) -> None:
        """Load the named photos, a batch of listings per transaction; rejects and duplicates go to the ledger.

        `file` is the name of the listings file, for warnings.
        """
        batches = constrained_batches(
            named,
            _PHOTOS_PER_WRITE,
            max_count=listings.LISTINGS_PER_WRITE,
            get_len=lambda one: len(one.photos),
            strict=False,
        )
        for batch in batches:
            self._load_batch([self._distinct(one) for one in batch], file)
            advance(sum(len(one.photos) for one in batch))

    def _distinct(self, named: NamedPhotos) -> _Obtaining:
        """Return the distinct photos to obtain; what is rejected or repeated goes to the ledger."""
        self._ledger.count("photos_read", len(named.photos) + named.repeated)
        self._ledger.count("photos_duplicates", named.repeated)
        one = _Obtaining(named)
        for record in named.photos:
            if isinstance(record, RejectedRecord):
                self._ledger.reject("photos", record)
                one.unavailable.add(record.record_id)
            elif record.external_id in one.records:
                text = "this photo is named more than once"
                self._ledger.duplicate("photos", rejected_photo_name(record, RejectReason.DUPLICATE_ID, text))
            else:
                one.records[record.external_id] = record
        return one

    def _load_batch(self, batch: list[_Obtaining], file: str) -> None:
        with self._resources.database.read() as session:
            batch = self._of_known_listings(session, batch)
            known = photos.by_original(session, [one.named.listing_id for one in batch])
        wanted = [(one, record) for one in batch for record in one.records.values()]
        with ThreadPoolExecutor(_STORING_THREADS) as pool:
            outcomes = pool.map(lambda pair: self._store(pair[1], known), wanted)
            for (one, record), outcome in zip(wanted, outcomes, strict=True):
                self._take(one, record, outcome)
        with self._resources.database.write() as session:
            feed.lock_feed(session)
            batch = self._of_known_listings(session, batch)  # a listing may have been deleted meanwhile
            registered = photos.register_photos(session, [one.result() for one in batch], job_id=self._ledger.job_id)
            for one, counts in zip(batch, registered, strict=True):
                self._count(one, counts, file)
            self._ledger.write(session)

    def _take(self, one: _Obtaining, record: PhotoRecord, outcome: StoredPhoto | RejectedRecord) -> None:
        """Put the outcome with its listing; a second photo with the same bytes is a duplicate."""
        if isinstance(outcome, RejectedRecord):
            self._ledger.reject("photos", outcome)
            (one.refused if outcome.reason in _OBTAINED else one.unavailable).add(record.external_id)
        elif (first := one.stored.setdefault(photos.bytes_key(outcome), outcome)) is outcome:
            return
        else:
            text = f"has the same bytes as the photo {first.external_id!r} of the listing"
            self._ledger.duplicate("photos", rejected_photo_name(record, RejectReason.DUPLICATE_PHOTO, text))
            one.refused.add(record.external_id)
        del one.records[record.external_id]

    def _count(self, one: _Obtaining, counts: Counter[str], file: str) -> None:
        kept = counts.pop("kept", 0)
        for kind, count in counts.items():
            self._ledger.count(f"photos_{kind}", count)
        self._ledger.count("photos_accepted", len(one.stored))
        if kept and not one.named.is_partial:
            self._ledger.warn(one.named.kept(file, kept, unavailable=len(one.unavailable)))
        if counts["removed"] and (warning := one.named.removed(counts["removed"])):
            self._ledger.warn(warning)

    def _of_known_listings(self, session: Session, batch: list[_Obtaining]) -> list[_Obtaining]:
        """Return what belongs to existing listings; reject the photos of others."""
        known = listings.known_ids(session, [one.named.listing_id for one in batch])
        for one in batch:
            if one.named.listing_id not in known:
                text = f"no listing {one.named.listing_id!r}"
                for record in one.records.values():
                    self._ledger.reject("photos", rejected_photo_name(record, RejectReason.UNKNOWN_LISTING, text))
        return [one for one in batch if one.named.listing_id in known]

    def _store(self, record: PhotoRecord, known: Mapping[str, Photo]) -> StoredPhoto | RejectedRecord:
        try:
            name = self._source.find(record.source)
            if name is None:
                raise FileNotFoundError(record.source)
            stored = store_photo(
                self._resources,
                self._source.read(name),
                listing_id=record.listing_id,
                external_id=record.external_id,
                source=stored_source(name),
                known=known,
            )
            if is_guess(record.source, name):
                self._ledger.warn(_guessed(record, name))
            return stored
        except FileNotFoundError:
            text = f"no photo {record.source!r} in {self._source.label}"
            return rejected_photo_name(record, RejectReason.MISSING_FILE, text)
        except (PhotoRejected, PhotoError) as error:
            return rejected_photo_name(record, RejectReason(error.reason), str(error))


def store_photo(
    resources: Resources,
    content: bytes,
    *,
    listing_id: str,
    external_id: str,
    source: str,
    known: Mapping[str, Photo],
) -> StoredPhoto:
    """Store the photo's bytes under their SHA-256 and return the photo, ready to be registered.

    Its metadata is cut out first (see `ml.photos.clean`) unless the operator keeps originals. A known photo whose
    stored file is intact is not cleaned and stored again.

    Args:
        resources: the photo store, the limits and the settings.
        content: the bytes as they came.
        listing_id, external_id, source: of the photo, as they are registered.
        known: photos that are stored already, by the SHA-256 of their original bytes.

    Raises:
        PhotoError: the bytes are not an acceptable photo; nothing is stored.
        OSError: the bytes cannot be written; nothing is left behind.
    """
    original = sha256_of(content)
    file = _stored_before(resources, content, known.get(original)) or _store(resources, content)
    return StoredPhoto(listing_id, external_id, source, *file, original_sha256=original)


class _StoredFile(NamedTuple):
    sha256: str
    format: str
    size_bytes: int
    width: int
    height: int


def _stored_before(resources: Resources, content: bytes, row: Photo | None) -> _StoredFile | None:
    """Return the intact file of a photo with the same original bytes, if it is stored as the settings say."""
    if row is None or resources.settings.keep_original_photos != (row.sha256 == row.original_sha256):
        return None
    inspect(content, resources.photo_limits)  # they may have changed
    if not resources.photo_files.renew(row.sha256):
        return None
    return _StoredFile(row.sha256, row.format, row.size_bytes, row.width, row.height)


def _store(resources: Resources, content: bytes) -> _StoredFile:
    keeps_original, limits = resources.settings.keep_original_photos, resources.photo_limits
    stored = content if keeps_original else clean_photo(content, limits)
    header = inspect(stored, limits)
    return _StoredFile(resources.photo_files.put(stored), header.format, len(stored), header.width, header.height)


@dataclass(slots=True)
class _Obtaining:
    """The photos of a listing while they are obtained.

    Attributes:
        records: by external id, without those that turned out to be rejected or duplicates.
        stored: by their bytes.
        unavailable: external ids of the photos that could not be obtained.
        refused: external ids of the photos that were obtained but cannot be used.
    """

    named: NamedPhotos
    records: dict[str, PhotoRecord] = field(default_factory=dict)
    stored: dict[str, StoredPhoto] = field(default_factory=dict)
    unavailable: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def result(self) -> PhotoSet:
        """Return the listing's photos as they are to be registered."""
        return PhotoSet(
            self.named.listing_id,
            list(self.stored.values()),
            unavailable=frozenset(self.unavailable),
            refused=frozenset(self.refused),
            keeps_others=self.named.is_partial or self.named.is_unread or bool(self.unavailable),
        )


def _guessed(record: PhotoRecord, name: str) -> WarningRecord:
    photo_id, before, after = map(shorten, (record.external_id, record.source, name))
    return WarningRecord(record.file, record.line, photo_id, "photo", ListingFlag.GUESSED_PHOTO_NAME, before, after)
