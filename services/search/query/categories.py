"""Checks the categories of a filter against those of the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.rows import listings
from services.errors import BadQuery

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from db.session import Database
    from services.search.stage_times import StageTimes

_MAX_NAMES = 30
"""Categories that an error message lists."""


class KnownCategories:
    """The categories that have listings. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: dict[str, int] = {}

    def check(self, categories: AbstractSet[str], times: StageTimes) -> None:
        """Raise BadQuery for a category without listings. Reads the database only for a category not seen before."""
        if categories - self._counts.keys():
            with times.reading(self._database) as session:
                self._counts = listings.category_counts(session)
        if unknown := sorted(categories - self._counts.keys()):
            known = list(self._counts)
            more = f" and {len(known) - _MAX_NAMES} more" if len(known) > _MAX_NAMES else ""
            names = ", ".join(map(repr, known[:_MAX_NAMES])) or "none"
            raise BadQuery("category", f"no listing is in {unknown[0]!r}; the categories are {names}{more}")
