"""Where the bytes of photos are kept: in a folder, or in an object store. Both keep each photo once, by its content."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import timedelta
    from pathlib import Path

_SHA256 = re.compile(r"[0-9a-f]{64}")


class PhotoStore(Protocol):
    """Photos, each named by its SHA-256, 64 lower-case hex digits. One is there whole or not at all.

    Whoever stores the same name stores the same bytes, so that nobody need wait for anybody. Where a method is given
    another name than such a one, it raises ValueError: names lead nowhere else.
    """

    def put(self, content: bytes) -> str:
        """Store a photo durably, unless it is there already, and return its SHA-256.

        Raises:
            OSError: it cannot be written; then nothing is left behind.
        """
        ...

    def read(self, sha256: str) -> bytes:
        """Return a photo's bytes.

        Raises:
            FileNotFoundError: it is not stored.
            OSError: the store cannot be reached.
        """
        ...

    def local_path(self, sha256: str) -> Path:
        """Return a file of this machine with the photo's bytes; one that lies elsewhere is fetched.

        Raises:
            FileNotFoundError: it is not stored, in an object store.
            OSError: the store cannot be reached.
        """
        ...

    def delete(self, sha256: str) -> None:
        """Remove a photo; one that is not there is removed already."""
        ...

    def sweep_temporary(self) -> int:
        """Remove what crashed writers left half written, and return how many files that were."""
        ...

    def sweep_unused(self, used: Callable[[Sequence[str]], Collection[str]], *, untouched_for: timedelta) -> int:
        """Remove photos that nothing uses and that nobody has put for so long, and return how many those were.

        Args:
            used: returns those of the SHA-256s given to it that are used.
            untouched_for: a photo is put before it is used, so that this must be longer than that takes.
        """
        ...


def sha256_of(content: bytes) -> str:
    """Return the name of a photo."""
    return hashlib.sha256(content).hexdigest()


def place_of(sha256: str) -> tuple[str, str]:
    """Return the folder and the name of a photo in any store: `ab`, `abcdef...`.

    Raises:
        ValueError: `sha256` is not 64 lower-case hex digits, and might lead elsewhere.
    """
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"{sha256!r} is not a SHA-256 of 64 lower-case hex digits")
    return sha256[:2], sha256


def is_name(name: str) -> bool:
    """Say whether a file's name is that of a photo."""
    return _SHA256.fullmatch(name) is not None
