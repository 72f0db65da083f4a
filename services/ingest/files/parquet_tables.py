"""Reads the rows of Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from services.errors import ListingsFileError
from services.ingest.files.rows import refuse_duplicate_columns, require_columns
from services.ingest.files.values import row_of_values

if TYPE_CHECKING:
    from pathlib import Path

    from services.ingest.files.rows import ColumnSelection, Rows

_BATCH = 1024


def parquet_rows(path: Path, selection: ColumnSelection) -> Rows:
    """Yield every row of a Parquet file; see `read_table`."""
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            names = file.schema_arrow.names
            selection = selection.without_absent(names)
            require_columns(path, selection, names)
            refuse_duplicate_columns(path, selection, names)
            number = 0
            for batch in file.iter_batches(_BATCH, columns=list(selection.columns)):
                columns = [_values(batch.column(name)) for name in selection.columns]
                for number, values in enumerate(zip(*columns, strict=True), start=number + 1):  # noqa: B020
                    yield row_of_values(number, dict(zip(selection.columns, values, strict=True)), selection)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        problem = f"is not a valid Parquet file ({error})"
        raise ListingsFileError(path, problem, "Check the path, or export the file again") from error


def _values(column: pa.Array) -> list[object]:
    """Return a column's values, text as bytes, because Arrow raises at text that is not UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    values: list[object] = (column.cast(pa.large_binary()) if is_text else column).to_pylist()
    return values
