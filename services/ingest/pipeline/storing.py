"""Stores the bytes of a photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.rows.photos import StoredPhoto
from ml.photos.decode import inspect

if TYPE_CHECKING:
    from db.photo_bytes.base import PhotoStore
    from ml.photos.decode import PhotoLimits


def store_photo(
    files: PhotoStore, content: bytes, *, listing_id: str, external_id: str, source: str, limits: PhotoLimits
) -> StoredPhoto:
    """Store the bytes under their SHA-256 and return the photo, ready to be registered.

    Raises:
        PhotoError: the bytes are not an acceptable photo; nothing is stored.
        OSError: the bytes cannot be written; nothing is left behind.
    """
    header = inspect(content, limits)
    return StoredPhoto(
        listing_id=listing_id,
        external_id=external_id,
        source=source,
        sha256=files.put(content),
        format=header.format,
        size_bytes=len(content),
        width=header.width,
        height=header.height,
    )
