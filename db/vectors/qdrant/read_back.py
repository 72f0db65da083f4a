"""What a Qdrant collection holds, computed from the vectors that searches compare and the payloads that are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from db.vectors.base import HeldPoints, Payload
from db.vectors.checksums import payload_checksums, vector_checksums
from db.vectors.qdrant.attribute_fields import attributes_of
from db.vectors.qdrant.schema import (
    CATEGORY,
    CATEGORY_PATHS,
    CURRENCY,
    LISTED_AT,
    LISTING_ID,
    LOCATIONS,
    PRICE,
    REGION,
    SELLER,
    SOLD,
    VECTOR_NAME,
    photo_id,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from db.vectors.base import Checksums

RECORDS_PER_PAGE = 1000
"""Records with their vectors per request: 3 MB of JSON at 256 dimensions."""


class StoredRecord(Protocol):
    """A record of Qdrant Edge or of a Qdrant server."""

    @property
    def id(self) -> Any: ...

    @property
    def vector(self) -> Any: ...

    @property
    def payload(self) -> Any: ...


def held_points(records: Iterable[StoredRecord], vector_size: int) -> HeldPoints:
    """Return the photo ids, ascending, with their checksums; 0 stands for an unreadable vector or payload."""
    ids, sums = [], []
    for record in records:
        ids.append(photo_id(record.id))
        sums.append(_checksum(record, vector_size))
    order = np.argsort(np.array(ids, dtype=np.int64))
    return HeldPoints(np.array(ids, dtype=np.int64)[order], np.array(sums, dtype=np.uint64)[order])


def stored_payload(fields: Mapping[str, Any]) -> Payload:
    """Return the payload of which `schema.payload_fields` made the fields.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: the fields are not complete, or damaged.
    """
    price = fields.get(PRICE)
    return Payload(
        listing_id=fields[LISTING_ID],
        category=fields[CATEGORY],
        price=None if price is None else float(price),
        locations=tuple(fields[LOCATIONS]),
        category_paths=tuple(fields[CATEGORY_PATHS]),
        currency=fields.get(CURRENCY),
        region=fields[REGION],
        seller=fields[SELLER],
        listed_at=fields[LISTED_AT],
        sold=fields[SOLD] == "true",
        attributes=attributes_of(fields),
    )


def _checksum(record: StoredRecord, vector_size: int) -> int:
    try:
        vector = np.array(record.vector[VECTOR_NAME], dtype=np.float32)
        if vector.shape != (vector_size,):
            return 0
        payload = stored_payload(record.payload)
        sums: Checksums = vector_checksums(vector[np.newaxis]) ^ payload_checksums([payload])
    except (KeyError, TypeError, ValueError, AttributeError):
        return 0
    return int(sums[0])
