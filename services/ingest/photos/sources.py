"""The photo source interface, its implementation for folders, and the function that opens any source."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Protocol

from ml.photos.opening import DEFAULT_LIMITS
from services.errors import ListingsFileError, PhotoRejected
from services.ingest.photos.archives import TarPhotos, ZipPhotos
from services.ingest.photos.names import IndexedPhotos, PhotoNames, not_a_file, safe_parts, too_large
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_OTHER_ARCHIVES = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"PK\x07\x08": "one part of a split zip",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\0": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard",
}
"""First bytes of archives that are often sent and cannot be read."""


class PhotoSource(Protocol):
    """Reads photos by name. `read` and `find` are thread-safe."""

    @property
    def label(self) -> str:
        """The folder or archive, as named in rejects."""
        ...

    def find(self, id_or_name: str) -> str | None:
        """Return the full name of the photo with this id or name, or None; see `PhotoNames.find`.

        Raises:
            PhotoRejected: `unsafe_path` or `ambiguous_name`.
        """
        ...

    def read(self, name: str) -> bytes:
        """Return a photo's bytes. The size limit applies to the actual bytes, whatever a header claims.

        Raises:
            FileNotFoundError: the source has no such photo.
            PhotoRejected: `unsafe_path`, `not_a_file`, `too_large`, `encrypted`, `damaged_member`, `unreadable`.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class FolderPhotos(IndexedPhotos):
    """The photos of a folder and its subfolders. Symbolic links to folders are not followed."""

    def __init__(self, folder: Path, *, max_bytes: int = DEFAULT_LIMITS.max_bytes) -> None:
        self._folder, self._max_bytes = folder.resolve(), max_bytes
        self.label = f"the folder {self._folder.name}"
        self._names = PhotoNames(_files_below(self._folder))

    def __exit__(self, *_exception: object) -> None:
        """Do nothing: no file stays open."""

    def read(self, name: str) -> bytes:
        """Return a photo's bytes; a symbolic link must lead to a file inside the folder."""
        path = self._folder.joinpath(*safe_parts(name))
        try:
            target = path.resolve(strict=True)
            if not target.is_relative_to(self._folder):
                problem = f"{name!r} is a link to outside the photo folder. Replace it by the photo itself"
                raise PhotoRejected(RejectReason.UNSAFE_PATH, problem)
            return self._read_file(target, name)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise FileNotFoundError(name) from error
        except IsADirectoryError as error:
            raise not_a_file(name, "a folder") from error
        except (OSError, RuntimeError) as error:
            raise PhotoRejected(RejectReason.UNREADABLE, f"{name!r} cannot be read: {error}") from error

    def _read_file(self, path: Path, name: str) -> bytes:
        with open(path, "rb", opener=_open_nonblocking) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise not_a_file(name, "not a regular file")
            content = file.read(self._max_bytes + 1)
        if len(content) > self._max_bytes:
            raise too_large(name, self._max_bytes)
        return content


def check_exists(path: Path) -> None:
    """Check that a folder or archive of photos exists.

    Raises:
        ListingsFileError: it does not exist, or cannot be reached.
    """
    try:
        path.stat()
    except OSError as error:
        raise ListingsFileError(path, f"cannot be read ({error.strerror})", "Check the path") from error


def open_photos(path: Path, *, max_bytes: int = DEFAULT_LIMITS.max_bytes) -> PhotoSource:
    """Open a folder, zip, tar or gzipped tar of photos, recognised by content. Use it as a context manager.

    Args:
        path: the folder or archive.
        max_bytes: reading a larger photo raises PhotoRejected.

    Raises:
        ListingsFileError: `path` is none of these, or cannot be read at all.
    """
    if path.is_dir():
        return FolderPhotos(path, max_bytes=max_bytes)
    try:
        with path.open("rb") as file:
            magic = file.read(6)
    except OSError as error:
        raise ListingsFileError(path, f"cannot be read ({error.strerror})", "Check the path") from error
    for signature, kind in _OTHER_ARCHIVES.items():
        if magic.startswith(signature):
            raise ListingsFileError(path, f"is {kind}, which cannot be read", "Unpack it, and pass the folder or a zip")
    if magic.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ZipPhotos(path, max_bytes=max_bytes)
    return TarPhotos(path, max_bytes=max_bytes)


def _open_nonblocking(path: str, flags: int) -> int:
    """Open without blocking: opening a named pipe would otherwise wait for a writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _files_below(folder: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise ListingsFileError(error.filename, f"cannot be listed ({error.strerror})", "Check its permissions")

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders.sort()
        prefix = os.path.relpath(parent, folder).replace(os.sep, "/")
        yield from (name if prefix == "." else f"{prefix}/{name}" for name in sorted(files))
