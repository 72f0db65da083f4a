"""`lookalike verify` finds broken photo files and engines that disagree, and repairs what it can."""

from __future__ import annotations

import json
from hashlib import sha256
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest

from db.rows import photos
from db.rows.photos import PhotoSet, StoredPhoto
from db.vectors.qdrant.edge import QdrantEdgeIndex
from ml.photos.clean import clean_photo
from services.ingest.photos.file_check import FileState, check_files, fetch_broken
from tests.sites import running_site
from tests.truth import LAMP, add_listings
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.vectors.base import Hit
    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.commands import RunCommand
    from tests.conftest import MakeJpeg


@pytest.fixture
def lookalike(lookalike: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunCommand:
    """Runs a `lookalike` command on the data of `shop`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(tmp_path / "data"))
    return lookalike


@pytest.fixture
def shop(tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg) -> list[Path]:
    """Four photos of two listings, closed again; returns the photo files in id order."""
    with resources_in(tmp_path / "data", model=tiny_bundle) as resources:
        ingest(resources, marketplace(tmp_path / "shop", jpeg, count=2).inputs)
        with resources.database.read() as session:
            return [resources.photo_files.local_path(row.sha256) for row in photos.photos_after(session, -1, 10)]


def test_verify_photos_counts_missing_damaged_and_unused_files(lookalike: RunCommand, shop: list[Path]) -> None:
    code, out, _ = lookalike("verify", "--photos", "--json")
    assert (code, json.loads(out)) == (0, {"photos": 4, "broken": [], "unused_files": 0, "fetched": 0})
    shop[0].unlink()
    shop[1].write_bytes(shop[1].read_bytes()[:-1])
    content = bytearray(shop[2].read_bytes())
    content[-1] ^= 1
    shop[2].write_bytes(content)
    (shop[3].parent / "foreign.jpg").write_bytes(b"foreign")
    code, out, error = lookalike("verify", "--photos", "--json")
    found = json.loads(out)
    assert code == 1
    assert [(one["photo_id"], one["state"]) for one in found["broken"]] == [
        (1, "missing"),
        (2, "damaged"),
        (3, "damaged"),
    ]
    assert (found["photos"], found["unused_files"]) == (4, 1)
    assert "3 photos without an intact file" in error
    assert "Send the photos of 2 listings again" in error
    code, out, _ = lookalike("verify", "--photos")
    assert code == 1
    assert "listing-0" in out


@pytest.fixture
def fetched(tmp_path: Path, jpeg: MakeJpeg) -> Iterator[tuple[Resources, dict[str, bytes]]]:
    """Two photos that came from URLs, and what the site has at each path."""
    with running_site() as site, resources_in(tmp_path / "data") as resources:
        resources.settings.fetch_allow = (ip_network("127.0.0.0/8"),)
        add_listings(resources.database, LAMP)
        stored = []
        for number in (1, 2):
            content = site.photos[f"/{number}.jpg"] = jpeg(seed=number)
            kept = clean_photo(content, resources.photo_limits)
            name, url = resources.photo_files.put(kept), f"{site.url}/{number}.jpg"
            original = sha256(content).hexdigest()
            stored.append(StoredPhoto("lamp", f"p{number}", url, name, "JPEG", len(kept), 40, 30, original))
        with resources.database.write() as session:
            photos.register_photos(session, [PhotoSet("lamp", stored)])
        yield resources, site.photos


def test_broken_photos_are_fetched_again_if_their_url_still_has_them(
    fetched: tuple[Resources, dict[str, bytes]], jpeg: MakeJpeg
) -> None:
    resources, site = fetched
    with resources.database.read() as session:
        files = [resources.photo_files.local_path(row.sha256) for row in photos.photos_of(session, ["lamp"])]
    for file in files:
        file.write_bytes(b"")
    site["/2.jpg"] = jpeg(seed=9)
    broken = check_files(resources).broken
    assert [one.state for one in broken] == [FileState.DAMAGED] * 2
    assert fetch_broken(resources, broken) == 1
    assert [one.photo_id for one in check_files(resources).broken] == [broken[1].photo_id]


def test_verify_queries_fails_if_the_engines_disagree(
    lookalike: RunCommand, shop: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lookalike("verify", "--queries", "2").code == 0
    search = QdrantEdgeIndex.search

    def worst(index: QdrantEdgeIndex, *asked: Any, **how: Any) -> list[Hit]:
        return search(index, *asked, **how)[1:]

    monkeypatch.setattr(QdrantEdgeIndex, "search", worst)
    code, _, error = lookalike("verify", "--queries", "2")
    assert code == 1
    assert "FAISS and Qdrant give different answers under these filters: none, category" in error
    assert "`lookalike reindex`" in error
