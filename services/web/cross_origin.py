"""Which pages of other sites may call the API from a browser: none, unless the settings name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar.config.cors import CORSConfig

from services.web.request_ids import HEADER

if TYPE_CHECKING:
    from collections.abc import Sequence


def cors_config(origins: Sequence[str]) -> CORSConfig | None:
    """Return what lets pages of these origins call, without cookies; None, so that browsers refuse, without any."""
    if not origins:
        return None
    return CORSConfig(allow_origins=list(origins), expose_headers=["ETag", "Retry-After", HEADER])
