"""Zip archives of photos, also damaged and hostile ones."""

from __future__ import annotations

import stat
import struct
import unicodedata
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

from services.errors import PhotoRejected
from services.ingest.photos.names import is_guess
from services.ingest.photos.sources import open_photos
from tests.unit.services.ingest.photos.photo_files import (
    PHOTOS,
    reason_of_rejection,
    zip_of,
    zip_of_raw_names,
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
    assert reason_of_rejection(path, "a.jpg") == "unsupported_compression"


def test_rejects_a_link_in_a_zip(tmp_path):
    path = tmp_path / "photos.zip"
    link = zipfile.ZipInfo("link.jpg")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert reason_of_rejection(path, "link.jpg") == "not_a_file"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_takes_names_that_are_utf8_as_such(tmp_path, form):
    names = ["t\u00fcr1.jpg", "\u6905\u5b50.jpg", "caf\u00e9/a.jpg"]
    path = zip_of_raw_names(tmp_path, {unicodedata.normalize(form, name).encode(): name.encode() for name in names})
    with open_photos(path) as photos:
        found = [photos.find(name) or "" for name in names]
        assert [photos.read(name).decode() for name in found] == names
    assert not any(map(is_guess, names, found))


@pytest.mark.parametrize(
    ("name", "code_page"),
    [("t\u00fcr.jpg", "cp437"), ("\u00a9 \u00f8.jpg", "cp850"), ("\u201et\u00fcr.jpg", "cp1252"),
     ("\u0441\u0442\u0443\u043b.jpg", "cp866"), ("\u6905\u5b50.jpg", "cp932"), ("\u6905\u5b50.jpg", "gbk")],
)  # fmt: skip
def test_finds_names_in_the_code_pages_of_windows(tmp_path, name, code_page):
    path = zip_of_raw_names(tmp_path, {name.encode(code_page): b"photo", b"other.jpg": b"other"})
    with open_photos(path) as photos:
        assert photos.read(photos.find(name) or "") == b"photo"


def test_takes_the_name_of_the_unicode_path_field(tmp_path):
    written, name = b"t?r.jpg", "t\u00fcr.jpg"
    content = struct.pack("<BL", 1, zlib.crc32(written)) + name.encode()
    extra = struct.pack("<HH", 0x7075, len(content)) + content
    with open_photos(zip_of_raw_names(tmp_path, {written: b"photo"}, extra=extra)) as photos:
        assert photos.find(name) == name
        assert photos.read(name) == b"photo"


def test_ignores_a_unicode_path_field_of_another_name(tmp_path):
    content = struct.pack("<BL", 1, 7) + b"b.jpg"
    extra = struct.pack("<HH", 0x7075, len(content)) + content
    with open_photos(zip_of_raw_names(tmp_path, {b"a.jpg": b"photo"}, extra=extra)) as photos:
        assert (photos.find("a.jpg"), photos.find("b.jpg")) == ("a.jpg", None)


def test_reads_names_with_backslashes(tmp_path):
    with open_photos(zip_of_raw_names(tmp_path, {b"photos\\": b"", b"photos\\a.jpg": b"photo"})) as photos:
        assert photos.read(photos.find("photos/a.jpg") or "") == b"photo"


@pytest.mark.parametrize(("method", "name"), [(9, "Deflate64"), (93, "Zstandard"), (99, "AES"), (77, "method 77")])
def test_names_the_compression_that_it_cannot_read(tmp_path, method, name):
    path = zip_of(tmp_path, PHOTOS)
    overwrite_fields(path, b"PK\x01\x02", offset=10, value=struct.pack("<H", method))
    with open_photos(path) as photos, pytest.raises(PhotoRejected, match=name):
        photos.read("a.jpg")


def overwrite_fields(path: Path, signature: bytes, *, offset: int, value: bytes) -> None:
    """Overwrite a field of every record with this signature, including the folder's own record."""
    content = bytearray(path.read_bytes())
    at = content.find(signature)
    while at >= 0:
        content[at + offset : at + offset + len(value)] = value
        at = content.find(signature, at + 4)
    path.write_bytes(content)
