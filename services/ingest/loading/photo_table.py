"""Reads a photo table into the spool."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from more_itertools import chunked

from db.rows import listings
from db.rows.records import PhotoRecord, RejectedRecord, WarningRecord
from services.errors import ListingsFileError
from services.ingest.cleaning.repairs import Repair
from services.ingest.feeds.photo_tables import read_photo_table
from services.ingest.loading.united import warning_of
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from db.session import Database
    from services.ingest.feeds.columns import Columns
    from services.ingest.loading.ledger import Ledger
    from services.ingest.loading.spool import Spool

_ROWS_PER_LOOKUP = 500

_UNREADABLE_ROWS = "rows of the table could not be read"

_DECIMAL = re.compile(r"(-?\d+)\.0+")


class PhotoTable:
    """The photo table of a feed.

    Attributes:
        problem: why nothing may be removed that the table does not name; empty if there is no reason.
        blank: the first row without a photo id of each listing that has one.
    """

    def __init__(self, spool: Spool, ledger: Ledger, database: Database) -> None:
        self._spool, self._ledger, self._database = spool, ledger, database
        self._in_file = spool.listing_ids
        self.problem = ""
        self.blank: dict[str, RejectedRecord] = {}

    def read(self, path: Path, columns: Columns, *, may_be_empty: bool) -> None:
        """Add the rows to the spool; rejects go to the ledger.

        Raises:
            ListingsFileError: the table cannot be read, or names no photo although it must not be empty.
        """
        rows = photos = 0
        notices = list[Repair]()
        for batch in chunked(read_photo_table(path, columns, tell=notices.append), _ROWS_PER_LOOKUP):
            whole = self._whole_numbers({_listing_id(record) for record in batch})
            for record in batch:
                listing_id = whole.get(_listing_id(record), _listing_id(record))
                if isinstance(record, RejectedRecord):
                    self._reject(record, listing_id)
                else:
                    self._add(record, listing_id)
                    photos += 1
            rows += len(batch)
        for notice in notices:
            self._ledger.warn(warning_of(path.name, 0, "", notice))
            if notice.flag == ListingFlag.CUT_OFF:
                self.problem = self.problem or "the table may be cut off"
        if not photos and self.problem != _UNREADABLE_ROWS and not may_be_empty:
            remedy = "Export it again. To keep the stored photos, leave the table out or pass --photos keep"
            raise ListingsFileError(path, "names no photo of a listing" if rows else "has no rows", remedy)
        if self.problem:
            text = "photos that the table no longer names", f"kept: {self.problem}"
            self._ledger.warn(WarningRecord(path.name, 0, "", "photos", ListingFlag.PHOTOS_KEPT, *text))

    def _add(self, photo: PhotoRecord, listing_id: str) -> None:
        if listing_id != photo.listing_id:
            repair = Repair(ListingFlag.DECIMAL_ID, "listing_id", photo.listing_id, listing_id)
            self._ledger.warn(warning_of(photo.file, photo.line, photo.external_id, repair))
        self._spool.add_photo(replace(photo, listing_id=listing_id))

    def _reject(self, record: RejectedRecord, listing_id: str) -> None:
        self._ledger.count("photos_read")
        self._ledger.reject("photos", record)
        if record.reason == RejectReason.MISSING_LISTING_ID:
            self.problem = self.problem or "rows of the table have a photo but no listing id"
        elif record.reason != RejectReason.MISSING_ID:
            self.problem = _UNREADABLE_ROWS
        elif listing_id:  # a join has such rows for listings without photos
            self.blank.setdefault(listing_id, record)

    def _whole_numbers(self, listing_ids: Iterable[str]) -> dict[str, str]:
        """Return, for ids such as `101.0`, the whole number if only that is the id of a listing."""
        matches = {one: match[1] for one in listing_ids if (match := _DECIMAL.fullmatch(one))}
        if not matches:
            return {}
        with self._database.read() as session:
            stored = listings.known_ids(session, {*matches, *matches.values()})
        known = {one for one in (*matches, *matches.values()) if one in self._in_file or one in stored}
        return {one: number for one, number in matches.items() if one not in known and number in known}


def _listing_id(record: PhotoRecord | RejectedRecord) -> str:
    """Return the id of a row's listing; empty if the row is rejected for more than a blank photo id."""
    if isinstance(record, PhotoRecord):
        return record.listing_id
    return record.record_id if record.reason == RejectReason.MISSING_ID else ""
