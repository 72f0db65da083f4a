"""Photos on disk, stored once by content, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from db.photo_bytes.folder import FolderPhotoStore
from db.processes import process_name

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"\xff\xd8\xff" + bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def files(tmp_path: Path) -> FolderPhotoStore:
    return FolderPhotoStore(tmp_path / "photos")


def everything_under(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_photo_lies_in_a_folder_named_by_its_first_two_digits(files: FolderPhotoStore, tmp_path: Path) -> None:
    files.put(CONTENT)
    assert files.local_path(SHA256) == tmp_path / "photos" / SHA256[:2] / SHA256
    assert everything_under(tmp_path) == [files.local_path(SHA256)]


def test_the_same_photo_is_stored_once(files: FolderPhotoStore, tmp_path: Path) -> None:
    files.put(CONTENT)
    before = files.local_path(SHA256).stat()
    assert files.put(CONTENT) == SHA256
    assert files.local_path(SHA256).stat() == before
    assert len(everything_under(tmp_path)) == 1


def test_parallel_writers_of_equal_and_different_photos_do_not_interfere(
    files: FolderPhotoStore, tmp_path: Path
) -> None:
    contents = [bytes([number]) * 50_000 for number in range(8)] * 8
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(files.put, contents))
    assert all(files.read(name) == content for name, content in zip(names, contents, strict=True))
    assert len(everything_under(tmp_path)) == 8


def test_a_full_disk_leaves_no_file(files: FolderPhotoStore, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            files.put(CONTENT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert everything_under(tmp_path) == []


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace"])
def test_a_failure_at_any_step_leaves_no_file(
    files: FolderPhotoStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    files.local_path(SHA256).parent.mkdir(parents=True)

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(call, full)
    with pytest.raises(OSError, match="No space left"):
        files.put(CONTENT)
    assert everything_under(tmp_path) == []


def test_a_killed_writer_leaves_no_photo_and_its_partial_file_is_swept(files: FolderPhotoStore, tmp_path: Path) -> None:
    killed_before_the_rename = (
        "import os, pathlib, signal; from db.photo_bytes.folder import FolderPhotoStore;"
        "pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        f"FolderPhotoStore(pathlib.Path({str(tmp_path / 'photos')!r})).put(b'half')"
    )
    assert subprocess.run([sys.executable, "-c", killed_before_the_rename], check=False).returncode == -signal.SIGKILL
    (left,) = everything_under(tmp_path)
    with pytest.raises(FileNotFoundError):
        files.read(hashlib.sha256(b"half").hexdigest())
    files.put(CONTENT)
    assert files.sweep_temporary() == 1
    assert everything_under(tmp_path) == [files.local_path(SHA256)]
    assert not left.exists()


@pytest.mark.parametrize("writer", [process_name().replace(".", "%2E"), "another-machine:1"], ids=["we", "others"])
def test_partial_files_of_other_machines_are_swept_when_old(
    files: FolderPhotoStore, tmp_path: Path, writer: str
) -> None:
    files.put(CONTENT)
    left = tmp_path / "photos" / "partial" / f"{SHA256}.{quote(writer, safe='%')}.0.partial"
    left.write_bytes(b"half")
    assert files.sweep_temporary() == 0
    os.utime(left, (time.time() - 3700, time.time() - 3700))
    assert files.sweep_temporary() == 1


def test_sweeping_never_removes_a_photo(files: FolderPhotoStore) -> None:
    files.put(CONTENT)
    os.utime(files.local_path(SHA256), (0, 0))
    assert files.sweep_temporary() == 0
    assert files.read(SHA256) == CONTENT


def test_sweeping_a_folder_that_does_not_exist_yet_does_nothing(files: FolderPhotoStore) -> None:
    assert files.sweep_temporary() == 0


def test_a_photo_set_aside_by_a_killed_sweeper_is_restored(files: FolderPhotoStore, tmp_path: Path) -> None:
    files.put(CONTENT)
    os.utime(files.local_path(SHA256), (0, 0))
    killed_after_setting_it_aside = (
        "import os, pathlib, signal; from datetime import timedelta;"
        "from db.photo_bytes.folder import FolderPhotoStore;"
        "pathlib.Path.unlink = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL);"
        f"FolderPhotoStore(pathlib.Path({str(tmp_path / 'photos')!r}))"
        ".sweep_unused(lambda _names: set(), untouched_for=timedelta(0))"
    )
    command = [sys.executable, "-c", killed_after_setting_it_aside]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with pytest.raises(FileNotFoundError):
        files.read(SHA256)
    files.sweep_temporary()
    assert files.read(SHA256) == CONTENT


def test_a_photo_stored_again_during_a_sweep_stays(files: FolderPhotoStore) -> None:
    files.put(CONTENT)
    os.utime(files.local_path(SHA256), (0, 0))

    def used(_names: object) -> set[str]:
        files.put(CONTENT)
        return set()

    assert files.sweep_unused(used, untouched_for=timedelta(days=1)) == 0
    assert files.read(SHA256) == CONTENT
