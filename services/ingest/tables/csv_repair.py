"""Repairs CSV records with broken quoting: recognises their start, and reads their columns from both ends. Pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.ingest.cleaning.prices import PriceError, parse_price
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """The delimiter and columns of a delimited file.

    Attributes:
        header: the column names; an empty first name marks a column of row numbers.
        id_at, text_at, price_at: positions of the record's id, its free text and its price; None without such a
            column. Without an id or a free text column no record is repaired.
    """

    delimiter: str
    header: tuple[str, ...]
    id_at: int | None
    text_at: int | None
    price_at: int | None

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.header)

    @property
    def ends_with_price(self) -> bool:
        """Whether a price column follows the free text, so that the end of a record can be recognised."""
        return self.price_at is not None and self.text_at is not None and self.price_at > self.text_at


@dataclass(frozen=True, slots=True)
class RecordStart:
    """The pattern of a line that begins a record; `is_strong` if practically no other line matches it."""

    pattern: re.Pattern[str]
    is_strong: bool


_UUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_RUN = re.compile(r"[0-9]+|[A-Za-z]+|.", re.DOTALL)


def learn_start(layout: CsvLayout, lines: Iterable[str]) -> RecordStart | None:
    """Learn from the first lines of a file how its records start; None if they have no reliable pattern."""
    if layout.id_at is None or layout.text_at is None or layout.id_at > layout.text_at:
        return None
    candidates = [line for line in lines if line.count(layout.delimiter) >= layout.text_at]
    id_at_start = re.compile(_before_id(layout) + '"?([^"{0}\r\n]+)"?{0}'.format(re.escape(layout.delimiter)))
    shapes = Counter(_shape(match[1]) for line in candidates if (match := id_at_start.match(line)))
    usable = [(shape, count) for shape, count in shapes.most_common() if "[0-9]" in shape]
    if shapes[_UUID]:
        return RecordStart(_start_pattern(layout, _UUID), is_strong=True)
    if usable and layout.ends_with_price:
        return RecordStart(_start_pattern(layout, usable[0][0]), is_strong=False)
    return None


def split_broken(text: str, layout: CsvLayout) -> tuple[str, ...]:
    """Split a record whose free text may hold anything; () if the columns around the text cannot be recognised."""
    head, tail = _read_head(text, layout), read_tail(text, layout)
    if head is None or tail is None or tail[1] < head[1]:
        return ()
    return (*head[0], _unquoted(text[head[1] : tail[1]]), *tail[0])


def read_tail(text: str, layout: CsvLayout) -> tuple[list[str], int] | None:
    """Read the columns after the free text from the right; return their values and where the free text ends.

    None if they cannot be read: their quoting is broken too, or the price column does not hold a price.
    """
    end, values = _end_of_content(text), list[str]()
    for at in range(layout.width - 1, layout.text_at or 0, -1):
        begin = _field_start(text, end, layout.delimiter)
        if begin is None:
            return None
        values.append(_unquoted(text[begin:end]))
        if at == layout.price_at and not is_price(values[-1]):
            return None
        end = begin - 1
    return values[::-1], end


def is_price(text: str) -> bool:
    """Say whether a text can be the content of a price column: a readable price, or blank."""
    try:
        parse_price(text)
    except PriceError as error:
        return error.reason != RejectReason.UNREADABLE_PRICE
    return True


def _read_head(text: str, layout: CsvLayout) -> tuple[list[str], int] | None:
    field = re.compile(_field(layout.delimiter) + re.escape(layout.delimiter))
    values, at = list[str](), 0
    for _ in range(layout.text_at or 0):
        match = field.match(text, at)
        if match is None:
            return None
        values.append(_unquoted(match[0][: -len(layout.delimiter)]))
        at = match.end()
    return values, at


def _field_start(text: str, end: int, delimiter: str) -> int | None:
    """Return where the field that ends before `end` starts, or None if no well-formed field ends there."""
    if text[end - 1 : end] == '"':
        begin = text.rfind('"', 0, end - 1)
        while begin > 0 and text[begin - 1] == '"':  # a doubled quotation mark inside the field
            begin = text.rfind('"', 0, begin - 1)
    else:
        begin = text.rfind(delimiter, 0, end) + 1
        if re.match(r'"|.*[\r\n]', text[begin:end]):
            return None
    return begin if begin > 0 and text[begin - 1] == delimiter else None


def _end_of_content(text: str) -> int:
    """Return where the record's last line ends, without the line breaks and blank lines after it."""
    content = len(text.rstrip(" \r\n"))
    breaks = [at for at in (text.find("\n", content), text.find("\r", content)) if at >= 0]
    return min(breaks, default=len(text))


def _unquoted(field: str) -> str:
    if len(field) < 2 or field[0] != '"' or field[-1] != '"':
        return field
    inner = field[1:-1]
    return inner.replace('""', '"') if '"' not in inner.replace('""', "") else inner


def _shape(record_id: str) -> str:
    if re.fullmatch(_UUID, record_id):
        return _UUID
    return "".join(_run_pattern(run) for run in _RUN.findall(record_id))


def _run_pattern(run: str) -> str:
    if not run.isascii() or not run.isalnum():
        return re.escape(run)
    return "[0-9]+" if run.isdigit() else "[A-Za-z]+"


def _start_pattern(layout: CsvLayout, shape: str) -> re.Pattern[str]:
    return re.compile(f'{_before_id(layout)}"?{shape}"?{re.escape(layout.delimiter)}')


def _before_id(layout: CsvLayout) -> str:
    between, delimiter = list[str](), re.escape(layout.delimiter)
    for name in layout.header[: layout.id_at]:
        between.append('"?[0-9]+"?' if not name and not between else _field(layout.delimiter))
    return "".join(field + delimiter for field in between)


def _field(delimiter: str) -> str:
    """Return the pattern of one field, with possessive quantifiers, so that hostile text takes linear time.

    An unquoted field stays on its line: a short row must not take its missing columns from the next line.
    """
    stop = re.escape(delimiter) + "\r\n"
    return f'(?:"(?:[^"]++|"")*+"|[^"{stop}][^{stop}]*+|)'
