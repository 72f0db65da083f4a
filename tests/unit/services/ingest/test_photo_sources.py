from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import tarfile
import threading
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

from services.errors import ListingsFileError, PhotoRejected
from services.ingest.photos.names import PhotoNames, safe_parts
from services.ingest.photos.sources import FolderPhotos, open_photos

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PHOTOS = {"a.jpg": b"A" * 900, "sub/b.PNG": b"B" * 10, "sub/c.JPEG": b"", "notes.txt": b"text"}
LIMIT = 1000


def folder_of(tmp_path: Path, photos: dict[str, bytes]) -> Path:
    folder = tmp_path / "photos"
    for name, content in photos.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    folder.mkdir(exist_ok=True)
    return folder


def zip_of(tmp_path: Path, photos: dict[str, bytes]) -> Path:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("sub")
        for name, content in photos.items():
            archive.writestr(name, content)
    return path


def tar_of(tmp_path: Path, photos: dict[str, bytes], mode: str = "w") -> Path:
    path = tmp_path / "photos.tar"
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in photos.items():
            add(archive, name, content)
    return path


def tar_gz_of(tmp_path: Path, photos: dict[str, bytes]) -> Path:
    return tar_of(tmp_path, photos, "w:gz")


def add(archive: tarfile.TarFile, name: str, content: bytes = b"", **fields: object) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    archive.addfile(member, io.BytesIO(content))


def rejected(path: Path, name: str, *, max_bytes: int = LIMIT) -> str:
    with open_photos(path, max_bytes=max_bytes) as photos, pytest.raises(PhotoRejected) as caught:
        photos.read(name)
    return caught.value.reason


every_source = pytest.mark.parametrize("make", [folder_of, zip_of, tar_of, tar_gz_of])
every_archive = pytest.mark.parametrize("make", [zip_of, tar_of, tar_gz_of])


# What every source does


@every_source
def test_every_photo_is_named_and_read(tmp_path, make):
    with open_photos(make(tmp_path, PHOTOS)) as photos:
        assert {name: photos.read(name) for name in photos.names()} == PHOTOS


@every_source
@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("a", "a.jpg"),
        ("a.jpg", "a.jpg"),
        ("a.JPG", "a.jpg"),
        ("./a.jpg", "a.jpg"),
        ("b", "sub/b.PNG"),
        ("b.png", "sub/b.PNG"),
        ("sub/b.png", "sub/b.PNG"),
        ("sub\\b", "sub/b.PNG"),
        ("c", "sub/c.JPEG"),
        ("A", None),
        ("a.png", None),
        ("other/b.png", None),
        ("notes", None),
        ("sub", None),
        ("", None),
        ("https://example.org/a.jpg", None),
    ],
)
def test_a_photo_is_found_by_id_or_name(tmp_path, make, wanted, name):
    with open_photos(make(tmp_path, PHOTOS)) as photos:
        assert photos.find(wanted) == name


@every_source
def test_a_photo_that_is_not_there_is_not_found(tmp_path, make):
    with open_photos(make(tmp_path, PHOTOS)) as photos:
        for name in ("missing.jpg", "a.jpg/b.jpg", "A.jpg"):
            with pytest.raises(FileNotFoundError, match=name):
                photos.read(name)


@every_source
@pytest.mark.parametrize(
    "name", ["../secret.jpg", "sub/../../secret.jpg", "/etc/passwd", "..\\secret.jpg", "C:/x", "a\0"]
)
def test_a_name_that_points_outside_is_rejected(tmp_path, make, name):
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    with open_photos(make(tmp_path, PHOTOS)) as photos:
        with pytest.raises(PhotoRejected) as caught:
            photos.find(name)
        assert caught.value.reason == "unsafe_path"
        with pytest.raises((PhotoRejected, FileNotFoundError)):
            photos.read(name)


@every_source
def test_the_limit_is_on_the_bytes(tmp_path, make):
    path = make(tmp_path, PHOTOS | {"full.jpg": b"x" * LIMIT, "large.jpg": b"x" * (LIMIT + 1)})
    with open_photos(path, max_bytes=LIMIT) as photos:
        assert len(photos.read("full.jpg")) == LIMIT
    assert rejected(path, "large.jpg") == "too_large"


