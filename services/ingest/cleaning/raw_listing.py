"""A listing as it stands in a file, before it is cleaned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.ingest.cleaning.repairs import flags_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.vectors.attributes import AttributeValue
    from services.ingest.cleaning.repairs import Repair


@dataclass(frozen=True, slots=True)
class RawListing:
    """A listing as it stands in the file; missing values are empty.

    Attributes:
        file, line: where the record starts.
        photos: names or URLs of its photos.
        repairs: what reading the record took, with flags such as `ListingFlag.REPAIRED_RECORD`.
        seller: the marketplace's own id of the seller.
        listed_at: a date, a date with a time, or a Unix time.
        day_first: the order of day and month in this file, where `listed_at` leaves it open; None when unknown.
        decimal_mark: the mark that begins decimals of prices in this file, `,` or `.`; empty when unknown.
        group_mark: the mark that probably groups thousands in this file; empty when unknown.
        currency: the currency of a price that names none: a code, a sign, or empty.
        category_separator: text between the levels of a category path; empty for the usual separators.
        categories_separator: text between several category paths in `category`; empty if it holds one path.
        availability: text that says whether the listing is for sale, such as `out of stock`; empty when unknown.
        sold: text that says whether the listing is sold, such as `true` or the date of the sale; empty when unknown.
        stock: the number of pieces that limits the sales, or `unlimited`; empty when unknown.
        url: the listing's page in the shop.
        attributes: further values by name, such as brand and size.
        parent: the id of the listing that this row is a variant of; empty if it is none.
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
    day_first: bool | None = None
    decimal_mark: str = ""
    group_mark: str = ""
    currency: str = ""
    category_separator: str = ""
    categories_separator: str = ""
    availability: str = ""
    sold: str = ""
    stock: str = ""
    url: str = ""
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    parent: str = ""

    @property
    def flags(self) -> tuple[str, ...]:
        """The codes of the repairs, each once."""
        return flags_of(self.repairs)
