"""What a feed states: a field for which its file has no column keeps the stored value of an existing listing. Pure."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from services.ingest.cleaning.repairs import FLAGS_OF
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Collection

    from db.rows.records import ListingRecord
    from services.ingest.cleaning.raw_listing import RawListing
    from services.ingest.feeds.header import FoundColumns
    from services.ingest.loading.inputs import IngestOptions

_FROM_FEED = {
    "description": ("description",),
    "price": ("price",),
    "currency": ("price",),
    "location": ("location",),
    "region": ("location",),
    "seller": ("seller",),
    "listed_at": ("listed_at",),
    "url": ("url",),
    "sold": ("availability", "sold", "stock"),
}
"""The fields of a feed that state a field of a `ListingRecord`; of several, one is enough."""


class StatedFields:
    """Finds out which optional fields a feed states, while its records are read."""

    def __init__(self, found: FoundColumns, options: IngestOptions) -> None:
        self._has_attributes = bool(found.attribute_columns)
        self._absent = {
            name
            for name in set(chain(*_FROM_FEED.values()))
            if set(found.fields[name]) <= set(found.absent) and not (name == "seller" and options.seller)
        }

    def add(self, raw: RawListing) -> None:
        """Take a record into account: the objects of a JSON file may have a key that the first ones lack."""
        if self._absent:
            self._absent = {name for name in self._absent if not getattr(raw, name)}

    @property
    def unstated(self) -> frozenset[str]:
        """The fields of a `ListingRecord` that no column states."""
        names = {name for name, sources in _FROM_FEED.items() if self._absent.issuperset(sources)}
        return frozenset(names if self._has_attributes else {*names, "attributes"})


def keep_unstated(stored: ListingRecord, record: ListingRecord, *, unstated: Collection[str]) -> ListingRecord:
    """Return the record of a feed with the stored values of the fields that the feed does not state, and their flags.

    A listing that a sync marked sold is for sale again, because the feed has it again.
    """
    kept = {name: getattr(stored, name) for name in unstated}
    flags_kept = {flag for name in unstated for flag in FLAGS_OF.get(name, ())}
    if ListingFlag.MARKED_SOLD in stored.flags:
        kept.pop("sold", None)
        flags_kept.discard(ListingFlag.MARKED_SOLD)
    flags = {*record.flags, *flags_kept.intersection(stored.flags)}
    in_order = dict.fromkeys((*(flag for flag in stored.flags if flag in flags), *record.flags))
    return replace(record, **kept, flags=tuple(in_order))
