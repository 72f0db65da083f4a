"""What folders and archives of photos share: safe names, the name for a photo id, and rejections. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from services.errors import PhotoRejected
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".heic", ".heif", ".avif", ".tif", ".tiff")
"""Extensions tried with a photo id, in this order."""

_DRIVE = re.compile(r"[A-Za-z]:")


def safe_parts(name: str) -> tuple[str, ...]:
    """Return the parts of a relative path, separated by slashes or backslashes.

    Raises:
        PhotoRejected: `unsafe_path`: the name is absolute, has a `..` part, or holds a NUL.
    """
    parts = tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
    if name.startswith(("/", "\\")) or "\0" in name or ".." in parts or (parts and _DRIVE.match(parts[0])):
        raise PhotoRejected(RejectReason.UNSAFE_PATH, f"{name!r} points outside the photo folder. Use a path inside it")
    return parts


def too_large(name: str, max_bytes: int) -> PhotoRejected:
    """Return the error for a photo of more than `max_bytes`."""
    return PhotoRejected(RejectReason.TOO_LARGE, f"{name!r} is larger than {max_bytes:,} bytes. Use a smaller photo")


def not_a_file(name: str, kind: str) -> PhotoRejected:
    """Return the error for a name that leads to something of another `kind`, such as `a link`."""
    return PhotoRejected(RejectReason.NOT_A_FILE, f"{name!r} is {kind}. Replace it by the photo itself")


class PhotoNames:
    """The photo names of one source, searched by name or by id.

    A name or id without a folder is searched in every folder. Letter case matters, except in the extension.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._all = dict.fromkeys(names)
        self._by_file: dict[str, list[str]] = {}
        for name in self._all:
            self._by_file.setdefault(_key(name).rpartition("/")[2], []).append(name)

    def find(self, id_or_name: str) -> str | None:
        """Return the full name of the photo with this name, or with this id and one of `EXTENSIONS`, or None.

        Raises:
            PhotoRejected: `unsafe_path`, or `ambiguous_name` if several folders have such a file.
        """
        if not safe_parts(id_or_name):
            return None
        if id_or_name in self._all:
            return id_or_name
        keys = [_key(id_or_name + extension) for extension in ("", *EXTENSIONS)]
        matches = [name for key in keys for name in sorted(self._by_file.get(key.rpartition("/")[2], ()))]
        exact = [name for name in matches if _key(name) in keys]
        if exact or "/" in keys[0]:
            return exact[0] if exact else None
        if len({_key(name).rpartition("/")[0] for name in matches}) > 1:
            raise PhotoRejected(
                RejectReason.AMBIGUOUS_NAME,
                f"{id_or_name!r} is in several folders: {', '.join(matches[:3])}. Add the folder to its name",
            )
        return matches[0] if matches else None


class IndexedPhotos:
    """The part of a photo source that works on names alone: a subclass sets `_names`."""

    _names: PhotoNames

    def __enter__(self) -> Self:
        return self

    def find(self, id_or_name: str) -> str | None:
        """Return the full name of the photo with this id or name, or None; see `PhotoNames.find`."""
        return self._names.find(id_or_name)


def _key(name: str) -> str:
    """Return the normalised form for comparing names: `/` between parts, NFC, extension in lower case."""
    path = "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
    stem, dot, extension = unicodedata.normalize("NFC", path).rpartition(".")
    return f"{stem}{dot}{extension.lower()}" if dot and "/" not in extension else f"{stem}{dot}{extension}"
