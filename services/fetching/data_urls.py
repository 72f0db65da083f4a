"""Reads photos out of `data:` URLs (RFC 2397)."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_to_bytes

from services.errors import PhotoRejected
from services.reason_codes import RejectReason


def read_data_url(url: str, max_bytes: int) -> bytes:
    """Return the photo in a `data:` URL.

    Raises:
        PhotoRejected: `bad_url`: its base64 is damaged; `too_large`.
    """
    header, _, encoded = url.partition(",")
    named = f"{url[:40]}…"
    if header.lower().endswith(";base64"):
        try:
            content = base64.b64decode("".join(unquote_to_bytes(encoded).decode("latin-1").split()), validate=True)
        except (binascii.Error, ValueError) as error:
            problem = f"{named} is not valid base64 ({error}): it may be cut off. Export the photo as a file or URL"
            raise PhotoRejected(RejectReason.BAD_URL, problem) from error
    else:
        content = unquote_to_bytes(encoded)
    if len(content) > max_bytes:
        problem = f"{named} holds more than {max_bytes:,} bytes. Use a smaller photo"
        raise PhotoRejected(RejectReason.TOO_LARGE, problem)
    return content
