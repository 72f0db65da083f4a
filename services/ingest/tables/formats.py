"""Opens a table of any supported format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.errors import ListingsFileError
from services.ingest.tables.contents import refuse_other_content
from services.ingest.tables.delimited.tables import open_csv
from services.ingest.tables.encoded_twice import told_of_double_encoding
from services.ingest.tables.json_tables import open_json
from services.ingest.tables.parquet_tables import open_parquet
from services.ingest.tables.rounded_ids import without_rounded_ids
from services.ingest.tables.rows import FileFormat
from services.ingest.tables.whole_ids import with_whole_ids
from services.ingest.tables.xlsx_tables import open_xlsx

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from services.ingest.tables.rows import Table

_DELIMITERS = {".csv": ",", ".txt": "\t", ".tsv": "\t", ".tab": "\t"}
"""The delimiter to take if the header leaves several."""

_JSON = (".json", ".jsonl", ".ndjson")
_TEXT_SUFFIXES = (*_DELIMITERS, *_JSON)
TABLE_SUFFIXES = (*_TEXT_SUFFIXES, *(f"{suffix}.gz" for suffix in _TEXT_SUFFIXES), ".xlsx", ".parquet")
"""Extensions of the files that `open_table` reads."""

_OTHER_FORMATS = (
    ".xml",
    ".rss",
    ".xls",
    ".xlsm",
    ".xlsb",
    ".ods",
    ".numbers",
    ".html",
    ".htm",
    ".pdf",
    ".doc",
    ".docx",
)
"""Extensions of files that renaming does not help."""

TABLE_FORMATS = "CSV, TSV (also as .txt), JSON, JSON Lines, Excel (.xlsx) or Parquet; the text formats also as .gz"
"""The formats that `open_table` reads, in words."""


def open_table(
    path: Path,
    file_format: FileFormat = FileFormat(),  # noqa: B008 - frozen
    *,
    names: Collection[str] = (),
) -> Table:
    """Read a table's column names. The file name's extension selects the format, and may be followed by `.gz`.

    `names` are columns that the table may have, by which the sheet of a workbook and its header row are found.

    Its broken rows have the reasons `broken_record`, `record_too_long`, `broken_json`, `not_an_object`, `wrong_type`,
    `rounded_id`.

    Raises:
        ListingsFileError: the file cannot be read at all, its extension is unknown, or its content is something else
            than the extension says. Reading rows may raise it too.
        MissingColumns: while reading rows: a selected column is missing.
    """
    return with_whole_ids(without_rounded_ids(told_of_double_encoding(_open(path, file_format, names))))


def _open(path: Path, file_format: FileFormat, names: Collection[str]) -> Table:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        refuse_other_content(path, "parquet")
        return open_parquet(path)
    if suffix == ".xlsx":
        refuse_other_content(path, "workbook")
        return open_xlsx(path, file_format, names=names)
    suffix = path.with_suffix("").suffix.lower() if suffix == ".gz" else suffix
    if suffix in _DELIMITERS:
        refuse_other_content(path, "text")
        return open_csv(path, file_format, preferred=_DELIMITERS[suffix])
    if suffix in _JSON:
        refuse_other_content(path, "json")
        return open_json(path, file_format, is_document=suffix == ".json")
    if suffix in _OTHER_FORMATS:
        raise ListingsFileError(path, f"is a {suffix} file, which cannot be read", "Export the table as CSV or .xlsx")
    known = ", ".join(_TEXT_SUFFIXES)
    raise ListingsFileError(
        path,
        "has an unknown file name extension",
        f"Rename it to end in {known} (each also with .gz), .xlsx or .parquet",
    )
