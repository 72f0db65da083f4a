"""What the records that could not be read may have named: then what nothing names must stay. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from services.ingest.cleaning.text import TEXT_LIMIT, clean_line, counted
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from db.models import Listing
    from db.rows.records import ListingRecord, PhotoRecord, RejectedRecord

_UNREADABLE = frozenset({RejectReason.BROKEN_RECORD, RejectReason.RECORD_TOO_LONG, RejectReason.BROKEN_JSON})

_MERGED = frozenset({RejectReason.BROKEN_RECORD, RejectReason.RECORD_TOO_LONG})
"""Reasons of records that may hold others: an open quote swallows the lines up to the next one."""

_UNSURE_ID = frozenset({RejectReason.ROUNDED_ID, RejectReason.BROKEN_JSON})
"""Reasons of records whose id is shown, but may be that of another listing."""


@dataclass(frozen=True, slots=True)
class OpenEnd:
    """The last record of a file that has no line end, and the field of its last column; empty if that is not read."""

    listing_id: str
    record: ListingRecord | None
    photos: Sequence[PhotoRecord]
    field: str

    def lacks(self, stored: Listing, photo_names: Collection[str]) -> bool:
        """Say whether the last cell is the beginning of what is stored of it, so that its end may be cut off."""
        record, field = self.record, self.field
        if field == "photos":
            last = self.photos[-1].external_id if self.photos else ""
            return last not in photo_names and any(name.startswith(last) for name in photo_names)
        if record is None or not field:
            return False
        if field == "attributes":
            return any(_is_beginning(record.attributes.get(name), value) for name, value in stored.attributes.items())
        name = {"category": "category_path", "availability": "sold"}.get(field, field)
        return _is_beginning(getattr(record, name, None), getattr(stored, name, None))


@dataclass(slots=True)
class Unread:
    """The records of a listings file that were rejected, and may name photos.

    Attributes:
        listing_ids: the listings whose records they are, where that is known.
        unknown: the number of records that may be of any listing.
        is_cut: whether the file may be cut off: its last record could not be read, or looks cut off.
        open_end: the last record, if the file has no line end after it.
    """

    listing_ids: set[str] = field(default_factory=set)
    unknown: int = 0
    is_cut: bool = False
    open_end: OpenEnd | None = None

    def add(self, reject: RejectedRecord, *, names_photos: bool = True, has_parents: bool = False) -> None:
        """Take a rejected record into account.

        Args:
            reject: the record.
            names_photos: whether it may name photos.
            has_parents: whether the file has a column of parents, so that a record may be a variant of any listing.
        """
        self.listing_ids.add(clean_line(reject.record_id))
        self.unknown += names_photos and (hides_an_id(reject) or (has_parents and reject.reason in _UNREADABLE))

    def end(self, reject: RejectedRecord | None, flags: Collection[str], *, end: OpenEnd | None) -> None:
        """Look at the end of the file: whether its last record is whole.

        Args:
            reject: why the last record is rejected, if it is.
            flags: what was found out about the whole file.
            end: the last record, if it is not rejected.
        """
        is_open = ListingFlag.NO_LINE_END in flags
        is_unreadable = reject is not None and (reject.reason in _UNREADABLE or is_open)
        self.is_cut = is_unreadable or ListingFlag.CUT_OFF in flags
        self.open_end = end if is_open else None

    @property
    def problem(self) -> str:
        """Why nothing may be removed that nothing names; empty if there is no reason."""
        if self.is_cut:
            return "the file may be cut off in its last record"
        if self.unknown:
            return f"{counted(self.unknown, 'record')} with an unreadable id may name them"
        return ""


def hides_an_id(reject: RejectedRecord) -> bool:
    """Say whether a rejected record may be of any listing, or hold the records of others."""
    is_merged = reject.reason in _MERGED and ("\n" in reject.text or len(reject.text) >= TEXT_LIMIT)
    return is_merged or not reject.record_id or reject.reason in _UNSURE_ID


def _is_beginning(value: object, stored: object) -> bool:
    """Say whether a value is written as the beginning of a stored one."""
    whole = f"{stored:.2f}" if isinstance(stored, Decimal) else _text(stored)
    return _text(value) != _text(stored) and whole.startswith(_text(value))


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "/".join(map(str, value)) if isinstance(value, list | tuple) else "" if value is None else str(value)
