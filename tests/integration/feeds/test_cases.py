"""The collected inputs that once went wrong, each with the outcome that its README expects."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat
from sqlmodel import select

from db.models import Listing
from db.rows import jobs, photos
from services.errors import ListingsFileError
from services.ingest.feeds.columns import Columns
from services.ingest.feeds.mapping_files import read_columns
from services.ingest.loading.inputs import IngestInputs, IngestOptions
from services.ingest.pipeline.ingest_job import create_ingest_job, load_files
from services.ingest.pipeline.progress import silent
from tests.waiting import ended
from tests.worlds import adds_up

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.testing import TestClient

    from db.rows.records import RejectedRecord, WarningRecord
    from services.ingest.loading.ledger import IngestSummary
    from services.resources import Resources
    from tests.conftest import MakeJpeg

CASES = Path(__file__).parents[4] / "shared" / "cases"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not CASES.is_dir(), reason="the collected inputs are not part of the repository"),
]


class Served:
    """Photos by URL: whatever the address, the bytes that belong to its path."""

    label = "the shop's server"

    def __init__(self, jpeg: MakeJpeg) -> None:
        self._jpeg = jpeg

    def find(self, id_or_name: str) -> str:
        return id_or_name

    def read(self, name: str) -> bytes:
        path = name.partition("?")[0]
        return self._jpeg(sum(path.encode()), width=24, height=24)

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_exception: object) -> None:
        return None


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """What an ingest of a case left and told."""

    listings: dict[str, Listing]
    photos: dict[str, list[str]]
    rejects: list[RejectedRecord]
    warnings: list[WarningRecord]
    summary: IngestSummary


def ingest(
    resources: Resources, file: str, mapping: str = "", *, table: str = "", source: object = None, photos_in: str = ""
) -> CaseOutcome:
    path = CASES / file
    options = IngestOptions(read_columns(path.parent / mapping) if mapping else Columns())
    inputs = IngestInputs(
        path, path.parent / table if table else None, path.parent / photos_in if photos_in else None, options
    )
    job_id = create_ingest_job(resources, inputs)
    summary = load_files(resources, job_id, inputs, silent, source=source).summary()  # type: ignore[arg-type]
    assert adds_up(summary)
    with resources.database.read() as session:
        rejects, warnings = list(jobs.rejects_of(session, job_id)), list(jobs.warnings_of(session, job_id))
        found = {row.id: row for row in session.exec(select(Listing))}
        named: dict[str, list[str]] = {listing_id: [] for listing_id in found}
        for photo in photos.photos_of(session, list(found)):
            named[photo.listing_id].append(photo.source)
    return CaseOutcome(found, named, rejects, warnings, summary)


@pytest.mark.parametrize("file", ["x1.csv", "x2.csv", "x3.csv"])
def test_trailing_commas(resources: Resources, file: str) -> None:
    outcome = ingest(resources, f"trailing_commas/{file}")
    assert outcome.rejects == []
    assert [(row.price, row.location) for _, row in sorted(outcome.listings.items())] == [
        (Decimal("5.00"), "Leeds, Yorks"),
        (Decimal("7.50"), "Hull"),
        (Decimal("3.00"), "York"),
    ]
    assert outcome.listings["2"].description == "soft"


@pytest.mark.parametrize(
    ("file", "bad", "right"),
    [("x12.csv", "1234", {}), ("x5.csv", "2", {"1": "5.00", "3": "3.00"}), ("x7.csv", "2", {"1": "5.00", "3": "3.00"})],
)
def test_unquoted_decimal_comma(resources: Resources, file: str, bad: str, right: dict[str, str]) -> None:
    outcome = ingest(resources, f"unquoted_decimal_comma/{file}")
    prices = {listing_id: str(row.price) for listing_id, row in outcome.listings.items()}
    truth = {"1": "12.00", "2": "1299.00", "3": "7.50", "4": "250.00"} if file == "x12.csv" else right
    assert prices.items() <= truth.items()
    assert right.items() <= prices.items()
    assert len(outcome.rejects) == len(bad)
    assert all(reject.text.startswith("Either ") for reject in outcome.rejects)


def test_comma_in_title(resources: Resources) -> None:
    outcome = ingest(resources, "comma_in_title/x8.csv")
    assert set(outcome.listings) == {"1", "3"}
    assert [(reject.record_id, reject.reason) for reject in outcome.rejects] == [("2", "broken_record")]


def test_category_greater_than(resources: Resources, jpeg: MakeJpeg) -> None:
    outcome = ingest(resources, "category_greater_than/woo.csv", "woo.toml", source=Served(jpeg))
    paths = {listing_id: row.category_path for listing_id, row in outcome.listings.items()}
    assert paths == {
        "11": ["Home & Garden", "Lamps"],
        "12": ["Home & Garden", "Rugs"],
        "14": ["Home & Garden", "Kitchen"],
    }
    assert sorted(outcome.photos["14"]) == ["http://127.0.0.1:8090/a,b.jpg", "http://127.0.0.1:8090/p6.jpg"]


def test_lost_dates(resources: Resources) -> None:
    at = datetime(2024, 1, 31, tzinfo=UTC)
    outcome = ingest(resources, "lost_dates/dates.jsonl")
    dates = {number: outcome.listings[str(number)].listed_at for number in range(23)}
    half_past_nine = (2, 3, 8, 9, 14, 17, 21)
    assert {number for number, date in dates.items() if date == at} == {0, 4, 5, 6, 10, 11, 12, 15, 16}
    assert {number for number, date in dates.items() if date == at.replace(hour=9, minute=30)} == {*half_past_nine}
    assert (dates[1], dates[7], dates[18]) == (
        at.replace(hour=8, minute=30),
        at.replace(hour=9),
        at.replace(hour=8, minute=30),
    )
    told = {warning.record_id: warning.flag for warning in outcome.warnings if warning.field == "listed_at"}
    assert (dates[19], dates[20]) == (None, None)
    assert told["19"] == told["20"] == "unreadable_date"
    assert told["16"] == told["22"] == "guessed_date"


def test_a_date_in_milliseconds(resources: Resources) -> None:
    outcome = ingest(resources, "lost_dates/ms.jsonl")
    assert outcome.listings["1"].listed_at == datetime(2010, 1, 1, tzinfo=UTC)


_PRICES = """
9.99 USD|100000.00 INR|1200.00 CHF|1200.00 GBP|-|1250.00 AUD|9.99 USD|12.50 EUR|1234.50 PLN|50.00 MYR|1500000.00 IDR|
1200.00 ZAR|500.00|499.00 EUR|500.00|50.00 USD|50.00 EUR|0.00|10.00 GBP|10.00 GBP|-|1200.00 USD|12.50 EUR|0.00|
1250.00 TRY|250.00 RON|500.00 UAH|300.00 HKD|1200.00|1200000.00 COP|50.00 PEN|500.00 KZT|500.00 BDT|50.00 GHS|
100.00 AED|500.00|1230000000000.00|-|-|-|1.50|1234.00|1234.00 EUR|12.50 GBP|12345.60|10000.00|1200.00 JPY|3000.00 JPY|
12.50 GBP|0.99 USD|50.00 EUR|120.00 CHF|50.00 CHF|1299.00 DKK|1299.00|1299.00 SEK
"""
"""The amount and currency of each line, in order; a dash where the seller names no price."""


def test_price_notations(resources: Resources) -> None:
    outcome = ingest(resources, "price_notations/prices.csv")
    assert outcome.rejects == []
    table = csv.DictReader((CASES / "price_notations/prices.csv").read_text(encoding="utf-8").splitlines())
    rows = [outcome.listings[row["id"]] for row in table]
    assert ["-" if row.price is None else f"{row.price} {row.currency or ''}".strip() for row in rows] == (
        _PRICES.replace("\n", "").split("|")
    )


def test_nested_json(resources: Resources, jpeg: MakeJpeg) -> None:
    outcome = ingest(resources, "nested_json/nest.jsonl", "nest.toml", source=Served(jpeg))
    lines = [json.loads(line) for line in (CASES / "nested_json/nest.jsonl").read_text().splitlines()]
    rejected = {reject.record_id: (reject.field, reject.reason) for reject in outcome.rejects}
    assert rejected == {
        "8": ("price", "unreadable_price"),
        "9": ("price", "unreadable_price"),
        "11": ("category", "wrong_type"),
        "22": ("price", "unreadable_price"),
    }
    assert len(outcome.listings) == len(lines) - len(rejected)
    assert (outcome.photos["2"], outcome.photos["4"], outcome.photos["5"]) == (
        ["p1.jpg", "p2.jpg"],
        ["p3.jpg"],
        ["p1.jpg"],
    )
    assert outcome.listings["10"].category_path == ["Home", "Lamps"]
    left_out = {warning.record_id for warning in outcome.warnings if warning.flag == "value_left_out"}
    assert left_out >= {"12", "15", "16"}


def test_image_columns(resources: Resources, jpeg: MakeJpeg) -> None:
    outcome = ingest(resources, "image_columns/etsy.csv", source=Served(jpeg))
    assert outcome.photos == {"MUG-1": ["http://127.0.0.1:8090/p1.jpg", "http://127.0.0.1:8090/p2.jpg"]}
    assert outcome.listings["MUG-1"].currency == "GBP"
    assert outcome.listings["MUG-1"].description == 'A mug, "blue"'
    assert [(reject.reason, reject.text) for reject in outcome.rejects] == [("missing_id", "Knitted hat")]


def test_one_row_per_photo(resources: Resources, jpeg: MakeJpeg) -> None:
    outcome = ingest(resources, "one_row_per_photo/joined.csv", "joined.toml", source=Served(jpeg))
    assert outcome.photos == {"10": ["p1", "p2", "p3"], "11": ["p4"]}
    assert outcome.rejects == []


def test_other_code_pages(resources: Resources) -> None:
    with pytest.raises(ListingsFileError, match=r"windows-1251.*encoding = 'cp1251'"):
        ingest(resources, "other_code_pages/cp1251.csv")


def test_replaced_photos(resources: Resources, jpeg: MakeJpeg) -> None:
    served = Served(jpeg)
    ingest(resources, "replaced_photos/day1.csv", "urls.toml", source=served)
    outcome = ingest(resources, "replaced_photos/day2.csv", "urls.toml", source=served)
    assert outcome.photos == {
        "1": ["http://127.0.0.1:8090/p1.jpg?sig=tuesday", "http://127.0.0.1:8090/p2.jpg?sig=tuesday"],
        "2": ["http://127.0.0.1:8090/p4.jpg"],
        "3": [],
    }
    counts = outcome.summary.counts
    assert (counts["photos_renamed"], counts["photos_new"], counts["photos_removed"]) == (2, 1, 2)


def test_replaced_photos_of_a_table(resources: Resources, jpeg: MakeJpeg) -> None:
    served = Served(jpeg)
    states = [
        ingest(resources, "replaced_photos/day1.csv", table=table, source=served).photos
        for table in ("t1.csv", "t2.csv", "t3.csv")
    ]
    assert states == [
        {"1": ["p1", "p2"], "2": ["p3"], "3": []},
        {"1": ["p1"], "2": ["p3"], "3": []},
        {"1": [], "2": ["p3", "p1"], "3": []},
    ]


def test_zip_utf8_names(resources: Resources) -> None:
    outcome = ingest(resources, "zip_utf8_names/iz.csv", "urls.toml", photos_in="infozip.zip")
    assert outcome.photos == {"1": ["tür1.jpg"], "2": ["椅子.jpg"]}


def test_bulk_by_rest(client: TestClient[Litestar]) -> None:
    folder = CASES / "bulk_by_rest"
    answer = client.post(
        "/v1/listings/bulk",
        files={"listings": ("gmc.tsv", (folder / "gmc.tsv").read_bytes())},
        data={"columns": (folder / "gmc.toml").read_text(), "fetch_photos": "true"},
    )
    job = ended(client, answer.json()["job_id"])
    assert job["counts"]["listings_accepted"] == 3
    assert client.get("/v1/listings/sku-3").json()["price"] == 1299.0


def test_jpeg_without_end(client: TestClient[Litestar]) -> None:
    photo = (CASES / "jpeg_without_end/cut1.jpg").read_bytes()
    added = client.post(
        "/v1/listings", data={"listing_id": "cut", "title": "Cut", "category": "A"}, files={"photos": ("a.jpg", photo)}
    )
    assert added.status_code == 201
    assert client.post("/v1/search", files={"image": ("a.jpg", photo)}).status_code == 200


def test_wide_gamut_thumbnail(client: TestClient[Litestar]) -> None:
    photo = (CASES / "wide_gamut_thumbnail/p4-prophoto.jpg").read_bytes()
    added = client.post(
        "/v1/listings",
        data={"listing_id": "wide", "title": "Wide", "category": "A"},
        files={"photos": ("a.jpg", photo)},
    )
    photo_id = added.json()["photos"][0]["photo_id"]
    served = client.get(f"/v1/photos/{photo_id}/thumbnail").content
    with Image.open(io.BytesIO(photo)) as wide, Image.open(io.BytesIO(served)) as thumbnail:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(wide.info["icc_profile"]))
        expected = ImageCms.profileToProfile(wide.convert("RGB"), profile, ImageCms.createProfile("sRGB"))
        assert expected is not None
        expected.thumbnail(thumbnail.size)
        difference = ImageChops.difference(expected.convert("RGB"), thumbnail.convert("RGB"))
        assert max(ImageStat.Stat(difference).mean) < 4
