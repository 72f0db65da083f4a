"""The bytes of photos, on disk, stored once by content: `root/ab/abcdef...` is named by its SHA-256.

A file is there whole or not at all: it is written in the folder `partial`, made durable, and moved to its place.
Writers need no lock, because whoever writes the same name writes the same bytes.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from uuid import uuid4

from db.photo_bytes.base import is_name, place_of, sha256_of
from db.processes import is_gone, process_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

_TEMPORARY = ".partial"
_ASIDE = ".aside"
ABANDONED_AFTER = timedelta(hours=1)
"""A file half written for longer than this was left by a crash."""

_TOUCHED_AGAIN_AFTER = timedelta(minutes=10)
"""How old a photo must be to be touched when it is put again: an archive of known photos need not touch each."""


class FolderPhotoStore:
    """Photos under one folder, which is created when the first is stored; a `PhotoStore`."""

    def __init__(self, root: Path) -> None:
        self._root, self._partial = root, root / "partial"

    def put(self, content: bytes) -> str:
        """See `PhotoStore`. The disk may be full, for example."""
        sha256 = sha256_of(content)
        place = self.local_path(sha256)
        if not _touch(place):
            _make_folder(place.parent)
            _make_folder(self._partial)
            _write_whole(place, content, self._partial)
        return sha256

    def read(self, sha256: str) -> bytes:
        """See `PhotoStore`."""
        return self.local_path(sha256).read_bytes()

    def local_path(self, sha256: str) -> Path:
        """Return where a photo lies, or would lie."""
        return self._root.joinpath(*place_of(sha256))

    def delete(self, sha256: str) -> None:
        """See `PhotoStore`."""
        self.local_path(sha256).unlink(missing_ok=True)

    def sweep_temporary(self, older_than: timedelta = ABANDONED_AFTER) -> int:
        """Remove what crashed writers left half written, and return how many files that were.

        Of a process of this machine it is known whether it has crashed; what others left is removed when it is old.
        """
        swept, before = 0, time.time() - older_than.total_seconds()
        for left in self._partial.glob(f"*{_TEMPORARY}"):
            try:
                if is_gone(unquote(left.name.split(".")[1])) or left.stat().st_mtime < before:
                    left.unlink()
                    swept += 1
            except FileNotFoundError:
                continue  # its writer lives, and has just renamed it
        for aside in self._partial.glob(f"*{_ASIDE}"):
            with suppress(FileNotFoundError):  # a sweeper was killed, perhaps while the photo was put again
                aside.replace(self.local_path(aside.name.removesuffix(_ASIDE)))
        return swept

    def sweep_unused(self, used: Callable[[Sequence[str]], Collection[str]], *, untouched_for: timedelta) -> int:
        """See `PhotoStore`."""
        swept, before = 0, time.time() - untouched_for.total_seconds()
        for folder in self._root.glob("[0-9a-f][0-9a-f]"):
            old = [file.name for file in folder.iterdir() if is_name(file.name) and _is_older(file, before)]
            swept += sum(self._remove_untouched(name, before) for name in sorted(set(old) - set(used(old))))
        return swept

    def _remove_untouched(self, sha256: str, before: float) -> bool:
        """Remove a photo, unless somebody has put it meanwhile."""
        place, aside = self.local_path(sha256), self._partial / f"{sha256}{_ASIDE}"
        _make_folder(self._partial)
        with suppress(FileNotFoundError):  # another sweeper was faster
            place.replace(aside)  # whoever puts it from now on finds it missing, and writes it anew
            if _touched_at(aside) < before:
                aside.unlink()
                return True
            aside.replace(place)
        return False


def _touch(place: Path) -> bool:
    """Say whether a photo is there, and keep it from being swept before it is used."""
    try:
        if time.time() - _touched_at(place) > _TOUCHED_AGAIN_AFTER.total_seconds():
            os.utime(place)
    except FileNotFoundError:
        return False
    return True


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
        _fsync(folder.parent)


def _write_whole(place: Path, content: bytes, partial: Path) -> None:
    temporary = _temporary(partial, place.name)
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(place)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _fsync(place.parent)


def _temporary(partial: Path, name: str) -> Path:
    """Return a name that nobody else uses, which says who writes there."""
    writer = quote(process_name(), safe="").replace(".", "%2E")
    return partial / f"{name}.{writer}.{uuid4().hex}{_TEMPORARY}"


def _fsync(folder: Path) -> None:
    """Make the names in a folder durable: a rename alone may be lost with the power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
