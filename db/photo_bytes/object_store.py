"""A photo store behind an fsspec URL: `s3://bucket/photos`, `gs://...`, or any other URL with an installed driver.

Object stores write an object completely or not at all. In other stores, a photo is written under a temporary name and
moved.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import fsspec
from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow.fs import FileSystem

from db.photo_bytes.base import PhotoDamaged, checked, is_sha256, path_parts, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from db.photo_bytes.folder import FolderPhotoStore

_IN_ARROW = frozenset({"s3", "gs"})
"""URL schemes that pyarrow supports itself, without another driver."""

_ATOMIC_WRITES = frozenset({"s3", "gs", "gcs", "az", "abfs", "memory"})

_WRITE_AGAIN_AFTER = timedelta(hours=12)
"""Minimum age at which storing a photo again rewrites it: an object's time cannot be renewed otherwise."""


class ObjectPhotoStore:
    """A `PhotoStore` under a URL. `cache` keeps the photos that are needed as local files."""

    def __init__(self, url: str, cache: FolderPhotoStore) -> None:
        """Parse `url`; the store is not contacted yet.

        Raises:
            ValueError: the URL's scheme is unknown or needs a package that is not installed, or it has no bucket.
        """
        parts = urlsplit(url)
        self._name, self._cache = f"{parts.scheme}://{parts.hostname or ''}{parts.path}", cache  # without credentials
        self._fs, self._root = _open(url)
        self._moves = parts.scheme not in _ATOMIC_WRITES

    def put(self, content: bytes) -> str:
        """See `PhotoStore`."""
        sha256 = sha256_of(content)
        if not self.renew(sha256):
            with self._errors():
                self._write(self._place(sha256), content)
        return sha256

    def renew(self, sha256: str) -> bool:
        """See `PhotoStore`. A damaged copy in the cache goes, too."""
        if not self._cache.renew(sha256):
            self._cache.delete(sha256)
        try:
            content = self.read(sha256)
        except (FileNotFoundError, PhotoDamaged):
            return False
        place = self._place(sha256)
        with self._errors():
            if self._age(place) > _WRITE_AGAIN_AFTER:
                self._write(place, content)
        return True

    def read(self, sha256: str) -> bytes:
        """See `PhotoStore`."""
        place = self._place(sha256)
        with self._errors():
            content = bytes(self._fs.cat_file(place))
        return checked(content, sha256)

    def names(self) -> Iterator[str]:
        """See `PhotoStore`."""
        for number in range(256):
            with self._errors():
                places = self._list(f"{self._root}/{number:02x}")
            yield from (place.rpartition("/")[2] for place in places)

    def local_path(self, sha256: str) -> Path:
        """See `PhotoStore`."""
        if not self._cache.renew(sha256):  # missing or damaged
            self._cache.put(self.read(sha256))
        return self._cache.local_path(sha256)

    def delete(self, sha256: str) -> None:
        """See `PhotoStore`."""
        place = self._place(sha256)
        with self._errors():
            if self._fs.exists(place):
                self._fs.rm_file(place)

    def sweep_temporary(self) -> int:
        """See `PhotoStore`."""
        return self._cache.sweep_temporary()

    def sweep_unused(self, used: Callable[[Sequence[str]], Collection[str]], *, untouched_for: timedelta) -> int:
        """See `PhotoStore`.

        Objects cannot be renamed aside: a photo that is stored again between the last check and its removal is lost
        until it is stored once more. That needs a photo that was unused for `untouched_for` before.
        """
        self._cache.sweep_unused(used, untouched_for=untouched_for)
        swept = 0
        for number in range(256):
            with self._errors():
                places = {place.rpartition("/")[2]: place for place in self._list(f"{self._root}/{number:02x}")}
                old = [name for name in places if is_sha256(name) and self._age(places[name]) > untouched_for]
            for name in sorted(set(old) - set(used(old))):
                with self._errors():
                    is_old = timedelta.max > self._age(self._place(name)) > untouched_for
                if is_old and not used([name]):
                    self.delete(name)
                    swept += 1
        return swept

    def _place(self, sha256: str) -> str:
        return "/".join((self._root, *path_parts(sha256)))

    def _list(self, folder: str) -> list[str]:
        try:
            places: list[str] = self._fs.ls(folder, detail=False)
        except FileNotFoundError:
            return []
        return places

    def _age(self, place: str) -> timedelta:
        """Return the time since an object was written, or `timedelta.max` if it does not exist."""
        try:
            written: datetime | None = self._fs.modified(place)
        except FileNotFoundError:
            written = None
        if written is None:
            return timedelta.max
        return datetime.now(UTC) - (written if written.tzinfo else written.replace(tzinfo=UTC))

    def _write(self, place: str, content: bytes) -> None:
        if not self._moves:
            self._fs.pipe_file(place, content)
            return
        folder, _, name = place.rpartition("/")
        temporary = f"{self._root}/partial/{name}.{uuid4().hex}"
        self._fs.makedirs(f"{self._root}/partial", exist_ok=True)
        self._fs.makedirs(folder, exist_ok=True)
        try:
            self._fs.pipe_file(temporary, content)
            self._fs.mv(temporary, place)
        except BaseException:
            if self._fs.exists(temporary):
                self._fs.rm_file(temporary)
            raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn drivers' own exceptions into ConnectionError; OSErrors with a number (disk full, ...) pass."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno is not None and not isinstance(error, ConnectionError):  # no permission, no space
                raise
            raise ConnectionError(f"The photo store {self._name} cannot be reached: {error}") from error
        except Exception as error:
            raise ConnectionError(f"The photo store {self._name} cannot be reached: {error}") from error


def _open(url: str) -> tuple[Any, str]:
    scheme = urlsplit(url).scheme
    try:
        if scheme in _IN_ARROW:
            arrow_filesystem, root = FileSystem.from_uri(url)
            filesystem = ArrowFSWrapper(arrow_filesystem)
        else:
            filesystem, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError, OSError) as error:
        raise ValueError(f"a photo store at a {scheme}: URL cannot be opened ({error})") from error
    if not root.strip("/"):
        raise ValueError(f"the {scheme}: URL of the photo store names no bucket or folder")
    return filesystem, root.rstrip("/")
