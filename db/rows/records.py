"""The values that ingest passes to the database: cleaned listings, their photos, and rejected records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping  # noqa: TC003  (msgspec reads the annotations at run time)
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003
from decimal import Decimal  # noqa: TC003

from db.vectors.attributes import AttributeValue  # noqa: TC001

_LATER_FIELDS = ("seller", "listed_at", "url", "attributes", "other_categories", "sold")


@dataclass(frozen=True, slots=True)
class ListingRecord:
    """A listing after cleaning.

    Attributes:
        listing_id: the marketplace's own id.
        category: first level of the category path.
        category_path: every level, first to last.
        price: None if the listing has none.
        currency: ISO 4217 code; None without a price or if the price has no currency.
        location: the place as written, with cleaned whitespace; empty when unknown.
        region: the last comma-separated part of the location; empty when unknown.
        flags: suspicious values that were kept, for example `absurd_price`.
        seller: the marketplace's seller id; empty when unknown.
        listed_at: when it was listed, in UTC; None when unknown.
        url: the listing's page in the shop; empty when unknown.
        attributes: free attributes such as brand, condition and size, by name.
        other_categories: the paths of further categories, each with every level.
        sold: whether it is no longer for sale.
    """

    listing_id: str
    title: str
    description: str
    category: str
    category_path: tuple[str, ...]
    price: Decimal | None
    currency: str | None
    location: str
    region: str
    flags: tuple[str, ...] = ()
    seller: str = ""
    listed_at: datetime | None = None
    url: str = ""
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    other_categories: tuple[tuple[str, ...], ...] = ()
    sold: bool = False

    def content_hash(self) -> str:
        """Return the SHA-256, in hex, of all fields: equal hashes mean that nothing changed.

        Fields added later count only if they are set, so that hashes stored before stay valid.
        """
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}  # asdict takes nine times as long
        for name in _LATER_FIELDS:
            if not values[name]:
                del values[name]
        fields = json.dumps(values, default=str, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(fields.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class PhotoRecord:
    """A photo that belongs to a listing.

    Attributes:
        external_id: the marketplace's own photo id, unique within the listing.
        source: a file name in the photo folder or archive, or a URL.
        file, line: where the photo was listed.
    """

    external_id: str
    listing_id: str
    source: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A rejected record or photo: one row of rejects.csv.

    Attributes:
        file: the file it came from.
        line: 1-based line of the record's start in that file (row number for Parquet); 0 for a photo in a folder.
        record_id: the listing's or photo's id; empty if it has none.
        field: the invalid field; empty if the whole record is invalid.
        reason: a short stable code such as `missing_title`.
        text: the rejected text, shortened to 500 characters.
    """

    file: str
    line: int
    record_id: str
    field: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class WarningRecord:
    """Something that was repaired, guessed or left out in an accepted record: one row of warnings.csv.

    Attributes:
        file: the file it came from.
        line: 1-based line of the record's start in that file; 0 for a notice about the whole file.
        record_id: the listing's or photo's id; empty for a notice.
        field: the field concerned; empty if it is the whole record.
        flag: a code of `ListingFlag`.
        before: the text as it stands in the file, shortened to 500 characters.
        after: the value that was taken; empty if none was.
    """

    file: str
    line: int
    record_id: str
    field: str
    flag: str
    before: str
    after: str
