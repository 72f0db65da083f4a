"""Small copies of photos."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from ml.preprocess import PhotoError, decode
from services.errors import PhotoRejected

if TYPE_CHECKING:
    from ml.preprocess import PhotoLimits

DEFAULT_SIDE = 256
_QUALITY = 82


def thumbnail(content: bytes, side: int, limits: PhotoLimits) -> bytes:
    """Return a JPEG of the photo whose longer side has at most `side` pixels, upright and without metadata.

    Raises:
        PhotoRejected: the photo cannot be decoded.
    """
    try:
        picture = decode(content, limits, at_least=side)
    except PhotoError as error:
        raise PhotoRejected(error.reason, str(error)) from error
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    small = io.BytesIO()
    picture.save(small, "JPEG", quality=_QUALITY)
    return small.getvalue()
