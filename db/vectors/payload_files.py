"""A payload table as an Arrow file: one row per slot, each column's values stored once. No pickle anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from db.vectors.coded_columns import CodedColumn, PlaceColumn
from db.vectors.payload_table import PayloadTable

if TYPE_CHECKING:
    from pathlib import Path

_PLACES = pa.list_(pa.string())


def write_payloads(table: PayloadTable, path: Path) -> None:
    """Write the table to a new file."""
    count = table.slot_count
    columns = {
        "photo_id": pa.array(table.ids[:count]),
        "checksum": pa.array(table.checksums[:count]),
        "price": pa.array(table.prices[:count]),
        "listing_id": _encoded(table.listings, count, pa.string()),
        "category": _encoded(table.categories, count, pa.string()),
        "locations": _encoded(table.places, count, _PLACES),
    }
    batch = pa.record_batch(columns)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)


def read_payloads(path: Path) -> PayloadTable:
    """Read a table back.

    Raises:
        ValueError: the file is not one that `write_payloads` wrote (`pyarrow.ArrowInvalid` is a ValueError).
        KeyError: a column is missing.
    """
    with pa.OSFile(str(path), "rb") as source:
        batch = pa.ipc.open_file(source).get_batch(0)
    places = batch["locations"]
    return PayloadTable(
        ids=batch["photo_id"].to_numpy().copy(),
        checksums=batch["checksum"].to_numpy().copy(),
        prices=batch["price"].to_numpy(zero_copy_only=False).copy(),
        listings=CodedColumn(_codes(batch["listing_id"]), batch["listing_id"].dictionary.to_pylist()),
        categories=CodedColumn(_codes(batch["category"]), batch["category"].dictionary.to_pylist()),
        places=PlaceColumn(_codes(places), [tuple(keys) for keys in places.dictionary.to_pylist()]),
    )


def _encoded(column: CodedColumn[str] | PlaceColumn, count: int, kind: pa.DataType) -> pa.DictionaryArray:
    codes, values = column.used(count)
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array([*values], type=kind))


def _codes(column: pa.DictionaryArray) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    codes: np.ndarray[tuple[int], np.dtype[np.int32]] = column.indices.to_numpy().astype(np.int32)
    return codes
