"""The options of a bulk call: its column mapping, and how its files are ingested."""

from __future__ import annotations

import io
from dataclasses import fields
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import pytest

from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.loading.inputs import IngestOptions
from services.ingest.pipeline.uploads import UploadedFile, find_upload, store_uploads
from tests.waiting import ended

if TYPE_CHECKING:
    from pathlib import Path

    from litestar import Litestar
    from litestar.testing import TestClient

    from services.resources import Resources
    from tests.conftest import MakeJpeg

MAPPING = '[listings]\nid = "sku"\ntitle = "name"\ndescription = ""\nprice = ""\nlocation = ""\n'
LISTINGS = b"sku,name,category\nL-1,Desk,Home\n"

NOT_DEFAULT = IngestOptions(
    columns=Columns(ListingColumns(id="sku")),
    preset="google",
    fetch_photos=True,
    keep_photos=True,
    keep_unpriced=True,
    seller="shop-7",
    sync=True,
    dry_run=True,
    max_removed=0.5,
    mark_sold=True,
)


def post(client: TestClient[Litestar], listings: bytes = LISTINGS, **parts: Any) -> Any:
    files = {name: part for name, part in parts.items() if isinstance(part, tuple)}
    texts = {name: part for name, part in parts.items() if not isinstance(part, tuple)}
    return client.post("/v1/listings/bulk", files={"listings": ("shop.csv", listings), **files}, data=texts)


def test_the_options_of_an_upload_are_read_back(tmp_path: Path) -> None:
    changed = [field.name for field in fields(IngestOptions) if getattr(NOT_DEFAULT, field.name) == field.default]
    assert changed == [], "every option differs from its default"
    stored = store_uploads(tmp_path, {"listings": UploadedFile("a.csv", io.BytesIO(LISTINGS))}, NOT_DEFAULT)
    assert find_upload(tmp_path, stored.name).options == NOT_DEFAULT


def test_an_upload_of_an_earlier_version_has_the_default_options(tmp_path: Path) -> None:
    stored = store_uploads(tmp_path, {"listings": UploadedFile("a.csv", io.BytesIO(LISTINGS))}, NOT_DEFAULT)
    (tmp_path / stored.name / "options.json").unlink()
    assert find_upload(tmp_path, stored.name).options == IngestOptions()


@pytest.mark.parametrize("mapping", [MAPPING, ("columns.toml", MAPPING.encode())], ids=["text", "file"])
def test_a_bulk_call_maps_its_columns(client: TestClient[Litestar], mapping: object) -> None:
    job = ended(client, post(client, columns=mapping).json()["job_id"])
    assert (job["state"], job["counts"]["listings_accepted"]) == ("succeeded", 1)
    assert client.get("/v1/listings/L-1").json()["title"] == "Desk"


def test_a_bulk_call_fetches_photos_only_when_told(client: TestClient[Litestar]) -> None:
    listings = b"sku,name,category,picture\nL-1,Desk,Home,http://127.0.0.1:9/a.jpg\n"
    mapping = MAPPING + 'photos = "picture"\n'
    for options, reason in (({}, "not_fetched"), ({"fetch_photos": "true"}, "forbidden_address")):
        job_id = ended(client, post(client, listings, columns=mapping, **options).json()["job_id"])["job_id"]
        assert reason in client.get(f"/v1/jobs/{job_id}/rejects").text


def test_a_photo_table_may_have_any_table_format(client: TestClient[Litestar]) -> None:
    listings = b"id,product_name,category,product_description,price,location\nL-1,Desk,Home,,,\n"
    table = ("photos.tsv", b"id\tproduct_id\nhttp://127.0.0.1:9/a.jpg\tL-1\n")
    job = ended(client, post(client, listings, photos_table=table, fetch_photos="true").json()["job_id"])
    assert (job["state"], job["counts"]["photos_read"]) == ("succeeded", 1)


WRONG_PARTS: list[tuple[dict[str, Any], str, str]] = [
    ({"colums": "x"}, "colums", "fetch_photos"),
    ({"max_removed": "20%"}, "max_removed", "mode=sync"),
    ({"mark_sold": "true"}, "mark_sold", "mode=sync"),
    ({"mode": "replace"}, "mode", "sync"),
    ({"fetch_photos": "maybe"}, "fetch_photos", "bool"),
    ({"photos_table": ("photos.csv", b"id,product_id\n")}, "photos_table", "fetch_photos=true"),
    ({"columns": "x" * 100_001}, "columns", "100000 bytes"),
]


