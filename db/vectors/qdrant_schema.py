"""What a collection looks like in Qdrant: the same for the server and for Edge.

The distance is the dot product. Vectors are of unit length, so it equals the cosine; Qdrant's own cosine distance would
normalise them once more, and its scores would then differ from FAISS's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from db.vectors.base import Payload

VECTOR_NAME = "photo"
"""Named from day one, so that a second model's vectors can live beside the first's."""

LISTING_ID, CATEGORY, PRICE, LOCATIONS = "listing_id", "category", "price", "locations"

KEYWORD_FIELDS = (LISTING_ID, CATEGORY, LOCATIONS)
"""Indexed before the first point comes: HNSW's links within a filter are made only for fields indexed by then."""

FLOAT_FIELDS = (PRICE,)
"""Indexed as `KEYWORD_FIELDS` are."""

BATCH = 500
"""Points per write: some 3 MB of JSON at 256 dimensions, where the server takes 32 MB."""

PayloadFields: TypeAlias = dict[str, str | float | list[str]]


def payload_fields(payload: Payload) -> PayloadFields:
    """Return the payload as Qdrant stores it; a price that is None is left out, so that no range matches it."""
    fields: PayloadFields = {
        LISTING_ID: payload.listing_id,
        CATEGORY: payload.category,
        LOCATIONS: list(payload.locations),
    }
    if payload.price is not None:
        fields[PRICE] = payload.price
    return fields
