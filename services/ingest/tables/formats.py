"""Opens a table of any supported format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.errors import ListingsFileError
from services.ingest.tables.csv_tables import open_csv
from services.ingest.tables.json_tables import open_json
from services.ingest.tables.parquet_tables import open_parquet
from services.ingest.tables.rows import FileFormat

if TYPE_CHECKING:
    from pathlib import Path

    from services.ingest.tables.rows import Table

_DELIMITERS = {".csv": ",", ".txt": "\t", ".tsv": "\t", ".tab": "\t"}
"""The delimiter to take if the header leaves several."""

_JSON_LINES = (".jsonl", ".ndjson")
_TEXT_SUFFIXES = (*_DELIMITERS, *_JSON_LINES)
TABLE_SUFFIXES = (*_TEXT_SUFFIXES, ".parquet", *(f"{suffix}.gz" for suffix in _TEXT_SUFFIXES))
"""Extensions of the files that `open_table` reads."""


def open_table(path: Path, file_format: FileFormat = FileFormat()) -> Table:  # noqa: B008 - frozen
    """Read a table's column names. The file name's extension selects the format, and may be followed by `.gz`.

    Its broken rows have the reasons `broken_record`, `record_too_long`, `broken_json`, `not_an_object`, `wrong_type`.

    Raises:
        ListingsFileError: the file cannot be read at all, or its extension is unknown. Reading rows may raise it too.
        MissingColumns: while reading rows: a selected column is missing.
    """
    suffix = path.with_suffix("").suffix if path.suffix.lower() == ".gz" else path.suffix
    suffix = suffix.lower()
    if suffix in _DELIMITERS:
        return open_csv(path, file_format, preferred=_DELIMITERS[suffix])
    if suffix in _JSON_LINES:
        return open_json(path)
    if path.suffix.lower() == ".parquet":
        return open_parquet(path)
    known = ", ".join(_TEXT_SUFFIXES)
    raise ListingsFileError(
        path, "has an unknown file name extension", f"Rename it to end in {known} (each also with .gz) or .parquet"
    )
