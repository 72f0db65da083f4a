"""URLs of photos; they change when the photo is replaced, so clients may cache what they lead to for ever."""

from __future__ import annotations

from typing import Protocol


class StoredBytes(Protocol):
    """A row whose bytes are in the photo store."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes, in hex."""
        ...


def photo_version(photo: StoredBytes) -> str:
    """Return 16 hex digits that change when the photo's bytes change."""
    return photo.sha256[:16]


def photo_url(photo_id: int, photo: StoredBytes, part: str = "") -> str:
    """Return the path of a photo, or of a part such as `/thumbnail`."""
    return f"/v1/photos/{photo_id}{part}?v={photo_version(photo)}"
