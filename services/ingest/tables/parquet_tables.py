"""Reads the rows of Parquet files."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from services.errors import ListingsFileError
from services.ingest.tables.rows import ColumnSelection, Table, refuse_duplicate_columns, require_columns
from services.ingest.tables.values import row_of_values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.ingest.tables.rows import Rows

_BATCH = 1024


def open_parquet(path: Path) -> Table:
    """Read the column names of a Parquet file; see `open_table`."""
    with _file_errors(path), pq.ParquetFile(path, pre_buffer=False) as file:
        schema = file.schema_arrow
        paths = (nested for column in schema for nested in _paths(column.name, column.type))
        return Table(tuple(schema.names), partial(_rows, path), tuple(paths))


def _rows(path: Path, selection: ColumnSelection) -> Rows:
    with _file_errors(path), pq.ParquetFile(path, pre_buffer=False) as file:
        names = file.schema_arrow.names
        selection = selection.without_absent(names)
        require_columns(path, selection, names)
        sources = selection.sources
        refuse_duplicate_columns(path, ColumnSelection(sources), names)  # photos too: Arrow reads columns by name
        number = 0
        for batch in file.iter_batches(_BATCH, columns=list(sources)):
            columns = [_values(batch.column(name)) for name in sources]
            for number, values in enumerate(zip(*columns, strict=True), start=number + 1):  # noqa: B020
                yield row_of_values(number, dict(zip(sources, values, strict=True)), selection)


def _paths(path: str, kind: pa.DataType) -> Iterator[str]:
    yield path
    kind = kind.value_type if pa.types.is_list(kind) else kind
    for inner in kind if pa.types.is_struct(kind) else ():
        yield from _paths(f"{path}.{inner.name}", inner.type)


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    try:
        yield
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
