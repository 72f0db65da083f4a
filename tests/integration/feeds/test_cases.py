"""The collected inputs that once went wrong, each with the outcome that its README expects."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from db.rows import jobs, listings, photos
from services.errors import ListingsFileError
from services.ingest.feeds.columns import Columns
from services.ingest.feeds.mapping_files import read_columns
from services.ingest.loading.inputs import IngestInputs, IngestOptions
from services.ingest.pipeline.ingest_job import create_ingest_job, load_files
from services.ingest.pipeline.progress import silent
from tests.worlds import adds_up, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from db.models import Listing
    from db.rows.records import RejectedRecord, WarningRecord
    from services.ingest.loading.ledger import IngestSummary
    from services.resources import Resources
    from tests.conftest import MakeJpeg

CASES = Path("/work/shared/cases")

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


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[Resources]:
    with resources_in(tmp_path / "data") as opened:
        yield opened


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
        ids = [row for row in session.exec(listings.select(listings.Listing.id))]
        found = {row.id: row for row in listings.listings_by_id(session, ids)}
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
    print([reject.text for reject in outcome.rejects])


def test_comma_in_title(resources: Resources) -> None:
    outcome = ingest(resources, "comma_in_title/x8.csv")
    assert set(outcome.listings) == {"1", "3"}
    print(outcome.rejects)


def test_category_greater_than(resources: Resources, jpeg: MakeJpeg) -> None:
    outcome = ingest(resources, "category_greater_than/woo.csv", "woo.toml", source=Served(jpeg))
    print(outcome)
    assert outcome.listings["11"].category_path == ["Home & Garden", "Lamps"]
    assert outcome.listings["14"].category_path == ["Home & Garden", "Kitchen"]
    assert sorted(outcome.photos["14"]) == ["http://127.0.0.1:8090/a,b.jpg", "http://127.0.0.1:8090/p6.jpg"]


def test_lost_dates(resources: Resources) -> None:
    outcome = ingest(resources, "lost_dates/dates.jsonl")
    for line in (CASES / "lost_dates/dates.jsonl").read_text().splitlines():
        listing_id = line.partition('"id": ')[2].partition(",")[0]
        print(line[-40:], "->", outcome.listings[listing_id].listed_at, outcome.listings[listing_id].flags)
    ms = ingest(resources, "lost_dates/ms.jsonl")
    assert str(ms.listings["1"].listed_at) == "2010-01-01 00:00:00+00:00"


def test_price_notations(resources: Resources) -> None:
    outcome = ingest(resources, "price_notations/prices.csv")
    for row in csv.DictReader((CASES / "price_notations/prices.csv").read_text(encoding="utf-8").splitlines()):
        found = outcome.listings.get(row["id"])
        print(row["price"], "->", found and (found.price, found.currency, found.flags))


def test_nested_json(resources: Resources, jpeg: MakeJpeg) -> None:
    outcome = ingest(resources, "nested_json/nest.jsonl", "nest.toml", source=Served(jpeg))
    for line in (CASES / "nested_json/nest.jsonl").read_text().splitlines():
        listing_id = line.partition('"id": ')[2].partition(",")[0]
        found = outcome.listings.get(listing_id)
        print(
            line[20:],
            "->",
            found
            and (
                found.category_path,
                found.description,
                found.price,
                found.currency,
                found.location,
                found.seller,
                outcome.photos[listing_id],
            ),
        )
    print(outcome.rejects)


def test_image_columns(resources: Resources, jpeg: MakeJpeg) -> None:
    outcome = ingest(resources, "image_columns/etsy.csv", "etsy.toml", source=Served(jpeg))
    print(outcome)


def test_one_row_per_photo(resources: Resources, jpeg: MakeJpeg) -> None:
    outcome = ingest(resources, "one_row_per_photo/joined.csv", "joined.toml", source=Served(jpeg))
    assert outcome.photos == {"10": ["p1", "p2", "p3"], "11": ["p4"]}
    assert outcome.rejects == []


def test_other_code_pages(resources: Resources) -> None:
    with pytest.raises(ListingsFileError) as error:
        ingest(resources, "other_code_pages/cp1251.csv")
    print(error.value)


def test_replaced_photos(resources: Resources, jpeg: MakeJpeg) -> None:
    served = Served(jpeg)
    ingest(resources, "replaced_photos/day1.csv", "urls.toml", source=served)
    outcome = ingest(resources, "replaced_photos/day2.csv", "urls.toml", source=served)
    print(outcome.summary)
    assert outcome.photos == {
        "1": ["http://127.0.0.1:8090/p1.jpg?sig=tuesday", "http://127.0.0.1:8090/p2.jpg?sig=tuesday"],
        "2": ["http://127.0.0.1:8090/p4.jpg"],
        "3": [],
    }


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
    print(outcome)
    assert all(outcome.photos.values())


def test_bulk_by_rest(resources: Resources, jpeg: MakeJpeg) -> None:
    outcome = ingest(resources, "bulk_by_rest/gmc.tsv", "gmc.toml", source=Served(jpeg))
    print(outcome)
