"""From files to the truth: listings, then the photos that belong to them. Nothing is dropped silently.

Listings are read and cleaned into a spool file first and written to the database after: a file that turns out to be
unreadable half-way changes nothing, and of records with the same id only the last acceptable one is ever written.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import IO, TYPE_CHECKING

import msgspec
from more_itertools import chunked

from db.rows import feed, listings, photos
from db.rows.records import ListingRecord, PhotoRecord, RejectedRecord
from ml.photos.decode import PhotoError
from services.errors import PhotoRejected
from services.ingest.cleaning.listings import check_records, clean_listing
from services.ingest.cleaning.text import shorten
from services.ingest.files.listings import PHOTO_ID_LIMIT, read_listings, read_photo_table
from services.ingest.pipeline.storing import store_photo
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from sqlmodel import Session

    from db.photo_bytes.base import PhotoStore
    from db.rows.photos import StoredPhoto
    from db.session import Database
    from ml.photos.decode import PhotoLimits
    from services.ingest.files.columns import Columns
    from services.ingest.photos.sources import PhotoSource
    from services.ingest.pipeline.ledger import Ledger

_LISTINGS_PER_WRITE = 500
_PHOTOS_PER_WRITE = 200
_STORING_THREADS = 8


class Spooled(msgspec.Struct, array_like=True):
    """A cleaned listing, the photos that its row names, and where the row starts."""

    record: ListingRecord
    photos: tuple[PhotoRecord, ...]
    line: int


class Spool:
    """Cleaned listings on their way to the database, in a temporary file. Use it as a context manager."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed by __exit__)
        self._last: dict[str, int] = {}
        self._length = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        """The number of distinct listings."""
        return len(self._last)

    def add(self, record: ListingRecord, named: tuple[PhotoRecord, ...], *, line: int) -> None:
        """Append a listing with the photos that its row names; it supersedes an earlier one of the same id."""
        self._file.write(msgspec.json.encode(Spooled(record, named, line)) + b"\n")
        self._last[record.listing_id] = self._length
        self._length += 1

    def current(self) -> Iterator[Spooled]:
        """Yield the last listing of each id, in file order."""
        for ordinal, entry in self._entries():
            if self._last[entry.record.listing_id] == ordinal:
                yield entry

    def superseded(self) -> Iterator[Spooled]:
        """Yield each listing that a later one of the same id superseded."""
        for ordinal, entry in self._entries():
            if self._last[entry.record.listing_id] != ordinal:
                yield entry

    def _entries(self) -> Iterator[tuple[int, Spooled]]:
        self._file.seek(0)
        decoder = msgspec.json.Decoder(Spooled)
        for ordinal, encoded in enumerate(self._file):
            yield ordinal, decoder.decode(encoded)


def read_into(spool: Spool, path: Path, columns: Columns, ledger: Ledger) -> None:
    """Read and clean a listings file into the spool; the ledger gets what is not accepted.

    Raises:
        ListingsFileError: the file cannot be read at all; nothing was written to the database.
    """
    for raw in read_listings(path, columns):
        ledger.count("listings_read")
        if isinstance(raw, RejectedRecord):
            ledger.reject("listings", raw)
            continue
        cleaned = clean_listing(raw)
        if isinstance(cleaned, RejectedRecord):
            ledger.reject("listings", cleaned)
            continue
        named = tuple(PhotoRecord(name, cleaned.listing_id, name, raw.file, raw.line) for name in raw.photos)
        spool.add(cleaned, named, line=raw.line)
    for entry in spool.superseded():
        text = "a later record of the same id supersedes this one"
        reject = RejectedRecord(path.name, entry.line, entry.record.listing_id, "id", RejectReason.DUPLICATE_ID, text)
        ledger.duplicate("listings", reject)


def write_listings(
    database: Database, spool: Spool, path: Path, *, ledger: Ledger, advance: Callable[[int], None]
) -> None:
    """Write the spooled listings to the truth, some hundred in a transaction, with their part of the ledger."""
    for batch in chunked(spool.current(), _LISTINGS_PER_WRITE):
        sound = []
        for entry, verdict in zip(batch, check_records([entry.record for entry in batch]), strict=True):
            if isinstance(verdict, RejectedRecord):
                ledger.reject("listings", replace(verdict, file=path.name, line=entry.line))
            else:
                sound.append(verdict)
        with database.write() as session:
            outcome = listings.upsert_listings(session, sound)
            ledger.count("listings_accepted", len(sound))
            ledger.count("listings_new", outcome.inserted)
            ledger.count("listings_updated", outcome.updated)
            ledger.count("listings_unchanged", outcome.unchanged)
            ledger.write(session)
        advance(len(batch))


