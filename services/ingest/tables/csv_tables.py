"""Reads the rows of CSV and TSV files.

Not through pandas, which fills short records with blanks silently, knows no line numbers, and fails the whole file at
a record that is too long.
"""

from __future__ import annotations

import csv
from functools import partial
from typing import TYPE_CHECKING

from services.ingest.cleaning.repairs import Repair
from services.ingest.tables.csv_records import LINE_LIMIT, read_records
from services.ingest.tables.csv_repair import CsvLayout
from services.ingest.tables.rows import BrokenRow, Row, Table, refuse_duplicate_columns, require_columns
from services.ingest.tables.text_files import RECORD_LIMIT, read_lines, replace_stray_bytes
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from services.ingest.tables.csv_records import Record
    from services.ingest.tables.rows import ColumnSelection, FileFormat, Rows


def open_csv(path: Path, file_format: FileFormat, *, delimiters: str) -> Table:
    """Read the column names of a delimited file; see `open_table`.

    Args:
        path: the file.
        file_format: its delimiter, if it is known.
        delimiters: otherwise, of these the one that splits the header most; the first of several.
    """
    header = _header(read_lines(path))[1]
    names = {delimiter: _column_names(header, delimiter) for delimiter in file_format.delimiter or delimiters}
    delimiter = max(names, key=lambda delimiter: len(names[delimiter]))
    return Table(names[delimiter], partial(_rows, path, delimiter))


def _rows(path: Path, delimiter: str, selection: ColumnSelection) -> Rows:
    lines = read_lines(path)
    header_line, header = _header(lines)
    layout = _layout(path, _column_names(header, delimiter), selection, delimiter=delimiter)
    columns = selection.without_absent(layout.header).columns
    positions = {column: layout.header.index(column) for column in columns}
    for record in read_records(lines, layout, first_line=header_line + 1):
        yield _row(record, positions)


def _header(lines: Iterator[str]) -> tuple[int, str]:
    """Consume the first line that is not blank, and return its number and text."""
    header_line, header = 0, ""
    while not header.strip():
        header_line, header = header_line + 1, next(lines)  # `read_lines` refuses a file of blank lines only
    return header_line, replace_stray_bytes(header)[0]


def _row(record: Record, positions: dict[str, int]) -> Row | BrokenRow:
    text, has_stray_bytes = replace_stray_bytes(record.text)
    if not record.fields:
        is_too_long = len(text) > RECORD_LIMIT or text.count("\n") > LINE_LIMIT
        reason = RejectReason.RECORD_TOO_LONG if is_too_long else RejectReason.BROKEN_RECORD
        return BrokenRow(record.line, reason, text)
    fields, repairs = record.fields, list[Repair]()
    if record.repaired:
        repairs.append(Repair(ListingFlag.REPAIRED_RECORD))
    if has_stray_bytes:
        fields = tuple(replace_stray_bytes(field)[0] for field in fields)
        repairs.append(Repair(ListingFlag.NOT_UTF8))
    return Row(record.line, {column: fields[at] for column, at in positions.items()}, tuple(repairs))


def _layout(path: Path, names: tuple[str, ...], selection: ColumnSelection, *, delimiter: str) -> CsvLayout:
    """Find the positions of the selected columns."""
    selection = selection.without_absent(names)
    require_columns(path, selection, names)
    refuse_duplicate_columns(path, selection, names)
    at = {column: names.index(column) for column in selection.columns}
    return CsvLayout(
        delimiter,
        names,
        id_at=at.get(selection.id),
        text_at=at.get(selection.free_text),
        price_at=at.get(selection.price),
    )


def _column_names(header: str, delimiter: str) -> tuple[str, ...]:
    row: Sequence[str] = next(csv.reader([header.rstrip("\r\n").replace("\r", " ")], delimiter=delimiter), [])
    return tuple(name.strip() for name in row)
