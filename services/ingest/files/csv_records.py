r"""Records of a delimited file, also of one whose quoting is broken. Pure: lines in, records out, one at a time.

Real exports leave the free text (the description) unquoted although it runs over several lines:

    12,243809c0-9cfc-4486-ad12-3b7a16605ba9,"Desk | in Wokingham",Home & Garden / Desks,Solid pine
    some scratches
    ,£40.00,"Wokingham, Berkshire"

How a record is found:

1. What standard CSV (RFC 4180) reads as one row of the header's width is that row, if what follows it is again the
   start of a record, or the end. So a well-formed file is read exactly as the standard says, line breaks and all.
2. Otherwise the lines up to the next start of a record are taken together. The columns before the free text are read
   from the left, those after it from the right, and what remains between them is the free text, as it stands.

A start is recognised by its id, and by the row number before it if the header's first column has no name. The shape
of ids is learnt from the first lines: a UUID, or else the commonest pattern of letter and digit runs with a digit in
it (`L-0001`). A UUID is a start wherever it begins a line; a weaker pattern only where it begins a whole row with a
readable price, or follows a line that ends with such a price and the columns behind it. Ids without digits cannot be
recognised: then only step 1 applies, and a line that is no row comes out as broken.

What cannot be told apart: unquoted commas in a column other than the free text; an unquoted free text of which a
whole line is itself a row of the right width with a readable price; one that begins with a quotation mark, where a
later one in the text can be taken for its pair; a record that is both broken and without id. Text that is beyond
repair comes out as broken, with the lines that it covers; none is lost.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.ingest.files.csv_repair import CsvLayout, is_price, learn_start, read_tail, split_broken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

RECORD_LIMIT = 1 << 20
"""Characters in the longest record that is accepted."""

LINE_LIMIT = 2000
"""Lines in the longest record that is accepted. Both limits bound what is held while looking for a record's end."""

_LEARN_FROM_LINES = 200
_TAIL_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Record:
    """One record.

    Attributes:
        line: 1-based line on which it starts.
        text: the record as it stands in the file.
        lines: how many it takes.
        fields: as many as the layout is wide; none when the record is broken beyond repair.
        repaired: whether it took more than standard CSV to read it.
    """

    line: int
    text: str
    lines: int
    fields: tuple[str, ...] = ()
    repaired: bool = False


def read_records(lines: Iterable[str], layout: CsvLayout, *, first_line: int = 2) -> Iterator[Record]:
    """Yield every record of the lines behind the header, in order; blank lines between records are no records.

    Args:
        lines: with their line ends.
        layout: from the header.
        first_line: the number of the first of `lines`.
    """
    ahead = _Lookahead(lines)
    splitter = _Splitter(layout, ahead)
    while (line := ahead.line(0)) is not None:
        if _is_blank(line):
            ahead.take(1)
            first_line += 1
            continue
        record = splitter.next_record(first_line)
        first_line += record.lines
        yield record


class _Lookahead:
    """Lines that can be looked at before they are taken."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines, self._held = iter(lines), list[str]()

    def line(self, at: int) -> str | None:
        while len(self._held) <= at:
            line = next(self._lines, None)
            if line is None:
                return None
            self._held.append(line)
        return self._held[at]

    def text(self, count: int) -> str:
        return "".join(self._held[:count])

    def end_of(self, count: int) -> str:
        """Return the end of the first `count` lines: whole lines, no more than it takes for a tail's length."""
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
class _Stretch:
    """The first lines ahead: how many, and the characters and delimiters in them."""

    lines: int
    size: int
    delimiters: int

    def with_line(self, line: str, layout: CsvLayout) -> _Stretch:
        return _Stretch(self.lines + 1, self.size + len(line), self.delimiters + line.count(layout.delimiter))

    def without(self, lines: int, text: str, *, layout: CsvLayout) -> _Stretch:
        if lines >= self.lines:
            return _Stretch(0, 0, 0)
        return _Stretch(self.lines - lines, self.size - len(text), self.delimiters - text.count(layout.delimiter))


