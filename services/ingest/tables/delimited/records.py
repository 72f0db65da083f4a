r"""Reads the records of a delimited file, even if its quoting is broken. Pure: lines in, records out, one at a time.

Real exports leave the free text (the description) unquoted although it spans several lines:

    12,243809c0-9cfc-4486-ad12-3b7a16605ba9,"Desk | in Wokingham",Home & Garden / Desks,Solid pine
    some scratches
    ,£40.00,"Wokingham, Berkshire"

How a record is found:

1. If standard CSV (RFC 4180) reads a row of the header's width, and the start of another record or the end of the file
   follows, the row is the record. So a well-formed file is read exactly as the standard says, with its line breaks.
2. Otherwise the record consists of all lines up to the next start of a record, and `repair` reads it, if its
   cells fit the columns in one way only: a text over several lines is the free text, empty cells at the end are
   ignored, and optional columns at the end may be missing.

3. If a line inside such a row begins like a record or is a row by itself, a quotation mark is out of place, and the row
   is never taken as it is: `spans` says whether its first line is a record of its own. If that is not certain, all its
   lines are one broken record.

The start of a record is recognised by its id, and by a row number before the id if the header's first column has no
name. The pattern of ids is learnt from the first lines: a UUID, or else the most common pattern of letter and digit
runs with at least one digit (`L-0001`). A line that begins with a UUID always starts a record. A line that begins with
a weaker pattern does so only if it is a row with a readable price, or if the line before it ends with such a price and
the columns after it. Ids without digits cannot be recognised: then a record is what standard CSV reads, if another row
follows, and a line that is not a row becomes a broken record.

What cannot be known, since the text is well-formed otherwise: a line inside an unquoted free text that is itself a row
of the right width with a readable price; an unquoted text with a quotation mark at its beginning or directly after a
delimiter, if a later one looks like its pair; a row with as many unquoted delimiters as it has blank columns at its
end, the price among them. Text beyond repair becomes a broken record with all the lines that it covers; no text is
lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.ingest.tables.delimited.cells import ends_with_columns
from services.ingest.tables.delimited.layout import is_amount, is_price, learn_start
from services.ingest.tables.delimited.lookahead import Extent, Lookahead, RepairBudget
from services.ingest.tables.delimited.repair import Ambiguous, RepairedFields, repair
from services.ingest.tables.delimited.spans import SpanReader, standard_row
from services.ingest.tables.text_files import RECORD_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from services.ingest.tables.delimited.layout import CsvLayout

LINE_LIMIT = 2000
"""Lines in a record."""

_LEARN_FROM_LINES = 200


@dataclass(frozen=True, slots=True)
class Record:
    """One record.

    Attributes:
        line: 1-based line on which it starts.
        text: the record as it stands in the file.
        lines: number of lines that it spans.
        fields: one per column; empty if the record is broken beyond repair.
        repaired: whether reading it took more than standard CSV, apart from empty cells beyond the header.
        columns: positions of the columns that were repaired.
        problem: why it is broken, if that is known.
        has_id: whether it is broken, begins as other records do, with an id, and holds no other record.
    """

    line: int
    text: str
    lines: int
    fields: tuple[str, ...]
    repaired: bool = False
    columns: tuple[int, ...] = ()
    problem: str = ""
    has_id: bool = False


def read_records(lines: Iterable[str], layout: CsvLayout, *, first_line: int = 2) -> Iterator[Record]:
    """Yield every record of the lines after the header, in order; blank lines between records are skipped.

    Args:
        lines: with their line ends.
        layout: from the header.
        first_line: line number of the first of `lines`.
    """
    ahead = Lookahead(lines)
    splitter = _Splitter(layout, ahead)
    while (line := ahead.line(0)) is not None:
        if _is_blank(line):
            ahead.take(1)
            first_line += 1
            continue
        record = splitter.next_record(first_line)
        first_line += record.lines
        yield record


class _Splitter:
    """Finds the end of the record that begins at the first line ahead."""

    def __init__(self, layout: CsvLayout, ahead: Lookahead) -> None:
        self._layout, self._ahead = layout, ahead
        self._start = learn_start(layout, [line for at in range(_LEARN_FROM_LINES) if (line := ahead.line(at))])
        self._spans = SpanReader(layout, self._start)
        self._searched, self._budget = Extent(0, 0, 0), RepairBudget()

    def next_record(self, number: int) -> Record:
        """Consume the record's lines, at least one, and return the record."""
        fields, count = self._row(0)
        if fields and self._spans.has_second_reading(self._ahead.lines(count)):
            return self._one_of_two_readings(number, count)
        is_exact = len(fields) == self._layout.width
        if is_exact and self._is_complete(fields, count):
            return self._taken(number, count, RepairedFields(fields, ()))
        length = 0 if is_exact else self._length_of_row(fields, count)
        if not length and (self._starts(self._ahead.line(0)) or not (fields or self._start)):
            length = self._distance_to_next() if self._start else 1
        text = self._ahead.text(length)
        if not self._may_search(text):
            return self._taken(number, 1, Ambiguous(""))
        outcome = repair(text, self._layout) if 0 < len(text) <= RECORD_LIMIT else None
        if outcome is not None and self._may_hold_another(length):
            outcome = Ambiguous(f"One of its {length} lines may begin another record")
        if outcome is not None:
            return self._taken(number, length, outcome)
        if is_exact and (not length or _has_amount(fields, self._layout)):
            return self._taken(number, count, RepairedFields(fields, ()))
        return self._taken(number, length if length and self._is_strong else 1, Ambiguous(""))

    def _one_of_two_readings(self, number: int, count: int) -> Record:
        """Take the first line alone if it is a record of its own; reject all lines if that is not certain."""
        if self._is_strong:
            count = self._distance_to_next() or 1
        elif self._spans.is_record_alone(self._ahead.lines(count)):
            count = 1
        else:
            problem = f"A quotation mark holds {count} lines together, and some of them may be records of their own"
            return self._taken(number, count, Ambiguous(problem))
        text = self._ahead.text(count)
        outcome = repair(text, self._layout) if len(text) <= RECORD_LIMIT and self._may_search(text) else None
        return self._taken(number, count, outcome or Ambiguous(""))

    def _may_search(self, text: str) -> bool:
        return len(text) > RECORD_LIMIT or self._budget.spend(len(text))  # longer ones are not repaired

    @property
    def _is_strong(self) -> bool:
        return self._start is not None and self._start.is_strong

    def _length_of_row(self, fields: Sequence[str], count: int) -> int:
        """Return the lines of a row of another width, if another record follows it; otherwise 0."""
        if not fields or (self._is_strong and any(self._starts(self._ahead.line(at)) for at in range(1, count))):
            return 0
        return count if self._is_followed_by_row(count) else 0

    def _may_hold_another(self, length: int) -> bool:
        """Say whether a line after the first has an id, and all columns up to the text or a quotation mark nearby."""
        if self._start is None or self._is_strong:
            return False
        least = 0 if '"' in self._ahead.text(length) else self._layout.text_at or 0
        lines = (self._ahead.line(at) or "" for at in range(1, length))
        heads = (line for line in lines if self._starts(line))
        return any(line.count(self._layout.delimiter) >= least for line in heads)

    def _taken(self, number: int, count: int, outcome: RepairedFields | Ambiguous) -> Record:
        lines, text = self._ahead.lines(count), self._ahead.take(count)
        self._budget.earn(len(text))
        if isinstance(outcome, RepairedFields) and _has_torn_id(outcome.fields, text, self._layout):
            outcome = Ambiguous("The id has a quotation mark")
        self._searched = self._searched.without(count, text, layout=self._layout)
        if isinstance(outcome, Ambiguous):
            has_id = self._starts(lines[0]) and not self._spans.has_second_reading(lines)
            return Record(number, text, count, (), problem=outcome.problem, has_id=has_id)
        return Record(number, text, count, outcome.fields, bool(outcome.repaired), outcome.repaired)

    def _is_complete(self, fields: Sequence[str], count: int) -> bool:
        """Say whether a row of the right width in `count` lines is a record, not the beginning of a longer one."""
        following = self._ahead.line(self._next_line(count))
        if self._starts(following) and (self._is_strong or _has_price(fields, self._layout)):
            return True
        is_priced = not self._is_strong or _has_price(fields, self._layout)
        return is_priced and self._is_followed_by_row(count)

    def _is_followed_by_row(self, count: int) -> bool:
        at = self._next_line(count)
        line, fields = self._ahead.line(at), self._row(at)[0]
        if line is None or self._start is None:
            return True
        if self._starts(line):
            return self._is_row(fields)
        filled = max((number for number, field in enumerate(fields, start=1) if field.strip()), default=0)
        if not len(fields) >= self._layout.width >= filled:
            return False
        has_no_id = not fields[self._layout.id_at or 0].strip()
        return has_no_id or not self._is_strong or _has_amount(fields, self._layout)

    def _next_line(self, count: int) -> int:
        """Return the number of lines up to the first line after `count` lines that is not blank."""
        while (following := self._ahead.line(count)) is not None and _is_blank(following):
            count += 1
        return count

    def _is_row(self, fields: Sequence[str], *, priced: bool = False) -> bool:
        """Say whether a row can be a record: it has all columns, or a price and all that is needed.

        If `priced`, a row of the header's width must have a readable price or none, too.
        """
        layout = self._layout
        filled = max((number for number, field in enumerate(fields, start=1) if field.strip()), default=0)
        if len(fields) >= layout.width >= filled:
            return not priced or _has_price(fields, layout)
        if len(fields) > layout.width:
            return True
        if layout.price_at is None or not fields:
            return False
        lacks = layout.read.intersection(range(len(fields), layout.width))
        return layout.price_at < len(fields) and lacks <= layout.fillable and is_amount(fields[layout.price_at])

    def _distance_to_next(self) -> int:
        """Return the number of lines up to the next record or the end of the file; 0 if neither is within the limits.

        A line that does not begin a record now does not begin one later either, since there will be less text before
        it. So no line is searched twice, and hostile text takes linear time.
        """
        while (line := self._ahead.line(self._searched.lines)) is not None and not self._begins(line, self._searched):
            self._searched = self._searched.with_line(line, self._layout)
            if self._searched.size > RECORD_LIMIT or self._searched.lines > LINE_LIMIT:
                return 0
        return self._searched.lines

    def _begins(self, line: str, before: Extent) -> bool:
        """Say whether `line`, the first one after `before`, begins another record."""
        at = before.lines
        if at == 0:
            return False
        if self._starts(line):
            row = self._row(at)[0]
            if self._is_strong or (self._is_row(row, priced=True) and self._has_needed(row)):
                return True
        elif not self._is_without_known_id(standard_row([line], self._layout)):
            return False
        has_head = before.delimiters >= self._layout.width - 1
        return has_head and ends_with_columns(self._ahead.end_of(at), self._layout)

    def _has_needed(self, row: Sequence[str]) -> bool:
        return all(row[at].strip() for at in self._layout.needed)

    def _is_without_known_id(self, row: Sequence[str]) -> bool:
        """Say whether a row is a record that has no id, or one of another pattern where that is not unmistakable."""
        layout = self._layout
        if len(row) != layout.width:
            return False
        return (
            _has_price(row, layout)
            if not row[layout.id_at or 0].strip()
            else (not self._is_strong and _has_amount(row, layout))
        )

    def _starts(self, line: str | None) -> bool:
        return line is not None and self._start is not None and self._start.pattern.match(line) is not None

    def _row(self, at: int) -> tuple[tuple[str, ...], int]:
        """Read a standard row at line `at`; return its fields, if it is one, and the lines it took."""
        taken = 0

        def lines() -> Iterator[str]:
            nonlocal taken
            size = 0
            while taken < LINE_LIMIT and (line := self._ahead.line(at + taken)) is not None:
                taken, size = taken + 1, size + len(line)
                if size > RECORD_LIMIT:
                    return
                yield line

        return standard_row(lines(), self._layout), taken


def _has_torn_id(fields: Sequence[str], text: str, layout: CsvLayout) -> bool:
    """Say whether the id has a quotation mark that is not doubled: the line is the rest of a record."""
    identity = fields[layout.id_at] if layout.id_at is not None else ""
    return '"' in identity and '"{}"'.format(identity.replace('"', '""')) not in text


def _is_blank(line: str) -> bool:
    return not line.strip(" \r\n")  # tabs may be delimiters


def _has_price(fields: Sequence[str], layout: CsvLayout) -> bool:
    return layout.price_at is not None and is_price(fields[layout.price_at])


def _has_amount(fields: Sequence[str], layout: CsvLayout) -> bool:
    return layout.price_at is None or is_amount(fields[layout.price_at])
