"""Exports of Shopify and WooCommerce, and a Google product feed, from their files to searchable listings."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.feeds import exports, writers
from tests.integration.feeds.items import Item
from tests.sites import running_site
from tests.waiting import ended

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar
    from litestar.testing import TestClient

    from tests.commands import RunCommand
    from tests.conftest import MakeJpeg
    from tests.sites import Site

MUG = Item(
    id="12",
    title="Mug, blue",
    description="Hand made\n\nHolds 0,3 l",
    category_path=("Home & Garden", "Kitchen"),
    amount=Decimal("18.50"),
    currency="EUR",
    location="",
    listed_at=datetime(2024, 1, 31, tzinfo=UTC),
    photos=("p1.jpg", "p2.jpg"),
    brand="Acme",
)
SOLD = (MUG, replace(MUG, id="13", title="Rug", amount=Decimal("1299.00"), photos=("p3.jpg",)))


@pytest.fixture(scope="module")
def site(jpeg: MakeJpeg) -> Iterator[Site]:
    with running_site() as site:
        site.photos |= {f"/p{number}.jpg": jpeg(number) for number in (1, 2, 3)}
        yield site


@pytest.fixture(params=exports.EXPORTS)
def export(request: pytest.FixtureRequest, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that a shop exports, whose photos are on the site."""
    monkeypatch.setenv("LOOKALIKE_FETCH_ALLOW", "127.0.0.0/8")
    monkeypatch.setattr(exports, "url_of", lambda photo: f"{site.url}/{photo}")
    delimiter = exports.DELIMITERS[request.param]
    path = tmp_path / f"{request.param}{writers.NAMES_OF_DELIMITERS[delimiter]}"
    path.write_text(writers.csv_text(exports.EXPORTS[request.param](SOLD), delimiter=delimiter), encoding="utf-8")
    return path


def expect_listings(client: Any, *, currency: str | None) -> None:
    """Expect both items, with their photos, as searches answer them."""
    for item in SOLD:
        listing = client.get(f"/v1/listings/{item.id}").json()
        assert (listing["title"], listing["category_path"]) == (item.title, list(item.category_path))
        assert (listing["price"], listing["currency"]) == (float(item.amount or 0), currency)
        assert listing["attributes"]["brand"] == "Acme"
        assert len(listing["photos"]) == len(item.photos)
        similar = client.get(f"/v1/listings/{item.id}/similar").json()
        assert [result["listing_id"] for result in similar["results"]] == [
            other.id for other in SOLD if other.id != item.id
        ]


def test_an_export_is_ingested_by_the_bulk_call(export: Path, client: TestClient[Litestar]) -> None:
    answer = client.post(
        "/v1/listings/bulk", files={"listings": (export.name, export.read_bytes())}, data={"fetch_photos": "true"}
    )
    job = ended(client, answer.json()["job_id"])
    assert (job["counts"]["listings_accepted"], job["counts"]["photos_embedded"]) == (2, 3)
    assert client.get(f"/v1/jobs/{job['job_id']}/rejects").text.count("\n") == 1, "the header alone"
    expect_listings(client, currency="EUR" if export.stem == "google" else None)


def test_an_export_is_ingested_by_the_command(
    lookalike: RunCommand, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    ran = lookalike("ingest", str(export), "--fetch-photos", "--preset", export.stem, "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["counts"]["photos_accepted"] == 3
    assert (tmp_path / "rejects.csv").read_text().count("\n") == 1
