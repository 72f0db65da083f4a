"""The values that cross the border of the truth: a cleaned listing, a photo that belongs to it, a rejected record."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime  # noqa: TC003  (msgspec reads the annotations at run time)
from decimal import Decimal  # noqa: TC003

_LATER_FIELDS = ("seller", "listed_at")


@dataclass(frozen=True, slots=True)
class ListingRecord:
    """A listing after cleaning.

    Attributes:
        listing_id: the marketplace's own id.
        category: first level of the category path.
        category_path: every level, first to last.
        price: None when the listing states none.
        currency: ISO 4217 code; None when price is None or carries no currency.
        location: the place as written, whitespace cleaned; empty when unknown.
        region: the last comma-separated part of the location; empty when unknown.
        flags: what looks wrong but was kept, for example `absurd_price`.
        seller: the marketplace's own id of who sells it; empty when unknown.
        listed_at: when it was listed, in UTC; None when unknown.
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

    def content_hash(self) -> str:
        """Return the SHA-256, in hex, of all fields: equal hashes mean that nothing changed.

        Fields that came later count only where they say something: what was stored before them is still the same.
        """
        stated = asdict(self)
        for name in _LATER_FIELDS:
            if not stated[name]:
                del stated[name]
        fields = json.dumps(stated, default=str, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(fields.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class PhotoRecord:
    """A photo that a listing names.

    Attributes:
        external_id: the marketplace's own photo id, unique within the listing.
        source: where its bytes are: a name inside the photo folder or archive, or a URL.
        file, line: where the photo was named.
    """

    external_id: str
    listing_id: str
    source: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record, or a photo, that was not accepted: one row of rejects.csv.

    Attributes:
        file: the file it came from.
        line: 1-based line of the record's start in that file (row number for Parquet); 0 for a photo in a folder.
        record_id: the listing's or photo's id, empty when it has none.
        field: the field at fault, empty when it is the record as a whole.
        reason: a short stable code such as `missing_title`.
        text: what was there, shortened to 500 characters.
    """

    file: str
    line: int
    record_id: str
    field: str
    reason: str
    text: str
