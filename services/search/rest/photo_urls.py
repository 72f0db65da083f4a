"""URLs of photos; they change when the photo is replaced, so clients may cache what they lead to for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Request

from services.signing import Purpose
from services.web.access.signed_urls import signed_photo

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.resources import Resources
    from services.signing import Signer


def photo_version(sha256: str) -> str:
    """Return 16 hex digits that change when the photo's bytes change."""
    return sha256[16:32]  # caches may keep, under the first 16 digits, what earlier versions served: with metadata


class PhotoUrls:
    """Makes the URLs of an answer. With a signer, they lead to the photo without a key, for one to two days."""

    def __init__(self, signer: Signer | None = None) -> None:
        self._signer = signer

    def url(self, photo_id: int, sha256: str, part: str = "") -> str:
        """Return the path of a photo, or of a part such as `/thumbnail`."""
        version = photo_version(sha256)
        url = f"/v1/photos/{photo_id}{part}?v={version}"
        if self._signer is None:
            return url
        return f"{url}&sig={self._signer.signature(Purpose.PHOTO, signed_photo(photo_id, version))}"


def photo_urls_of(resources: Resources) -> Callable[[Request[Any, Any, Any]], PhotoUrls]:
    """Return a dependency: URLs are signed for callers with a key; without keys everybody may see the photos."""

    def photo_urls(request: Request[Any, Any, Any]) -> PhotoUrls:
        return PhotoUrls(resources.signer if request.scope["state"].get("key_id") else None)

    return photo_urls
