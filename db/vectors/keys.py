"""Keys: the normalised locations and category paths that every engine compares."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PATH_SEPARATOR = " / "

_SPELLING_KEY_LIMIT = 500
"""Characters of a key, at most; PostgreSQL indexes no text of more than 2,700 bytes."""


def path_keys(levels: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of a category path: of its first level, its first two levels, and so on."""
    return tuple(path_key(PATH_SEPARATOR.join(levels[: depth + 1])) for depth in range(len(levels)))


def path_key(path: str) -> str:
    """Normalise a category path: case-folded levels with single spaces, joined by ` / `."""
    levels = (location_key(level) for level in f" {path} ".split(PATH_SEPARATOR))
    return PATH_SEPARATOR.join(filter(None, levels))


def levels_below(keys: Iterable[str], path: str | None) -> list[str]:
    """Return the path keys that are one level below a category path; those of first levels if it is None."""
    above = "" if path is None else path_key(path) + PATH_SEPARATOR
    return [key for key in keys if key.startswith(above) and PATH_SEPARATOR not in key[len(above) :]]


def spelling_keys(levels: Sequence[str]) -> list[str]:
    """Return the key of each level of a category path in the table of spellings, first to last.

    A key is the path down to that level without regard to case and blanks, or the SHA-256 of a long one.
    """
    return [_spelling_key(levels[: depth + 1]) for depth in range(len(levels))]


def _spelling_key(levels: Sequence[str]) -> str:
    key = "\n".join(map(location_key, levels))
    return key if len(key) <= _SPELLING_KEY_LIMIT else hashlib.sha256(key.encode()).hexdigest()


def location_key(text: str) -> str:
    """Normalise a location: case-folded, with single spaces."""
    return " ".join(text.casefold().split())


def location_keys(location: str) -> tuple[str, ...]:
    """Return the keys of a location: the whole, then each comma-separated part ('Delph, Manchester' has three)."""
    whole = location_key(location)
    if not whole:
        return ()
    parts = [location_key(part) for part in location.split(",")]
    return tuple(dict.fromkeys([whole, *filter(None, parts)]))
