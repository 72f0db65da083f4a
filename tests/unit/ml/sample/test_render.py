"""The files of the sample catalogue: equal for equal seeds, with exactly the stated defects."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from db.rows.records import ListingRecord, RejectedRecord
from ml.photos.decode import PhotoError
from ml.photos.preprocess import Preprocessing
from ml.sample import write_sample_tables
from ml.sample.catalogue import make_listings
from ml.sample.render import render_photos
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.feeds.columns import Columns
from services.ingest.feeds.feed import open_listings
from services.ingest.feeds.photo_tables import read_photo_table
from tests.unit.services.ingest.cleaning.examples import clean_record

if TYPE_CHECKING:
    from pathlib import Path

    from db.rows.records import PhotoRecord

REJECTED_LISTINGS = {"missing_title": 1, "missing_category": 1, "unreadable_price": 1, "negative_price": 1}
REJECTED_PHOTOS = dict.fromkeys(
    ("not_an_image", "truncated", "too_small", "empty", "unknown_listing", "missing_file"), 1
)
LISTING_RECORDS = 26 + sum(REJECTED_LISTINGS.values()) + 1
"""The valid listings, the rejected ones, and one that a later record replaces."""


@dataclass(frozen=True)
class Rendered:
    """A rendered catalogue, and its progress calls: (stage, listings done, total listings)."""

    folder: Path
    photo_records: int
    progress: list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    folder, calls = tmp_path_factory.mktemp("catalogue"), list[tuple[str, int, int]]()
    sample = write_sample_tables(folder, listings=26)
    render_photos(sample.listings, sample.photos, lambda stage, done, total: calls.append((stage, done, total)))
    return Rendered(folder, sample.photo_records, calls)


@pytest.fixture(scope="module")
def folder(rendered: Rendered) -> Path:
    return rendered.folder


def fingerprints(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def cleaned(folder: Path) -> list[ListingRecord | RejectedRecord]:
    """Return each record of listings.csv after cleaning, or its reject."""
    read = open_listings(folder / "listings.csv", Columns()).records()
    return [clean_record(record) if isinstance(record, RawListing) else record for record in read]


def accepted(folder: Path) -> dict[str, ListingRecord]:
    """Return the valid listings by id; the later of two records with one id."""
    return {record.listing_id: record for record in cleaned(folder) if isinstance(record, ListingRecord)}


def photo_rows(folder: Path) -> list[PhotoRecord]:
    rows = list(read_photo_table(folder / "photos.csv", Columns()))
    sound = [row for row in rows if not isinstance(row, RejectedRecord)]
    assert len(sound) == len(rows)
    return sound


def outcome_of(photo: PhotoRecord, folder: Path, known: set[str]) -> str:
    """Return `accepted`, or the reason code of a rejected photo of photos.csv."""
    path = folder / "photos" / f"{photo.source}.jpg"
    if photo.listing_id not in known:
        return "unknown_listing"
    if not path.is_file():
        return "missing_file"
    try:
        Preprocessing().load(path.read_bytes())
    except PhotoError as error:
        return error.reason
    return "accepted"


def test_equal_seeds_write_equal_bytes(folder: Path, tmp_path: Path) -> None:
    sample = write_sample_tables(tmp_path, listings=26)
    render_photos(sample.listings, sample.photos, None)
    assert fingerprints(tmp_path) == fingerprints(folder)


def test_another_seed_writes_another_catalogue(rendered: Rendered, folder: Path, tmp_path: Path) -> None:
    assert write_sample_tables(tmp_path, listings=26, seed=8).photo_records == rendered.photo_records
    ours, others = ({row.source for row in photo_rows(place)} for place in (folder, tmp_path))
    assert ours.isdisjoint(others)
    assert fingerprints(tmp_path)["listings.csv"] != fingerprints(folder)["listings.csv"]


def test_the_tables_have_the_published_columns(rendered: Rendered, folder: Path) -> None:
    listings, photos = ((folder / name).read_bytes() for name in ("listings.csv", "photos.csv"))
    assert listings.startswith(b",id,product_name,category,product_description,price,location,seller,listed_at\r\n0,")
    assert photos.startswith(b",id,product_id\n0,")
    assert len(list(csv.reader(photos.decode().splitlines()))) == 1 + rendered.photo_records


def test_every_line_of_the_listings_ends_with_crlf(folder: Path) -> None:
    listings = (folder / "listings.csv").read_bytes()
    assert listings.count(b"\r\n") == listings.count(b"\n") == listings.count(b"\r") > LISTING_RECORDS


def test_cleaning_finds_exactly_the_stated_defects(folder: Path) -> None:
    records = cleaned(folder)
    reasons = Counter(record.reason for record in records if isinstance(record, RejectedRecord))
    sound = accepted(folder)
    flags = Counter(flag for record in sound.values() for flag in record.flags)
    assert len(records) == LISTING_RECORDS
    assert reasons == REJECTED_LISTINGS
    assert len(sound) == 26
    assert flags == {"repaired_record": 8, "absurd_price": 1}


def test_decoding_finds_exactly_the_stated_defects(rendered: Rendered, folder: Path) -> None:
    rows = photo_rows(folder)
    outcomes = Counter(outcome_of(row, folder, set(accepted(folder))) for row in rows)
    assert outcomes == {"accepted": 50, **REJECTED_PHOTOS}
    assert len(rows) == rendered.photo_records


def test_all_listings_have_two_photos_except_one_without_photos(folder: Path) -> None:
    known = set(accepted(folder))
    usable = Counter(row.listing_id for row in photo_rows(folder) if outcome_of(row, folder, known) == "accepted")
    assert set(usable.values()) == {2}
    assert len(known - usable.keys()) == 1


def test_the_two_photos_of_a_listing_differ(folder: Path) -> None:
    known = set(accepted(folder))
    usable = [row for row in photo_rows(folder) if outcome_of(row, folder, known) == "accepted"]
    contents = {(folder / "photos" / f"{row.source}.jpg").read_bytes() for row in usable}
    assert len(contents) == 50


def test_a_record_with_broken_quoting_keeps_its_whole_description(folder: Path) -> None:
    repaired = [record for record in accepted(folder).values() if "repaired_record" in record.flags]
    assert repaired
    assert all(record.description.endswith("\nNo time wasters, thanks") for record in repaired)
    assert all(record.price and record.region for record in repaired)


def test_the_later_of_two_records_with_one_id_is_right(folder: Path) -> None:
    records = [record for record in cleaned(folder) if isinstance(record, ListingRecord)]
    (twice,) = [key for key, count in Counter(record.listing_id for record in records).items() if count == 2]
    older, newer = (record.description for record in records if record.listing_id == twice)
    assert older == "Old advert, please ignore."
    assert newer != older


def test_cleaning_reads_the_seller_and_the_date(folder: Path) -> None:
    written = {listing.listing_id: listing for listing in make_listings(26, np.random.default_rng(7))}
    for listing_id, record in accepted(folder).items():
        assert record.seller == written[listing_id].seller
        assert (record.listed_at.date().isoformat() if record.listed_at else "") == written[listing_id].listed_at


def test_reports_progress_up_to_the_last_listing_with_photos(rendered: Rendered) -> None:
    assert rendered.progress == [("render photos", done, 25) for done in range(1, 26)]


def test_rejects_too_few_listings_for_all_defects(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 26"):
        write_sample_tables(tmp_path, listings=25)
    assert list(tmp_path.iterdir()) == []
