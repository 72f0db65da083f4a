"""Folders and archives of photos for tests."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from services.errors import PhotoRejected
from services.ingest.photos.sources import open_photos

if TYPE_CHECKING:
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


class _RawNameInfo(zipfile.ZipInfo):
    """A member whose name is written as it is, without the UTF-8 flag."""

    raw_name = b""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.raw_name, 0


def zip_of_raw_names(tmp_path: Path, photos: dict[bytes, bytes], *, extra: bytes = b"") -> Path:
    """Write a zip whose names are in no stated encoding, as stock `zip` and macOS do; `extra` is an extra field."""
    path = tmp_path / "raw.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in photos.items():
            member = _RawNameInfo(str(len(archive.filelist)))
            member.raw_name, member.extra = name, extra
            archive.writestr(member, content)
    return path


def tar_of(tmp_path: Path, photos: dict[str, bytes], mode: str = "w") -> Path:
    path = tmp_path / "photos.tar"
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in photos.items():
            add_member(archive, name, content)
    return path


def tar_gz_of(tmp_path: Path, photos: dict[str, bytes]) -> Path:
    return tar_of(tmp_path, photos, "w:gz")


def add_member(archive: tarfile.TarFile, name: str, content: bytes = b"", **fields: object) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    archive.addfile(member, io.BytesIO(content))


def reason_of_rejection(path: Path, name: str, *, max_bytes: int = LIMIT) -> str:
    with open_photos(path, max_bytes=max_bytes) as photos, pytest.raises(PhotoRejected) as caught:
        photos.read(name)
    return caught.value.reason


every_source = pytest.mark.parametrize("make", [folder_of, zip_of, tar_of, tar_gz_of])
every_archive = pytest.mark.parametrize("make", [zip_of, tar_of, tar_gz_of])
