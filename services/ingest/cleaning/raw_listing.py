"""A listing as it stands in a file, before it is cleaned."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RawListing:
    """A listing as it stands in the file; missing values are empty.

    Attributes:
        file, line: where the record starts.
        photos: names or URLs of its photos.
        flags: how it was read: `ListingFlag.REPAIRED_RECORD`, `ListingFlag.NOT_UTF8`.
        seller: the marketplace's own id of the seller.
        listed_at: a date, a date with a time, or Unix seconds.
    """

    file: str
    line: int
    listing_id: str
    title: str
    category: str
    description: str
    price: str
    location: str
    photos: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    seller: str = ""
    listed_at: str = ""
