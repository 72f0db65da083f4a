"""Tar archives of photos, also damaged and hostile ones."""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from typing import TYPE_CHECKING

import pytest

from services.errors import ListingsFileError, PhotoRejected
from services.ingest.photos.sources import open_photos
from tests.unit.services.ingest.photos.photo_files import (
    PHOTOS,
    add_member,
    reason_of_rejection,
    tar_gz_of,
    tar_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "a.jpg"),
        (tarfile.CHRTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_rejects_links_devices_and_pipes_in_a_tar(tmp_path, kind, target):
    path = tmp_path / "photos.tar"
    with tarfile.open(path, "w") as archive:
        add_member(archive, "a.jpg", b"x")
        add_member(archive, "odd.jpg", type=kind, linkname=target)
    assert reason_of_rejection(path, "odd.jpg") == "not_a_file"


def test_the_last_of_several_tar_members_with_one_name_counts(tmp_path):
    path = tmp_path / "photos.tar"
    with tarfile.open(path, "w") as archive:
        add_member(archive, "a.jpg", b"old")
        add_member(archive, "a.jpg", b"new")
    with open_photos(path) as photos:
        assert photos.read("a.jpg") == b"new"


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_refuses_a_truncated_tar(tmp_path, compress: Callable[[bytes], bytes]):
    path = tar_of(tmp_path, {"a.jpg": b"x" * 5000, "b.jpg": b"x" * 5000})
    path.write_bytes(compress(path.read_bytes()[:8000]))
    with pytest.raises(ListingsFileError, match="neither a zip nor a valid tar"):
        open_photos(path)


def test_rejects_one_photo_when_the_tar_is_truncated_while_open(tmp_path):
    path = tar_of(tmp_path, {"a.jpg": b"x" * 50_000})
    with open_photos(path) as photos:
        os.truncate(path, 20_000)
        with pytest.raises(PhotoRejected, match="cut off"):
            photos.read("a.jpg")


def test_refuses_a_tar_header_that_claims_gigabytes(tmp_path):
    path = tmp_path / "photos.tar"
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 2**34
    with path.open("wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        file.truncate(2**34 + 2048)  # sparse: takes no space
    with pytest.raises(ListingsFileError, match="a header is too long"):
        open_photos(path)


def test_refuses_a_tar_with_a_negative_member_size(tmp_path):
    path = tmp_path / "photos.tar"
    header = bytearray(tarfile.TarInfo("a.jpg").tobuf())
    header[124:136] = b"\xff" * 10 + b"\xfc\x00"  # base 256: -1024
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(bytes(tarfile.TarInfo("b.jpg").tobuf()) + bytes(header) + bytes(1024))
    with pytest.raises(ListingsFileError, match="neither a zip nor a valid tar"):
        open_photos(path)


def test_refuses_a_gzip_bomb_before_it_fills_the_disk(tmp_path):
    path = tmp_path / "photos.tar.gz"
    packer = zlib.compressobj(9, wbits=31)
    block = bytes(2**20)
    with path.open("wb") as file:
        for _ in range(120):
            file.write(packer.compress(block))
        file.write(packer.flush())
    with pytest.raises(ListingsFileError, match="unpacks to more than"):
        open_photos(path)


@pytest.mark.parametrize("layout", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_reads_long_names_and_letters_beyond_ascii(tmp_path, layout):
    path, name = tmp_path / "photos.tar", "export/" + "t\u00fcr" * 60 + "/a.jpg"
    with tarfile.open(path, "w", format=layout) as archive:
        add_member(archive, name, b"photo")
    with open_photos(path) as photos:
        assert photos.find(name.removeprefix("export/")) == name
        assert photos.read(name) == b"photo"


def test_writes_no_files_next_to_an_archive(tmp_path):
    path = tar_gz_of(tmp_path, PHOTOS)
    with open_photos(path) as photos:
        assert photos.read("a.jpg")
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
