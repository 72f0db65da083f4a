"""A temporary database of the rows of a feed, between reading them and writing listings and photos."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping  # noqa: TC003  (msgspec reads the annotations)
from dataclasses import replace
from decimal import Decimal  # noqa: TC003
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING

import msgspec

from db.rows.records import ListingRecord, PhotoRecord, RejectedRecord
from db.vectors.attributes import AttributeValue  # noqa: TC001
from services.ingest.cleaning.repairs import Repair  # noqa: TC001
from services.ingest.loading.unread import Unread

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Self

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE row (place INTEGER, parent TEXT, content BLOB);
CREATE TABLE photo (place INTEGER, content BLOB);
BEGIN;
"""


class SpooledRow(msgspec.Struct, array_like=True, frozen=True):
    """A row of a listings file.

    Attributes:
        listing_id: the row's own id.
        line: where the row starts.
        photos: the photos that the row names.
        record: the cleaned listing; None if the row cannot stand for itself.
        repairs: what was repaired, guessed or left out in the record.
        reject: why the row cannot stand for itself.
        is_joined: whether such a row is a part of another row's listing; else it is rejected, and adds its photos only.
        parent: the id of the listing that the row is a variant of; empty if it is none.
        is_out_of_stock: whether the row has no piece left to sell; None if it has no stock.
        title, price, currency, attributes: of the row, with or without a record.
    """

    listing_id: str
    line: int
    photos: tuple[PhotoRecord, ...]
    record: ListingRecord | None = None
    repairs: tuple[Repair, ...] = ()
    reject: RejectedRecord | None = None
    parent: str = ""
    title: str = ""
    price: Decimal | None = None
    currency: str | None = None
    attributes: Mapping[str, AttributeValue] = {}
    is_joined: bool = False
    is_out_of_stock: bool | None = None


class SpooledGroup(msgspec.Struct, frozen=True):
    """The rows of one listing, with its variants, and the photos that the photo table names, in the files' order."""

    listing_id: str
    rows: list[SpooledRow]
    photos: list[PhotoRecord]


class Spool:
    """Rows of a feed in a temporary file, so that memory holds their ids only. Use it as a context manager.

    Add all rows, unite the variants, add the photos of the photo table, then read the groups.

    Attributes:
        rows_name_photos: whether the listings file has photos, so that a row without any says that there are none.
        unstated: the fields of a `ListingRecord` that no column of the listings file states.
        unread: what the rejected records of the listings file may name.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)  # a file that SQLite deletes
        self._connection.executescript(_TABLES)
        self._places: dict[str, int] = {}
        self._complete: set[str] = set()
        self._parents: dict[str, str] = {}
        self._moved: dict[str, str] = {}
        self._row_places = 0
        self.rows_name_photos = False
        self.unstated: frozenset[str] = frozenset()
        self.unread = Unread()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._connection.close()

    def __len__(self) -> int:
        """Return the number of listings: ids with a row that can stand for itself and is no variant of another."""
        return len(self.accepted_ids)

    @property
    def accepted_ids(self) -> Collection[str]:
        """The ids with a row that can stand for itself and is no variant of another."""
        return self._complete - self._moved.keys()

    @property
    def listing_ids(self) -> Collection[str]:
        """The ids of the rows, whether or not they can stand for themselves; without variants of other listings."""
        return set(islice(self._places, self._row_places)) - self._moved.keys()

    def add(self, row: SpooledRow) -> None:
        """Append a row of the listings file."""
        values = (self._place(row.listing_id), row.parent, msgspec.msgpack.encode(row))
        self._connection.execute("INSERT INTO row VALUES (?, ?, ?)", values)
        if row.parent:
            self._parents[row.listing_id] = row.parent
        if row.record is not None:
            self._complete.add(row.listing_id)

    def unite_variants(self) -> None:
        """Move each variant to the listing that it is a variant of, wherever the file has that listing."""
        self._connection.execute("CREATE INDEX row_place ON row (place)")
        for listing_id, parent in self._parents.items():
            root = self._root(listing_id)
            if root != listing_id:
                own, values = self._places[listing_id], (self._places[root], self._places[listing_id], parent)
                self._connection.execute("UPDATE row SET place = ? WHERE place = ? AND parent = ?", values)
                if not self._connection.execute("SELECT 1 FROM row WHERE place = ?", (own,)).fetchone():
                    self._moved[listing_id] = root
        self._row_places = len(self._places)

    def add_photo(self, photo: PhotoRecord) -> None:
        """Append a photo that the photo table names; one of a variant belongs to the listing."""
        listing_id = self._moved.get(photo.listing_id, photo.listing_id)
        encoded = msgspec.msgpack.encode(replace(photo, listing_id=listing_id))
        self._connection.execute("INSERT INTO photo VALUES (?, ?)", (self._place(listing_id), encoded))

    def groups(self) -> Iterator[SpooledGroup]:
        """Yield every listing with its rows and photos, in the order in which their ids first occurred."""
        self._connection.execute("CREATE INDEX IF NOT EXISTS photo_place ON photo (place)")
        ids = list(self._places)
        row_of, photo_of = msgspec.msgpack.Decoder(SpooledRow), msgspec.msgpack.Decoder(PhotoRecord)
        stored = self._connection.execute(
            "SELECT place, 0 AS kind, rowid AS at, content FROM row"
            " UNION ALL SELECT place, 1, rowid, content FROM photo ORDER BY place, kind, at"
        )
        for place, entries in groupby(stored, key=itemgetter(0)):
            group = SpooledGroup(ids[place], [], [])
            for _place, is_photo, _at, content in entries:
                if is_photo:
                    group.photos.append(photo_of.decode(content))
                else:
                    group.rows.append(row_of.decode(content))
            yield group

    def _place(self, listing_id: str) -> int:
        return self._places.setdefault(listing_id, len(self._places))

    def _root(self, listing_id: str) -> str:
        """Follow the parents to a listing that is no variant; return the id itself if there is none in the file."""
        passed, at = {listing_id}, listing_id
        while (parent := self._parents.get(at)) in self._places:
            if parent in passed:
                return listing_id
            passed.add(parent)
            at = parent
        return at if at in self._complete else listing_id
