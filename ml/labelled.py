"""A photo with its labels: what training and evaluation read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo, and what the network is to learn of it.

    Attributes:
        sha256: of the file's bytes, in hex; equal hashes are the same photo.
        path: of the file.
        subcategories: of the listing, below its category, the broader first.
    """

    photo_id: int
    listing_id: str
    category: str
    sha256: str
    path: Path
    subcategories: tuple[str, ...] = ()

    @property
    def category_path(self) -> tuple[str, ...]:
        """The category and what is below it."""
        return (self.category, *self.subcategories)
