"""The files of an ingest job, and how to ingest them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - msgspec and dataclasses read the annotations

from services.errors import BadInput
from services.ingest.feeds.columns import Columns

MAX_REMOVED = 0.2
"""Share of the listings that a sync may remove by default: a truncated export removes more, a busy day less."""


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How to ingest the files. Bulk uploads store it as JSON: give every new field a default.

    Attributes:
        columns: maps the columns of the tables to our fields; the preset is part of it.
        preset: name of the preset that `columns` is based on; empty if there is none.
        fetch_photos: whether to fetch photos that are named by URL.
        keep_photos: whether a listing keeps photos that the files no longer name.
        keep_unpriced: whether a listing with an unreadable price is accepted without one.
        seller: the seller whose feed the files are; empty if they may hold listings of any seller.
        sync: whether listings (of the seller, if there is one) that the file no longer has are removed.
        dry_run: whether to write nothing but the job's report.
        max_removed: largest share of these listings that a sync may remove, 0 to 1.
        mark_sold: whether a sync marks missing listings sold instead of removing them.
    """

    columns: Columns = field(default_factory=Columns)
    preset: str = ""
    fetch_photos: bool = False
    keep_photos: bool = False
    keep_unpriced: bool = False
    seller: str = ""
    sync: bool = False
    dry_run: bool = False
    max_removed: float = MAX_REMOVED
    mark_sold: bool = False


@dataclass(frozen=True, slots=True)
class IngestInputs:
    """The files of an ingest job.

    Attributes:
        listings: a table in any format of `open_table`.
        photos_table: table of photo id and listing id; None when the listing rows name their photos.
        photos: folder, zip or tar with the photos; None without photos.
        options: how to ingest them.
    """

    listings: Path
    photos_table: Path | None = None
    photos: Path | None = None
    options: IngestOptions = field(default_factory=IngestOptions)


def parse_share(text: str) -> float:
    """Return a share such as `20%` or `0.2`, 0 to 1.

    Raises:
        BadInput: the text is no share.
    """
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise BadInput(f"{text!r} is not a share. Write 20% or 0.2; at most 100% or 1.")
    return share
