"""The photos that the duplicate finder compares a photo with: its nearest neighbours by vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.copies.verdicts import COPY_CANDIDATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.models import Photo

HITS_PER_PHOTO = 3 * COPY_CANDIDATES
"""Nearest photos to fetch for one photo; photos with the same bytes count as one candidate."""


def distinct_candidates(nearest: Sequence[Photo]) -> dict[str, list[Photo]]:
    """Return the photos by SHA-256, nearest first, up to `COPY_CANDIDATES` different ones."""
    by_bytes: dict[str, list[Photo]] = {}
    for row in nearest:
        by_bytes.setdefault(row.sha256, []).append(row)
    return dict(list(by_bytes.items())[:COPY_CANDIDATES])
