"""The same photos in a folder, in an object store, and in a store of another kind: one contract.

With LOOKALIKE_TEST_S3_URL (`s3://key:secret@bucket/prefix?endpoint_override=host:port&scheme=http`) a server that
speaks S3 answers it too.
"""

from __future__ import annotations

import hashlib
import os
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from litestar.testing import TestClient

from db.photo_bytes.base import PhotoDamaged
from db.photo_bytes.folder import FolderPhotoStore
from db.photo_bytes.object_store import ObjectPhotoStore
from db.rows import photos
from services.cli.serve import build_app
from services.errors import BadInput, ServiceUnavailable
from services.ingest.pipeline.embedding import PhotoEmbedder
from services.resources import Resources
from services.settings import Settings
from tests.databases import copy_migrated_sqlite
from tests.worlds import ingest, marketplace

if TYPE_CHECKING:
    from pathlib import Path

    from db.photo_bytes.base import PhotoStore
    from ml.bundle.bundle import Bundle
    from tests.conftest import MakeJpeg

S3 = os.environ.get("LOOKALIKE_TEST_S3_URL", "")
NEEDS_S3 = pytest.mark.skipif(not S3, reason="LOOKALIKE_TEST_S3_URL names no server")
KINDS = ["folder", "memory", "file", pytest.param("s3", marks=NEEDS_S3)]
CONTENT = b"\xff\xd8\xff" + bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NOW, LONG = timedelta(0), timedelta(days=1)


def url(kind: str, folder: Path) -> str:
    """A place that nobody used before."""
    if kind == "s3":
        before, _, query = S3.partition("?")
        return f"{before}/{uuid4().hex}?{query}"
    return f"memory://{uuid4().hex}/photos" if kind == "memory" else f"file://{folder}/remote"


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> PhotoStore:
    cache = FolderPhotoStore(tmp_path / "photos")
    return cache if request.param == "folder" else ObjectPhotoStore(url(request.param, tmp_path), cache)


def test_a_stored_photo_is_read_back(store: PhotoStore) -> None:
    assert store.put(CONTENT) == SHA256
    assert store.read(SHA256) == CONTENT


def test_a_photo_can_be_stored_again(store: PhotoStore) -> None:
    store.put(CONTENT)
    assert store.put(CONTENT) == SHA256
    assert store.read(SHA256) == CONTENT


DAMAGES = [CONTENT[:-1], CONTENT[:100] + b"?" + CONTENT[101:], b""]


@pytest.mark.parametrize("damage", DAMAGES, ids=["cut off", "other byte", "empty"])
def test_storing_a_photo_again_repairs_a_damaged_file(store: PhotoStore, damage: bytes) -> None:
    store.put(CONTENT)
    store.local_path(SHA256).write_bytes(damage)  # in a folder the file itself, else the local copy
    if isinstance(store, ObjectPhotoStore):
        store._fs.pipe_file(store._place(SHA256), damage)
    assert not store.renew(SHA256)
    store.put(CONTENT)
    assert store.renew(SHA256)
    assert (store.read(SHA256), store.local_path(SHA256).read_bytes()) == (CONTENT, CONTENT)


@pytest.mark.parametrize("damage", DAMAGES, ids=["cut off", "other byte", "empty"])
def test_a_damaged_photo_is_not_read(store: PhotoStore, damage: bytes) -> None:
    store.put(CONTENT)
    if isinstance(store, ObjectPhotoStore):
        store._fs.pipe_file(store._place(SHA256), damage)
    else:
        store.local_path(SHA256).write_bytes(damage)
    with pytest.raises(PhotoDamaged, match=SHA256):
        store.read(SHA256)


def test_every_stored_photo_is_named(store: PhotoStore) -> None:
    assert list(store.names()) == []
    names = {store.put(bytes([number])) for number in range(3)}
    assert sorted(store.names()) == sorted(names)


def test_a_missing_photo_cannot_be_renewed(store: PhotoStore) -> None:
    assert not store.renew(SHA256)


def test_a_photo_is_downloaded_to_a_local_path(store: PhotoStore) -> None:
    store.put(CONTENT)
    assert store.local_path(SHA256).read_bytes() == CONTENT


def test_a_missing_photo_raises_file_not_found(store: PhotoStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.read(SHA256)


def test_a_deleted_photo_is_gone_and_can_be_deleted_and_stored_again(store: PhotoStore) -> None:
    store.put(CONTENT)
    store.delete(SHA256)
    store.delete(SHA256)
    with pytest.raises(FileNotFoundError):
        store.read(SHA256)
    store.put(CONTENT)
    assert store.read(SHA256) == CONTENT


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../../etc/passwd",
        "partial",
        SHA256.upper(),
        SHA256[:-1],
        f"{SHA256}0",
        f"{SHA256}/x",
        f"{SHA256}\n",
        f"/{SHA256[1:]}",
        "g" * 64,
        "０" * 64,
    ],
)
def test_a_name_that_is_not_a_sha256_is_refused(store: PhotoStore, name: str) -> None:
    for act in (store.read, store.local_path, store.delete):
        with pytest.raises(ValueError, match="64 lower-case hex digits"):
            act(name)


