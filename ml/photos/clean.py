"""Photo files without private data: as they are stored, and as they are shown."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal, TypeAlias, cast, get_args

from ml.photos.decode import (
    DEFAULT_LIMITS,
    PATIENT,
    Patience,
    PhotoError,
    PhotoLimits,
    decoded,
    inspect,
    orientation_of,
)
from ml.photos.formats import sniff
from ml.photos.metadata import without_metadata

if TYPE_CHECKING:
    from PIL import Image

ShownFormat: TypeAlias = Literal["JPEG", "PNG", "WEBP", "GIF", "BMP"]
"""The formats that every browser shows."""

_QUALITIES = (95, 85, 75)
"""Of a JPEG that stands for another file: the first that stays within the limit of bytes is taken."""


def clean_photo(content: bytes, limits: PhotoLimits = DEFAULT_LIMITS) -> bytes:
    """Return the file to store for a photo: the same pixels without metadata, but with the orientation.

    HEIC, AVIF and TIFF files become JPEG files, upright and in sRGB: not every browser shows them, and their metadata
    cannot be cut out safely.

    Raises:
        PhotoError: the file is not an accepted photo.
    """
    photo_format = inspect(content, limits).format
    if photo_format not in get_args(ShownFormat):
        return _convert(content, "JPEG", limits)
    return without_metadata(content, photo_format, orientation=orientation_of(content, limits))


def shown_photo(
    content: bytes, limits: PhotoLimits = DEFAULT_LIMITS, *, patience: Patience = PATIENT
) -> tuple[bytes, ShownFormat]:
    """Return a stored photo as it is shown, without metadata and upright, and its format.

    A photo that is stored upright keeps its pixels; another is turned and compressed again.

    Raises:
        PhotoError: the file is not a photo, or cannot be converted.
        DecodingBusy: it must be converted, and it is not its turn in time.
    """
    photo_format = sniff(content)
    if photo_format not in get_args(ShownFormat):
        return _convert(content, "JPEG", limits, patience=patience), "JPEG"
    shown_format = cast("ShownFormat", photo_format)
    orientation = _orientation_if_readable(content, limits)
    if orientation == 1:
        return without_metadata(content, shown_format), shown_format
    try:
        return _convert(content, shown_format, limits, patience=patience), shown_format
    except PhotoError:  # the browser turns what it can show
        return without_metadata(content, shown_format, orientation=orientation), shown_format


def _orientation_if_readable(content: bytes, limits: PhotoLimits) -> int:
    try:
        return orientation_of(content, limits)
    except PhotoError:
        return 1


def _convert(content: bytes, photo_format: ShownFormat, limits: PhotoLimits, *, patience: Patience = PATIENT) -> bytes:
    """Return the photo upright, in sRGB and without metadata, in this format."""
    with decoded(content, limits, patience=patience) as picture:
        return _encode(picture, photo_format, limits)


def _encode(picture: Image.Image, photo_format: ShownFormat, limits: PhotoLimits) -> bytes:
    picture.info.clear()
    for quality in _QUALITIES:
        encoded = io.BytesIO()
        picture.save(
            encoded, photo_format, quality=quality, subsampling="4:4:4" if quality == _QUALITIES[0] else "4:2:0"
        )
        if encoded.tell() <= limits.max_bytes:
            break
    return encoded.getvalue()
