"""Splits category paths into levels, and gives one spelling to paths that differ only in case and blanks. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import clean_line, decode_entities
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_USUAL_SEPARATORS = (
    re.compile(r"\s[>»›→]\s"),
    re.compile(r"\|"),
    re.compile(r"\s/\s"),
    re.compile(r"(?<=[^\s>])[>»›→](?=[^\s>])"),
)
"""The first of these that a path has separates its levels. `Audio/Video` and `over >50 inch` are one level each."""

_KEY_LIMIT = 500
"""Characters of a key, at most; PostgreSQL indexes no text of more than 2,700 bytes."""

_EDGES = " />»›→|"


def split_category(text: str, separator: str = "") -> tuple[str, ...]:
    """Return the levels of a category path such as `Home & Garden / Mirrors, Clocks / `, first to last.

    Args:
        text: one path, in which HTML entities may stand.
        separator: the text between levels; by default ` > `, `|`, ` / ` or a bare `>`, whichever the path has first in
            this order. A bare `/` separates only if it is given.
    """
    text = decode_entities(text)
    if separator:
        levels = text.split(separator)
        return tuple(filter(None, map(clean_line, levels)))
    padded = f" {clean_line(text)} "
    usual = next((pattern for pattern in _USUAL_SEPARATORS if pattern.search(padded)), _USUAL_SEPARATORS[0])
    return tuple(filter(None, (level.strip(_EDGES) for level in usual.split(padded))))


def split_paths(text: str, separator: str) -> tuple[str, ...]:
    r"""Return the category paths of a cell such as `Home > Lamps, Sale`, each once.

    A backslash before the separator makes it a part of a name, as WooCommerce exports it: `Lamps\, Lights`.
    """
    if not separator:
        return (text,) if text.strip() else ()
    kept = decode_entities(text).replace(f"\\{separator}", "\0")
    paths = (path.replace("\0", separator).strip() for path in kept.split(separator))
    return tuple(dict.fromkeys(filter(None, paths)))


def is_numeric(category: str) -> bool:
    """Say whether a category is only a number, such as those of Google's taxonomy."""
    return bool(re.fullmatch(r"\s*\d+(?:\.0)?\s*", category))


class CategorySpellings:
    """The first spelling of each category path, by its key; see `category_keys`."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        """Begin with the spellings of the last level of each known path, by key."""
        self._names = dict(known or {})
        self._new: dict[str, str] = {}

    def unify(self, path: Sequence[str]) -> tuple[str, ...]:
        """Return the path with each level in the spelling in which it was first seen below the levels before it."""
        keys = category_keys(path)
        for key, level in zip(keys, path, strict=True):
            if key not in self._names:
                self._names[key] = self._new[key] = level
        return tuple(self._names[key] for key in keys)

    def repairs(self, path: Sequence[str]) -> tuple[Repair, ...]:
        """Return what `unify` changes in the path: no or one repair."""
        unified = self.unify(path)
        if unified == tuple(path):
            return ()
        return (Repair(ListingFlag.CATEGORY_SPELLING, "category", " > ".join(path), " > ".join(unified)),)

    def take_new(self) -> dict[str, str]:
        """Return the spellings, by key, that were learnt since the last call."""
        new, self._new = self._new, {}
        return new


def category_keys(path: Sequence[str]) -> list[str]:
    """Return the key of each level of a category path, first to last.

    A key is the path down to that level without regard to case and blanks, or the SHA-256 of a long one.
    """
    return [_key(path[: depth + 1]) for depth in range(len(path))]


def _key(path: Sequence[str]) -> str:
    key = "\n".join(" ".join(level.casefold().split()) for level in path)
    return key if len(key) <= _KEY_LIMIT else hashlib.sha256(key.encode()).hexdigest()
