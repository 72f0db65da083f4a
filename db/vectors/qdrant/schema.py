"""The schema of a Qdrant collection, shared by the server and Edge.

The distance is the dot product, which equals the cosine for unit vectors. Qdrant's own cosine distance would normalise
the vectors again, and its scores would differ from FAISS's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from db.vectors.attributes import attribute_text
from db.vectors.qdrant.attribute_fields import attribute_fields

if TYPE_CHECKING:
    from db.vectors.base import Payload

VECTOR_NAME = "photo"
"""A name, so that a collection could hold a second model's vectors too."""

LISTING_ID, CATEGORY, PRICE, LOCATIONS = "listing_id", "category", "price", "locations"
CATEGORY_PATHS, CURRENCY, REGION, SELLER, LISTED_AT = "category_paths", "currency", "region", "seller", "listed_at"

SOLD = "sold"
"""`true` or `false` as text: in Edge (0.9), a condition on a boolean field matches nothing."""

KEYWORD_FIELDS = (LISTING_ID, CATEGORY, LOCATIONS, CATEGORY_PATHS, CURRENCY, REGION, SELLER, SOLD)
"""Indexed before the first point is inserted: HNSW builds links for filters only on fields that are already indexed."""

FLOAT_FIELDS = (PRICE,)
"""Indexed like `KEYWORD_FIELDS`."""

INTEGER_FIELDS = (LISTED_AT,)
"""Indexed like `KEYWORD_FIELDS`."""

HNSW_EF = 200
"""Candidates that a graph search keeps. With Qdrant's default of 100, it found 0.988 of the ten nearest among 1,000,000
photos without a filter (`lookalike bench search --count 1000000`)."""

UPSERT_BATCH = 500
"""Points per write: about 3 MB of JSON at 256 dimensions. The server accepts 32 MB."""

PayloadFields: TypeAlias = dict[str, str | int | float | list[str] | dict[str, list[str]] | dict[str, float]]


def payload_fields(payload: Payload) -> PayloadFields:
    """Return the payload as Qdrant stores it, without a missing price or currency, so that no condition matches it."""
    fields: PayloadFields = {
        LISTING_ID: payload.listing_id,
        CATEGORY: payload.category,
        LOCATIONS: list(payload.locations),
        CATEGORY_PATHS: list(payload.category_paths),
        REGION: payload.region,
        SELLER: payload.seller,
        LISTED_AT: payload.listed_at,
        SOLD: attribute_text(payload.sold),
        **attribute_fields(payload.attributes),
    }
    if payload.price is not None:
        fields[PRICE] = payload.price
    if payload.currency is not None:
        fields[CURRENCY] = payload.currency
    return fields


def photo_id(point_id: object) -> int:
    assert isinstance(point_id, int), "all point ids are photo ids"
    return point_id
