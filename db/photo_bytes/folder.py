"""A photo store in a folder: `root/ab/abcdef...`, named by the SHA-256.

A file is written in the folder `partial`, synced to disk, and renamed to its final path, so it is complete or absent.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from uuid import uuid4

from db.durability import sync
from db.photo_bytes.base import checked, is_sha256, path_parts, sha256_of
from db.processes import is_gone, process_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

_TEMPORARY = ".partial"
_ASIDE = ".aside"
ABANDONED_AFTER = timedelta(hours=1)
"""A partial file older than this was left by a crash."""

_TOUCHED_AGAIN_AFTER = timedelta(minutes=10)
"""Minimum age at which storing a photo again updates its time: an archive of known photos need not touch each file."""


class FolderPhotoStore:
    """A `PhotoStore` in one folder, which is created with the first photo."""

    def __init__(self, root: Path) -> None:
        self._root, self._partial = root, root / "partial"

    def put(self, content: bytes) -> str:
        """See `PhotoStore`."""
        sha256 = sha256_of(content)
        if not self.renew(sha256):
            path = self.local_path(sha256)
            _make_folder(path.parent)
            _make_folder(self._partial)
            _write_atomically(path, content, self._partial)
        return sha256

    def renew(self, sha256: str) -> bool:
        """See `PhotoStore`."""
        path = self.local_path(sha256)
        try:
            self.read(sha256)
            if time.time() - _touched_at(path) > _TOUCHED_AGAIN_AFTER.total_seconds():
                os.utime(path)
        except OSError:  # missing, damaged, or on a part of the disk that cannot be read: `put` writes another file
            return False
        return True

    def read(self, sha256: str) -> bytes:
        """See `PhotoStore`."""
        return checked(self.local_path(sha256).read_bytes(), sha256)

    def names(self) -> Iterator[str]:
        """See `PhotoStore`."""
        for folder in self._root.glob("[0-9a-f][0-9a-f]"):
            yield from (file.name for file in folder.iterdir())

    def local_path(self, sha256: str) -> Path:
        """Return the path of a photo, stored or not."""
        return self._root.joinpath(*path_parts(sha256))

    def delete(self, sha256: str) -> None:
        """See `PhotoStore`."""
        self.local_path(sha256).unlink(missing_ok=True)

    def sweep_temporary(self, older_than: timedelta = ABANDONED_AFTER) -> int:
        """Remove partial files that crashed writers left, and return their number.

        Files of a process on this machine go once it has ended; files of other machines once they are old.
        """
        swept, before = 0, time.time() - older_than.total_seconds()
        for partial in self._partial.glob(f"*{_TEMPORARY}"):
            try:
                if is_gone(unquote(partial.name.split(".")[1])) or partial.stat().st_mtime < before:
                    partial.unlink()
                    swept += 1
            except FileNotFoundError:
                continue  # its writer is alive and has just renamed it
        for aside in self._partial.glob(f"*{_ASIDE}"):
            with suppress(FileNotFoundError):  # a sweeper was killed: the photo may have been stored again meanwhile
                aside.replace(self.local_path(aside.name.removesuffix(_ASIDE)))
        return swept

    def sweep_unused(self, used: Callable[[Sequence[str]], Collection[str]], *, untouched_for: timedelta) -> int:
        """See `PhotoStore`."""
        swept, before = 0, time.time() - untouched_for.total_seconds()
        for folder in self._root.glob("[0-9a-f][0-9a-f]"):
            old = [file.name for file in folder.iterdir() if is_sha256(file.name) and _is_older(file, before)]
            swept += sum(self._remove_if_older(name, before) for name in sorted(set(old) - set(used(old))))
        return swept

    def _remove_if_older(self, sha256: str, before: float) -> bool:
        """Remove a photo unless it was stored again since it was listed."""
        path, aside = self.local_path(sha256), self._partial / f"{sha256}{_ASIDE}"
        _make_folder(self._partial)
        with suppress(FileNotFoundError):  # another sweeper was faster
            path.replace(aside)  # from now on, a writer finds it missing and writes it again
            if _touched_at(aside) < before:
                aside.unlink()
                return True
            aside.replace(path)
        return False


def _is_older(file: Path, before: float) -> bool:
    try:
        return _touched_at(file) < before
    except FileNotFoundError:  # another sweeper was faster
        return False


def _touched_at(file: Path) -> float:
    return file.stat().st_mtime


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        sync(folder.parent)


def _write_atomically(path: Path, content: bytes, partial: Path) -> None:
    temporary = _temporary(partial, path.name)
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def _temporary(partial: Path, name: str) -> Path:
    """Return a unique path whose name contains the writing process."""
    writer = quote(process_name(), safe="").replace(".", "%2E")
    return partial / f"{name}.{writer}.{uuid4().hex}{_TEMPORARY}"