@every_source
def test_photos_are_read_from_several_threads(tmp_path, make):
    contents = {f"{number}.jpg": bytes([number]) * 5000 for number in range(20)}
    wrong: list[str] = []
    with open_photos(make(tmp_path, contents)) as photos:

        def read_all() -> None:
            wrong.extend(name for name, content in list(contents.items()) * 5 if photos.read(name) != content)

        threads = [threading.Thread(target=read_all) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


# Names


def test_a_bare_name_in_several_folders_is_ambiguous():
    names = PhotoNames(["x/a.jpg", "y/a.png", "x/b.jpg"])
    with pytest.raises(PhotoRejected) as caught:
        names.find("a")
    assert caught.value.reason == "ambiguous_name"
    assert (names.find("x/a"), names.find("b")) == ("x/a.jpg", "x/b.jpg")


def test_a_photo_at_the_top_is_preferred_to_one_in_a_folder():
    assert PhotoNames(["x/a.jpg", "a.png"]).find("a") == "a.png"


def test_of_several_formats_the_first_extension_is_taken():
    assert PhotoNames(["a.bmp", "a.png", "a.jpeg"]).find("a") == "a.jpeg"


def test_of_names_that_differ_in_the_extensions_case_always_the_same_is_taken():
    assert PhotoNames(["a.jpg", "a.JPG"]).find("a") == PhotoNames(["a.JPG", "a.jpg"]).find("a") == "a.JPG"


def test_an_id_may_hold_a_dot():
    assert PhotoNames(["photo.1.jpg", "photo.jpg"]).find("photo.1") == "photo.1.jpg"


def test_names_are_equal_however_their_accents_are_composed():
    assert PhotoNames(["cafe\u0301.jpg"]).find("caf\u00e9") == "cafe\u0301.jpg"


def test_harmless_names_are_split_into_parts():
    assert safe_parts("./a//b\\c..jpg") == ("a", "b", "c..jpg")


# Folders


def test_a_link_is_followed_only_inside_the_folder(tmp_path):
    folder = folder_of(tmp_path, PHOTOS)
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (folder / "inside.jpg").symlink_to("a.jpg")
    (folder / "outside.jpg").symlink_to("../secret.jpg")
    (folder / "gone.jpg").symlink_to("nothing.jpg")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "out").symlink_to(tmp_path)
    with open_photos(folder) as photos:
        assert photos.read("inside.jpg") == PHOTOS["a.jpg"]
        assert not any(name.startswith("out/") for name in photos.names())
        with pytest.raises(FileNotFoundError):
            photos.read("gone.jpg")
    assert rejected(folder, "outside.jpg") == "unsafe_path"
    assert rejected(folder, "out/secret.jpg") == "unsafe_path"
    assert rejected(folder, "loop.jpg") == "unreadable"


def test_what_is_no_plain_file_is_rejected_without_waiting(tmp_path):
    folder = folder_of(tmp_path, PHOTOS)
    os.mkfifo(folder / "pipe.jpg")
    assert rejected(folder, "pipe.jpg") == "not_a_file"
    assert rejected(folder, "sub") == "not_a_file"


def test_a_photo_that_may_not_be_read_is_rejected(tmp_path, monkeypatch):
    folder = folder_of(tmp_path, PHOTOS)

    def refuse(*_arguments: object) -> int:
        raise PermissionError(13, "Permission denied")  # chmod would not stop the root user

    with FolderPhotos(folder) as photos:
        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(PhotoRejected, match="Permission denied") as caught:
            photos.read("a.jpg")
    assert caught.value.reason == "unreadable"


# Archives


@every_archive
def test_members_with_unsafe_names_are_listed_and_rejected_when_read(tmp_path, make):
    path = make(tmp_path, {"../evil.jpg": b"x", "/abs.jpg": b"x", "sub/../../evil.jpg": b"x"})
    with open_photos(path) as photos:
        names = list(photos.names())
        assert len(names) == 3
    assert {rejected(path, name) for name in names} == {"unsafe_path"}
    assert not (tmp_path.parent / "evil.jpg").exists()


def test_the_archive_is_told_by_content_and_not_by_name(tmp_path):
    for make in (zip_of, tar_of, tar_gz_of):
        path = make(tmp_path, PHOTOS).rename(tmp_path / "photos.bin")
        with open_photos(path) as photos:
            assert photos.read("a.jpg") == PHOTOS["a.jpg"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive at all" * 100,
        b"PK\x03\x04 but cut off",
        gzip.compress(b"no tar" * 1000, mtime=0),
        gzip.compress(bytes(2000), mtime=0)[:-9],
        bytes(100),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "photos.zip"
    path.write_bytes(content)
    with pytest.raises(ListingsFileError, match=r"photos\.zip"):
        open_photos(path)


def test_a_source_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ListingsFileError, match="No such file"):
        open_photos(tmp_path / "nothing.zip")


def test_an_encrypted_zip_member_is_rejected(tmp_path):
    path = zip_of(tmp_path, PHOTOS)
    edit(path, b"PK\x01\x02", offset=8, value=struct.pack("<H", 1))
    assert rejected(path, "a.jpg") == "encrypted"


def test_a_zip_bomb_is_rejected_after_the_limit(tmp_path):
    path = zip_of(tmp_path, {"bomb.jpg": bytes(50_000_000)})
    assert path.stat().st_size < 60_000
    assert rejected(path, "bomb.jpg", max_bytes=1_000_000) == "too_large"


