"""Lines that are read before they are consumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.ingest.tables.text_files import RECORD_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.ingest.tables.delimited.layout import CsvLayout

_TAIL_LIMIT = 4096
"""Characters searched for the columns after the free text."""


_EARNED = 10
"""Characters that repairs may search for each one that is consumed. Records of 20 lines, all broken, need 10."""


class RepairBudget:
    """Bounds what repairs search in vain, so that hostile text takes linear time."""

    def __init__(self) -> None:
        self._left = RECORD_LIMIT

    def spend(self, size: int) -> bool:
        """Take so many characters from the budget; return False if fewer are left."""
        if size > self._left:
            return False
        self._left -= size
        return True

    def earn(self, size: int) -> None:
        """Take consumed characters into account."""
        self._left += size * _EARNED


class Lookahead:
    """Lines that can be read ahead before they are consumed."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines, self._held = iter(lines), list[str]()

    def line(self, at: int) -> str | None:
        while len(self._held) <= at:
            line = next(self._lines, None)
            if line is None:
                return None
            self._held.append(line)
        return self._held[at]

    def lines(self, count: int) -> list[str]:
        return self._held[:count]

    def text(self, count: int) -> str:
        return "".join(self._held[:count])

    def end_of(self, count: int) -> str:
        """Return the last whole lines of the first `count` lines: enough for `_TAIL_LIMIT` characters."""
        first, size = count, 0
        while first > 0 and size < _TAIL_LIMIT:
            first -= 1
            size += len(self._held[first])
        return "".join(self._held[first:count])

    def take(self, count: int) -> str:
        text = self.text(count)
        del self._held[:count]
        return text


@dataclass(frozen=True, slots=True)
class Extent:
    """The size of some lines ahead: their number, and the characters and delimiters in them."""

    lines: int
    size: int
    delimiters: int

    def with_line(self, line: str, layout: CsvLayout) -> Extent:
        return Extent(self.lines + 1, self.size + len(line), self.delimiters + line.count(layout.delimiter))

    def without(self, lines: int, text: str, *, layout: CsvLayout) -> Extent:
        if lines >= self.lines:
            return Extent(0, 0, 0)
        return Extent(self.lines - lines, self.size - len(text), self.delimiters - text.count(layout.delimiter))
