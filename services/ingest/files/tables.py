"""Reads the rows of a table of any supported format, one at a time, as text by column name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.errors import ListingsFileError
from services.ingest.files.csv_tables import csv_rows
from services.ingest.files.json_tables import json_rows
from services.ingest.files.parquet_tables import parquet_rows

if TYPE_CHECKING:
    from pathlib import Path

    from services.ingest.files.rows import ColumnSelection, Rows

_DELIMITERS = {".csv": ",;\t", ".tsv": "\t,;", ".tab": "\t,;"}
_JSON_LINES = (".jsonl", ".ndjson")
_TEXT_SUFFIXES = (*_DELIMITERS, *_JSON_LINES)
TABLE_SUFFIXES = (*_TEXT_SUFFIXES, ".parquet", *(f"{suffix}.gz" for suffix in _TEXT_SUFFIXES))
"""Extensions of the files that `read_table` reads."""


def read_table(path: Path, selection: ColumnSelection) -> Rows:
    """Yield every row of a table. The file name's extension selects the format, and may be followed by `.gz`.

    Broken rows have the reasons `broken_record`, `record_too_long`, `broken_json`, `not_an_object`, `wrong_type`.

    Raises:
        ListingsFileError: the file cannot be read at all, or its extension is unknown.
        MissingColumns: a selected column is missing.
    """
    suffix = path.with_suffix("").suffix if path.suffix.lower() == ".gz" else path.suffix
    suffix = suffix.lower()
    if suffix in _DELIMITERS:
        return csv_rows(path, selection, delimiters=_DELIMITERS[suffix])
    if suffix in _JSON_LINES:
        return json_rows(path, selection)
    if path.suffix.lower() == ".parquet":
        return parquet_rows(path, selection)
    known = ", ".join(_TEXT_SUFFIXES)
    raise ListingsFileError(
        path, "has an unknown file name extension", f"Rename it to end in {known} (each also with .gz) or .parquet"
    )
