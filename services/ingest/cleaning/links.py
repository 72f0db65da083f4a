"""Cleans the address of a listing's page. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from services.ingest.cleaning.text import decode_entities

URL_LIMIT = 2048
"""Characters of an address, at most."""

_UNSAFE = re.compile(
    r"[\x00-\x20\x7f-\xa0\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\"'<>\\^`{|}]"
)  # controls, blanks, invisible characters, lone surrogates, and what may end an attribute of HTML


def clean_url(text: str) -> str | None:
    """Return an address of HTTP or HTTPS as it can be linked; empty for blank text, None if it cannot be used."""
    url = decode_entities(text).strip()
    return url if not url or is_usable_url(url) else None


def is_usable_url(url: str) -> bool:
    """Say whether the text is an address of HTTP or HTTPS with a host, without blanks, controls and quotes."""
    if len(url) > URL_LIMIT or _UNSAFE.search(url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
