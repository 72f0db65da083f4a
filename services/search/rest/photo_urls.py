"""URLs of photos; they change when the photo is replaced, so clients may cache what they lead to for ever."""

from __future__ import annotations


def photo_version(sha256: str) -> str:
    """Return 16 hex digits that change when the photo's bytes change."""
    return sha256[16:32]  # caches may keep, under the first 16 digits, what earlier versions served: with metadata


def photo_url(photo_id: int, sha256: str, part: str = "") -> str:
    """Return the path of a photo, or of a part such as `/thumbnail`."""
    return f"/v1/photos/{photo_id}{part}?v={photo_version(sha256)}"
