"""Finds out how a delimited file is written: delimiter, backslashes, empty cells beyond the header. Pure."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from services.ingest.tables.delimited.cells import NULL
from services.ingest.tables.delimited.layout import is_price
from services.ingest.tables.text_files import replace_stray_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from services.ingest.tables.delimited.layout import CsvLayout

DELIMITERS = ",;\t|"
"""Delimiters that are recognised."""

SAMPLED_LINES = 200

_DELIMITER_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)
_RULE = re.compile(r"[-=+|,;:\s]*--[-=+|,;:\s]*")
_USUAL_ROWS = 3
"""Rows that must have the same number of empty cells beyond the header."""

_USUAL_SHARE = 0.9
"""The share of rows that must have it."""


@dataclass(frozen=True, slots=True)
class Header:
    """The line with the column names.

    Attributes:
        line: its 1-based number; that of the rule below it, if there is one.
        delimiter: between the names.
        names: without the blanks around them.
        spaced: whether a blank follows each delimiter.
        rule: the line of dashes below it, as sqlcmd and psql write; empty if there is none.
    """

    line: int
    delimiter: str
    names: tuple[str, ...]
    spaced: bool
    rule: str = ""


def read_header(lines: Iterator[str], *, delimiter: str, preferred: str) -> Header:
    """Consume the header, the blank lines and the line `sep=;` before it, and the line after it.

    Args:
        lines: of the file; they hold more than blanks.
        delimiter: if it is known; otherwise the line `sep=` gives it, or the one that splits the header most is taken.
        preferred: of several such the first of these.
    """
    number, text = _next_filled(lines, 0)
    if match := _DELIMITER_LINE.fullmatch(text):
        delimiter = delimiter or match[1]
        number, text = _next_filled(lines, number)
    text = replace_stray_bytes(text)[0]
    names = {each: _column_names(text, each) for each in delimiter or preferred}
    chosen = max(names, key=lambda each: len(names[each]))
    header = Header(number, chosen, names[chosen], spaced=f"{chosen} " in text)
    below = next(lines, "").strip()
    return replace(header, line=number + 1, rule=below) if _RULE.fullmatch(below) else header


def learn_dialect(layout: CsvLayout, lines: Sequence[str]) -> CsvLayout:
    """Return the layout with what the first lines after the header show.

    A backslash is an escape if all rows have the header's width then, and fewer otherwise; or if some cells are `\\N`.
    """
    if any("\\" in line for line in lines):
        plain, escaped = _rows(layout, lines, escape=None), _rows(layout, lines, escape="\\")
        exact = [sum(len(row) == layout.width for row in rows) for rows in (plain, escaped)]
        is_dump = any(NULL in row for row in plain)
        if exact[1] == len(escaped) and (is_dump or exact[0] < exact[1]):
            return replace(layout, escaped=True)
    return replace(layout, extra=_usual_extra(layout, lines))


def _next_filled(lines: Iterator[str], number: int) -> tuple[int, str]:
    for number, line in enumerate(lines, start=number + 1):  # noqa: B020
        if line.strip():
            return number, line
    return number, ""


def _column_names(header: str, delimiter: str) -> tuple[str, ...]:
    row: Sequence[str] = next(csv.reader([header.rstrip("\r\n").replace("\r", " ")], delimiter=delimiter), [])
    return tuple(name.strip() for name in row)


def _rows(layout: CsvLayout, lines: Iterable[str], *, escape: str | None) -> list[list[str]]:
    """Return the rows up to the first that is not well-formed, without blank ones."""
    rows = list[list[str]]()
    try:
        for row in csv.reader(lines, delimiter=layout.delimiter, escapechar=escape, strict=True):
            rows += [row] if any(row) else []
    except csv.Error:
        pass
    return rows


def _usual_extra(layout: CsvLayout, lines: Iterable[str]) -> int:
    """Return how many empty cells nearly all rows have beyond the header.

    Only rows with a price in its place and a filled last column count: in others a comma of some text without quotation
    marks could have moved the cells. A program that writes such cells writes them in all rows; fewer rows with them
    rather show a comma in a text, as `Leeds,UK` before a blank column.
    """
    rows = [row for row in _rows(layout, lines, escape=None) if _shows_its_end(row, layout)]
    widths = Counter(len(row) for row in rows if not any(row[layout.width :])).most_common(1)
    if not widths or widths[0][1] < max(_USUAL_ROWS, len(rows) * _USUAL_SHARE):
        return 0
    return max(0, widths[0][0] - layout.width)


def _shows_its_end(row: Sequence[str], layout: CsvLayout) -> bool:
    if len(row) < layout.width or not row[layout.width - 1].strip():
        return False
    at = layout.price_at
    return at is None or (bool(row[at].strip()) and is_price(row[at]))
