"""Qdrant Edge's files: one folder per collection, which contains the shard, a lock and, while it is closed, a seal."""

from __future__ import annotations

import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import qdrant_edge as edge

from db.durability import sync
from db.vectors.qdrant.edge_seal import break_seal, write_seal
from db.vectors.qdrant.schema import FLOAT_FIELDS, INTEGER_FIELDS, KEYWORD_FIELDS, VECTOR_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.vectors.qdrant.attribute_fields import Kind

_SHARD, _SEAL = "shard", "seal.json"

_INDEXED = {
    **dict.fromkeys(KEYWORD_FIELDS, edge.PayloadSchemaType.Keyword),
    **dict.fromkeys(FLOAT_FIELDS, edge.PayloadSchemaType.Float),
    **dict.fromkeys(INTEGER_FIELDS, edge.PayloadSchemaType.Integer),
}


@contextmanager
def engine_errors(folder: Path) -> Iterator[None]:
    """Convert the engine's exceptions to an OSError that names the folder."""
    try:
        yield
    except OSError:
        raise
    except BaseException as error:  # the engine has no narrower class, and its panics are no Exception
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise OSError(f"{folder}: Qdrant Edge failed: {error}") from error


def open_shard(folder: Path, vector_size: int) -> edge.EdgeShard:
    """Open the shard in `folder`, creating it if necessary; the caller must hold the folder's lock.

    Adds the payload indexes that an older shard lacks.

    Raises:
        OSError: the files are damaged, or hold vectors of another size.
    """
    with engine_errors(folder):
        if (folder / _SHARD).exists():
            break_seal(folder / _SEAL, folder / _SHARD)
        else:
            _create(folder, vector_size)
        shard = edge.EdgeShard.load(str(folder / _SHARD), _config(vector_size))
        _ensure_indexes(shard)
        return shard


def close_shard(shard: edge.EdgeShard, folder: Path) -> None:
    """Close the shard in `folder`, and seal its files."""
    shard.close()
    with suppress(OSError):  # a full disk: without a seal, the shard is opened unchecked
        write_seal(folder / _SEAL, folder / _SHARD)


def build_graph(folder: Path) -> None:
    """Build the HNSW graph, merge segments and remove deleted points. The engine holds the GIL meanwhile.

    Raises:
        OSError: the shard is missing or damaged.
    """
    with engine_errors(folder):
        break_seal(folder / _SEAL, folder / _SHARD)
        shard = edge.EdgeShard.load(str(folder / _SHARD))
        shard.optimize()
        shard.flush()
        close_shard(shard, folder)


def create_index(shard: edge.EdgeShard, field: str, kind: Kind) -> None:
    """Index a payload field. This reads every payload, 2 s for 100,000 photos, and holds the GIL meanwhile."""
    types: dict[Kind, edge.PayloadSchemaType] = {
        "keyword": edge.PayloadSchemaType.Keyword,
        "float": edge.PayloadSchemaType.Float,
    }
    shard.update(edge.UpdateOperation.create_field_index(field, types[kind]))


def _create(folder: Path, vector_size: int) -> None:
    # Under a temporary name until it is complete: a crash must not leave a shard without payload indexes.
    fresh = folder / f"{_SHARD}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    (folder / _SEAL).unlink(missing_ok=True)
    shard = edge.EdgeShard.create(str(fresh), _config(vector_size))
    _ensure_indexes(shard)
    shard.close()
    fresh.rename(folder / _SHARD)
    sync(folder)


def _ensure_indexes(shard: edge.EdgeShard) -> None:
    existing = shard.info().payload_schema
    for field, kind in _INDEXED.items():
        if field not in existing:
            shard.update(edge.UpdateOperation.create_field_index(field, kind))
    shard.flush()


def _config(vector_size: int) -> edge.EdgeConfig:
    vector = edge.EdgeVectorParams(size=vector_size, distance=edge.Distance.Dot)
    # Without the write-ahead log, a kill loses acknowledged writes, and two processes can open the shard at once.
    return edge.EdgeConfig(vectors={VECTOR_NAME: vector}, wal_enabled=True)
