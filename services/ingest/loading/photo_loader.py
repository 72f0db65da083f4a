"""Copies the photos that feeds name to the photo store, and registers them. A photo that is not stored is rejected."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from more_itertools import chunked

from db.rows import feed, listings, photos
from db.rows.photos import StoredPhoto
from db.rows.records import PhotoRecord, RejectedRecord, WarningRecord
from ml.photos.clean import clean_photo
from ml.photos.decode import PhotoError, inspect
from services.errors import PhotoRejected
from services.ingest.cleaning.text import shorten
from services.ingest.feeds.listings import read_photo_table
from services.ingest.photos.names import is_guess
from services.ingest.photos.urls import is_too_long, stored_source
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from sqlmodel import Session

    from services.ingest.feeds.columns import Columns
    from services.ingest.loading.ledger import Ledger
    from services.ingest.loading.spool import Spool
    from services.ingest.photos.sources import PhotoSource
    from services.resources import Resources

_PHOTOS_PER_WRITE = 200

_STORING_THREADS = 8
"""More than the cores: the threads wait for the disk or the network."""


def named_photos(spool: Spool, photos_table: Path | None, columns: Columns) -> Iterator[PhotoRecord | RejectedRecord]:
    """Yield every photo that the listing rows or the photo table name."""
    for entry in spool.current():
        for photo in entry.photos:
            yield _rejected(photo, RejectReason.ID_TOO_LONG, photo.source) if is_too_long(photo.source) else photo
    if photos_table is not None:
        yield from read_photo_table(photos_table, columns)


class PhotoLoader:
    """Copies photos from a source to the photo store, and registers them in the database as pending."""

    def __init__(self, resources: Resources, source: PhotoSource, *, ledger: Ledger) -> None:
        self._resources, self._source, self._ledger = resources, source, ledger

    def load(self, named: Iterable[PhotoRecord | RejectedRecord], advance: Callable[[int], None]) -> None:
        """Load the named photos, a batch per transaction; rejects and duplicates go to the ledger."""
        seen: set[tuple[str, str]] = set()
        for batch in chunked(named, _PHOTOS_PER_WRITE):
            distinct = []
            for record in batch:
                self._ledger.count("photos_read")
                if isinstance(record, RejectedRecord):
                    self._ledger.reject("photos", record)
                elif (record.listing_id, record.external_id) in seen:
                    text = "this photo is named more than once"
                    self._ledger.duplicate("photos", _rejected(record, RejectReason.DUPLICATE_ID, text))
                else:
                    seen.add((record.listing_id, record.external_id))
                    distinct.append(record)
            self._load_batch(distinct)
            advance(len(batch))

    def _load_batch(self, records: list[PhotoRecord]) -> None:
        with self._resources.database.read() as session:
            records = self._of_known_listings(session, records)
        stored = {}
        with ThreadPoolExecutor(_STORING_THREADS) as pool:
            for record, outcome in zip(records, pool.map(self._store, records), strict=True):
                if isinstance(outcome, RejectedRecord):
                    self._ledger.reject("photos", outcome)
                else:
                    stored[record] = outcome
        with self._resources.database.write() as session:
            feed.lock_feed(session)
            # A listing may have been deleted while its photos were stored.
            accepted = [stored[record] for record in self._of_known_listings(session, list(stored))]
            for kind, count in photos.register_photos(session, accepted, job_id=self._ledger.job_id).items():
                self._ledger.count(f"photos_{kind}", count)
            self._ledger.count("photos_accepted", len(accepted))
            self._ledger.write(session)

    def _of_known_listings(self, session: Session, records: list[PhotoRecord]) -> list[PhotoRecord]:
        """Return the photos whose listings exist; reject the others."""
        known = {row.id for row in listings.listings_by_id(session, {record.listing_id for record in records})}
        for record in records:
            if record.listing_id not in known:
                text = f"no listing {record.listing_id!r}"
                self._ledger.reject("photos", _rejected(record, RejectReason.UNKNOWN_LISTING, text))
        return [record for record in records if record.listing_id in known]

    def _store(self, record: PhotoRecord) -> StoredPhoto | RejectedRecord:
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
            )
            if is_guess(record.source, name):
                self._ledger.warn(_guessed(record, name))
            return stored
        except FileNotFoundError:
            text = f"no photo {record.source!r} in {self._source.label}"
            return _rejected(record, RejectReason.MISSING_FILE, text)
        except (PhotoRejected, PhotoError) as error:
            return _rejected(record, RejectReason(error.reason), str(error))


def store_photo(resources: Resources, content: bytes, *, listing_id: str, external_id: str, source: str) -> StoredPhoto:
    """Store the photo's bytes under their SHA-256 and return the photo, ready to be registered.

    Its metadata is cut out first (see `ml.photos.clean`) unless the operator keeps originals.

    Raises:
        PhotoError: the bytes are not an acceptable photo; nothing is stored.
        OSError: the bytes cannot be written; nothing is left behind.
    """
    keeps_original = resources.settings.keep_original_photos
    stored = content if keeps_original else clean_photo(content, resources.photo_limits)
    header = inspect(stored, resources.photo_limits)
    return StoredPhoto(
        listing_id=listing_id,
        external_id=external_id,
        source=source,
        sha256=resources.photo_files.put(stored),
        format=header.format,
        size_bytes=len(stored),
        width=header.width,
        height=header.height,
        original_sha256=hashlib.sha256(content).hexdigest(),
    )


def _guessed(record: PhotoRecord, name: str) -> WarningRecord:
    photo_id, before, after = map(shorten, (record.external_id, record.source, name))
    return WarningRecord(record.file, record.line, photo_id, "photo", ListingFlag.GUESSED_PHOTO_NAME, before, after)


def _rejected(record: PhotoRecord, reason: RejectReason, text: str) -> RejectedRecord:
    return RejectedRecord(record.file, record.line, shorten(record.external_id), "photo", reason, shorten(text))
