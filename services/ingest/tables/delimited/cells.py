"""Splits a delimited record into its cells, whatever its quoting. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from services.ingest.tables.delimited.layout import is_price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.ingest.tables.delimited.layout import CsvLayout


NULL = "\\N"
"""An empty value in exports of MySQL and PostgreSQL."""

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "0": ""}


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of a record between two delimiters, or between quotation marks.

    Attributes:
        start, end: where it stands in the record's text.
        is_quoted: it stands in quotation marks, so it is all of a column.
        is_text: it spans lines without quotation marks, so it belongs to the free text.
        is_odd: it opens with a quotation mark that is not closed in the standard way.
        is_blank: it is empty, apart from blanks.
        is_closed: its odd quotation mark has a partner in it and none in a later cell, so it belongs to this cell.
    """

    start: int
    end: int
    is_quoted: bool = False
    is_text: bool = False
    is_odd: bool = False
    is_blank: bool = False
    is_closed: bool = False


def split_cells(text: str, layout: CsvLayout) -> list[Cell]:
    """Return the cells of a record whose text has no line end; all cells with line breaks are one cell of free text.

    A cell that opens with a quotation mark which is not closed in the standard way (`"A "solid", heavy desk"`) reaches
    to the next cell that ends with one, unless there are too few cells then.
    """
    cells = _cells(text, layout)
    paired = _paired(cells, text)
    return _with_one_text(_closed(paired if len(paired) >= layout.width else cells, text))


def cell_value(text: str, cells: Sequence[Cell], layout: CsvLayout) -> str:
    """Return what consecutive cells hold, with the delimiters between them."""
    field = text[cells[0].start : cells[-1].end]
    is_quoted = len(cells) == 1 and cells[0].is_quoted
    if layout.escaped:
        return _unescaped(field[1:-1].replace('""', '"') if is_quoted else field)
    inner = field[1:-1].replace('""', '"')
    return field if not is_quoted else inner if '"' not in field[1:-1].replace('""', "") else field[1:-1]


def _unescaped(text: str) -> str:
    return text if text == NULL else _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), text)


def without_line_end(text: str) -> str:
    """Return a record's text up to the end of its last line, without the blank lines after it."""
    content = len(text.rstrip(" \r\n"))
    breaks = [at for at in (text.find("\n", content), text.find("\r", content)) if at >= 0]
    return text[: min(breaks, default=len(text))]


def ends_with_columns(text: str, layout: CsvLayout) -> bool:
    """Say whether a text can be the end of a record: the columns after the free text stand there, with a price."""
    content = without_line_end(text)
    return any(_has_tail(end, layout) for end in {content, content.rstrip(layout.delimiter + " ")})


def _has_tail(text: str, layout: CsvLayout) -> bool:
    end = len(text)
    for at in range(layout.width - 1, layout.text_at or 0, -1):
        begin = _cell_start(text, end, layout.delimiter)
        if begin is None:
            return False
        if at == layout.price_at:
            return is_price(text[begin:end].strip('"'))
        end = begin - 1
    return True


def _cell_start(text: str, end: int, delimiter: str) -> int | None:
    """Return where the cell that ends before `end` starts, or None if no well-formed cell ends there."""
    if text[end - 1 : end] == '"':
        begin = text.rfind('"', 0, end - 1)
        while begin > 0 and text[begin - 1] == '"':  # a doubled quotation mark inside the cell
            begin = text.rfind('"', 0, begin - 1)
    else:
        begin = text.rfind(delimiter, 0, end) + 1
        if re.match(r'"|.*[\r\n]', text[begin:end]):
            return None
    return begin if begin > 0 and text[begin - 1] == delimiter else None


def _cells(text: str, layout: CsvLayout) -> list[Cell]:
    cells = list[Cell]()
    for match in _cell_pattern(layout.delimiter, layout.escaped).finditer(text):
        raw, is_quoted = match["cell"], match["quoted"] is not None
        is_text = not is_quoted and ("\n" in raw or "\r" in raw)
        is_odd = not is_quoted and raw.startswith('"')
        cells.append(Cell(*match.span("cell"), is_quoted, is_text, is_odd, is_blank=not raw.strip(' "')))
        if not match["stop"]:
            break
    return cells


@lru_cache
def _cell_pattern(delimiter: str, escaped: bool) -> re.Pattern[str]:
    """Return the pattern of a cell and what follows it; the quantifiers are possessive, so that time is linear."""
    stop = re.escape(delimiter)
    if escaped:
        inside, outside = r'(?:[^"\\]++|""|\\.)*+', rf"(?:[^{stop}\\]++|\\.|\\\Z)*+"
    else:
        inside, outside = '(?:[^"]++|"")*+', f"[^{stop}]*+"
    cell = rf'(?P<cell>(?P<quoted>"{inside}"(?={stop}|\Z))|{outside})'
    return re.compile(rf"{cell}(?P<stop>{stop}|\Z)", re.DOTALL)


def _paired(cells: list[Cell], text: str) -> list[Cell]:
    """Return the cells with those between an opening and a closing quotation mark as one."""
    paired, opened = list[Cell](), -1
    for cell in cells:
        paired.append(cell)
        if cell.is_quoted or cell.is_odd:
            opened = len(paired) - 1 if cell.is_odd else -1
        elif opened >= 0 and text[cell.end - 1] == '"' and cell.end > cell.start:
            paired[opened:] = [Cell(paired[opened].start, cell.end, is_quoted=True, is_odd=True)]
            opened = -1
    return paired


def _closed(cells: list[Cell], text: str) -> list[Cell]:
    """Mark the odd cells that are closed; one that ends with a quotation mark, `"TV 32""`, is quoted."""
    marked, may_close = list[Cell](), False
    for cell in reversed(cells):
        if cell.is_odd and not (cell.is_quoted or cell.is_text or may_close) and '"' in text[cell.start + 1 : cell.end]:
            is_quoted = cell.end - cell.start > 2 and text[cell.end - 1] == '"'
            cell = replace(cell, is_closed=True, is_quoted=is_quoted)
        may_close = may_close or (not cell.is_quoted and cell.end > cell.start and text[cell.end - 1] == '"')
        marked.append(cell)
    return marked[::-1]


def _with_one_text(cells: list[Cell]) -> list[Cell]:
    at = [number for number, cell in enumerate(cells) if cell.is_text]
    if not at:
        return cells
    whole = Cell(cells[at[0]].start, cells[at[-1]].end, is_text=True)
    return [*cells[: at[0]], whole, *cells[at[-1] + 1 :]]
