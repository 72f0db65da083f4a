"""Behaviour of all photo sources, and of folders."""

from __future__ import annotations

import gzip
import os
import threading

import pytest

from services.errors import ListingsFileError, PhotoRejected
from services.ingest.photos.sources import FolderPhotos, open_photos
from tests.unit.services.ingest.photos.photo_files import (
    LIMIT,
    PHOTOS,
    every_archive,
    every_source,
    folder_of,
    reason_of_rejection,
    tar_gz_of,
    tar_of,
    zip_of,
)


@every_source
def test_reads_every_photo(tmp_path, make):
    with open_photos(make(tmp_path, PHOTOS)) as photos:
        assert {name: photos.read(name) for name in PHOTOS} == PHOTOS


@every_source
@pytest.mark.parametrize(
    ("id_or_name", "name"),
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
        ("A", "a.jpg"),
        ("a.png", None),
        ("other/b.png", None),
        ("notes", None),
        ("sub", None),
        ("", None),
        ("https://example.org/a.jpg", None),
    ],
)
def test_finds_a_photo_by_id_or_name(tmp_path, make, id_or_name, name):
    with open_photos(make(tmp_path, PHOTOS)) as photos:
        assert photos.find(id_or_name) == name


@every_source
def test_raises_file_not_found_for_a_missing_photo(tmp_path, make):
    with open_photos(make(tmp_path, PHOTOS)) as photos:
        for name in ("missing.jpg", "a.jpg/b.jpg", "A.jpg"):
            with pytest.raises(FileNotFoundError, match=name):
                photos.read(name)


@every_source
@pytest.mark.parametrize(
    "name", ["../secret.jpg", "sub/../../secret.jpg", "/etc/passwd", "..\\secret.jpg", "C:/x", "a\0"]
)
def test_rejects_a_name_that_points_outside_the_source(tmp_path, make, name):
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    with open_photos(make(tmp_path, PHOTOS)) as photos:
        with pytest.raises(PhotoRejected) as caught:
            photos.find(name)
        assert caught.value.reason == "unsafe_path"
        with pytest.raises((PhotoRejected, FileNotFoundError)):
            photos.read(name)


@every_source
def test_limits_the_size_of_a_photo(tmp_path, make):
    path = make(tmp_path, PHOTOS | {"full.jpg": b"x" * LIMIT, "large.jpg": b"x" * (LIMIT + 1)})
    with open_photos(path, max_bytes=LIMIT) as photos:
        assert len(photos.read("full.jpg")) == LIMIT
    assert reason_of_rejection(path, "large.jpg") == "too_large"


@every_source
def test_several_threads_read_at_the_same_time(tmp_path, make):
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


def test_follows_links_only_inside_the_folder(tmp_path):
    folder = folder_of(tmp_path, PHOTOS)
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (folder / "inside.jpg").symlink_to("a.jpg")
    (folder / "outside.jpg").symlink_to("../secret.jpg")
    (folder / "gone.jpg").symlink_to("nothing.jpg")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "out").symlink_to(tmp_path)
    with open_photos(folder) as photos:
        assert photos.read("inside.jpg") == PHOTOS["a.jpg"]
        assert photos.find("out/secret") is photos.find("out/secret.jpg") is photos.find("secret") is None
        with pytest.raises(FileNotFoundError):
            photos.read("gone.jpg")
    assert reason_of_rejection(folder, "outside.jpg") == "unsafe_path"
    assert reason_of_rejection(folder, "out/secret.jpg") == "unsafe_path"
    assert reason_of_rejection(folder, "loop.jpg") == "unreadable"


def test_rejects_a_pipe_and_a_folder_without_blocking(tmp_path):
    folder = folder_of(tmp_path, PHOTOS)
    os.mkfifo(folder / "pipe.jpg")
    assert reason_of_rejection(folder, "pipe.jpg") == "not_a_file"
    assert reason_of_rejection(folder, "sub") == "not_a_file"


def test_rejects_a_photo_without_read_permission(tmp_path, monkeypatch):
    folder = folder_of(tmp_path, PHOTOS)

    def refuse(*_arguments: object) -> int:
        raise PermissionError(13, "Permission denied")  # chmod would not stop the root user

    with FolderPhotos(folder) as photos:
        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(PhotoRejected, match="Permission denied") as caught:
            photos.read("a.jpg")
    assert caught.value.reason == "unreadable"


@every_archive
def test_rejects_members_with_unsafe_names(tmp_path, make):
    names = ("../evil.jpg", "/abs.jpg", "sub/../../evil.jpg")
    path = make(tmp_path, dict.fromkeys(names, b"x"))
    assert {reason_of_rejection(path, name) for name in names} == {"unsafe_path"}
    assert not (tmp_path.parent / "evil.jpg").exists()


def test_recognises_an_archive_by_content_whatever_its_name(tmp_path):
    for make in (zip_of, tar_of, tar_gz_of):
        path = make(tmp_path, PHOTOS).rename(tmp_path / "photos.bin")
        with open_photos(path) as photos:
            assert photos.read("a.jpg") == PHOTOS["a.jpg"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an archive" * 100,
        b"PK\x03\x04 but cut off",
        gzip.compress(b"no tar" * 1000, mtime=0),
        gzip.compress(bytes(2000), mtime=0)[:-9],
        bytes(100),
    ],
)
def test_refuses_a_file_that_is_not_an_archive(tmp_path, content):
    path = tmp_path / "photos.zip"
    path.write_bytes(content)
    with pytest.raises(ListingsFileError, match=r"photos\.zip"):
        open_photos(path)


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07\x01\0", "RAR"), (b"BZh9", "bzip2"), (b"PK\x07\x08", "split zip")],
)  # fmt: skip
def test_names_the_archive_that_it_cannot_read(tmp_path, content, kind):
    path = tmp_path / "photos.rar"
    path.write_bytes(content + bytes(100))
    with pytest.raises(ListingsFileError, match=f"{kind}.*Unpack it"):
        open_photos(path)


def test_refuses_a_source_that_does_not_exist(tmp_path):
    with pytest.raises(ListingsFileError, match="No such file"):
        open_photos(tmp_path / "nothing.zip")
