"""Keys: the normalised locations and category paths that every engine compares."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PATH_SEPARATOR = " / "


def path_keys(levels: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of a category path: of its first level, its first two levels, and so on."""
    return tuple(path_key(_PATH_SEPARATOR.join(levels[: depth + 1])) for depth in range(len(levels)))


def path_key(path: str) -> str:
    """Normalise a category path: case-folded levels with single spaces, joined by ` / `."""
    levels = (location_key(level) for level in f" {path} ".split(_PATH_SEPARATOR))
    return _PATH_SEPARATOR.join(filter(None, levels))


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
