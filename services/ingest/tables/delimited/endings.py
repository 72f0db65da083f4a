"""Tells a file that was cut off inside its last cell from one that only lacks its last line end. Pure.

Many programs write no line end after the last record, so its absence alone proves nothing. A second sign is needed: the
last cell lacks what all others of its column have, or the bytes of the file end as those of an interrupted copy do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import shorten
from services.ingest.tables.delimited.cells import without_line_end
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from services.ingest.tables.delimited.records import Record

_FEWEST = 3
"""Cells that must look alike before another look is a sign."""

_WORDS_LIMIT = 1000
_ENDINGS_LIMIT = 8
_BLOCK = 4096
"""Bytes that programs write at once, or a multiple of them. One whole file in 4,096 has such a size by chance."""

_ENDING = re.compile(r"\.(?:[A-Za-z][A-Za-z0-9]{1,4}|\d\d)(?=\Z)")
"""The extension of a file name, or two decimals."""

_CODE = re.compile(r"(?=\D*\d)[\w:+-]{8,}")
"""A date, a UUID or the like: its length is a sign if all others have the same."""

_CUT_CHARACTER = re.compile("[\udcc2-\udcf4][\udc80-\udcbf]{0,2}\\Z")
_STRAY = re.compile("[\udc80-\udcff]")


@dataclass(slots=True)
class _LastCells:
    """How the last cells of the records look."""

    filled: int = 0
    blank: int = 0
    sizes: set[int] = field(default_factory=set)
    endings: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    prefix: str | None = None

    def add(self, cell: str) -> None:
        if not cell.strip():
            self.blank += 1
            return
        self.filled += 1
        if self.prefix != "":
            self.prefix = cell if self.prefix is None else _common(self.prefix, cell)
        if len(self.sizes) < 2:
            self.sizes.add(len(cell) if _CODE.fullmatch(cell) else 0)
        if len(self.endings) <= _ENDINGS_LIMIT:
            self.endings.add(_ending(cell))
        if len(self.words) <= _WORDS_LIMIT:
            self.words.add(cell)

    def problem(self, cell: str) -> str:
        """Say what the last cell of the file lacks; empty if nothing is known."""
        if not cell.strip():
            return "is blank, unlike all others" if self.filled >= _FEWEST and not self.blank else ""
        if len(self.words) <= _WORDS_LIMIT and cell not in self.words:
            longer = sorted(word for word in self.words if word.startswith(cell) and word[len(cell)].isalpha())
            if longer and cell[-1].isalpha():
                return f"is the beginning of {longer[0]!r}"
        if self.filled < _FEWEST:
            return ""
        if self.prefix and len(cell) < len(self.prefix) and self.prefix.startswith(cell):
            return f"is the beginning of {self.prefix!r}, as all others begin"
        if "" not in self.endings and len(self.endings) <= _ENDINGS_LIMIT and _ending(cell) not in self.endings:
            return f"does not end with {' or '.join(sorted(self.endings))}, unlike all others"
        size = next(iter(self.sizes))
        if len(self.sizes) == 1 and len(cell) < size:
            return f"has fewer than {size} characters, unlike all others"
        return ""


class FileEnd:
    """Follows the records of a file, and judges its end."""

    def __init__(self) -> None:
        self._cells = _LastCells()
        self._last: Record | None = None
        self._has_crlf = self._has_stray_bytes = False

    def add(self, record: Record) -> None:
        """Take the next record into account."""
        if self._last is not None:
            self._learn(self._last)
        self._last = record

    def notice(self, column: str, size: int | None) -> Repair | None:
        """Return the file's warning `cut_off` or `no_line_end`; None if the file ends well.

        Args:
            column: the name of the last column.
            size: of the file in bytes; None if it is compressed.
        """
        record = self._last
        if record is None or not record.fields:
            return None  # a broken record is told as such
        before = shorten(without_line_end(record.text)[-100:])
        if problem := self._problem(record, size):
            return Repair(ListingFlag.CUT_OFF, column, before, problem)
        if not record.text.endswith(("\n", "\r")):
            return Repair(ListingFlag.NO_LINE_END, column, before)
        return None

    def _learn(self, record: Record) -> None:
        self._has_crlf = self._has_crlf or record.text.endswith("\r\n")
        self._has_stray_bytes = self._has_stray_bytes or (
            not record.text.isascii() and _STRAY.search(record.text) is not None
        )
        if record.fields:
            self._cells.add(record.fields[-1])

    def _problem(self, record: Record, size: int | None) -> str:
        text = record.text
        if record.repaired and text.count('"') % 2:
            return "its last quotation mark is not closed"
        if self._has_crlf and text.endswith("\r"):
            return "it ends inside a line end"
        if text.endswith(("\n", "\r")):
            return ""
        if not self._has_stray_bytes and _CUT_CHARACTER.search(text):
            return "it ends inside a character"
        if size and size % _BLOCK == 0:
            return f"it has no last line end and exactly {size:,} bytes, as if writing had stopped"
        problem = self._cells.problem(record.fields[-1])
        return problem and f"it has no last line end, and its last cell {problem}"


def _ending(cell: str) -> str:
    match = _ENDING.search(cell.rstrip())
    return "" if match is None else match[0].lower() if not match[0][1:].isdigit() else "two decimals"


def _common(first: str, second: str) -> str:
    """Return what both texts begin with."""
    if second.startswith(first):
        return first
    differing = (at for at, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1])
    return first[: next(differing, len(second))]
