"""Reads and writes a payload table as an Arrow file: one row per slot, in dictionary-encoded columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from db.vectors.faiss.attribute_columns import AttributeColumns
from db.vectors.faiss.coded_columns import CodedColumn, KeysColumn
from db.vectors.faiss.payload_columns import PayloadColumns
from db.vectors.faiss.payload_table import PayloadTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from db.vectors.faiss.coded_columns import Codes

_TEXT = pa.string()
_KEYS = pa.list_(_TEXT)
_ATTRIBUTE = "attribute."
"""Before an attribute's name in the name of its column."""

_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")
"""Most photos lack most attributes: without compression, a column of a rare one takes four bytes for each photo."""


def write_payloads(table: PayloadTable, path: Path) -> None:
    """Write the table to a new file."""
    count, payloads = table.slot_count, table.columns
    columns = {
        "photo_id": pa.array(table.ids[:count]),
        "payload_checksum": pa.array(table.payload_checksums[:count]),
        "price": pa.array(payloads.prices[:count]),
        "listed_at": pa.array(payloads.listed_at[:count]),
        "listing_id": _encoded(payloads.listings, count, _TEXT),
        "category": _encoded(payloads.categories, count, _TEXT),
        "currency": _encoded(payloads.currencies, count, _TEXT),
        "region": _encoded(payloads.regions, count, _TEXT),
        "seller": _encoded(payloads.sellers, count, _TEXT),
        "locations": _encoded(payloads.places, count, _KEYS),
        "category_paths": _encoded(payloads.paths, count, _KEYS),
        "sold": pa.array(payloads.sold[:count]),
        **{_ATTRIBUTE + name: _dictionary(*used, _TEXT) for name, used in payloads.attributes.used(count).items()},
    }
    batch = pa.record_batch(columns)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema, options=_COMPRESSED) as writer:
        writer.write_batch(batch)


def read_payloads(path: Path) -> PayloadTable:
    """Read a table back.

    Raises:
        ValueError: the file is not one that `write_payloads` wrote (`pyarrow.ArrowInvalid` is a ValueError).
        KeyError: a column is missing.
    """
    with pa.OSFile(str(path), "rb") as source:
        batch = pa.ipc.open_file(source).get_batch(0)
    columns = PayloadColumns(
        prices=batch["price"].to_numpy(zero_copy_only=False).copy(),
        listed_at=batch["listed_at"].to_numpy().copy(),
        listings=_coded(batch["listing_id"]),
        categories=_coded(batch["category"]),
        currencies=_coded(batch["currency"]),
        regions=_coded(batch["region"]),
        sellers=_coded(batch["seller"]),
        places=_keys(batch["locations"]),
        paths=_keys(batch["category_paths"]),
        sold=batch["sold"].to_numpy(zero_copy_only=False).copy(),
        attributes=AttributeColumns.read(_attributes(batch), batch.num_rows),
    )
    return PayloadTable(
        ids=batch["photo_id"].to_numpy().copy(),
        payload_checksums=batch["payload_checksum"].to_numpy().copy(),
        columns=columns,
    )


def _encoded(column: CodedColumn[Any], count: int, kind: pa.DataType) -> pa.DictionaryArray:
    return _dictionary(*column.used(count), kind)


def _dictionary(codes: Codes, values: Sequence[object], kind: pa.DataType) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array([*values], type=kind))


def _attributes(batch: pa.RecordBatch) -> dict[str, tuple[Codes, list[str]]]:
    names = [name for name in batch.schema.names if name.startswith(_ATTRIBUTE)]
    return {name.removeprefix(_ATTRIBUTE): (_codes(batch[name]), batch[name].dictionary.to_pylist()) for name in names}


def _coded(column: pa.DictionaryArray) -> CodedColumn[Any]:
    return CodedColumn(_codes(column), column.dictionary.to_pylist())


def _keys(column: pa.DictionaryArray) -> KeysColumn:
    return KeysColumn(_codes(column), [tuple(keys) for keys in column.dictionary.to_pylist()])


def _codes(column: pa.DictionaryArray) -> Codes:
    codes: Codes = column.indices.to_numpy().astype(np.int32)
    return codes
