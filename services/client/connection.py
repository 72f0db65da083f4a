"""The connection settings that the sync and the async client share."""

from __future__ import annotations

from typing import Any

import httpx


def httpx_options(base_url: str, *, key: str, timeout_s: float) -> dict[str, Any]:
    """Return the arguments of an httpx client; redirects stay off, so that the key goes to the named server only.

    Raises:
        ValueError: `base_url` is not an HTTP URL, or `key` is not printable ASCII.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{base_url!r} is not a URL ({error}). Use one such as http://127.0.0.1:8000") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{base_url!r} is not a server address. Use one such as http://127.0.0.1:8000")
    if not (key.isascii() and key.isprintable()):
        raise ValueError("The API key has characters that no API key has. Copy it again.")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return {"base_url": url, "headers": headers, "timeout": timeout_s}
