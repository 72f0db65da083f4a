"""Reads the rows of CSV and TSV files.

Not through pandas, which fills short records with blanks silently, knows no line numbers, and fails the whole file at
a record that is too long.
"""

from __future__ import annotations

import re
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

from services.errors import ListingsFileError
from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import shorten
from services.ingest.tables.delimited.cells import NULL, cell_value, split_cells, without_line_end
from services.ingest.tables.delimited.dialects import DELIMITERS, SAMPLED_LINES, learn_dialect, read_header
from services.ingest.tables.delimited.endings import FileEnd
from services.ingest.tables.delimited.layout import CsvLayout
from services.ingest.tables.delimited.records import LINE_LIMIT, read_records
from services.ingest.tables.rows import BrokenRow, Row, Table, refuse_duplicate_columns, require_columns
from services.ingest.tables.text_files import RECORD_LIMIT, mend, read_lines, replace_stray_bytes, unite_not_utf8
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from pathlib import Path

    from services.ingest.tables.delimited.dialects import Header
    from services.ingest.tables.delimited.records import Record
    from services.ingest.tables.rows import ColumnSelection, FileFormat, Rows

_ID_WITHIN = 2000
"""Characters at the beginning of a broken record in which its id is looked for."""

_ROW_COUNT = re.compile(r"\(\d+ rows?(?: affected)?\)")
"""What sqlcmd and psql write after the rows."""

_DELIMITER_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


def open_csv(path: Path, file_format: FileFormat, *, preferred: str = ",") -> Table:
    """Read the column names of a delimited file; see `open_table`.

    Args:
        path: the file.
        file_format: its encoding and delimiter, if they are known.
        preferred: the delimiter to take if several split the header into as many columns.
    """
    given = _DELIMITER_NAMES.get(file_format.delimiter.casefold(), file_format.delimiter)
    if len(given) > 1 or given in ('"', "\r", "\n"):
        raise ListingsFileError(path, f"cannot have the delimiter {given!r}", "Give one character, or 'tab'")
    header = read_header(
        read_lines(path, file_format.encoding), delimiter=given, preferred=preferred + DELIMITERS.replace(preferred, "")
    )
    told = dict[tuple[str, str], Repair]()
    table = Table(header.names, partial(_rows, path, file_format.encoding, header, told=told), told=told)
    if header.rule:
        table.tell(Repair(ListingFlag.DECORATION, "header", shorten(header.rule), f"line {header.line}"))
    return table


def _rows(
    path: Path, encoding: str, header: Header, selection: ColumnSelection, *, told: dict[tuple[str, str], Repair]
) -> Rows:
    lines = islice(read_lines(path, encoding), header.line, None)
    sample = list(islice(lines, SAMPLED_LINES))
    layout = learn_dialect(_layout(path, header, selection), sample)
    columns = selection.without_absent(layout.header).columns
    positions = {column: selection.position(column, layout.header) for column in columns}
    end = FileEnd()
    for record in read_records(chain(sample, lines), layout, first_line=header.line + 1):
        if not record.fields and _ROW_COUNT.fullmatch(text := record.text.strip()):
            told[ListingFlag.DECORATION, ""] = Repair(ListingFlag.DECORATION, "", text, f"line {record.line}")
            continue
        end.add(record)
        if not record.fields:
            yield _broken(record, layout)
        elif any(map(str.strip, record.fields)):  # spreadsheets write empty rows
            yield _row(record, positions, layout)
    size = None if path.suffix.lower() == ".gz" else path.stat().st_size
    if notice := end.notice(header.names[-1], size):
        told[notice.flag, notice.field] = notice


def _broken(record: Record, layout: CsvLayout) -> BrokenRow:
    text = replace_stray_bytes(record.text)[0]
    is_too_long = len(text) > RECORD_LIMIT or text.count("\n") > LINE_LIMIT
    reason = RejectReason.RECORD_TOO_LONG if is_too_long else RejectReason.BROKEN_RECORD
    problem = replace_stray_bytes(record.problem)[0]
    shown = f"{problem}. The record: {text}" if problem else text
    return BrokenRow(record.line, reason, shown, id=_id_of(text[:_ID_WITHIN], layout) if record.has_id else "")


def _id_of(text: str, layout: CsvLayout) -> str:
    at, cells = layout.id_at or 0, split_cells(text, layout)
    return cell_value(text, [cells[at]], layout) if len(cells) > at else ""


def _row(record: Record, positions: dict[str, int], layout: CsvLayout) -> Row:
    fields, changed = _unescaped(record, layout) if layout.escaped else (record.fields, record.columns)
    cells, repairs = dict[str, str](), list[Repair]()
    for column, at in positions.items():
        cells[column], mended = mend("" if fields[at] == NULL else fields[at], column)
        repairs += mended
        if at in changed:
            before = shorten(replace_stray_bytes(record.text)[0])
            repairs.append(Repair(ListingFlag.REPAIRED_RECORD, column, before, shorten(cells[column])))
    return Row(record.line, cells, unite_not_utf8(repairs))


def _unescaped(record: Record, layout: CsvLayout) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the fields with the meaning of each backslash, and where there are any.

    The standard reader takes `\\n` for `n`.
    """
    text = without_line_end(record.text)
    cells = split_cells(text, layout) if "\\" in text else []
    if len(cells) != layout.width:
        return record.fields, record.columns
    fields = tuple(cell_value(text, [cell], layout) for cell in cells)
    raw = [text[cell.start : cell.end] for cell in cells]
    return fields, tuple(at for at, cell in enumerate(raw) if "\\" in cell.replace(NULL, ""))


def _layout(path: Path, header: Header, selection: ColumnSelection) -> CsvLayout:
    """Find the positions of the selected columns."""
    selection = selection.without_absent(header.names)
    require_columns(path, selection, header.names)
    refuse_duplicate_columns(path, selection, header.names)
    at = {column: selection.position(column, header.names) for column in selection.columns}
    return CsvLayout(
        header.delimiter,
        header.names,
        id_at=at.get(selection.id),
        text_at=at.get(selection.free_text),
        price_at=at.get(selection.price),
        read=frozenset(at.values()),
        fillable=frozenset(at[column] for column in selection.fillable if column in at),
        spaced=header.spaced,
    )
