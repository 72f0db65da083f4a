"""Daily feeds of a shop: each day the catalogue is the last feed, no photo is embedded twice, and nothing piles up."""

from __future__ import annotations

import time
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from sqlmodel import func, select

from db.models import Event, JobWarning, Listing, Photo, PhotoState, Reject
from db.rows import embeddings
from services.indexing.consistency import live_drift
from services.ingest.feeds.mapping_files import parse_columns
from services.ingest.jobs.tidy import tidy
from services.ingest.loading.inputs import IngestInputs, IngestOptions
from services.ingest.pipeline.ingest_job import create_ingest_job, ingest_files
from services.ingest.pipeline.progress import silent
from tests.integration.ingest.syncs.daily_feeds import COLUMNS, DailyShop, SignedPhotos, picture_bytes
from tests.worlds import adds_up, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from services.ingest.loading.ledger import IngestSummary
    from services.resources import Resources

NOW = timedelta(0)


class DailySyncs:
    """Syncs the feed of each day into the resources."""

    def __init__(self, resources: Resources, shop: DailyShop, folder: Path, *, mark_sold: bool = False) -> None:
        self._resources, self._shop, self._folder = resources, shop, folder
        columns = parse_columns(COLUMNS.encode(), source="columns")
        self._options = IngestOptions(columns=columns, fetch_photos=True, sync=True, mark_sold=mark_sold)

    def sync(self) -> IngestSummary:
        """Ingest today's feed as `lookalike ingest --sync` does, with the photos from memory."""
        feed = self._folder / "feed.csv"
        self._shop.write_feed(feed)
        inputs = IngestInputs(feed, options=self._options)
        job_id = create_ingest_job(self._resources, inputs)
        source = SignedPhotos(self._shop)
        return ingest_files(self._resources, job_id, inputs, progress=silent, source=source).summary

    def check_truth(self) -> None:
        """The catalogue is what the shop offers: fields, photos and points in both indexes."""
        offers, gone = self._shop.offers, self._shop.gone if self._options.mark_sold else {}
        with self._resources.database.read() as session:
            listings = {row.id: (row.title, int(row.price or 0), row.sold) for row in session.exec(select(Listing))}
            photos: dict[str, set[str]] = {}
            for row in session.exec(select(Photo)):
                assert row.state == PhotoState.EMBEDDED
                photos.setdefault(row.listing_id, set()).add(row.original_sha256 or row.sha256)
            embedded = embeddings.embedding_count(session, model_version=self._resources.embedder().bundle.version)
        expected = [(offer, False) for offer in offers.values()] + [(offer, True) for offer in gone.values()]
        assert listings == {offer.listing_id: (offer.title, offer.price, sold) for offer, sold in expected}
        assert photos == {
            offer.listing_id: {sha256(picture_bytes(picture)).hexdigest() for picture in offer.photos}
            for offer, _sold in expected
        }
        assert embedded == sum(map(len, photos.values()))
        drifts = live_drift(self._resources.database, self._resources.live.current())
        assert [drift for drift in drifts if not drift.is_empty] == []

    def stored(self) -> dict[str, int]:
        """What lies on the disk after tidying: rows that may pile up, photo files, and bytes by part."""
        tidy(self._resources, feed_kept_for=NOW, photos_kept_for=NOW, reports_kept_for=NOW)
        with self._resources.database.read() as session:
            rows = {
                table.__tablename__: session.exec(select(func.count()).select_from(table)).one()
                for table in (Event, Photo, Reject, JobWarning)
            }
        data = self._resources.settings.data_dir
        parts = {"photos": data / "photos", "faiss": data / "indexes" / "faiss", "qdrant": data / "indexes" / "qdrant"}
        files = {"photo_files": sum(path.is_file() for path in parts["photos"].rglob("*"))}
        sizes = {f"{name}_bytes": _bytes_in(folder) for name, folder in parts.items()}
        database = sum(path.stat().st_size for path in data.glob("lookalike.sqlite*") if path.is_file())
        return {**rows, **files, **sizes, "database_bytes": database}


def _bytes_in(folder: Path) -> int:
    """Bytes that the files take on the disk: shards of Qdrant Edge have holes, and a log of up to 32 MB."""
    files = (path for path in folder.rglob("*") if path.is_file() and "wal" not in path.parts)
    return sum(path.stat().st_blocks * 512 for path in files)


def run_days(syncs: DailySyncs, shop: DailyShop, days: int, *, check_every: int = 1) -> Iterator[tuple[int, int]]:
    """Sync day after day; yield the day, and the number of photos that were embedded since the first day."""
    embedded = 0
    for day in range(days):
        started = time.monotonic()
        if day:
            shop.next_day()
        summary = syncs.sync()
        counts = summary.counts
        embedded += counts["photos_embedded"]
        assert adds_up(summary)
        assert (counts["listings_read"], counts["listings_rejected"], counts["photos_rejected"]) == (
            len(shop.offers),
            0,
            0,
        )
        if day % check_every == 0 or day == days - 1:
            syncs.check_truth()
        if day % 30 == 0:
            print(f"day {day}: {time.monotonic() - started:.2f} s, {counts}")
        yield day, embedded


def test_a_few_days_of_feeds_leave_the_last_feed_and_embed_no_photo_twice(resources: Resources, tmp_path: Path) -> None:
    shop = DailyShop.of(20, churn=10)
    syncs = DailySyncs(resources, shop, tmp_path, mark_sold=True)
    _last_day, embedded = list(run_days(syncs, shop, 5))[-1]
    assert embedded == shop.pictures > 24
    assert shop.gone
    stored = syncs.stored()
    assert (
        stored["photo_files"]
        == stored["photo"]
        == sum(len(offer.photos) for offer in (*shop.offers.values(), *shop.gone.values()))
    )
    assert stored["event"] <= 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_year_of_feeds_does_not_grow_beyond_the_catalogue(
    tmp_path: Path, tiny_bundle: Bundle, live_data: Path
) -> None:
    shop = DailyShop.of(2000)
    with resources_in(tmp_path / "data", model=tiny_bundle, like=live_data) as resources:
        syncs = DailySyncs(resources, shop, tmp_path)
        at_30: dict[str, int] = {}
        for day, _embedded in run_days(syncs, shop, 365, check_every=7):
            if day == 30:
                at_30 = syncs.stored()
            elif day % 7 == 0:
                syncs.stored()
        at_end = syncs.stored()
    print(f"after day 30: {at_30}\nafter day 364: {at_end}")
    assert at_end["photo_files"] == at_end["photo"] == sum(len(offer.photos) for offer in shop.offers.values())
    assert at_end["event"] <= 1
    for name in ("photos_bytes", "faiss_bytes", "database_bytes"):
        assert at_end[name] <= 1.2 * at_30[name], name
    assert at_end["qdrant_bytes"] <= 4 * at_30["qdrant_bytes"]  # deleted points stay until a fifth of a segment is
