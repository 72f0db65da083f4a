"""A photo that comes again is recognised by its bytes, and its stored file repaired."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from db.photo_bytes.folder import FolderPhotoStore
from db.rows import photos
from ml.photos.opening import PhotoLimits
from services.ingest.loading import photo_loader
from services.ingest.pipeline.changes import ListingChanges
from services.ingest.pipeline.listing_input import ListingInput
from tests.faults.test_many_writers import Bytes
from tests.integration.ingest.loading.feeds import row
from tests.photos.files import encode, picture
from tests.unit.ml.photos.test_metadata import exif

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.ingest.loading.feeds import ShopFeed


def stored_file(feed: ShopFeed) -> Path:
    with feed.resources.database.read() as session:
        (photo,) = photos.photos_of(session, ["1"])
    return feed.resources.photo_files.local_path(photo.sha256)


def damaged(content: bytes, damage: str) -> bytes:
    return content[:-50] if damage == "cut off" else content[:300] + bytes([content[300] ^ 1]) + content[301:]


@pytest.mark.parametrize("keeps_originals", [False, True])
def test_an_unchanged_photo_is_not_decoded_and_stored_again(
    feed: ShopFeed, monkeypatch: pytest.MonkeyPatch, keeps_originals: bool
) -> None:
    feed.resources.settings.keep_original_photos = keeps_originals
    feed.photo("p1", encode(picture(96, 64), "HEIF", exif=exif()))
    feed.load([row("1", "p1")])
    before = stored_file(feed)
    monkeypatch.setattr(photo_loader, "clean_photo", lambda *_: pytest.fail("decoded again"))
    monkeypatch.setattr(FolderPhotoStore, "put", lambda *_: pytest.fail("stored again"))
    assert feed.load([row("1", "p1")]).photos("accepted", "unchanged") == [1, 1]
    assert stored_file(feed) == before


def test_an_unchanged_photo_is_refused_once_the_limits_do_not_allow_it(
    feed: ShopFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.load([row("1", "p1")])
    monkeypatch.setitem(vars(feed.resources), "photo_limits", PhotoLimits(max_pixels=100))
    loaded = feed.load([row("1", "p1")])
    assert [one.reason for one in loaded.rejects] == ["too_many_pixels"]


@pytest.mark.parametrize("image_format", ["JPEG", "HEIF"])
@pytest.mark.parametrize("damage", ["missing", "cut off", "other byte"])
def test_the_same_photo_repairs_its_stored_file(feed: ShopFeed, image_format: str, damage: str) -> None:
    feed.photo("p1", encode(picture(96, 64), image_format, exif=exif()))
    feed.load([row("1", "p1")])
    file = stored_file(feed)
    stored = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(damaged(stored, damage))
    assert feed.load([row("1", "p1")]).photos("unchanged") == [1]
    assert file.read_bytes() == stored


def test_a_put_of_the_same_photo_repairs_its_stored_file(feed: ShopFeed) -> None:
    changes = ListingChanges(feed.resources, on_written=lambda: None)
    inputs = [Bytes("photo.jpg", encode(picture(96, 64), "JPEG"))]
    changes.put("1", ListingInput("Chair", "Home"), inputs)
    file = stored_file(feed)
    stored = file.read_bytes()
    file.write_bytes(damaged(stored, "other byte"))
    assert changes.put("1", ListingInput("Chair", "Home"), inputs).outcome == "unchanged"
    assert file.read_bytes() == stored
