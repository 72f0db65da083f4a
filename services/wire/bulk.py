"""The options of a bulk ingest."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from services.wire.fields import described


class BulkMode(StrEnum):
    """What becomes of listings that the file does not have: `add` leaves them, `sync` removes them."""

    ADD = "add"
    SYNC = "sync"


Preset = Annotated[
    str, described("The preset that the mapping is based on; see [Presets](your-data.md#presets).", "google")
]
FetchPhotos = Annotated[bool, described("Fetch the photos that are named by URL.", True)]
KeepPhotos = Annotated[bool, described("Listings keep photos that the files no longer name.", True)]
KeepUnpriced = Annotated[
    bool, described("Accept a listing with an unreadable price without its price, and flag it.", True)
]
Seller = Annotated[
    str,
    described(
        "The file is this seller's feed: its listings get this seller, and `mode=sync` removes no other seller's.",
        "seller-9",
    ),
]
Mode = Annotated[BulkMode, described("`sync` removes listings that the file does not have; `add` leaves them.", "sync")]
DryRun = Annotated[bool, described("Write nothing: count what would be new, updated, unchanged and removed.", True)]
MaxRemoved = Annotated[
    str | float | None,
    described(
        "With `mode=sync`: the largest share of the listings that may be removed, `20%` or `0.2`; 20% by default.",
        "20%",
    ),
]
MarkSold = Annotated[
    bool, described("With `mode=sync`: mark listings that the file does not have sold instead of removing them.", True)
]


class BulkOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How to read and ingest the files of a bulk ingest."""

    columns: Annotated[str, described("The column mapping, as TOML.", '[listings]\nid = "sku"\n')] = ""
    preset: Preset = ""
    fetch_photos: FetchPhotos = False
    keep_photos: KeepPhotos = False
    keep_unpriced: KeepUnpriced = False
    seller: Seller = ""
    mode: Mode = BulkMode.ADD
    dry_run: DryRun = False
    max_removed: MaxRemoved = None
    mark_sold: MarkSold = False