def test_a_zip_header_that_understates_the_size_is_no_way_round_the_limit(tmp_path):
    path = zip_of(tmp_path, {"bomb.jpg": bytes(50_000)})
    edit(path, b"PK\x01\x02", offset=24, value=struct.pack("<I", 10))
    assert rejected(path, "bomb.jpg") == "damaged_member"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_zip_member_is_rejected_and_the_others_are_read(tmp_path, method):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("bad.jpg", bytes(range(256)))
        archive.writestr("good.jpg", b"fine")
    content = bytearray(path.read_bytes())
    content[50:90] = b"\xff" * 40
    path.write_bytes(content)
    assert rejected(path, "bad.jpg") == "damaged_member"
    with open_photos(path) as photos:
        assert photos.read("good.jpg") == b"fine"


def test_a_zip_member_in_an_unknown_compression_is_rejected(tmp_path):
    path = zip_of(tmp_path, PHOTOS)
    edit(path, b"PK\x01\x02", offset=10, value=struct.pack("<H", 98))
    assert rejected(path, "a.jpg") == "damaged_member"


def test_a_link_in_a_zip_is_rejected(tmp_path):
    path = tmp_path / "photos.zip"
    link = zipfile.ZipInfo("link.jpg")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert rejected(path, "link.jpg") == "not_a_file"


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "a.jpg"),
        (tarfile.CHRTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_what_is_no_plain_file_in_a_tar_is_rejected(tmp_path, kind, target):
    path = tmp_path / "photos.tar"
    with tarfile.open(path, "w") as archive:
        add(archive, "a.jpg", b"x")
        add(archive, "odd.jpg", type=kind, linkname=target)
    assert rejected(path, "odd.jpg") == "not_a_file"


def test_of_members_with_the_same_name_the_last_one_counts(tmp_path):
    path = tmp_path / "photos.tar"
    with tarfile.open(path, "w") as archive:
        add(archive, "a.jpg", b"old")
        add(archive, "a.jpg", b"new")
    with open_photos(path) as photos:
        assert (list(photos.names()), photos.read("a.jpg")) == (["a.jpg"], b"new")


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_tar_that_is_cut_off_is_refused(tmp_path, compress: Callable[[bytes], bytes]):
    path = tar_of(tmp_path, {"a.jpg": b"x" * 5000, "b.jpg": b"x" * 5000})
    path.write_bytes(compress(path.read_bytes()[:8000]))
    with pytest.raises(ListingsFileError, match="neither a zip nor a sound tar"):
        open_photos(path)


def test_a_tar_that_is_cut_off_while_open_is_one_reject(tmp_path):
    path = tar_of(tmp_path, {"a.jpg": b"x" * 50_000})
    with open_photos(path) as photos:
        os.truncate(path, 20_000)
        with pytest.raises(PhotoRejected, match="cut off"):
            photos.read("a.jpg")


def test_a_forged_tar_header_cannot_ask_for_memory(tmp_path):
    path = tmp_path / "photos.tar"
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 2**34
    with path.open("wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        file.truncate(2**34 + 2048)  # sparse: takes no space
    with pytest.raises(ListingsFileError, match="a header is too long"):
        open_photos(path)


def test_a_forged_tar_size_cannot_send_the_reader_in_circles(tmp_path):
    path = tmp_path / "photos.tar"
    header = bytearray(tarfile.TarInfo("a.jpg").tobuf())
    header[124:136] = b"\xff" * 10 + b"\xfc\x00"  # base 256: -1024
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(bytes(tarfile.TarInfo("b.jpg").tobuf()) + bytes(header) + bytes(1024))
    with pytest.raises(ListingsFileError, match="neither a zip nor a sound tar"):
        open_photos(path)


def test_a_gzipped_bomb_is_refused_before_it_fills_the_disk(tmp_path):
    path = tmp_path / "photos.tar.gz"
    packer = zlib.compressobj(9, wbits=31)
    block = bytes(2**20)
    with path.open("wb") as file:
        for _ in range(120):
            file.write(packer.compress(block))
        file.write(packer.flush())
    with pytest.raises(ListingsFileError, match="unpacks to more than"):
        open_photos(path)


def test_nothing_of_an_archive_is_written_beside_it(tmp_path):
    path = tar_gz_of(tmp_path, PHOTOS)
    with open_photos(path) as photos:
        assert photos.read("a.jpg")
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def edit(path: Path, signature: bytes, *, offset: int, value: bytes) -> None:
    """Overwrite a field of every record with this signature, the folder's own entry included."""
    content = bytearray(path.read_bytes())
    at = content.find(signature)
    while at >= 0:
        content[at + offset : at + offset + len(value)] = value
        at = content.find(signature, at + 4)
    path.write_bytes(content)
