"""A listing as it stands in a file, before it is cleaned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.ingest.cleaning.repairs import Repair


@dataclass(frozen=True, slots=True)
class RawListing:
    """A listing as it stands in the file; missing values are empty.

    Attributes:
        file, line: where the record starts.
        photos: names or URLs of its photos.
        repairs: what reading the record took, with flags such as `ListingFlag.REPAIRED_RECORD`.
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
    repairs: tuple[Repair, ...] = ()
    seller: str = ""
    listed_at: str = ""

    @property
    def flags(self) -> tuple[str, ...]:
        """The codes of the repairs, each once."""
        return tuple(dict.fromkeys(repair.flag for repair in self.repairs))
