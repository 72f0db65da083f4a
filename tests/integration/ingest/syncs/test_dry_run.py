"""A dry run: says what an ingest would do, and writes nothing but the job's report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlmodel import func, select

from db.models import Event, Listing, Photo
from db.rows import jobs
from services.errors import RemovalRefused
from services.ingest.loading.inputs import IngestOptions
from services.reason_codes import ListingFlag, RejectReason
from tests.worlds import adds_up, ingest, listing_row

if TYPE_CHECKING:
    from services.ingest.loading.inputs import IngestInputs
    from services.resources import Resources
    from tests.worlds import Marketplace


def contents(resources: Resources) -> tuple[list[object], int, list[str]]:
    """Everything that an ingest may write: listings, photos and events, and the photo store's files."""
    with resources.database.read() as session:
        rows = [row.model_dump(warnings=False) for table in (Listing, Photo) for row in session.exec(select(table))]
        events = session.exec(select(func.count()).select_from(Event)).one()
    return rows, events, sorted(path.name for path in (resources.settings.data_dir / "photos").rglob("*"))


def dry(inputs: IngestInputs, **options: object) -> IngestInputs:
    return replace(inputs, options=IngestOptions(dry_run=True, **options))  # type: ignore[arg-type]


def test_counts_what_is_new_updated_unchanged_and_removed_and_writes_nothing(
    resources: Resources, shop: Marketplace
) -> None:
    ingest(resources, shop.inputs)
    before = contents(resources)
    shop.write_listings(
        [listing_row(0), listing_row(1, price="£99"), listing_row(7), ["bad", "", "Phones", "", "", ""]]
    )
    summary = ingest(resources, dry(shop.inputs, sync=True, max_removed=0.5)).summary
    counted = {name: count for name, count in summary.counts.items() if count and name.startswith("listings")}
    assert counted == {
        "listings_read": 4,
        "listings_accepted": 3,
        "listings_rejected": 1,
        "listings_new": 1,
        "listings_updated": 1,
        "listings_unchanged": 1,
        "listings_removed": 1,
        "listings_before": 3,
    }
    assert (summary.reasons, summary.warnings) == ({RejectReason.MISSING_TITLE: 1}, {ListingFlag.REMOVED: 1})
    assert contents(resources) == before


def test_counts_what_a_run_after_it_does(resources: Resources, shop: Marketplace) -> None:
    ingest(resources, shop.inputs)
    shop.write_listings([listing_row(0), listing_row(1, price="£99"), listing_row(7)])
    options = IngestOptions(sync=True, max_removed=0.5)
    tried = ingest(resources, dry(shop.inputs, sync=True, max_removed=0.5)).summary
    done = ingest(resources, replace(shop.inputs, options=options)).summary
    names = [name for name in done.counts if name.startswith("listings")]
    assert [tried.counts[name] for name in names] == [done.counts[name] for name in names]
    assert tried.warnings == done.warnings


def test_works_without_sync_on_an_empty_catalogue_and_finds_the_photos(resources: Resources, shop: Marketplace) -> None:
    (shop.folder / "photos" / "photo-0-a.jpg").unlink()
    shop.write_photo_table([("photo-0-a", "listing-0"), ("photo-0-b", "listing-0"), ("x", "nobody")])
    before = contents(resources)
    summary = ingest(resources, dry(shop.inputs)).summary
    assert (summary.counts["listings_new"], summary.counts["photos_accepted"]) == (3, 1)
    assert summary.reasons == {RejectReason.MISSING_FILE: 1, RejectReason.UNKNOWN_LISTING: 1}
    assert adds_up(summary)
    assert contents(resources) == before


def test_names_what_a_refused_sync_would_remove(resources: Resources, shop: Marketplace) -> None:
    ingest(resources, shop.inputs)
    shop.write_listings([listing_row(0)])
    with pytest.raises(RemovalRefused):
        ingest(resources, dry(shop.inputs, sync=True))
    with resources.database.read() as session:
        (job,) = jobs.newest_jobs(session, limit=1)
        assert [one.record_id for one in jobs.warnings_of(session, job.id)] == ["listing-1", "listing-2"]
        assert jobs.counts_of(job)["listings_unchanged"] == 1
