"""Writes category paths in the spelling that the catalogue has already: case and blanks make no second category."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from db.rows import feed, listings
from db.vectors.keys import spelling_keys
from services.ingest.cleaning.categories import CategorySpellings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlmodel import Session

    from db.rows.records import ListingRecord
    from services.ingest.cleaning.repairs import Repair


def unify_categories(
    session: Session, records: Sequence[ListingRecord], *, store: bool = True
) -> list[tuple[ListingRecord, tuple[Repair, ...]]]:
    """Return the records with the stored spelling of each category, and what that changed in them.

    The first spelling of a new category is stored in the caller's transaction unless `store` is false.
    """
    feed.lock_feed(session)  # two writers could otherwise store two spellings
    if not listings.has_category_spellings(session):
        found = most_frequent_spellings(listings.category_path_counts(session))
        if store:
            listings.add_category_spellings(session, found)
        spellings = CategorySpellings(found)
    else:
        keys = {key for record in records for path in _paths(record) for key in spelling_keys(path)}
        spellings = CategorySpellings(listings.category_spellings(session, keys))
    unified = [_unified(record, spellings) for record in records]
    if store:
        listings.add_category_spellings(session, spellings.take_new())
    return unified


def remove_unused_spellings(session: Session) -> int:
    """Remove the spellings of categories that no listing has any more, and return their number."""
    used = {key for path in listings.category_path_counts(session) for key in spelling_keys(path)}
    return listings.remove_category_spellings(session, keep=used)


def most_frequent_spellings(counts: Mapping[tuple[str, ...], int]) -> dict[str, str]:
    """Return the most frequent spelling of each category path, by key; of equally frequent ones the first in order."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for path, count in sorted(counts.items()):
        for key, level in zip(spelling_keys(path), path, strict=True):
            seen[key][level] += count
    return {key: names.most_common(1)[0][0] for key, names in seen.items()}


def _unified(record: ListingRecord, spellings: CategorySpellings) -> tuple[ListingRecord, tuple[Repair, ...]]:
    repairs = tuple(repair for path in _paths(record) for repair in spellings.repairs(path))
    path, *others = map(spellings.unify, _paths(record))
    return replace(record, category=path[0], category_path=path, other_categories=tuple(others)), repairs


def _paths(record: ListingRecord) -> Iterator[tuple[str, ...]]:
    yield record.category_path
    yield from record.other_categories
