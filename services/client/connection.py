"""How a client's connections are set up, be they sync or async."""

from __future__ import annotations

from typing import Any

import httpx


def settings_of(base_url: str, *, key: str, timeout_s: float) -> dict[str, Any]:
    """Return the arguments of an httpx client. It follows no redirects: a key goes to the server that was named.

    Raises:
        ValueError: the address is not an HTTP URL, or the key is not ASCII.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{base_url!r} is not a URL ({error})") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{base_url!r} is not an address such as http://127.0.0.1:8000")
    if not (key.isascii() and key.isprintable()):
        raise ValueError("The API key has characters that no key has")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return {"base_url": url, "headers": headers, "timeout": timeout_s}
