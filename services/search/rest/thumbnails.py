"""Makes thumbnails of photos."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

from litestar.datastructures.headers import Accept
from PIL import Image

from ml.photos.decode import PATIENT, Patience, decoded

if TYPE_CHECKING:
    from ml.photos.decode import PhotoLimits

ThumbnailFormat = Literal["WEBP", "JPEG"]
FORMATS: tuple[ThumbnailFormat, ...] = ("JPEG", "WEBP")

DEFAULT_SIDE = 256
_QUALITY = {"WEBP": 78, "JPEG": 82}
"""Both look alike; WebP takes two thirds of the bytes."""


def accepted_format(accept: str) -> ThumbnailFormat:
    """Return WebP if the Accept header names it, otherwise JPEG."""
    return "WEBP" if Accept(accept or "*/*").best_match(["image/jpeg", "image/webp"]) == "image/webp" else "JPEG"


def thumbnail(
    content: bytes,
    side: int,
    limits: PhotoLimits,
    *,
    kind: ThumbnailFormat = "JPEG",
    patience: Patience = PATIENT,
) -> bytes:
    """Return a copy of the photo whose longer side has at most `side` pixels, upright and without metadata.

    Raises:
        PhotoError: the photo cannot be decoded.
        DecodingBusy: it is not the photo's turn in time.
    """
    with decoded(content, limits, at_least=side, patience=patience) as picture:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    picture.info.clear()
    small = io.BytesIO()
    picture.save(small, kind, quality=_QUALITY[kind])
    return small.getvalue()
