"""Uploads over the limit, and a full disk: requests are refused, and no data is lost or half-written."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from services.cli.serve import build_app
from services.resources import Resources
from services.settings import Settings
from tests.angles import add as add_listing
from tests.angles import angle, listing, world
from tests.waiting import ended
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

    from tests.conftest import MakeJpeg

LIMIT = 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    folder = tmp_path / "data"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def client(small_disk: Path) -> Iterator[TestClient[Litestar]]:
    resources = Resources(Settings(_env_file=None, data_dir=small_disk, threads=2, max_bulk_bytes=LIMIT * 4))
    with TestClient(build_app(resources), raise_server_exceptions=False) as client:
        yield client
    resources.close()


@pytest.fixture
def read_only_indexes(tmp_path: Path) -> Iterator[Resources]:
    """Two listings in indexes whose folder has become read-only."""
    folder = tmp_path / "world"
    with world(folder) as resources:
        add_listing(resources, listing("query"), [angle(0)])
        add_listing(resources, listing("near"), [angle(10)])
        resources.live.refresh()
        resources.live.persist()
    indexes = str(folder / "indexes")
    bound = subprocess.run(["mount", "--bind", indexes, indexes], check=False, capture_output=True)
    if bound.returncode:
        pytest.skip("a read-only folder needs root")
    subprocess.run(["mount", "-o", "remount,ro,bind", indexes], check=True)
    try:
        with resources_in(folder) as resources:
            yield resources
    finally:
        subprocess.run(["umount", "--lazy", indexes], check=True)


def test_a_read_only_disk_is_told_as_such_and_searches_go_on(read_only_indexes: Resources) -> None:
    resources = read_only_indexes
    with TestClient(build_app(resources), raise_server_exceptions=False) as client:
        found = client.get("/v1/listings/query/similar").json()
        assert [one["listing_id"] for one in found["results"]] == ["near"]
        assert "the disk is read-only" in client.get("/health/ready").json()["unavailable"]["qdrant"]
        job = ended(client, client.post("/v1/admin/consistency/repair").json()["job_id"])
    assert job["state"] == "failed"
    assert "faiss/photos_g1/lock: the disk is read-only. Mount it so that it can be written." in job["error"]


def add(client: TestClient[Litestar], listing_id: str, photo: bytes) -> int:
    form = {"listing_id": listing_id, "title": "Lamp", "category": "Home"}
    return client.post("/v1/listings", data=form, files=[("photos", ("a.jpg", photo))]).status_code


def fill(folder: Path) -> Path:
    """Fill the disk."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and "sqlite" not in str(path)}


def test_refuses_a_listing_on_a_full_disk_and_keeps_the_stored_data(
    client: TestClient[Litestar], small_disk: Path, jpeg: MakeJpeg
) -> None:
    assert add(client, "first", jpeg(1)) == 201
    filler = fill(small_disk)
    before = files(small_disk)
    assert add(client, "second", jpeg(2, width=400, height=300)) == 507
    assert files(small_disk) == before
    assert client.get("/v1/listings/first").json()["photos"][0]["photo_id"] == 1
    assert client.get("/v1/listings/second").status_code == 404
    filler.unlink()
    assert add(client, "second", jpeg(2, width=400, height=300)) == 201


def test_refuses_an_upload_on_a_full_disk_and_leaves_no_files(client: TestClient[Litestar], small_disk: Path) -> None:
    filler = fill(small_disk)
    listings = b"id,product_name,category,product_description,price,location\n" + b"x" * LIMIT
    answer = client.post("/v1/listings/bulk", files={"listings": ("listings.csv", listings)})
    assert (answer.status_code, answer.headers["content-type"]) == (507, "application/problem+json")
    assert files(small_disk) == {"filler"}
    filler.unlink()
    assert client.post("/v1/listings/bulk", files={"listings": ("listings.csv", listings)}).status_code == 202


@pytest.mark.parametrize("announced", [True, False], ids=["with its length", "in pieces"])
def test_refuses_an_upload_over_the_limit_and_leaves_no_files(
    client: TestClient[Litestar], small_disk: Path, announced: bool
) -> None:
    piece, sent = bytes(65536), []

    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="listings"; filename="a.csv"\r\n\r\n'
        for number in range(96):
            sent.append(number)
            yield piece
        yield b"\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    content = b"".join(body()) if announced else body()
    answer = client.post("/v1/listings/bulk", content=content, headers=headers)
    assert answer.status_code == 413
    assert files(small_disk) == set()
