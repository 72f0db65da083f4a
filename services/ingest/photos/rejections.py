"""The rejections that every photo source shares."""

from __future__ import annotations

from services.errors import PhotoRejected
from services.reason_codes import RejectReason


def too_large(name: str, max_bytes: int) -> PhotoRejected:
    """Return the error for a photo of more than `max_bytes`."""
    return PhotoRejected(RejectReason.TOO_LARGE, f"{name!r} is larger than {max_bytes:,} bytes. Use a smaller photo")


def not_a_file(name: str, kind: str) -> PhotoRejected:
    """Return the error for a name that leads to something of another `kind`, such as `a link`."""
    return PhotoRejected(RejectReason.NOT_A_FILE, f"{name!r} is {kind}. Replace it by the photo itself")
