"""Zip archives of photos, also damaged and hostile ones."""

from __future__ import annotations

import stat
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest

from services.ingest.photos.sources import open_photos
from tests.unit.services.ingest.photos.photo_files import (
    PHOTOS,
    reason_of_rejection,
    zip_of,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_rejects_an_encrypted_zip_member(tmp_path):
    path = zip_of(tmp_path, PHOTOS)
    overwrite_fields(path, b"PK\x01\x02", offset=8, value=struct.pack("<H", 1))
    assert reason_of_rejection(path, "a.jpg") == "encrypted"


def test_rejects_a_zip_bomb_at_the_size_limit(tmp_path):
    path = zip_of(tmp_path, {"bomb.jpg": bytes(50_000_000)})
    assert path.stat().st_size < 60_000
    assert reason_of_rejection(path, "bomb.jpg", max_bytes=1_000_000) == "too_large"


def test_rejects_a_zip_member_larger_than_its_header_says(tmp_path):
    path = zip_of(tmp_path, {"bomb.jpg": bytes(50_000)})
    overwrite_fields(path, b"PK\x01\x02", offset=24, value=struct.pack("<I", 10))
    assert reason_of_rejection(path, "bomb.jpg") == "damaged_member"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_rejects_a_damaged_zip_member_and_reads_the_others(tmp_path, method):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("bad.jpg", bytes(range(256)))
        archive.writestr("good.jpg", b"fine")
    content = bytearray(path.read_bytes())
    content[50:90] = b"\xff" * 40
    path.write_bytes(content)
    assert reason_of_rejection(path, "bad.jpg") == "damaged_member"
    with open_photos(path) as photos:
        assert photos.read("good.jpg") == b"fine"


def test_rejects_a_zip_member_with_unknown_compression(tmp_path):
    path = zip_of(tmp_path, PHOTOS)
    overwrite_fields(path, b"PK\x01\x02", offset=10, value=struct.pack("<H", 98))
    assert reason_of_rejection(path, "a.jpg") == "damaged_member"


def test_rejects_a_link_in_a_zip(tmp_path):
    path = tmp_path / "photos.zip"
    link = zipfile.ZipInfo("link.jpg")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert reason_of_rejection(path, "link.jpg") == "not_a_file"


def overwrite_fields(path: Path, signature: bytes, *, offset: int, value: bytes) -> None:
    """Overwrite a field of every record with this signature, including the folder's own record."""
    content = bytearray(path.read_bytes())
    at = content.find(signature)
    while at >= 0:
        content[at + offset : at + offset + len(value)] = value
        at = content.find(signature, at + 4)
    path.write_bytes(content)
