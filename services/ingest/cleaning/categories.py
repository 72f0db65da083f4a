"""Splits category paths into levels, and gives one spelling to paths that differ only in case and blanks. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from db.vectors.keys import spelling_keys
from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import clean_line, decode_entities
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_USUAL_SEPARATORS = (
    re.compile(r"\s(?:>{1,2}|[»›→])\s"),
    re.compile(r"\|"),
    re.compile(r"\s/\s"),
    re.compile(r"(?<=[^\s>])(?:>{1,2}|[»›→])(?=[^\s>])"),
)
"""The first of these that a path has separates its levels. `Audio/Video` and `over >50 inch` are one level each."""

_EDGES = " />»›→|"

MAX_LEVELS = 20
"""Levels of a category path, at most. Google's and eBay's taxonomies have seven and six."""

MAX_PATHS = 100
"""Category paths of a listing, at most."""

_ARROW = re.compile(r"\s(?:>{1,2}|[»›→])\s|(?<=[^\s>])(?:>{1,2}|[»›→])(?=[^\s>])")
_SLASH = re.compile(r"\s/\s")
_LIST_OF_WORDS = re.compile(r"(?:^|\s)(?:[&+]|and|und|et|y|e|i|en|og|och|и|und/oder)\s", re.IGNORECASE)
"""What follows a comma inside a name, as in Google's `Dolls, Playsets & Toy Figures`."""


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


def guess_paths(text: str) -> tuple[tuple[str, ...], bool]:
    """Return the category paths of a cell for which nothing is known, and whether this is a guess.

    `Home > Garden | Sale` and `Home > Garden, Home > Lamps` are two paths for sure. `Home > Garden, Sale > New` are
    probably two, but `Toys > Dolls, Playsets & Figures > Dolls` is one path, in which a name has a comma.
    """
    text = decode_entities(text)
    level = next((pattern for pattern in (_ARROW, _SLASH) if pattern.search(text)), None)
    if level is None:
        return split_paths(text, ""), False
    if level is _ARROW and "|" in text:
        return split_paths(text, "|"), False
    for separator in ("\n", ";", ","):
        paths = split_paths(text, separator)
        if len(paths) > 1 and _begin_alike(paths, level):
            return paths, False
        if len(paths) > 1 and level is _ARROW and _are_probably_paths(paths):
            return paths, separator == ","
    return split_paths(text, ""), False


def _begin_alike(paths: Sequence[str], level: re.Pattern[str]) -> bool:
    """Say whether all paths have the same first level."""
    return len({clean_line(level.split(path, maxsplit=1)[0]).casefold() for path in paths}) == 1


def _are_probably_paths(paths: Sequence[str]) -> bool:
    """Say whether each piece has several levels, and no piece continues the list of words of the one before it."""
    heads = [_ARROW.split(path, maxsplit=1) for path in paths]
    return all(len(head) == 2 for head in heads) and not any(_LIST_OF_WORDS.search(head[0]) for head in heads[1:])


def is_numeric(category: str) -> bool:
    """Say whether a category is only a number, such as those of Google's taxonomy."""
    return bool(re.fullmatch(r"\s*\d+(?:\.0)?\s*", category))


class CategorySpellings:
    """The first spelling of each category path, by its key; see `spelling_keys`."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        """Begin with the spellings of the last level of each known path, by key."""
        self._names = dict(known or {})
        self._new: dict[str, str] = {}

    def unify(self, path: Sequence[str]) -> tuple[str, ...]:
        """Return the path with each level in the spelling in which it was first seen below the levels before it."""
        keys = spelling_keys(path)
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