def named_photos(spool: Spool, photos_table: Path | None, columns: Columns) -> Iterator[PhotoRecord | RejectedRecord]:
    """Yield every photo that the listing rows or the photo table name."""
    for entry in spool.current():
        for photo in entry.photos:
            is_too_long = len(photo.external_id) > PHOTO_ID_LIMIT
            yield _rejected(photo, RejectReason.ID_TOO_LONG, photo.source) if is_too_long else photo
    if photos_table is not None:
        yield from read_photo_table(photos_table, columns)


def load_photos(
    database: Database,
    files: PhotoStore,
    source: PhotoSource,
    named: Iterable[PhotoRecord | RejectedRecord],
    *,
    limits: PhotoLimits,
    ledger: Ledger,
    advance: Callable[[int], None],
) -> None:
    """Store the bytes of the named photos and register them as pending, some hundred in a transaction."""
    seen: set[tuple[str, str]] = set()
    for batch in chunked(named, _PHOTOS_PER_WRITE):
        wanted = []
        for record in batch:
            ledger.count("photos_read")
            if isinstance(record, RejectedRecord):
                ledger.reject("photos", record)
            elif (record.listing_id, record.external_id) in seen:
                text = "this photo is named more than once"
                ledger.duplicate("photos", _rejected(record, RejectReason.DUPLICATE_ID, text))
            else:
                seen.add((record.listing_id, record.external_id))
                wanted.append(record)
        _store_batch(database, files, source, wanted, limits=limits, ledger=ledger)
        advance(len(batch))


def _store_batch(
    database: Database,
    files: PhotoStore,
    source: PhotoSource,
    wanted: list[PhotoRecord],
    *,
    limits: PhotoLimits,
    ledger: Ledger,
) -> None:
    with database.read() as session:
        known = _known_listings(session, wanted)
    wanted = [record for record in wanted if _is_of(known, record, ledger)]
    stored = []
    with ThreadPoolExecutor(_STORING_THREADS) as pool:  # what they wait for is the disk, or the network
        for outcome in pool.map(lambda record: _store(files, source, record, limits), wanted):
            if isinstance(outcome, RejectedRecord):
                ledger.reject("photos", outcome)
            else:
                stored.append(outcome)
    with database.write() as session:
        feed.lock_feed(session)
        known = _known_listings(session, wanted)  # one may have been deleted while its photos were stored
        record_of = {(record.listing_id, record.external_id): record for record in wanted}
        stored = [photo for photo in stored if _is_of(known, record_of[photo.listing_id, photo.external_id], ledger)]
        for kind, count in photos.register_photos(session, stored, job_id=ledger.job_id).items():
            ledger.count(f"photos_{kind}", count)
        ledger.count("photos_accepted", len(stored))
        ledger.write(session)


def _known_listings(session: Session, named: list[PhotoRecord]) -> set[str]:
    return {row.id for row in listings.listings_by_id(session, {record.listing_id for record in named})}


def _is_of(known: set[str], record: PhotoRecord, ledger: Ledger) -> bool:
    """Say whether the photo is of a known listing; where it is not, the ledger is told."""
    if record.listing_id in known:
        return True
    ledger.reject("photos", _rejected(record, RejectReason.UNKNOWN_LISTING, f"no listing {record.listing_id!r}"))
    return False


def _store(
    files: PhotoStore, source: PhotoSource, record: PhotoRecord, limits: PhotoLimits
) -> StoredPhoto | RejectedRecord:
    try:
        name = source.find(record.source)
        if name is None:
            raise FileNotFoundError(record.source)
        return store_photo(
            files,
            source.read(name),
            listing_id=record.listing_id,
            external_id=record.external_id,
            source=name,
            limits=limits,
        )
    except FileNotFoundError:
        return _rejected(record, RejectReason.MISSING_FILE, f"no photo {record.source!r} in {source.label}")
    except (PhotoRejected, PhotoError) as error:
        return _rejected(record, RejectReason(error.reason), str(error))


def _rejected(record: PhotoRecord, reason: RejectReason, text: str) -> RejectedRecord:
    return RejectedRecord(record.file, record.line, shorten(record.external_id), "photo", reason, shorten(text))
