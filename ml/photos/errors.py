"""The error for a file that is not an accepted photo, and its reasons."""

from __future__ import annotations

from typing import Literal, TypeAlias

Reason: TypeAlias = Literal[
    "empty",
    "not_an_image",
    "unsupported_format",
    "too_many_bytes",
    "too_many_pixels",
    "too_long_side",
    "too_small",
    "truncated",
    "damaged",
]


class PhotoError(ValueError):
    """A file is not an accepted photo. The message says what is wrong and what to do.

    Attributes:
        reason: a short stable code, also written to rejects.csv.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason: Reason = reason
        super().__init__(message)


def truncated(photo_format: str) -> PhotoError:
    """Return the error for a file that is cut off."""
    return PhotoError("truncated", f"The {photo_format} file is cut off. Upload the complete file again.")


def damaged(photo_format: str, problem: str) -> PhotoError:
    """Return the error for a file that is damaged; `problem` is a clause such as `its header is not valid`."""
    return PhotoError("damaged", f"The {photo_format} file is damaged: {problem}. Save it again with an image editor.")
