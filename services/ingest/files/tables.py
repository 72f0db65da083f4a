"""Rows of CSV, TSV, JSON Lines and Parquet files, one at a time, as text by column name.

CSV goes through `repair`, not through pandas: pandas fills short records with blanks without a word, knows no line
numbers, and fails the whole file at a record that is too long.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
from more_itertools import spy

from services.errors import ListingsFileError, MissingColumns
from services.ingest.files.csv_records import LINE_LIMIT, RECORD_LIMIT, read_records
from services.ingest.files.csv_repair import CsvLayout
from services.ingest.files.text_files import mend, read_lines
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class WantedColumns:
    """The columns that are wanted of a table. Of those named apart, an empty name means that there is none.

    Attributes:
        id, free_text, price: what `repair` has to know.
        texts: the column in which JSON Lines and Parquet may hold a list of texts.
        unless_absent: of the columns those that a table may lack, or hold something else under: their cells are empty
            then.
    """

    columns: tuple[str, ...]
    id: str = ""
    free_text: str = ""
    price: str = ""
    texts: str = ""
    unless_absent: tuple[str, ...] = ()

    def among(self, present: Iterable[str]) -> WantedColumns:
        """Return what is wanted of a table that has these columns."""
        absent = set(self.unless_absent).difference(present)
        return replace(self, columns=tuple(column for column in self.columns if column not in absent))


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        line: 1-based line on which it starts; the row number in Parquet.
        cells: the wanted columns' text. Missing values are empty; a list of texts is a JSON array.
        flags: `repaired_record`, `not_utf8`.
    """

    line: int
    cells: Mapping[str, str]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A stretch of the file that is not a row: `column` is the one at fault, if it is one."""

    line: int
    reason: RejectReason
    text: str
    column: str = ""


Rows: TypeAlias = "Iterator[Row | BrokenRow]"

_DELIMITERS = {".csv": ",;\t", ".tsv": "\t,;", ".tab": "\t,;"}
_JSON_LINES = (".jsonl", ".ndjson")
_PARQUET_BATCH = 1024
_LOOK_FOR_KEYS = 100


def read_table(path: Path, wanted: WantedColumns) -> Rows:
    """Yield every row of a table; the format goes by the name, and `.gz` behind it is ignored (gzip is recognised).

    Broken rows have the reasons `broken_record`, `record_too_long`, `broken_json`, `not_an_object`, `wrong_type`.

    Raises:
        ListingsFileError: the file is unreadable as a whole, or its name says no format that is known.
        MissingColumns: a wanted column is not there.
    """
    suffix = path.with_suffix("").suffix if path.suffix.lower() == ".gz" else path.suffix
    suffix = suffix.lower()
    if suffix in _DELIMITERS:
        return _csv_rows(path, wanted, _DELIMITERS[suffix])
    if suffix in _JSON_LINES:
        return _json_rows(path, wanted)
    if path.suffix.lower() == ".parquet":
        return _parquet_rows(path, wanted)
    known = ", ".join((*_DELIMITERS, *_JSON_LINES))
    raise ListingsFileError(
        path, "its name does not say what it is", f"Name it {known} (each also with .gz) or .parquet"
    )


def _csv_rows(path: Path, wanted: WantedColumns, delimiters: str) -> Rows:
    lines = read_lines(path)
    header_line, header = 0, ""
    while not header.strip():
        header_line, header = header_line + 1, next(lines)  # a file of blank lines only is refused before
    layout = _layout(path, mend(header)[0], wanted, delimiters)
    columns = wanted.among(layout.header).columns
    positions = {column: layout.header.index(column) for column in columns}
    for record in read_records(lines, layout, first_line=header_line + 1):
        text, is_mended = mend(record.text)
        if not record.fields:
            is_long = len(text) > RECORD_LIMIT or text.count("\n") > LINE_LIMIT
            yield BrokenRow(record.line, RejectReason.RECORD_TOO_LONG if is_long else RejectReason.BROKEN_RECORD, text)
            continue
        fields = [mend(field)[0] for field in record.fields] if is_mended else record.fields
        flags = tuple(
            flag
            for flag, applies in ((ListingFlag.REPAIRED_RECORD, record.repaired), (ListingFlag.NOT_UTF8, is_mended))
            if applies
        )
        yield Row(record.line, {column: fields[at] for column, at in positions.items()}, flags)


def _layout(path: Path, header: str, wanted: WantedColumns, delimiters: str) -> CsvLayout:
    """Choose the delimiter under which the header has the wanted columns, and find where they stand."""
    headers = {delimiter: _header_names(header, delimiter) for delimiter in delimiters}
    delimiter = next(
        (each for each in delimiters if set(wanted.among(headers[each]).columns) <= set(headers[each])), ""
    )
    delimiter = delimiter or max(delimiters, key=lambda each: len(headers[each]))
    names = headers[delimiter]
    wanted = wanted.among(names)
    _require_columns(path, wanted, names)
    _refuse_twice(path, wanted, names)
    at = {column: names.index(column) for column in wanted.columns}
    return CsvLayout(
        delimiter, names, id_at=at.get(wanted.id), text_at=at.get(wanted.free_text), price_at=at.get(wanted.price)
    )


def _header_names(header: str, delimiter: str) -> tuple[str, ...]:
    row: Sequence[str] = next(csv.reader([header.rstrip("\r\n").replace("\r", " ")], delimiter=delimiter), [])
    return tuple(name.strip() for name in row)


def _require_columns(path: Path, wanted: WantedColumns, present: Iterable[str]) -> None:
    names = list(dict.fromkeys(present))
    missing = [column for column in wanted.columns if column not in names]
    if missing:
        raise MissingColumns(path, missing, [name[:80] for name in names[:50] if name])


def _refuse_twice(path: Path, wanted: WantedColumns, names: Sequence[str]) -> None:
    twice = [column for column in wanted.columns if names.count(column) > 1]
    if twice:
        raise ListingsFileError(path, f"has more than one column {twice[0]!r}", "Rename all but one")


def _json_rows(path: Path, wanted: WantedColumns) -> Rows:
    parsed = (_parsed_json(number, line) for number, line in enumerate(read_lines(path), start=1) if line.strip())
    first, rows = spy(parsed, _LOOK_FOR_KEYS)
    objects = [row for row in first if not isinstance(row, BrokenRow)]
    if not objects:
        raise ListingsFileError(path, "holds no JSON objects", "Write one JSON object on each line")
    keys = [key for _, entry, _ in objects for key in entry]
    _require_columns(path, wanted.among(keys), keys)
    for row in rows:
        if isinstance(row, BrokenRow):
            yield row
        else:
            number, entry, is_mended = row
            values = {column: entry.get(column) for column in wanted.columns}
            yield _row(number, values, (ListingFlag.NOT_UTF8,) if is_mended else (), wanted=wanted)


def _parsed_json(number: int, line: str) -> tuple[int, dict[str, object], bool] | BrokenRow:
    text, is_mended = mend(line)
    if len(text) > RECORD_LIMIT:
        return BrokenRow(number, RejectReason.RECORD_TOO_LONG, text)
    try:
        entry = json.loads(text, parse_float=str, parse_int=str, parse_constant=lambda _name: None)
    except (ValueError, RecursionError):
        return BrokenRow(number, RejectReason.BROKEN_JSON, text)
    if not isinstance(entry, dict):
        return BrokenRow(number, RejectReason.NOT_AN_OBJECT, text)
    return number, entry, is_mended


def _parquet_rows(path: Path, wanted: WantedColumns) -> Rows:
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            names = file.schema_arrow.names
            wanted = wanted.among(names)
            _require_columns(path, wanted, names)
            _refuse_twice(path, wanted, names)
            number = 0
            for batch in file.iter_batches(_PARQUET_BATCH, columns=list(wanted.columns)):
                columns = [_values(batch.column(name)) for name in wanted.columns]
                for number, values in enumerate(zip(*columns, strict=True), start=number + 1):  # noqa: B020
                    yield _row(number, dict(zip(wanted.columns, values, strict=True)), (), wanted=wanted)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ListingsFileError(path, f"is not sound Parquet ({error})", "Check the path or write it again") from error


def _values(column: pa.Array) -> list[object]:
    """Return a column's values; text as bytes, since Arrow stops at the first text that is not UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    values: list[object] = (column.cast(pa.large_binary()) if is_text else column).to_pylist()
    return values


def _row(
    number: int, values: Mapping[str, object], flags: tuple[str, ...], *, wanted: WantedColumns
) -> Row | BrokenRow:
    cells = dict[str, str]()
    for column, value in values.items():
        if isinstance(value, bytes):
            value, is_mended = mend(value.decode("utf-8", "surrogateescape"))
            flags = (ListingFlag.NOT_UTF8,) if is_mended else flags
        cell = _texts(value) if isinstance(value, list) and column == wanted.texts else _cell(value)
        if cell is None and column in wanted.unless_absent:
            cell = ""
        if cell is None:
            return BrokenRow(number, RejectReason.WRONG_TYPE, str(value), column)
        cells[column] = cell
    return Row(number, cells, flags)


def _cell(value: object) -> str | None:
    """Return a value as text, or None for one that is not a text or number."""
    if value is None or value != value:  # NaN differs from itself
        return ""
    return None if isinstance(value, dict | list | bool) else str(value)


def _texts(values: list[object]) -> str | None:
    return json.dumps(values, ensure_ascii=False) if all(isinstance(value, str) for value in values) else None
