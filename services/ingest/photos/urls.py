"""The forms in which tables write photo URLs, and the short id of a long URL. Pure."""

from __future__ import annotations

import hashlib
import re

NAME_LIMIT = 500
"""Characters in a photo id or file name."""

URL_LIMIT = 2048
"""Characters in a photo URL. A `data:` URL holds the photo itself, and is limited by its bytes."""

_ID_BYTES = 1800
"""Bytes of a stored photo id: PostgreSQL indexes it with a listing id of up to 800 bytes, in 2,704 bytes per row."""

_HEAD = 420

_SCHEME = re.compile(r"(?i)https?:(?:\\?/){2}")
_WITHOUT_SCHEME = re.compile(r"(?:\\?/){2}(?=[\w-]+(?:\.[\w-]+)+(?::\d+)?\\?/|\[[\da-fA-F:.]+\](?::\d+)?\\?/)")
_OTHER_SCHEME = re.compile(r"(?i)[a-z][a-z0-9+.-]+:(?:\\?/){2}|(?:blob|cid|mailto|javascript):")
_DATA = re.compile(r"(?i)data:[^,]{0,200},")
_ESCAPED_AMPERSAND = re.compile(r"(?i)&(?:amp|#0*38|#x0*26);")
_BREAKS = re.compile(r"[\x00-\x1f\x7f\ufeff\u200b]+")
_HOST_AND_PATH = re.compile(
    r"(?i)(?:www\.[\w.-]+|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}|\d{1,3}(?:\.\d{1,3}){3}|localhost(?=:))(?::\d{1,5})?/."
)


def normal_url(text: str) -> str | None:
    """Return the URL that `text` writes in one of the usual forms, or None for anything but HTTP and `data:` URLs.

    Scheme in any letter case; `//host/path` means https; `&amp;` means `&`; `http:\\/\\/host\\/path`, as JSON
    escapes slashes. Line breaks and control characters are removed, as browsers do.
    """
    url = _BREAKS.sub("", text).strip()
    if _DATA.match(url):
        return url
    if match := _WITHOUT_SCHEME.match(url):
        scheme = "https://"
    elif match := _SCHEME.match(url):
        scheme = url[: match.end()].partition(":")[0].lower() + "://"
    else:
        return None
    rest = url[match.end() :]
    if "\\/" in url:
        rest = rest.replace("\\/", "/")
    return scheme + _ESCAPED_AMPERSAND.sub("&", rest)


def is_url(name: str) -> bool:
    """Say whether a photo's name is an HTTP or `data:` URL, in the form that `normal_url` returns."""
    return name.startswith(("http://", "https://")) or is_data_url(name)


def is_data_url(name: str) -> bool:
    """Say whether a photo's name is a `data:` URL, which holds the photo itself."""
    return _DATA.match(name) is not None


def other_scheme(name: str) -> str | None:
    """Return the scheme of a URL that cannot be fetched, such as `ftp` or `s3`; None for other names."""
    match = _OTHER_SCHEME.match(name)
    scheme = match[0].partition(":")[0].lower() if match else None
    return None if scheme in ("http", "https") else scheme


def looks_like_url(name: str) -> bool:
    """Say whether a name looks like a URL without its scheme: `cdn.example.com/a.jpg`, `127.0.0.1:8000/a.jpg`."""
    return _HOST_AND_PATH.match(name) is not None


def is_too_long(name: str) -> bool:
    """Say whether a photo's name or URL exceeds its limit."""
    return not is_data_url(name) and len(name) > (URL_LIMIT if is_url(name) else NAME_LIMIT)


def stored_id(name: str) -> str:
    """Return the id under which a photo of this name is stored: the name, or for long names its start and its SHA-256.

    Equal names have equal ids. The id has at most `NAME_LIMIT` characters and `_ID_BYTES` bytes.
    """
    if len(name) <= NAME_LIMIT and len(name.encode("utf-8", "replace")) <= _ID_BYTES:
        return name
    return f"{name[:_HEAD]}…{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:32]}"


def shown_name(external_id: str, source: str) -> str:
    """Return a stored photo's name as its feed or client wrote it: a long name's id is only its start."""
    return source if external_id == stored_id(source) else external_id


def stored_source(name: str) -> str:
    """Return the name as the database keeps it: without the photo in a `data:` URL, and without lone surrogates."""
    return stored_id(name) if is_data_url(name) else name.encode("utf-8", "replace").decode()
