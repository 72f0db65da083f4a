"""After `db tidy --erase`, no file of the data directory has anything of a deleted listing."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from litestar.testing import TestClient
from sqlmodel import select

from db.compaction import rewrite
from db.models import Embedding, Photo
from db.rows import jobs
from ml.bundle.manifest import MANIFEST
from ml.sample import MODEL
from services.cli.serve import build_app
from services.ingest.jobs.erase import NotErased, erase
from services.ingest.pipeline.reindex import reindex
from tests.databases import new_database
from tests.waiting import wait_for
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.commands import RunCommand
    from tests.conftest import MakeJpeg

FORM = {
    "listing_id": "zqid0001",
    "title": "zqtitle0002",
    "description": "zqdescription0003",
    "category": "zqparent0004 / zqcategory0005",
    "location": "zqplace0006, zqregion0007",
    "seller": "zqseller0008",
    "url": "https://shop.example/zqurl0009",
    "attributes": '{"zqname0010": "zqvalue0011"}',
}
FEED = (
    b"id,product_name,category,product_description,price,location\n"
    b"zqfeed0012,zqfeedtitle0013,zqfeedcategory0014,zqtext0015,\xc2\xa35,zqplace0017\n"
    b",zqrejected0018,Home,zqrejectedtext0019,zqprice0016,Delph\n"
)
WORD = re.compile(rb"zq[a-z]+00\d\d")


@pytest.fixture
def resources(tmp_path: Path, tiny_bundle: Bundle, live_data: Path) -> Iterator[Resources]:
    with resources_in(tmp_path / "data", model=tiny_bundle, like=live_data) as opened:
        yield opened


def plant_and_delete(resources: Resources, jpeg: MakeJpeg) -> list[bytes]:
    """Add listings by a form and a feed, with a kept one, then delete them; return bytes of the photo and vectors."""
    with TestClient(build_app(resources)) as client:
        added = client.post(
            "/v1/listings", data=FORM, files={"photos": ("zqphoto0020.jpg", jpeg(seed=1), "image/jpeg")}
        )
        assert added.status_code == 201, added.text
        kept = {"listing_id": "kept", "title": "Kept", "category": "Home"}
        client.post("/v1/listings", data=kept, files={"photos": ("kept.jpg", jpeg(seed=2), "image/jpeg")})
        job = client.post("/v1/listings/bulk", files={"listings": ("zqfile0021.csv", FEED)}).json()["job_id"]
        wait_for(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "succeeded")
        wait_for(lambda: client.get("/v1/listings/zqid0001/similar").status_code == 200)
        planted = traces(resources)
        client.get("/v1/listings", params={"seller": "zqseller0008"})
        resources.live.persist()
        assert client.delete("/v1/listings/zqid0001").status_code == 204
        assert client.delete("/v1/listings", params={"listing_id": "zqfeed0012", "expected": 1}).status_code == 200
    reindex(resources)
    return planted


def traces(resources: Resources) -> list[bytes]:
    """Bytes of the photo and of its vector, as float16 and as float32."""
    with resources.database.read() as session:
        photo = session.exec(select(Photo).where(Photo.listing_id == "zqid0001")).one()
        vector = session.exec(select(Embedding.vector).where(Embedding.photo_id == photo.id)).one()
    content = resources.photo_files.read(photo.sha256)
    single = np.frombuffer(vector, np.float16).astype(np.float32)
    unit = single / np.linalg.norm(single)
    middle = len(content) // 2
    found = [
        content[middle : middle + 50],
        vector[:16],
        single[:4].tobytes(),
        unit[:4].tobytes(),
        photo.sha256.encode(),
    ]
    assert all(len(trace) >= 16 for trace in found)
    return found


def found_in(folder: Path, planted: list[bytes]) -> dict[str, set[bytes]]:
    """Which words, in UTF-8 or UTF-16, and which traces each file has, in its name too."""
    found = {}
    for path in folder.rglob("*"):
        content = path.name.encode() + (path.read_bytes() if path.is_file() else b"")
        words = WORD.findall(content.translate(None, delete=b"\0").lower())
        if traces := {*words, *(trace for trace in planted if trace in content)}:
            found[str(path.relative_to(folder))] = traces
    return found


def test_erasing_leaves_no_word_photo_or_vector_of_deleted_listings(resources: Resources, jpeg: MakeJpeg) -> None:
    planted = plant_and_delete(resources, jpeg)
    folder = resources.settings.data_dir
    assert len({trace for traces in found_in(folder, planted).values() for trace in traces}) > 20  # it can fail
    erase(resources)
    assert found_in(folder, planted) == {}
    resources.live.refresh()
    with TestClient(build_app(resources)) as client:
        assert client.get("/v1/listings/kept/similar").status_code == 200
        assert client.get("/v1/listings/kept").json()["title"] == "Kept"
    resources.close()
    assert found_in(folder, planted) == {}


def test_erasing_waits_for_no_unfinished_job(resources: Resources) -> None:
    with resources.database.write() as session:
        job_id = jobs.create_job(session, "reindex", {})
    with pytest.raises(NotErased, match=f"job {job_id} .* is not finished"):
        erase(resources)


def test_erasing_removes_interrupted_trainings_and_names_the_models_that_name_deleted_listings(
    resources: Resources, tiny_bundle: Bundle
) -> None:
    models = resources.models.folder
    for name in ("run-0123456789ab", "new-01234567"):
        (models / name).mkdir()
        (models / name / "pixels.npy").write_bytes(b"photos")
    named = models / "old"
    shutil.copytree(tiny_bundle.path, named)
    manifest = json.loads((named / MANIFEST).read_text())
    split = {"seed": 1, "validation_share": 0.1, "held_out_share": 0.1, "train": ["gone"]}
    (named / MANIFEST).write_text(json.dumps(manifest | {"split": split | {"validation": [], "held_out": []}}))
    assert erase(resources).models == (named,)
    assert [path.name for path in models.iterdir() if path.name.startswith(("run-", "new-"))] == []


def test_erasing_does_not_name_the_shipped_model(resources: Resources) -> None:
    shutil.copytree(MODEL, resources.models.folder / "shipped")
    assert erase(resources).models == ()


@pytest.mark.postgres
def test_postgresql_is_rewritten_too(tmp_path: Path) -> None:
    with new_database("postgresql", tmp_path) as database:
        with database.write() as session:
            jobs.create_job(session, "reindex", {})
        rewrite(database)
        with database.read() as session:
            assert len(jobs.unfinished_jobs(session)) == 1


def test_the_command_says_to_stop_the_server(
    resources: Resources, lookalike: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources.live.refresh()  # as a server does
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(resources.settings.data_dir))
    told = lookalike("db", "tidy", "--erase")
    assert (told.code, "Stop the server and workers" in told.err) == (1, True)
    resources.close()
    assert lookalike("db", "tidy", "--erase").code == 0
