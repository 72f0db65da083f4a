"""Reads the rows of CSV and TSV files.

Not through pandas, which fills short records with blanks silently, knows no line numbers, and fails the whole file at
a record that is too long.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from services.ingest.files.csv_records import LINE_LIMIT, read_records
from services.ingest.files.csv_repair import CsvLayout
from services.ingest.files.rows import BrokenRow, Row, refuse_duplicate_columns, require_columns
from services.ingest.files.text_files import RECORD_LIMIT, read_lines, replace_stray_bytes
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from services.ingest.files.csv_records import Record
    from services.ingest.files.rows import ColumnSelection, Rows


def csv_rows(path: Path, selection: ColumnSelection, *, delimiters: str) -> Rows:
    """Yield every row of a delimited file; see `read_table`. `delimiters` are tried in order on the header."""
    lines = read_lines(path)
    header_line, header = 0, ""
    while not header.strip():
        header_line, header = header_line + 1, next(lines)  # `read_lines` refuses a file of blank lines only
    layout = _layout(path, replace_stray_bytes(header)[0], selection, delimiters=delimiters)
    columns = selection.without_absent(layout.header).columns
    positions = {column: layout.header.index(column) for column in columns}
    for record in read_records(lines, layout, first_line=header_line + 1):
        yield _row(record, positions)


def _row(record: Record, positions: dict[str, int]) -> Row | BrokenRow:
    text, has_stray_bytes = replace_stray_bytes(record.text)
    if not record.fields:
        is_too_long = len(text) > RECORD_LIMIT or text.count("\n") > LINE_LIMIT
        reason = RejectReason.RECORD_TOO_LONG if is_too_long else RejectReason.BROKEN_RECORD
        return BrokenRow(record.line, reason, text)
    fields, flags = record.fields, list[str]()
    if record.repaired:
        flags.append(ListingFlag.REPAIRED_RECORD)
    if has_stray_bytes:
        fields = tuple(replace_stray_bytes(field)[0] for field in fields)
        flags.append(ListingFlag.NOT_UTF8)
    return Row(record.line, {column: fields[at] for column, at in positions.items()}, tuple(flags))


def _layout(path: Path, header: str, selection: ColumnSelection, *, delimiters: str) -> CsvLayout:
    """Choose the delimiter that gives the header the selected columns, and find their positions."""
    headers = {delimiter: _column_names(header, delimiter) for delimiter in delimiters}
    fitting = (
        delimiter for delimiter, names in headers.items() if set(selection.without_absent(names).columns) <= set(names)
    )
    widest = max(delimiters, key=lambda delimiter: len(headers[delimiter]))
    delimiter = next(fitting, widest)
    names = headers[delimiter]
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
