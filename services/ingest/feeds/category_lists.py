"""Reads lists of categories: the levels of one path, or several paths. Pure."""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import TYPE_CHECKING, NamedTuple

from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import clean_line, decode_entities, shorten
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.ingest.feeds.columns import ListingColumns
    from services.ingest.tables.rows import Row

_SURE_PATH = re.compile(r"\s>{1,2}\s|\s[»›→]\s|(?<=[^\s>])(?:>{1,2}|[»›→])(?=[^\s>])|\|")
_SLASH = re.compile(r"\s/\s")
"""Separates levels of a path, and the words of one level: `Indoor / Outdoor`."""

_LEVELS, _LINES = " > ", "\n"


class CategoryText(NamedTuple):
    """A category as text: the separators of its levels and of its paths are empty if they are not known."""

    text: str
    level_separator: str = ""
    path_separator: str = ""


class CategoryLists:
    """Learns from the lists of a file whether their texts are the levels of one path, or paths.

    `["Home > Lamps", "Sale"]` are two paths. `["Home", "Lamps"]` alone are probably levels, but paths in a file that
    also has such as the first. A mapping with `categories_separator` says that a cell has several paths.
    """

    def __init__(self, columns: ListingColumns) -> None:
        self._columns = columns
        self._has_sure_path = False
        self._plain: tuple[str, ...] = ()
        self._slashed: tuple[str, ...] = ()

    def add(self, texts: Sequence[str]) -> None:
        """Learn from one list."""
        if any(_is_path(text, self._columns.category_separator) for text in texts):
            self._has_sure_path = True
        elif not self._columns.category_separator and texts and all(map(_SLASH.search, texts)):
            self._slashed = self._slashed or tuple(texts)
        elif len(texts) > 1:
            self._plain = self._plain or tuple(texts)

    @property
    def are_paths(self) -> bool:
        """Whether a list holds paths."""
        is_slashed = bool(self._slashed) and not self._plain
        return bool(self._columns.categories_separator) or self._has_sure_path or is_slashed

    def repairs(self) -> tuple[Repair, ...]:
        """Return the notice about the file: a list that can be read in two ways, and how it is read."""
        doubtful = self._plain or self._slashed
        is_stated = self._columns.categories_separator or (self._columns.category_separator and not self.are_paths)
        if not doubtful or is_stated:
            return ()
        read = (" | " if self.are_paths else _LEVELS).join(doubtful)
        before = json.dumps(doubtful, ensure_ascii=False)
        return (Repair(ListingFlag.GUESSED_CATEGORIES, "category", shorten(before), shorten(read)),)


def listed_texts(row: Row, column: str) -> tuple[str, ...] | None:
    """Return the texts of a list, also of one that is written in a cell as in JSON or Python; None for other cells."""
    value = row.typed.get(column)
    if isinstance(value, tuple):
        return value
    cell = row.cells.get(column, "").strip()
    return _texts_in(cell) if cell.startswith("[") and cell.endswith("]") else None


def category_of(texts: Sequence[str], *, are_paths: bool, columns: ListingColumns) -> CategoryText:
    """Return a list as text: the levels of one path, or paths if it has one or the whole file does."""
    lines = [clean_line(text) for text in texts]
    if are_paths or any(_is_path(text, columns.category_separator) for text in texts):
        return CategoryText(_LINES.join(lines), columns.category_separator, _LINES)
    separator = _LINES if any(_LEVELS in line for line in lines) else _LEVELS
    return CategoryText(separator.join(lines), separator)


def _is_path(text: str, separator: str) -> bool:
    text = decode_entities(text)
    return separator in text if separator else _SURE_PATH.search(text) is not None


def _texts_in(cell: str) -> tuple[str, ...] | None:
    """Return the texts of a JSON array or a Python list; of a list of lists, the path of each."""
    try:
        parsed = json.loads(cell)
    except (ValueError, RecursionError):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # backslashes that Python would not write
                parsed = ast.literal_eval(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            return None
    texts = [_LEVELS.join(map(str, one)) if isinstance(one, list) else one for one in parsed if one is not None]
    return tuple(texts) if all(isinstance(text, str) for text in texts) else None
