"""Chooses the sheet of a workbook that holds the table, and its header row below any title rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from services.errors import ListingsFileError
from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import shorten
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

_Worksheet: TypeAlias = Any
"""A sheet of openpyxl, which has no types."""

_SEARCHED_ROWS = 30
_WIDE = 0.6
"""The share of the widest row's cells that a header fills: title rows have one or two cells."""

_FEWEST_KNOWN = 2
_SPACING = re.compile(r"[\s_\-]+")


@dataclass(frozen=True, slots=True)
class ChosenSheet:
    """The sheet to read, the number of its header row, and what is told of the choice."""

    title: str
    header_line: int
    notices: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True)
class _Look:
    """How the first rows of a sheet look.

    Attributes:
        line: number of the row that is most likely the header; 0 if the sheet is empty.
        names: the texts in it.
        known: how many of them are names that are looked for.
        above: texts of the rows above it.
        is_table: whether it has several columns, and a row below.
    """

    title: str
    line: int
    names: tuple[str, ...] = ()
    known: int = 0
    above: str = ""
    is_table: bool = False


def choose_sheet(path: Path, sheets: Sequence[_Worksheet], *, sheet: str, names: Collection[str]) -> ChosenSheet:
    """Return the given sheet, or the visible one that looks most like the table.

    Args:
        path: of the workbook.
        sheets: of it.
        sheet: the name of one, if it is known.
        names: columns that the table may have.

    Raises:
        ListingsFileError: there is no such sheet, all are empty, or several have the same columns.
    """
    candidates = _candidates(path, sheets, sheet)
    known = {_key(name) for name in names}
    looks = [look for one in candidates if (look := _look(one, known)).line]
    tables = [look for look in looks if look.is_table] or [look for look in looks if len(look.names) > 1]
    if not tables:
        others = _quoted(one.title for one in sheets if one not in candidates)
        remedy = f"Set the sheet in the mapping's [file] table: {others}" if others else "Put the table on a sheet"
        raise ListingsFileError(path, "is empty: no sheet has a row of column names", remedy)
    best = max(tables, key=lambda look: look.known)
    rivals = [look.title for look in tables if set(look.names) == set(best.names)]
    if len(rivals) > 1:
        remedy = f"Put all rows on one sheet, or set sheet = {best.title!r} in the mapping's [file] table"
        raise ListingsFileError(path, f"has the same columns on the sheets {_quoted(rivals)}", remedy)
    unread = [] if sheet else [look.title for look in looks if look is not best]
    unread += [f"{one.title} (hidden)" for one in sheets if one not in candidates and not sheet]
    return ChosenSheet(best.title, best.line, tuple(_notices(best, unread)))


def _candidates(path: Path, sheets: Sequence[_Worksheet], sheet: str) -> Sequence[_Worksheet]:
    if not sheets:
        raise ListingsFileError(path, "is not a valid Excel workbook (it has no sheets)", "Save it again")
    if not sheet:
        return [one for one in sheets if one.sheet_state == "visible"] or sheets
    named = [one for one in sheets if one.title.casefold() == sheet.casefold()]
    if not named:
        names = _quoted(one.title for one in sheets)
        raise ListingsFileError(path, f"has no sheet {sheet!r}", f"Its sheets are {names}")
    return named


def _notices(best: _Look, unread: Sequence[str]) -> list[Repair]:
    notices = [Repair(ListingFlag.SHEET_CHOSEN, "", f"not read: {_quoted(unread)}", best.title)] if unread else []
    if best.above:
        notices.append(Repair(ListingFlag.ROWS_ABOVE_HEADER, "", shorten(best.above), f"the header is row {best.line}"))
    return notices


def _look(sheet: _Worksheet, known: Collection[str]) -> _Look:
    sheet.reset_dimensions()  # some programs write wrong ones
    rows = [
        [str(value).strip() for value in row if value is not None and str(value).strip()]
        for row in islice(sheet.iter_rows(values_only=True), _SEARCHED_ROWS)
    ]
    filled = [at for at, row in enumerate(rows) if row]
    if not filled:
        return _Look(sheet.title, 0)
    matches = [len({_key(name) for name in row} & set(known)) for row in rows]
    widest = max(len(row) for row in rows)
    at = next(at for at in filled if len(rows[at]) >= widest * _WIDE)
    if max(matches) >= _FEWEST_KNOWN:
        at = matches.index(max(matches))
    above = " | ".join(" ".join(row) for row in rows[:at] if row)
    return _Look(
        sheet.title,
        at + 1,
        names=tuple(rows[at]),
        known=matches[at],
        above=above,
        is_table=len(rows[at]) > 1 and filled[-1] > at,
    )


def _key(name: str) -> str:
    return _SPACING.sub("", name.casefold())


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
