"""Sets placeholder pictures aside once the photos of a job are registered: they are neither embedded nor compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.rows import placeholders
from db.rows.records import WarningRecord
from services.ingest.cleaning.text import counted
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from db.session import Database
    from services.ingest.loading.ledger import Ledger


def set_placeholders_aside(database: Database, ledger: Ledger, file: str, *, min_listings: int) -> None:
    """Decide again which pictures of the whole catalogue are placeholders, and warn once of each new one.

    A picture that is no longer shared by so many listings is queued to be embedded.

    Args:
        database: the catalogue.
        ledger: of the job; its warnings say what was set aside.
        file: the feed's name, for the warnings.
        min_listings: least number of listings that share a placeholder; below 2, no picture is one.
    """
    with database.read() as session:
        found = placeholders.find_placeholders(session, min_listings=min_listings) if min_listings > 1 else []
    for one in found:
        with database.write() as session:
            if count := placeholders.set_aside(session, one.sha256, job_id=ledger.job_id):
                before = f"{one.listings:,} listings share one photo, for example {one.example_listing_id}"
                after = f"not searched: {counted(count, 'photo')} set aside"
                flag = ListingFlag.PLACEHOLDER_PHOTO
                ledger.warn(WarningRecord(file, 0, "", "photos", flag, before, after))
            ledger.write(session)
    with database.write() as session:
        placeholders.take_back(session, keep={one.sha256 for one in found}, job_id=ledger.job_id)
