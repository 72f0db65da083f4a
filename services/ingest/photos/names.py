"""What folders and archives of photos share: safe names, the name for a photo id, and rejections. Pure."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote

from services.errors import PhotoRejected
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".heic", ".heif", ".avif", ".tif", ".tiff")
"""Extensions tried with a photo id, in this order."""

_DRIVE = re.compile(r"[A-Za-z]:")
_QUERY = re.compile(rf"(?i)({'|'.join(map(re.escape, EXTENSIONS))})\?.*")
_SHORT_EXTENSIONS = {".jpeg": ".jpg", ".tiff": ".tif", ".heif": ".heic"}
_LONG_EXTENSION = re.compile(r"\.(?:jpeg|tiff|heif)$")
_UNZIP_ESCAPE = re.compile(r"#U([0-9a-fA-F]{4})|#L(0[0-9a-fA-F]{5}|10[0-9a-fA-F]{4})")
"""How `unzip` writes letters that its locale lacks: in a plain one, all beyond ASCII."""

_SYSTEM_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_CODE_PAGES = ("cp850", "cp1252", "cp1250", "cp866", "cp1251", "cp932", "gbk", "euc_kr")
"""In which programs write names into archives and folders that do not say so."""


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


def is_guess(asked: str, found: str) -> bool:
    """Say whether a photo was found under a name that differs from the one asked for by more than the usual.

    Usual are folders above it, another composition of accents, and the extension: absent, or in other letter case.
    """
    path = "/" + _key(found)
    return asked != found and not any(path.endswith("/" + _key(asked + extension)) for extension in ("", *EXTENSIONS))


class PhotoNames:
    """The photo names of one source, searched by name or by id.

    A name or id without a folder is searched in every folder. If no photo has the name itself, one photo whose name
    differs in letter case, escapes, blanks, code page or folder is found instead; see `is_guess`.

    The files that macOS and Windows add to folders and archives are left out.
    """

    def __init__(self, names: Iterable[str], *, read_as: tuple[str, str] = ("utf-8", "surrogateescape")) -> None:
        """Index the names; `read_as` says how names in an unknown code page were decoded: encoding and errors."""
        self._all = dict.fromkeys(name for name in names if not _is_system_file(name))
        self._read_as = read_as
        self._by_file: dict[str, list[str]] = {}
        for name in self._all:
            self._by_file.setdefault(_key(name).rpartition("/")[2], []).append(name)
        self._guessed: dict[str, tuple[str, ...]] = {}

    def find(self, id_or_name: str) -> str | None:
        """Return the full name of the photo with this name, or with this id and one of `EXTENSIONS`, or None.

        Raises:
            PhotoRejected: `unsafe_path`, or `ambiguous_name` if several photos match.
        """
        if "://" in id_or_name:
            return None
        if _is_absolute(id_or_name):  # of the machine that wrote the table
            found = self._find_loosely(id_or_name)
            if found is None:
                safe_parts(id_or_name)
            return found
        if not safe_parts(id_or_name):
            return None
        if id_or_name in self._all:
            return id_or_name
        return self._find_plainly(id_or_name) or self._find_in_code_pages(id_or_name) or self._find_loosely(id_or_name)

    def _find_plainly(self, id_or_name: str) -> str | None:
        keys = [_key(id_or_name + extension) for extension in ("", *EXTENSIONS)]
        candidates = [name for key in keys for name in sorted(self._by_file.get(key.rpartition("/")[2], ()))]
        if exact := [name for name in candidates if _key(name) in keys]:
            return exact[0]
        endings = tuple(f"/{key}" for key in keys)
        matches = [name for name in candidates if _key(name).endswith(endings)]
        if len({_key(name).rpartition("/")[0] for name in matches}) > 1:
            raise _ambiguous(id_or_name, matches, "is in several folders", "Add the folder to its name")
        return matches[0] if matches else None

    def _find_in_code_pages(self, name: str) -> str | None:
        """Find a name that the source holds in a code page which it does not state."""
        if name.isascii():
            return None
        found = set()
        for code_page in _CODE_PAGES:
            try:
                misread = unicodedata.normalize("NFC", name).encode(code_page).decode(*self._read_as)
            except UnicodeError:
                continue
            if misread != name:
                found.add(self._find_plainly(misread))
        found.discard(None)
        if len(found) > 1:
            matches = sorted(filter(None, found))
            raise _ambiguous(name, matches, "may be one of several photos", "Use plain letters in file names")
        return next(iter(found), None)

    def _find_loosely(self, name: str) -> str | None:
        """Find the one photo whose name differs in letter case, escapes, blanks, or in the folders above it."""
        asked = _loose_parts(name)
        if not asked or ".." in asked:
            return None
        files = [asked[-1] + extension for extension in ("", *EXTENSIONS)]
        matches = [each for file in files for each in self._loose_names.get(file, ())]
        if not _is_absolute(name):
            matches = [each for each in matches if _is_ending(asked[:-1], _loose_parts(each)[self._top : -1])]
        if len(matches) > 1:
            best = max(_common_ending(asked, _loose_parts(each)) for each in matches)
            matches = [each for each in matches if _common_ending(asked, _loose_parts(each)) == best]
        if len(matches) > 1:
            problem = "differs from several photos in letter case or folder"
            raise _ambiguous(name, matches, problem, "Write its name as that of the file")
        if matches and self._guessed.setdefault(matches[0], asked) != asked:
            problem = f"is not there, and this photo was already taken for {'/'.join(self._guessed[matches[0]])}"
            raise _ambiguous(name, matches, problem, "Keep the folders of the photos")
        return matches[0] if matches else None

    @cached_property
    def _loose_names(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name in self._all:
            if parts := _loose_parts(name):
                names.setdefault(parts[-1], []).append(name)
        return names

    @cached_property
    def _top(self) -> int:
        """The number of folders at the top that all photos are in."""
        common: tuple[str, ...] | None = None
        for name in self._all:
            folders = _loose_parts(name)[:-1]
            common = folders if common is None else common[: _common_ending(common[::-1], folders[::-1])]
        return len(common or ())


class IndexedPhotos:
    """The part of a photo source that works on names alone: a subclass sets `_names`."""

    _names: PhotoNames

    def __enter__(self) -> Self:
        return self

    def find(self, id_or_name: str) -> str | None:
        """Return the full name of the photo with this id or name, or None; see `PhotoNames.find`."""
        return self._names.find(id_or_name)


def _ambiguous(name: str, matches: Sequence[str], problem: str, remedy: str) -> PhotoRejected:
    problem = f"{name!r} {problem}: {', '.join(matches[:3])}. {remedy}"
    return PhotoRejected(RejectReason.AMBIGUOUS_NAME, problem)


def _is_absolute(name: str) -> bool:
    return name.startswith(("/", "\\")) or _DRIVE.match(name) is not None


def _is_system_file(name: str) -> bool:
    folder, _, file = name.replace("\\", "/").rpartition("/")
    return file.startswith("._") or file.casefold() in _SYSTEM_FILES or folder.partition("/")[0] == "__MACOSX"


def _key(name: str) -> str:
    """Return the normalised form for comparing names: `/` between parts, NFC, extension in lower case."""
    path = "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
    stem, dot, extension = unicodedata.normalize("NFC", path).rpartition(".")
    return f"{stem}{dot}{extension.lower()}" if dot and "/" not in extension else f"{stem}{dot}{extension}"


def _loose_parts(name: str) -> tuple[str, ...]:
    """Return a path's parts without drive, query, escapes, letter case, accents, and blanks and dots around them."""
    path = _QUERY.sub(r"\1", _DRIVE.sub("", name, count=1) if _DRIVE.match(name) else name)
    letters = _UNZIP_ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)), unquote(html.unescape(path)))
    decomposed = unicodedata.normalize("NFKD", letters).casefold().replace("\\", "/")
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    parts = (part if part == ".." else " ".join(part.split()).rstrip(" .") for part in plain.split("/"))
    return tuple(_LONG_EXTENSION.sub(lambda match: _SHORT_EXTENSIONS[match[0]], part) for part in parts if part)


def _is_ending(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Say whether one path is the end of the other."""
    return _common_ending(one, other) == min(len(one), len(other))


def _common_ending(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Return the number of last parts that two paths have in common."""
    equal = (first == second for first, second in zip(reversed(one), reversed(other), strict=False))
    return next((count for count, same in enumerate(equal) if not same), min(len(one), len(other)))
