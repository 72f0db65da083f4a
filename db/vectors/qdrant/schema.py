"""What a collection looks like in Qdrant: the same for the server and for Edge.

The distance is the dot product. Vectors are of unit length, so it equals the cosine; Qdrant's own cosine distance would
normalise them once more, and its scores would then differ from FAISS's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from db.vectors.base import HeldPoints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.vectors.base import Payload

VECTOR_NAME = "photo"
"""Named from day one, so that a second model's vectors can live beside the first's."""

LISTING_ID, CATEGORY, PRICE, LOCATIONS = "listing_id", "category", "price", "locations"
CATEGORY_PATHS, CURRENCY, REGION, SELLER, LISTED_AT = "category_paths", "currency", "region", "seller", "listed_at"

CHECKSUM = "checksum"
"""Of the point as it was put in, 16 hex digits; not indexed, since nobody searches for it."""

KEYWORD_FIELDS = (LISTING_ID, CATEGORY, LOCATIONS, CATEGORY_PATHS, CURRENCY, REGION, SELLER)
"""Indexed before the first point comes: HNSW's links within a filter are made only for fields indexed by then."""

FLOAT_FIELDS = (PRICE,)
"""Indexed as `KEYWORD_FIELDS` are."""

INTEGER_FIELDS = (LISTED_AT,)
"""Indexed as `KEYWORD_FIELDS` are."""

EF = 200
"""Candidates that a walk through the graph keeps. With Qdrant's default, 100, it found 0.988 of the ten nearest among
1,000,000 photos without a filter (`lookalike bench search --count 1000000`)."""

BATCH = 500
"""Points per write: some 3 MB of JSON at 256 dimensions, where the server takes 32 MB."""

_HEX = re.compile(r"[0-9a-f]{16}")

PayloadFields: TypeAlias = dict[str, str | int | float | list[str]]


def payload_fields(payload: Payload, checksum: int) -> PayloadFields:
    """Return the payload as Qdrant stores it; price and currency are left out where None, so that nothing matches."""
    fields: PayloadFields = {
        CHECKSUM: f"{checksum:016x}",
        LISTING_ID: payload.listing_id,
        CATEGORY: payload.category,
        LOCATIONS: list(payload.locations),
        CATEGORY_PATHS: list(payload.category_paths),
        REGION: payload.region,
        SELLER: payload.seller,
        LISTED_AT: payload.listed_at,
    }
    if payload.price is not None:
        fields[PRICE] = payload.price
    if payload.currency is not None:
        fields[CURRENCY] = payload.currency
    return fields


def held_points(found: Mapping[int, object]) -> HeldPoints:
    """Return what a collection holds, from its checksums by photo id; 0 stands for one that is missing or damaged."""
    ids = np.array(sorted(found), dtype=np.int64)
    return HeldPoints(ids, np.array([_checksum(found[photo_id]) for photo_id in ids.tolist()], dtype=np.uint64))


def _checksum(stored: object) -> int:
    return int(stored, 16) if isinstance(stored, str) and _HEX.fullmatch(stored) else 0
