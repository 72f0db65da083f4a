"""Conversion of database rows to vectors and payloads, shared by indexing and search."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003
from decimal import Decimal  # noqa: TC003
from itertools import chain
from typing import Any

import numpy as np

from db.models import Listing
from db.vectors.attributes import AttributeValue  # noqa: TC001
from db.vectors.base import Payload, Vector
from db.vectors.keys import location_key, location_keys, path_keys

PAYLOAD_COLUMNS: tuple[Any, ...] = (
    Listing.id,
    Listing.category,
    Listing.category_path,
    Listing.price,
    Listing.currency,
    Listing.location,
    Listing.region,
    Listing.seller,
    Listing.listed_at,
    Listing.created_at,
    Listing.other_categories,
    Listing.sold,
    Listing.attributes,
)
"""The columns that `payload_of` reads. Any other column would be fetched row by row."""


def to_bytes(vector: Vector) -> bytes:
    """Return the vector as little-endian float16."""
    return vector.astype("<f2").tobytes()


def from_bytes(stored: bytes) -> Vector:
    """Return the float32 vector, normalised again (float16 rounding changes its length by up to 1e-3)."""
    vector = np.frombuffer(stored, dtype="<f2").astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def payload_of(listing: Listing | ListingFields) -> Payload:
    """Return the filterable fields of a listing that the points of its photos carry."""
    return Payload(
        listing_id=listing.id,
        category=listing.category,
        price=None if listing.price is None else float(listing.price),
        locations=location_keys(listing.location),
        category_paths=_all_path_keys(listing),
        currency=listing.currency,
        region=location_key(listing.region),
        seller=listing.seller,
        listed_at=int((listing.listed_at or listing.created_at).timestamp()),
        sold=listing.sold,
        attributes=tuple(sorted((name, _typed(value)) for name, value in listing.attributes.items())),
    )


def _all_path_keys(listing: Listing | ListingFields) -> tuple[str, ...]:
    first = path_keys(listing.category_path)
    if not listing.other_categories:
        return first
    return tuple(dict.fromkeys(chain(first, *map(path_keys, listing.other_categories))))


def _typed(value: AttributeValue) -> AttributeValue:
    """Return a number as float: JSON has no difference between 3 and 3.0, but a point's checksum would."""
    return value if isinstance(value, str | bool) else float(value)


@dataclass(frozen=True, slots=True)
class ListingFields:
    """The fields of a listing that searches show and filter by."""

    id: str
    category: str
    category_path: list[str]
    price: Decimal | None
    currency: str | None
    location: str
    region: str
    seller: str
    listed_at: datetime | None
    created_at: datetime
    other_categories: list[list[str]]
    sold: bool
    attributes: dict[str, AttributeValue]
    title: str
    url: str
    copy_group: str | None = None
