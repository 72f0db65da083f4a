"""Finds the categories of a filter among those of the catalogue, whatever their case and blanks."""

from __future__ import annotations

from collections import defaultdict
from difflib import get_close_matches
from typing import TYPE_CHECKING

from db.rows import listings
from db.vectors.keys import spelling_keys
from services.errors import BadQuery, ModelUnusable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from services.resources import Resources
    from services.search.stage_times import StageTimes

_MAX_NAMES = 30
"""Categories that an error message lists."""


class KnownCategories:
    """The categories of the listings and of the model. Thread-safe."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._spellings: Mapping[str, AbstractSet[str]] = {}

    def spelt(self, categories: AbstractSet[str], times: StageTimes) -> frozenset[str]:
        """Return the categories as the catalogue spells them; one that has no listing now stays as it is.

        The database is read only for a category not seen before.

        Raises:
            BadQuery: a category has no listing, had none lately, and is none of the model's either.
        """
        keys = {_key(name): name for name in categories}
        if unseen := keys.keys() - self._spellings.keys():
            with times.reading(self._resources.database) as session:
                counts = listings.category_counts(session)
                without_listings = listings.category_spellings(session, unseen)
            self._spellings = _by_key(counts)
            unknown = sorted(unseen - self._spellings.keys() - without_listings.keys() - self._model_keys())
            if unknown and counts:
                raise BadQuery("category", _unknown(keys[unknown[0]], list(counts)))
        return frozenset(name for key, given in keys.items() for name in self._spellings.get(key, {given}))

    def _model_keys(self) -> AbstractSet[str]:
        """Return the keys of the categories that the model knows; none if it cannot be used."""
        version = self._resources.live.current().generation.model_version
        try:
            return _by_key(self._resources.embedder_for(version).bundle.categories).keys()
        except ModelUnusable:
            return frozenset()


def _key(category: str) -> str:
    return spelling_keys([category])[0]


def _by_key(categories: Iterable[str]) -> Mapping[str, AbstractSet[str]]:
    spellings: dict[str, set[str]] = defaultdict(set)
    for name in categories:
        spellings[_key(name)].add(name)
    return dict(spellings)


def _unknown(category: str, known: list[str]) -> str:
    by_key = {_key(name): name for name in known}
    close = get_close_matches(_key(category), by_key, n=1)
    hint = f"Did you mean {by_key[close[0]]!r}? " if close else ""
    names = ", ".join(map(repr, known[:_MAX_NAMES]))
    more = f" and {len(known) - _MAX_NAMES} more" if len(known) > _MAX_NAMES else ""
    return f"there is no category {category!r}. {hint}The categories are {names}{more}"
