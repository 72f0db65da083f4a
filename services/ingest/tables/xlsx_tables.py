"""Reads the rows of a sheet of an Excel workbook (.xlsx)."""

from __future__ import annotations

import re
import warnings
import zipfile
from contextlib import closing, contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, TypeAlias
from xml.etree.ElementTree import ParseError

from services.errors import ListingsFileError
from services.ingest.cleaning.repairs import Repair
from services.ingest.tables.rows import BrokenRow, Table, refuse_duplicate_columns, require_columns
from services.ingest.tables.sheets import choose_sheet
from services.ingest.tables.values import amount_text, id_text, row_of_values
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from services.ingest.tables.rows import ColumnSelection, FileFormat, Row, Rows
    from services.ingest.tables.sheets import ChosenSheet

_Cell: TypeAlias = Any
"""A cell of openpyxl, which has no types."""

_UNPACKED_LIMIT = 2 << 30
"""Bytes of a workbook when unpacked: openpyxl holds all of its texts in memory."""

_CURRENCY = re.compile(r'\[\$([^\]-]+)|"([^"\d]*[£€$¥₹₽₩₺₴₫₱฿][^"\d]*)"|([£€$¥₹₽₩₺₴₫₱฿])')
_ERRORS = (zipfile.BadZipFile, ParseError, OSError, EOFError, KeyError, ValueError, TypeError, IndexError)


def open_xlsx(path: Path, file_format: FileFormat, *, names: Collection[str] = ()) -> Table:
    """Read the column names of a workbook's sheet; see `open_table`."""
    with _workbook(path) as workbook:
        chosen = choose_sheet(path, workbook.worksheets, sheet=file_format.sheet, names=names)
    with _rows_of(path, chosen) as rows:
        header = _header(rows, chosen)
    table = Table(header, partial(_rows, path, chosen))
    for notice in chosen.notices:
        table.tell(notice)
    return table


def _rows(path: Path, chosen: ChosenSheet, selection: ColumnSelection) -> Rows:
    with _rows_of(path, chosen) as rows, _formulas_of(path, chosen) as formulas:
        line, names = chosen.header_line, _header(rows, chosen)
        selection = selection.without_absent(names)
        require_columns(path, selection, names)
        refuse_duplicate_columns(path, selection, names)
        positions = {column: selection.position(column, names) for column in selection.columns}
        for _ in range(line):
            next(formulas)
        for number, (cells, unread) in enumerate(zip(rows, formulas, strict=False), start=line + 1):
            if any(cell.value not in (None, "") for cell in (*cells, *unread)):
                yield _row(number, {column: _at(cells, at) for column, at in positions.items()}, selection,
                           formulas={column: _at(unread, at) for column, at in positions.items()})  # fmt: skip


def _row(
    number: int, cells: dict[str, _Cell], selection: ColumnSelection, *, formulas: dict[str, _Cell]
) -> Row | BrokenRow:
    problems = {column: _problem(cell, formulas[column]) for column, cell in cells.items()}
    values = {
        column: None if problems[column] else _value(cell, is_price=column in (selection.price, *selection.prices))
        for column, cell in cells.items()
    }
    repairs = tuple(Repair(ListingFlag.VALUE_LEFT_OUT, *each) for each in problems.items() if each[1])
    fault = next((repair for repair in repairs if repair.field not in selection.fillable), None)
    if fault is not None:
        row_id = id_text(values.get(selection.id)) or ""
        return BrokenRow(number, RejectReason.WRONG_TYPE, fault.before, fault.field, row_id)
    return row_of_values(number, values, selection, repairs=repairs)


def _problem(cell: _Cell | None, formula: _Cell | None) -> str:
    """Say why a cell has no value although it is filled; empty if it is well."""
    if cell is not None and cell.data_type == "e":
        return f"The cell holds the error {cell.value}"
    if formula is not None and formula.data_type == "f" and (cell is None or cell.value is None):
        return f"The formula {formula.value} has no stored value. Save the workbook in a spreadsheet program"
    return ""


def _value(cell: _Cell, *, is_price: bool) -> object:
    """Return a cell's value; numbers, dates and times as text in one form, prices with the currency of their format."""
    value = None if cell is None else cell.value
    if isinstance(value, str):
        from openpyxl.utils.escape import unescape

        return unescape(value) if "_x" in value else value
    if isinstance(value, datetime):
        return (value.date() if value.time() == time() else value).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = _number(value)
        return _with_currency(number, cell.number_format) if is_price else number
    return value


def _number(value: float) -> str:
    """Return a number with the 15 digits that spreadsheets calculate with, without an exponent."""
    return str(value) if isinstance(value, int) else f"{Decimal(f'{value:.15g}'):f}"


def _with_currency(number: str, number_format: str) -> str:
    match = _CURRENCY.search(number_format)
    currency = f"{next(filter(None, match.groups())).strip()} " if match else ""
    return currency + amount_text(number)


def _at(cells: Sequence[_Cell], at: int) -> _Cell | None:
    return cells[at] if at < len(cells) else None


def _header(rows: Iterator[Sequence[_Cell]], chosen: ChosenSheet) -> tuple[str, ...]:
    """Consume the rows up to the header; return the column names."""
    cells = next(islice(rows, chosen.header_line - 1, None), ())
    return tuple(str(_value(cell, is_price=False) or "").strip() for cell in cells)


@contextmanager
def _formulas_of(path: Path, chosen: ChosenSheet) -> Iterator[Iterator[Sequence[_Cell]]]:
    """Yield the rows with formulas in place of their values; empty rows if the workbook has no formulas."""
    with zipfile.ZipFile(path) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        has_formulas = any(_holds(archive, name, b"<f") for name in sheets)
    if not has_formulas:
        yield repeat(())
        return
    with _rows_of(path, chosen, formulas=True) as rows:
        yield rows


def _holds(archive: zipfile.ZipFile, name: str, text: bytes) -> bool:
    end = b""
    with archive.open(name) as member:
        while block := member.read(1 << 20):
            if re.search(re.escape(text) + rb"[ >/]", end + block):
                return True
            end = block[-len(text) :]
    return False


@contextmanager
def _rows_of(path: Path, chosen: ChosenSheet, *, formulas: bool = False) -> Iterator[Iterator[Sequence[_Cell]]]:
    """Yield the rows of a sheet, from its first row on."""
    with _workbook(path, formulas=formulas) as workbook:
        sheet = workbook[chosen.title]
        sheet.reset_dimensions()  # some programs write wrong ones
        yield sheet.iter_rows()


@contextmanager
def _workbook(path: Path, *, formulas: bool = False) -> Iterator[Any]:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        remedy = "Install it in the checkout: pip install -e '.[xlsx]'. Or save the sheet as CSV"
        raise ListingsFileError(path, "is an Excel workbook, which needs the package openpyxl", remedy) from error
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _UNPACKED_LIMIT:
                raise ListingsFileError(path, "is too large to unpack", "Save the sheet as CSV")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and extensions that it does not know
            workbook = load_workbook(path, read_only=True, data_only=not formulas)
        with closing(workbook):
            yield workbook
    except _ERRORS as error:
        remedy = "Open it in a spreadsheet program and save it again"
        raise ListingsFileError(path, f"is not a valid Excel workbook ({error})", remedy) from error
