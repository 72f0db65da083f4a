"""Writes small listings files and reads them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.feeds.feed import open_listings

if TYPE_CHECKING:
    from pathlib import Path

    from db.rows.records import RejectedRecord

HEADER = "id,product_name,category,product_description,price,location\n"
ROW = "L-1,Desk,Home,Solid oak,£5.00,Leeds\n"
KEYS = ("id", "product_name", "category", "product_description", "price", "location")
DESK = ("L-1", "Desk", "Home", "Solid oak", "£5.00", "Leeds")
LINKED = Columns(ListingColumns(photos="photos"), named=("photos",))


def write_parquet(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def write_row(path: Path, cells: dict[str, str]) -> Path:
    """Write a table of one row in the format that the name says."""
    if path.suffix == ".parquet":
        return write_parquet(path, **{name: [cell] for name, cell in cells.items()})
    separator = "\t" if path.suffix == ".tsv" else ","
    lines = [separator.join(cells), separator.join(cells.values())] if path.suffix != ".jsonl" else [json.dumps(cells)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def desk_listing(path: Path, line: int, **changes: Any) -> RawListing:
    return RawListing(path.name, line, *DESK, **changes)


def read(path: Path, columns: Columns | None = None) -> list[RawListing | RejectedRecord]:
    return list(open_listings(path, columns or Columns()).records())


def read_only_listing(path: Path, columns: Columns | None = None) -> RawListing:
    [listing] = read(path, columns)
    assert isinstance(listing, RawListing)
    return listing
