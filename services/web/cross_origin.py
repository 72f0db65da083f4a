"""Cross-origin access (CORS): browsers let pages of other sites call the API only if the settings name the site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar.config.cors import CORSConfig

from services.web.request_ids import HEADER

if TYPE_CHECKING:
    from collections.abc import Sequence


def cors_config(origins: Sequence[str]) -> CORSConfig | None:
    """Return the CORS configuration for these origins, without cookies; None, which allows none, for no origins."""
    if not origins:
        return None
    return CORSConfig(allow_origins=list(origins), expose_headers=["ETag", "Retry-After", HEADER])
