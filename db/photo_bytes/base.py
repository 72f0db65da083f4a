"""The interface of photo stores, and the names of the photos in them."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import timedelta
    from pathlib import Path

_SHA256 = re.compile(r"[0-9a-f]{64}")


class PhotoDamaged(OSError):
    """A stored photo does not have the bytes of its name any more."""

    def __init__(self, sha256: str) -> None:
        super().__init__(f"the stored file {sha256} is damaged")


class PhotoStore(Protocol):
    """Stores the bytes of photos, each under its SHA-256 (64 lower-case hex digits), complete or not at all.

    Writers need no lock, because equal names mean equal bytes. Every method raises ValueError for a name that is not a
    SHA-256, so that no name leads outside the store.
    """

    def put(self, content: bytes) -> str:
        """Store a photo durably unless it is stored intact already, and return its SHA-256.

        Raises:
            OSError: it cannot be written; no partial file is left.
        """
        ...

    def renew(self, sha256: str) -> bool:
        """Say whether a photo is stored with the bytes of its name; then it counts as stored just now.

        Raises:
            OSError: the store cannot be reached.
        """
        ...

    def read(self, sha256: str) -> bytes:
        """Return a photo's bytes.

        Raises:
            FileNotFoundError: it is not stored.
            PhotoDamaged: its bytes are not those that were stored.
            OSError: the store cannot be reached.
        """
        ...

    def names(self) -> Iterator[str]:
        """Yield the name of each stored file: a SHA-256, unless somebody else put it there.

        Raises:
            OSError: the store cannot be reached.
        """
        ...

    def local_path(self, sha256: str) -> Path:
        """Return a local file with the photo's bytes; an object store downloads it first.

        Raises:
            FileNotFoundError: an object store does not have it. A folder returns the path without checking.
            OSError: the store cannot be reached.
        """
        ...

    def delete(self, sha256: str) -> None:
        """Remove a photo if it is stored."""
        ...

    def sweep_temporary(self) -> int:
        """Remove partial files that crashed writers left, and return their number."""
        ...

    def sweep_unused(self, used: Callable[[Sequence[str]], Collection[str]], *, untouched_for: timedelta) -> int:
        """Remove unused photos that were not stored again recently, and return their number.

        Args:
            used: returns the subset of its SHA-256s that is in use.
            untouched_for: minimum age since the last `put` or `renew`, longer than the time between storing and using.
        """
        ...


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 under which a photo is stored."""
    return hashlib.sha256(content).hexdigest()


def checked(content: bytes, sha256: str) -> bytes:
    """Return the bytes that were read under a name.

    Raises:
        PhotoDamaged: they are not those of the name.
    """
    if sha256_of(content) != sha256:
        raise PhotoDamaged(sha256)
    return content


def path_parts(sha256: str) -> tuple[str, str]:
    """Return the folder and file name of a photo in any store: `ab`, `abcdef...`.

    Raises:
        ValueError: `sha256` is not 64 lower-case hex digits.
    """
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"{sha256!r} is not a SHA-256: 64 lower-case hex digits are expected")
    return sha256[:2], sha256


def is_sha256(name: str) -> bool:
    """Say whether a file name is a photo's SHA-256."""
    return _SHA256.fullmatch(name) is not None
