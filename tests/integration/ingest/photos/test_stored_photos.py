"""What is stored of a photo, and what is told about it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from db.rows import jobs, photos
from ml.photos.decode import inspect
from tests.photos.files import encode, picture, with_segment
from tests.unit.ml.photos.test_metadata import COORDINATES, SECRET, exif, has_secrets, jpeg_with_secrets
from tests.worlds import Marketplace, ingest, listing_row, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.models import Photo
    from ml.bundle.bundle import Bundle
    from services.resources import Resources


@pytest.fixture
def shop(tmp_path: Path) -> Marketplace:
    """One listing with one photo, which the tests write."""
    made = Marketplace(tmp_path / "shop")
    (made.folder / "photos").mkdir(parents=True)
    made.write_listings([listing_row(0)])
    made.write_photo_table([("photo", "listing-0")])
    return made


@pytest.fixture
def resources(tmp_path: Path, tiny_bundle: Bundle, live_data: Path) -> Iterator[Resources]:
    with resources_in(tmp_path / "data", model=tiny_bundle, like=live_data) as opened:
        yield opened


def the_photo(resources: Resources) -> tuple[Photo, bytes]:
    with resources.database.read() as session:
        (row,) = photos.photos_of(session, ["listing-0"])
    return row, resources.photo_files.read(row.sha256)


def test_a_photo_is_stored_without_its_private_data(resources: Resources, shop: Marketplace) -> None:
    content = jpeg_with_secrets(orientation=6)
    shop.write_photo("photo", content)
    assert ingest(resources, shop.inputs).summary.counts["photos_embedded"] == 1
    row, stored = the_photo(resources)
    assert has_secrets(content)
    assert not has_secrets(stored)
    assert (row.width, row.height, row.size_bytes) == (40, 48, len(stored))
    assert row.original_sha256 == hashlib.sha256(content).hexdigest() != row.sha256


def test_no_file_of_the_data_folder_keeps_private_data(resources: Resources, shop: Marketplace) -> None:
    shop.write_photo("photo", jpeg_with_secrets())
    ingest(resources, shop.inputs)
    for file in resources.settings.data_dir.rglob("*"):
        if file.is_file():
            assert not any(part in file.read_bytes() for part in (SECRET, *COORDINATES)), file


@pytest.mark.parametrize("image_format", ["HEIF", "AVIF", "TIFF"])
def test_a_photo_in_a_format_that_browsers_may_not_show_is_stored_as_jpeg(
    resources: Resources, shop: Marketplace, image_format: str
) -> None:
    shop.write_photo("photo", encode(picture(96, 64), image_format, exif=exif()))
    ingest(resources, shop.inputs)
    row, stored = the_photo(resources)
    assert (row.format, inspect(stored).format, row.width, row.height) == ("JPEG", "JPEG", 96, 64)
    assert ingest(resources, shop.inputs).summary.counts["photos_unchanged"] == 1


def test_the_operator_may_keep_the_original_files(resources: Resources, shop: Marketplace) -> None:
    content = jpeg_with_secrets()
    shop.write_photo("photo", content)
    resources.settings.keep_original_photos = True
    ingest(resources, shop.inputs)
    row, stored = the_photo(resources)
    assert stored == content
    assert row.sha256 == row.original_sha256


def test_an_original_is_cleaned_when_it_is_ingested_again_and_not_embedded_again(
    resources: Resources, shop: Marketplace
) -> None:
    shop.write_photo("photo", jpeg_with_secrets())
    resources.settings.keep_original_photos = True
    ingest(resources, shop.inputs)
    resources.settings.keep_original_photos = False
    counts = ingest(resources, shop.inputs).summary.counts
    assert (counts["photos_unchanged"], counts["photos_embedded"]) == (1, 0)
    assert not has_secrets(the_photo(resources)[1])


def test_a_cut_off_photo_is_embedded_flagged_and_told(resources: Resources, shop: Marketplace) -> None:
    shop.write_photo("photo", encode(picture(160, 120), "JPEG")[:-2])
    result = ingest(resources, shop.inputs)
    assert (result.summary.counts["photos_embedded"], result.summary.warnings) == (1, {"incomplete_photo": 1})
    assert the_photo(resources)[0].flags == ["incomplete_photo"]
    with resources.database.read() as session:
        (warning,) = jobs.warnings_of(session, result.summary.job_id)
    assert (warning.file, warning.line, warning.record_id, warning.field) == ("photo.jpg", 0, "photo", "photo")
    assert "listing-0" in warning.before


def test_a_photo_that_is_damaged_inside_is_embedded_flagged_and_told(resources: Resources, shop: Marketplace) -> None:
    content = encode(picture(160, 120), "JPEG")
    shop.write_photo("photo", content[:-600] + content[-300:])
    result = ingest(resources, shop.inputs)
    assert (result.summary.counts["photos_embedded"], result.summary.warnings) == (1, {"damaged_photo": 1})
    assert the_photo(resources)[0].flags == ["damaged_photo"]


def test_a_photo_that_is_whole_again_loses_its_flag(resources: Resources, shop: Marketplace) -> None:
    content = encode(picture(160, 120), "JPEG")
    shop.write_photo("photo", content[:-2])
    ingest(resources, shop.inputs)
    shop.write_photo("photo", content)
    result = ingest(resources, shop.inputs)
    assert (result.summary.warnings, the_photo(resources)[0].flags) == ({}, [])


def test_a_photo_whose_metadata_alone_changed_costs_no_other_file(resources: Resources, shop: Marketplace) -> None:
    plain = encode(picture(160, 120), "JPEG")
    shop.write_photo("photo", plain)
    ingest(resources, shop.inputs)
    before = the_photo(resources)[0].sha256
    shop.write_photo("photo", with_segment(plain, 0xFE, b"downloaded on Monday"))
    ingest(resources, shop.inputs)
    assert the_photo(resources)[0].sha256 == before
