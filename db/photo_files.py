"""The bytes of photos, on disk, stored once by content: `root/ab/abcdef...` is named by its SHA-256.

A file is there whole or not at all: it is written in the folder `partial`, made durable, and moved to its place.
Writers need no lock, because whoever writes the same name writes the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from uuid import uuid4

from db.processes import is_gone, process_name

if TYPE_CHECKING:
    from pathlib import Path

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TEMPORARY = ".partial"
ABANDONED_AFTER = timedelta(hours=1)
"""A file half written for longer than this was left by a crash."""


class PhotoFiles:
    """Photos under one folder, which is created when the first is stored."""

    def __init__(self, root: Path) -> None:
        self._root, self._partial = root, root / "partial"

    def put(self, content: bytes) -> str:
        """Store a photo durably, unless it is there already, and return its SHA-256 in hex.

        Raises:
            OSError: it cannot be written, for example because the disk is full; then nothing is left behind.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        place = self.path(sha256)
        if not place.is_file():
            _make_folder(place.parent)
            _make_folder(self._partial)
            _write_whole(place, content, self._partial)
        return sha256

    def read(self, sha256: str) -> bytes:
        """Return a photo's bytes.

        Raises:
            FileNotFoundError: it is not stored.
            ValueError: `sha256` is not one.
        """
        return self.path(sha256).read_bytes()

    def path(self, sha256: str) -> Path:
        """Return where a photo lies, or would lie.

        Raises:
            ValueError: `sha256` is not 64 lower-case hex digits, and might lead out of the folder.
        """
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"{sha256!r} is not a SHA-256 of 64 lower-case hex digits")
        return self._root / sha256[:2] / sha256

    def delete(self, sha256: str) -> None:
        """Remove a photo; one that is not there is removed already.

        Raises:
            ValueError: `sha256` is not one.
        """
        self.path(sha256).unlink(missing_ok=True)

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
        return swept


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _fsync(folder.parent)


def _write_whole(place: Path, content: bytes, partial: Path) -> None:
    writer = quote(process_name(), safe="").replace(".", "%2E")
    temporary = partial / f"{place.name}.{writer}.{uuid4().hex}{_TEMPORARY}"
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


def _fsync(folder: Path) -> None:
    """Make the names in a folder durable: a rename alone may be lost with the power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
