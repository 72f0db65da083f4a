"""A listing as it stands in a file, before it is cleaned."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RawListing:
    """A listing as it stands in the file; what is missing is empty.

    Attributes:
        file, line: where it starts.
        photos: names or URLs of its photos.
        seller: the marketplace's own id of who sells it.
        listed_at: a date, a date with a time, or Unix seconds.
        flags: how it was read: `repaired_record` (its quoting was broken), `not_utf8` (stray bytes were replaced).
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
