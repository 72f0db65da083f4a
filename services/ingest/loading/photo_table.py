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
    from collections.abc import Sequence
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
            named = [record for record in batch if isinstance(record, PhotoRecord)]
            for photo in self._with_known_ids(named):
                self._spool.add_photo(photo)
            for record in batch:
                if isinstance(record, RejectedRecord):
                    self._reject(record)
            rows, photos = rows + len(batch), photos + len(named)
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

    def _reject(self, record: RejectedRecord) -> None:
        self._ledger.count("photos_read")
        self._ledger.reject("photos", record)
        if record.reason == RejectReason.MISSING_LISTING_ID:
            self.problem = self.problem or "rows of the table have a photo but no listing id"
        elif record.reason != RejectReason.MISSING_ID:
            self.problem = _UNREADABLE_ROWS
        elif record.record_id:  # a join has such rows for listings without photos
            self.blank.setdefault(record.record_id, record)

    def _with_known_ids(self, named: Sequence[PhotoRecord]) -> list[PhotoRecord]:
        """Read a listing id such as `101.0` as a whole number, if only that is the id of a listing."""
        matches = {one.listing_id: match[1] for one in named if (match := _DECIMAL.fullmatch(one.listing_id))}
        if not matches:
            return list(named)
        with self._database.read() as session:
            stored = listings.known_ids(session, {*matches, *matches.values()})
        known = {one for one in (*matches, *matches.values()) if one in self._in_file or one in stored}
        whole = {id_: number for id_, number in matches.items() if id_ not in known and number in known}
        for one in named:
            if number := whole.get(one.listing_id):
                repair = Repair(ListingFlag.DECIMAL_ID, "listing_id", one.listing_id, number)
                self._ledger.warn(warning_of(one.file, one.line, one.external_id, repair))
        return [replace(one, listing_id=whole.get(one.listing_id, one.listing_id)) for one in named]