def test_unused_photos_are_swept_and_used_ones_stay(store: PhotoStore) -> None:
    store.put(CONTENT)
    unused = store.put(b"unused")
    assert store.sweep_unused(lambda names: {SHA256} & set(names), untouched_for=NOW) == 1
    assert store.read(SHA256) == CONTENT
    with pytest.raises(FileNotFoundError):
        store.read(unused)


def test_the_local_copy_of_an_unused_photo_is_swept_too(store: PhotoStore) -> None:
    store.put(CONTENT)
    copy = store.local_path(SHA256)
    store.sweep_unused(lambda _names: [], untouched_for=timedelta(seconds=-1))
    assert not copy.exists()


def test_recently_stored_photos_are_not_swept(store: PhotoStore) -> None:
    store.put(CONTENT)
    assert store.sweep_unused(lambda _names: set(), untouched_for=LONG) == 0
    assert store.read(SHA256) == CONTENT


def test_sweeping_an_empty_store_does_nothing(store: PhotoStore) -> None:
    assert store.sweep_unused(lambda _names: set(), untouched_for=NOW) == 0


def test_a_store_that_moves_files_leaves_no_temporary_files(tmp_path: Path) -> None:
    ObjectPhotoStore(f"file://{tmp_path}/remote", FolderPhotoStore(tmp_path / "cache")).put(CONTENT)
    assert [path.name for path in (tmp_path / "remote").rglob("*") if path.is_file()] == [SHA256]


def test_a_store_that_moves_files_removes_failed_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_arguments: object) -> None:
        raise OSError("no")

    store = ObjectPhotoStore(f"file://{tmp_path}/remote", FolderPhotoStore(tmp_path / "cache"))
    monkeypatch.setattr(type(store._fs), "mv", fails)
    with pytest.raises(ConnectionError, match=f"The photo store file://{tmp_path}/remote cannot be reached: no"):
        store.put(CONTENT)
    assert not [path for path in (tmp_path / "remote").rglob("*") if path.is_file()]


@NEEDS_S3
def test_an_unreachable_store_is_reported_without_its_secret(tmp_path: Path) -> None:
    away = "s3://key:secret@bucket/photos?endpoint_override=127.0.0.1:9&scheme=http&region=us-east-1"
    store = ObjectPhotoStore(away, FolderPhotoStore(tmp_path))
    with pytest.raises(ConnectionError, match="photo store s3://bucket/photos cannot be reached") as problem:
        store.read(SHA256)
    assert "secret" not in str(problem.value)


@pytest.mark.parametrize("kind", ["memory", pytest.param("s3", marks=NEEDS_S3)])
def test_listings_are_ingested_and_their_photos_served_from_an_object_store(
    kind: str, tiny_bundle: Bundle, jpeg: MakeJpeg, tmp_path: Path
) -> None:
    settings = Settings(
        _env_file=None, data_dir=tmp_path / "data", model=tiny_bundle.path, photos_url=url(kind, tmp_path), threads=2
    )
    copy_migrated_sqlite(tmp_path / "data" / "lookalike.sqlite")
    resources = Resources(settings)
    result = ingest(resources, marketplace(tmp_path / "shop", jpeg).inputs)
    assert result.summary.counts["photos_embedded"] == 12
    with TestClient(build_app(resources)) as client:
        assert client.get("/v1/photos/1").content == jpeg(0)
    assert not (tmp_path / "data" / "photos").exists()
    resources.close()


def test_photos_stay_pending_while_the_store_is_unreachable(
    tiny_bundle: Bundle, jpeg: MakeJpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_store: object, _sha256: str) -> bytes:
        raise ConnectionError("the photos cannot be reached")

    copy_migrated_sqlite(tmp_path / "data" / "lookalike.sqlite")
    settings = Settings(_env_file=None, data_dir=tmp_path / "data", threads=2)
    resources = Resources(settings)
    ingest(resources, marketplace(tmp_path / "shop", jpeg).inputs)
    embedder = PhotoEmbedder(
        resources.database, resources.photo_files, resources.open(tiny_bundle), limits=resources.photo_limits
    )
    monkeypatch.setattr(FolderPhotoStore, "read", away)
    for _ in range(10):
        with pytest.raises(ServiceUnavailable):
            embedder.embed_pending()
    with resources.database.read() as session:
        assert photos.state_counts(session) == {"pending": 12, "embedded": 0, "failed": 0, "set_aside": 0}
    resources.close()


@pytest.mark.parametrize("place", ["nothing://bucket", "s3://"])
def test_an_unsupported_store_url_is_refused(place: str, tmp_path: Path) -> None:
    resources = Resources(Settings(_env_file=None, data_dir=tmp_path, photos_url=place))
    with pytest.raises(BadInput, match="LOOKALIKE_PHOTOS_URL"):
        _ = resources.photo_files
