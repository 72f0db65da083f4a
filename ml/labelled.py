"""Labelled photos, the input of training and evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo file with the listing and the categories that it is labelled with.

    Attributes:
        sha256: of the file's bytes, in hex; photos with equal hashes are the same photo.
        subcategories: of the listing, below its category, broadest first.
    """

    photo_id: int
    listing_id: str
    category: str
    sha256: str
    path: Path
    subcategories: tuple[str, ...] = ()

    @property
    def category_path(self) -> tuple[str, ...]:
        """The category and its subcategories, broadest first."""
        return (self.category, *self.subcategories)
