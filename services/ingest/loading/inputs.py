"""The files of an ingest job."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.ingest.feeds.columns import Columns

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class IngestInputs:
    """The files of an ingest job.

    Attributes:
        listings: CSV, TSV, JSON Lines or Parquet, also gzipped.
        photos_table: CSV of photo id and listing id; None when the listing rows name their photos.
        photos: folder, zip or tar with the photos; None without photos.
        fetch_photos: whether to fetch photos that are named by URL.
        columns: maps the columns of the tables to our fields.
    """

    listings: Path
    photos_table: Path | None = None
    photos: Path | None = None
    fetch_photos: bool = False
    columns: Columns = field(default_factory=Columns)
