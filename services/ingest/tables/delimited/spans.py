"""Judges records that standard CSV reads over several lines: a stray quotation mark swallows the next records.

    I-1,"TV 32"",Electronics,Nice tv,£100,York
    I-2,Monitor 24",Electronics,Nice,£110,York

Standard CSV reads one record of six columns here. Pure.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.ingest.tables.delimited.cells import ends_with_columns
from services.ingest.tables.delimited.layout import is_price

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from services.ingest.tables.delimited.layout import CsvLayout, RecordStart


_SURPLUS_LIMIT = 5
"""Cells beyond the header in a line that may still be a row."""


def standard_row(lines: Iterable[str], layout: CsvLayout) -> tuple[str, ...]:
    """Return the first row of standard CSV, or ()."""
    escape = "\\" if layout.escaped else None
    try:
        row = next(csv.reader(lines, delimiter=layout.delimiter, escapechar=escape, strict=True), [])
    except csv.Error:
        return ()
    return tuple(row)


@dataclass(frozen=True, slots=True)
class SpanReader:
    """Says whether the lines of one record can be records of their own."""

    layout: CsvLayout
    start: RecordStart | None

    def has_second_reading(self, lines: Sequence[str]) -> bool:
        """Say whether one of the lines begins like a record, or is a row by itself."""
        if len(lines) == 1:
            return False
        has_ids_first = self.layout.id_at is not None and not any(self.layout.header[: self.layout.id_at])
        if has_ids_first and any(self._begins(line, least=self.layout.width - 1) for line in lines[1:]):
            return True
        inside = [line for line in lines[1:-1] if '"' not in line.replace('""', "")]  # others close a cell
        if any(map(self._is_record, inside)):
            return True
        return not self._is_strong and self._are_rows(lines[0], lines[-1])

    def is_record_alone(self, lines: Sequence[str]) -> bool:
        """Say whether the first line is a record of its own.

        It is if it has all columns itself and another record follows, or if every other line is a record.
        """
        others = [self._is_record(line) for line in lines[1:] if line.strip()]
        return all(others) or (others[0] and self._is_record(lines[0]))

    @property
    def _is_strong(self) -> bool:
        return self.start is not None and self.start.is_strong

    def _are_rows(self, first: str, last: str) -> bool:
        """Say whether the cell that one line leaves open and another one closes completes both of them."""
        *before, opened = standard_row([first.rstrip("\r\n") + '"'], self.layout) or ("",)
        closed, *after = standard_row(['"' + last], self.layout) or ("",)
        if self._completes(before, opened) and self._completes(after, closed):
            return True
        parts, rest = opened.split(self.layout.delimiter), closed.split(self.layout.delimiter)
        return self._may_be_row([*before, *parts]) and self._may_be_row([*rest, *after])

    def _completes(self, cells: Sequence[str], part: str) -> bool:
        parts = part.split(self.layout.delimiter)
        return len(parts) > 1 and len(cells) + len(parts) == self.layout.width and not self._is_prose(parts)

    def _may_be_row(self, cells: Sequence[str]) -> bool:
        """Say whether cells are the columns, with a price, or are so with a few neighbours joined."""
        layout, surplus = self.layout, len(cells) - self.layout.width
        if layout.price_at is None or not 0 <= surplus <= _SURPLUS_LIMIT:
            return False
        joined = set(range(layout.width)) - {layout.id_at, layout.price_at}
        return any(
            self._has_columns([*cells[:at], "".join(cells[at : at + surplus + 1]), *cells[at + surplus + 1 :]])
            for at in joined
        )

    def _begins(self, line: str, *, least: int) -> bool:
        """Say whether a line has an id as records do, and then at least some delimiters unless ids are unmistakable."""
        if self.start is None or self.start.pattern.match(line) is None:
            return False
        cells = line.split(self.layout.delimiter)
        return self._is_strong or (len(cells) > least and not self._is_prose(cells))

    def _is_record(self, line: str) -> bool:
        begins = self._begins(line, least=self.layout.width - 1)
        if self._is_strong:
            return begins
        if begins:
            return self.layout.price_at is None or ends_with_columns(line, self.layout) or self._is_row(line)
        return self._is_row(line)

    def _is_row(self, line: str) -> bool:
        """Say whether a line has the header's columns and a price in its place, with or without quoting."""
        return any(self._has_columns(cells) for cells in (standard_row([line], self.layout), self._raw(line)))

    def _raw(self, line: str) -> Sequence[str]:
        return [cell.strip('"') for cell in line.rstrip("\r\n").split(self.layout.delimiter)]

    def _has_columns(self, cells: Sequence[str]) -> bool:
        layout = self.layout
        filled = max((number for number, cell in enumerate(cells, start=1) if cell.strip()), default=0)
        if not len(cells) >= layout.width >= filled > 1 or self._is_prose(cells):
            return False
        identity = cells[layout.id_at or 0].strip()
        if not identity or len(identity.split()) > 1 or not all(cells[at].strip() for at in layout.needed):
            return False
        return layout.price_at is None or is_price(cells[layout.price_at])

    def _is_prose(self, cells: Sequence[str]) -> bool:
        """Say whether a blank follows each delimiter after the free text, as in a sentence, and not in the header."""
        at = self.layout.text_at or 0
        later = [cell for cell in (cells[at + 1 :] if at < self.layout.width - 1 else cells[1:]) if cell.strip()]
        return not self.layout.spaced and bool(later) and all(cell.startswith(" ") for cell in later)
