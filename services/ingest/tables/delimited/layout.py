"""The columns of a delimited file, and how its records start. Pure."""

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
    r"""The delimiter and columns of a delimited file.

    Attributes:
        header: the column names; an empty first name marks a column of row numbers.
        id_at, text_at, price_at: positions of the record's id, its free text and its price; None without such a
            column.
        read: positions of the columns that are read; all of them if empty.
        fillable: positions of the columns that are read and that a record may lack at its end.
        extra: empty cells that most records have beyond the header.
        escaped: whether a backslash escapes delimiters and quotation marks.
        spaced: whether a blank follows the delimiters.
    """

    delimiter: str
    header: tuple[str, ...]
    id_at: int | None
    text_at: int | None
    price_at: int | None
    read: frozenset[int] = frozenset()
    fillable: frozenset[int] = frozenset()
    extra: int = 0
    escaped: bool = False
    spaced: bool = False

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.header)

    @property
    def needed(self) -> frozenset[int]:
        """Positions of the columns that no record may lack, besides the price."""
        return self.read - self.fillable - {self.price_at}

    @property
    def ends_with_price(self) -> bool:
        """Whether a price column follows the free text, so that the end of a record can be recognised."""
        return self.price_at is not None and self.text_at is not None and self.price_at > self.text_at


@dataclass(frozen=True, slots=True)
class RecordStart:
    """The pattern of a line that begins a record; `is_strong` if practically no other line matches it."""

    pattern: re.Pattern[str]
    is_strong: bool


_PLAIN_PRICE = re.compile(r"[£€$]?[0-9]{1,9}(?:\.[0-9]{1,2})?|")
"""Prices that need no parser, which takes 50 times as long."""

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


def is_price(text: str) -> bool:
    """Say whether a text can be the content of a price column: a readable price, or blank."""
    if _PLAIN_PRICE.fullmatch(text):
        return True
    try:
        parse_price(text)
    except PriceError as error:
        return error.reason != RejectReason.UNREADABLE_PRICE
    return True


def is_amount(text: str) -> bool:
    """Say whether a text is a readable price, and not blank."""
    return bool(text.strip()) and is_price(text)


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
