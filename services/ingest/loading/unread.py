"""What the records that could not be read may have named: then what nothing names must stay. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from db.rows.records import RejectedRecord
from services.ingest.cleaning.text import TEXT_LIMIT, clean_line
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from services.ingest.cleaning.raw_listing import RawListing

_UNREADABLE = frozenset({RejectReason.BROKEN_RECORD, RejectReason.RECORD_TOO_LONG, RejectReason.BROKEN_JSON})

_MERGED = frozenset({RejectReason.BROKEN_RECORD, RejectReason.RECORD_TOO_LONG})
"""Reasons of records that may hold others: an open quote swallows the lines up to the next one."""


@dataclass(slots=True)
class Unread:
    """The records of a listings file that were rejected, and may name photos.

    Attributes:
        listing_ids: the listings whose records they are, where that is known.
        unknown: the number of records that may be of any listing.
        is_cut: whether the file may be cut off, because its last record could not be read.
    """

    listing_ids: set[str] = field(default_factory=set)
    unknown: int = 0
    is_cut: bool = False

    def add(self, reject: RejectedRecord, *, names_photos: bool = True, has_parents: bool = False) -> None:
        """Take a rejected record into account.

        Args:
            reject: the record.
            names_photos: whether it may name photos.
            has_parents: whether the file has a column of parents, so that a record may be a variant of any listing.
        """
        self.listing_ids.add(clean_line(reject.record_id))
        self.unknown += names_photos and (hides_an_id(reject) or (has_parents and reject.reason in _UNREADABLE))

    def end(self, last: RawListing | RejectedRecord | None) -> None:
        """Look at the last record of the file."""
        if last is None:
            return
        if isinstance(last, RejectedRecord):
            self.is_cut = last.reason in _UNREADABLE
        else:
            before = [one.before for one in last.repairs if one.flag == ListingFlag.REPAIRED_RECORD]
            self.is_cut = any(text.count('"') % 2 for text in before if len(text) < TEXT_LIMIT)

    @property
    def problem(self) -> str:
        """Why nothing may be removed that nothing names; empty if there is no reason."""
        if self.is_cut:
            return "the last record of the file could not be read, so the file may be cut off"
        if self.unknown:
            return f"{self.unknown} record{'s' if self.unknown > 1 else ''} with an unreadable id may name them"
        return ""


def hides_an_id(reject: RejectedRecord) -> bool:
    """Say whether a rejected record may be of any listing, or hold the records of others."""
    is_merged = reject.reason in _MERGED and ("\n" in reject.text or len(reject.text) >= TEXT_LIMIT)
    return is_merged or not reject.record_id
