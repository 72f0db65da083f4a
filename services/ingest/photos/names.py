"""Names of photos inside a folder or archive: which are safe, and which one a photo id means. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from services.errors import PhotoRejected
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")
"""What is put behind a photo's id to find its file, in this order."""

_DRIVE = re.compile(r"[A-Za-z]:")


def safe_parts(name: str) -> tuple[str, ...]:
    """Return the folders and the file of a relative name; both slashes separate.

    Raises:
        PhotoRejected: `unsafe_path`: the name is absolute, climbs with `..`, or holds a NUL.
    """
    parts = tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
    if name.startswith(("/", "\\")) or "\0" in name or ".." in parts or (parts and _DRIVE.match(parts[0])):
        raise PhotoRejected(RejectReason.UNSAFE_PATH, f"{name!r} points outside the photo folder. Use a path inside it")
    return parts


class PhotoNames:
    """The photos of one source, found by name or by id.

    A bare name or id is looked for in every folder of the source. Letter case matters except in the extension.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._all = dict.fromkeys(names)
        self._by_file: dict[str, list[str]] = {}
        for name in self._all:
            self._by_file.setdefault(_key(name).rpartition("/")[2], []).append(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def find(self, wanted: str) -> str | None:
        """Return the name of the photo with this name, or this id and one of `EXTENSIONS`; None when there is none.

        Raises:
            PhotoRejected: `unsafe_path`, or `ambiguous_name` when several folders hold such a file.
        """
        if not safe_parts(wanted):
            return None
        if wanted in self._all:
            return wanted
        keys = [_key(wanted + extension) for extension in ("", *EXTENSIONS)]
        found = [name for key in keys for name in sorted(self._by_file.get(key.rpartition("/")[2], ()))]
        exact = [name for name in found if _key(name) in keys]
        if exact or "/" in keys[0]:
            return exact[0] if exact else None
        if len({_key(name).rpartition("/")[0] for name in found}) > 1:
            raise PhotoRejected(
                RejectReason.AMBIGUOUS_NAME,
                f"{wanted!r} is in several folders: {', '.join(found[:3])}. Add the folder to its name",
            )
        return found[0] if found else None


def _key(name: str) -> str:
    """Return the form in which names are compared: `/` between parts, NFC, the extension in lower case."""
    path = "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
    stem, dot, extension = unicodedata.normalize("NFC", path).rpartition(".")
    return f"{stem}{dot}{extension.lower()}" if dot and "/" not in extension else f"{stem}{dot}{extension}"