def test_refuses_unknown_and_contradictory_parts(client: TestClient[Litestar], resources: Resources) -> None:
    for parts, key, message in WRONG_PARTS:
        answer = post(client, **parts)
        assert answer.status_code == 400, parts
        problem = answer.json()["errors"][0]
        assert problem["key"].removeprefix("data.") == key
        assert message in problem["message"]
    assert not list(resources.uploads.glob("*"))


UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({"columns": "[listings"}, "columns: is not TOML"),
    ({"columns": '[listings]\nname = "x"'}, "unknown field of [listings] 'name'"),
    ({"preset": "amazone"}, "There is no preset 'amazone'. Use one of"),
    ({"mode": "sync", "max_removed": "200%"}, "'200%' is not a share"),
]


def test_refuses_options_that_cannot_be_used(client: TestClient[Litestar]) -> None:
    for parts, message in UNUSABLE:
        answer = post(client, **parts)
        assert (answer.status_code, message in answer.json()["detail"]) == (400, True), parts


def test_an_idempotency_key_holds_for_the_same_options_only(client: TestClient[Litestar]) -> None:
    def send(**options: str) -> Any:
        return client.post(
            "/v1/listings/bulk",
            files={"listings": ("shop.csv", LISTINGS)},
            data=options,
            headers={"Idempotency-Key": "monday"},
        )

    first, again, other = send(columns=MAPPING), send(columns=MAPPING), send(columns=MAPPING, keep_unpriced="true")
    assert first.json() == again.json()
    assert other.status_code == 409


def preview(client: TestClient[Litestar], name: str, listings: bytes, **parts: str) -> Any:
    return client.post("/v1/listings/bulk/preview", files={"listings": (name, listings)}, data=parts)


def test_a_preview_shows_records_and_writes_nothing(client: TestClient[Litestar], resources: Resources) -> None:
    answer = preview(client, "shop.csv", LISTINGS + b"L-2,,Home\n", columns=MAPPING)
    assert answer.status_code == 200
    seen = answer.json()
    assert seen["fields"][0] == {"name": "id", "columns": ["sku"], "sample": "L-1"}
    first, second = seen["records"]
    assert (first["outcome"], first["listing"]["title"], first["listing"]["category_path"]) == (
        "accepted", "Desk", ["Home"],
    )  # fmt: skip
    assert (second["outcome"], second["listing"], second["reason"]) == ("joined", None, "missing_title")
    assert client.get("/v1/listings/L-1").status_code == 404
    assert list(resources.uploads.glob("*")) == []


def test_a_preview_suggests_a_mapping(client: TestClient[Litestar]) -> None:
    seen = preview(client, "shop.csv", LISTINGS).json()
    assert seen["problem"].startswith("shop.csv: columns 'id'")
    assert 'title = "name"' in seen["suggestion"]


def test_a_preview_of_no_table_is_refused_with_the_clients_file_name(client: TestClient[Litestar]) -> None:
    answer = preview(client, "shop.parquet", b"no table")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("shop.parquet: ")


def test_the_three_exports_are_ingested_without_a_mapping(client: TestClient[Litestar]) -> None:
    exports = {
        "shop.csv": b"Handle,Title,Type,Variant Price,Image Src,Status\nsh,Mug,Mugs,12.50,,active\nsh,,,,,\n",
        "woo.csv": b"ID,Type,SKU,Name,Published,Regular price,Categories,Images\n7,simple,W,Lamp,1,5,Home > Lamps,\n",
        "google.txt": b"id\ttitle\tlink\timage_link\tprice\tproduct_type\ng1\tDesk\t\t\t9 EUR\tDesks\n",
    }
    for (name, content), listing_id in zip(exports.items(), ("sh", "7", "g1"), strict=True):
        answer = client.post("/v1/listings/bulk", files={"listings": (name, content)})
        job = ended(client, answer.json()["job_id"])
        assert (job["state"], job["counts"]["listings_accepted"], job["warnings"]["preset_chosen"]) == (
            "succeeded",
            1,
            1,
        )
        assert client.get(f"/v1/listings/{listing_id}").status_code == 200


def test_a_job_tells_that_photos_were_sent_and_no_listing_uses_one(
    client: TestClient[Litestar], jpeg: MakeJpeg
) -> None:
    packed = io.BytesIO()
    with ZipFile(packed, "w") as photos:
        photos.writestr("a.jpg", jpeg())
    answer = post(client, columns=MAPPING, photos=("photos.zip", packed.getvalue()))
    job = ended(client, answer.json()["job_id"])
    assert (job["state"], job["counts"]["photos_read"], job["warnings"]) == ("succeeded", 0, {"no_photo_used": 1})
    assert 'photos.zip,"shop.csv names no photo' in client.get(f"/v1/jobs/{job['job_id']}/warnings").text
