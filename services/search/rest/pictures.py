"""Serves photos and thumbnails over HTTP, with headers for caches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litestar import Response

from ml.photos.clean import ShownFormat, shown_photo
from ml.photos.decode import DecodingBusy, Patience, PhotoError
from services.errors import Overloaded, PhotoRejected
from services.lookup import find_photo, photo_content
from services.reason_codes import RejectReason
from services.search.rest.photo_urls import photo_version
from services.search.rest.thumbnails import ThumbnailFormat, accepted_format, thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from db.models import Photo
    from ml.photos.decode import PhotoLimits
    from services.resources import Resources
    from services.search.stage_times import StageTimes

CACHE_FOR_EVER = "max-age=31536000, immutable"
REVALIDATE = "no-cache"
"""Caches may store the photo, but must revalidate it each time; an unchanged photo gets a short 304."""

MEDIA_TYPES: dict[ShownFormat, str] = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
}

PICTURE_THREADS = 32
"""Threads that make pictures; separate, so that no other call waits for large photos."""

_MAX_WAITING = 24
"""Large photos that may wait to be decoded: fewer than the threads, so that small photos do not wait for them."""

_RETRY_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class CacheConditions:
    """The parts of a request that decide on caching and format.

    Attributes:
        version: the `v` of the URL; if it is the photo's current version, the answer may be cached for ever.
        known: the If-None-Match header: entity tags of the client's copies.
        accept: the Accept header.
        is_private: whether the caller needed a key or a signed URL; shared caches must not store the answer.
    """

    version: str | None = None
    known: str = ""
    accept: str = ""
    is_private: bool = False

    def has(self, tag: str) -> bool:
        """Return whether the client has the copy with this entity tag (weak comparison: RFC 9110, 13.1.2)."""
        tags = {entry.strip().removeprefix("W/") for entry in self.known.split(",")}
        return bool(tags & {tag, "*"})


def photo_response(
    resources: Resources, photo_id: int, conditions: CacheConditions, *, times: StageTimes
) -> Response[bytes]:
    """Return the photo without metadata and upright. Its pixels are those that were ingested unless it is turned.

    Raises:
        ResourceNotFound: there is no such photo, or its file is missing.
        PhotoRejected: the file is not a photo, or cannot be converted.
        Overloaded: too many large photos are being converted.
    """
    photo = _photo(resources, photo_id)

    def shown(patience: Patience) -> tuple[bytes, ShownFormat]:
        return shown_photo(
            photo_content(resources.photo_files, photo.id, photo.sha256), resources.photo_limits, patience=patience
        )

    return _response(
        f'"{photo.sha256}-shown"',  # earlier versions served the file itself under its hash
        _cache_control(photo, conditions),
        conditions,
        lambda: _in_turn(shown, times),
    )


def thumbnail_response(
    resources: Resources, photo_id: int, size: int, *, conditions: CacheConditions, times: StageTimes
) -> Response[bytes]:
    """Return the photo as WebP or JPEG with a longer side of at most `size` pixels.

    Raises:
        ResourceNotFound: there is no such photo, or its file is missing.
        PhotoRejected: the file cannot be decoded.
        Overloaded: too many large photos are being decoded.
    """
    photo, kind = _photo(resources, photo_id), accepted_format(conditions.accept)
    return _response(
        f'"{photo.sha256}-{size}-{kind.lower()}-srgb"',
        _cache_control(photo, conditions) | _BY_ACCEPT,
        conditions,
        lambda: _thumbnail(
            photo_content(resources.photo_files, photo.id, photo.sha256),
            size,
            resources.photo_limits,
            kind=kind,
            times=times,
        ),
    )


def query_photo_response(
    resources: Resources, content: bytes, size: int, *, conditions: CacheConditions, times: StageTimes
) -> Response[bytes]:
    """Return a thumbnail of a query photo, which only the client's own cache may store.

    Raises:
        PhotoRejected: the photo cannot be decoded.
        Overloaded: too many large photos are being decoded.
    """
    kind = accepted_format(conditions.accept)
    return _response(
        f'"{hashlib.sha256(content).hexdigest()}-{size}-{kind.lower()}-srgb"',
        {"Cache-Control": "private, no-cache"} | _BY_ACCEPT,
        conditions,
        lambda: _thumbnail(content, size, resources.photo_limits, kind=kind, times=times),
    )


def _thumbnail(
    content: bytes, size: int, limits: PhotoLimits, *, kind: ThumbnailFormat, times: StageTimes
) -> tuple[bytes, ShownFormat]:
    return _in_turn(lambda patience: (thumbnail(content, size, limits, kind=kind, patience=patience), kind), times)


def _in_turn(make: Callable[[Patience], tuple[bytes, ShownFormat]], times: StageTimes) -> tuple[bytes, ShownFormat]:
    """Make a picture once it is its turn, before the deadline.

    Raises:
        PhotoRejected: the photo cannot be decoded.
        Overloaded: it is not its turn in time.
    """
    try:
        return make(Patience(times.left_s(), _MAX_WAITING))
    except PhotoError as error:
        raise PhotoRejected(RejectReason(error.reason), str(error)) from error
    except DecodingBusy as error:
        raise Overloaded(f"The photo was not decoded: {error}", retry_after_s=_RETRY_AFTER_S) from error


_BY_ACCEPT = {"Vary": "Accept"}


def _cache_control(photo: Photo, conditions: CacheConditions) -> dict[str, str]:
    who = "private" if conditions.is_private else "public"
    how_long = CACHE_FOR_EVER if conditions.version == photo_version(photo.sha256) else REVALIDATE
    return {"Cache-Control": f"{who}, {how_long}"}


def _response(
    tag: str, keeping: Mapping[str, str], conditions: CacheConditions, content: Callable[[], tuple[bytes, ShownFormat]]
) -> Response[bytes]:
    """Return the bytes that `content` makes, or 304 if the client has them; `content` returns bytes and format."""
    headers = {
        "ETag": tag,
        **keeping,
        "X-Content-Type-Options": "nosniff",
        # The file is not ours: if a browser opens it as a page, it must not load or run anything.
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if conditions.has(tag):
        return Response(b"", status_code=304, headers=headers)
    body, kind = content()
    return Response(body, media_type=MEDIA_TYPES[kind], headers=headers)


def _photo(resources: Resources, photo_id: int) -> Photo:
    with resources.database.read() as session:
        return find_photo(session, photo_id)