class _Splitter:
    """Finds the record that begins at the first line ahead."""

    def __init__(self, layout: CsvLayout, ahead: _Lookahead) -> None:
        self._layout, self._ahead = layout, ahead
        self._start = learn_start(layout, [line for at in range(_LEARN_FROM_LINES) if (line := ahead.line(at))])
        self._searched = _Stretch(0, 0, 0)

    def next_record(self, number: int) -> Record:
        """Take the record's lines (at least one) and return it."""
        fields, count = self._row(0)
        repaired = False
        if not fields or not self._may_end(fields, count):
            length = self._distance_to_next() if self._starts(self._ahead.line(0)) else 0
            text = self._ahead.text(length)
            mended = split_broken(text, self._layout) if length and len(text) <= RECORD_LIMIT else ()
            if mended:
                fields, count, repaired = mended, length, True
            elif not fields:
                count = length if length and self._start is not None and self._start.is_strong else 1
        text = self._ahead.take(count)
        self._searched = self._searched.without(count, text, layout=self._layout)
        return Record(number, text, count, fields, repaired)

    def _may_end(self, fields: Sequence[str], count: int) -> bool:
        """Say whether a row of the right width that takes `count` lines is a record, not the start of a longer one."""
        while (following := self._ahead.line(count)) is not None and _is_blank(following):
            count += 1
        if self._start is None or following is None or self._starts(following):
            return True
        if not self._start.is_strong and _has_price(fields, self._layout):
            return True
        return bool(self._row(count)[0])

    def _distance_to_next(self) -> int:
        """Return the number of lines up to the next record or the end; 0 when neither is in sight.

        A line once found not to begin a record does not begin one for a later start either: there is then less before
        it. So no line is searched twice, and hostile text costs linear time.
        """
        while (line := self._ahead.line(self._searched.lines)) is not None and not self._begins(line, self._searched):
            self._searched = self._searched.with_line(line, self._layout)
            if self._searched.size > RECORD_LIMIT or self._searched.lines > LINE_LIMIT:
                return 0
        return self._searched.lines

    def _begins(self, line: str, before: _Stretch) -> bool:
        """Say whether `line`, the first behind `before`, begins another record."""
        at = before.lines
        if at == 0:
            return False
        if self._starts(line):
            if (self._start is not None and self._start.is_strong) or _has_price(self._row(at)[0], self._layout):
                return True
        elif not _has_price(_standard_row([line], self._layout), self._layout):
            return False
        has_head = before.delimiters >= self._layout.width - 1
        return has_head and read_tail(self._ahead.end_of(at), self._layout) is not None

    def _starts(self, line: str | None) -> bool:
        return line is not None and self._start is not None and self._start.pattern.match(line) is not None

    def _row(self, at: int) -> tuple[tuple[str, ...], int]:
        """Read a standard row of the header's width from the line at `at`: its fields (or none) and its lines."""
        taken = 0

        def lines() -> Iterator[str]:
            nonlocal taken
            size = 0
            while taken < LINE_LIMIT and (line := self._ahead.line(at + taken)) is not None:
                taken, size = taken + 1, size + len(line)
                if size > RECORD_LIMIT:
                    return
                yield line

        return _standard_row(lines(), self._layout), taken


def _standard_row(lines: Iterable[str], layout: CsvLayout) -> tuple[str, ...]:
    """Return the first row of standard CSV if it has the header's width, or ()."""
    try:
        row = next(csv.reader(lines, delimiter=layout.delimiter, strict=True), [])
    except csv.Error:
        return ()
    return tuple(row) if len(row) == layout.width else ()


def _is_blank(line: str) -> bool:
    return not line.strip(" \r\n")  # tabs may be delimiters


def _has_price(fields: Sequence[str], layout: CsvLayout) -> bool:
    return bool(fields) and layout.price_at is not None and is_price(fields[layout.price_at])
