"""Where the photos' bytes come from: a folder, a zip or a tar."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Protocol

from services.errors import ListingsFileError, PhotoRejected
from services.ingest.photos.archives import TarPhotos, ZipPhotos
from services.ingest.photos.names import PhotoNames, safe_parts
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

MAX_PHOTO_BYTES = 20 * 2**20


class PhotoSource(Protocol):
    """Photos by name. `read` and `find` may be called from several threads."""

    @property
    def place(self) -> str:
        """The folder or archive, as a reject calls it."""
        ...

    def names(self) -> Iterator[str]:
        """Yield the name of everything in the source that is not a folder."""
        ...

    def find(self, external_id_or_name: str) -> str | None:
        """Return the name of the photo that is meant, or None when there is none; see `PhotoNames.find`.

        Raises:
            PhotoRejected: `unsafe_path` or `ambiguous_name`.
        """
        ...

    def read(self, name: str) -> bytes:
        """Return a photo's bytes. The limit is on the bytes themselves, not on what a header says of them.

        Raises:
            FileNotFoundError: there is no such photo.
            PhotoRejected: `unsafe_path`, `not_a_file`, `too_large`, `encrypted`, `damaged_member`, `unreadable`.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class FolderPhotos:
    """The photos of a folder and of the folders in it. Links to folders are not followed."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_PHOTO_BYTES) -> None:
        self._folder, self._max_bytes = folder.resolve(), max_bytes
        self.place = f"the folder {self._folder.name}"
        self._names = PhotoNames(_files_below(self._folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        """Nothing is held open."""

    def names(self) -> Iterator[str]:
        """Yield every file's name, relative to the folder."""
        return iter(self._names)

    def find(self, external_id_or_name: str) -> str | None:
        """Return the name of the photo that is meant, or None."""
        return self._names.find(external_id_or_name)

    def read(self, name: str) -> bytes:
        """Return a photo's bytes; a link is followed only to a file inside the folder."""
        path = self._folder.joinpath(*safe_parts(name))
        try:
            target = path.resolve(strict=True)
            if not target.is_relative_to(self._folder):
                raise PhotoRejected(RejectReason.UNSAFE_PATH, f"{name!r} is a link out of the photo folder")
            return self._read_file(target, name)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise FileNotFoundError(name) from error
        except IsADirectoryError as error:
            raise PhotoRejected(RejectReason.NOT_A_FILE, f"{name!r} is a folder") from error
        except (OSError, RuntimeError) as error:
            raise PhotoRejected(RejectReason.UNREADABLE, f"{name!r} cannot be read: {error}") from error

    def _read_file(self, path: Path, name: str) -> bytes:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise PhotoRejected(RejectReason.NOT_A_FILE, f"{name!r} is not a plain file")
            content = file.read(self._max_bytes + 1)
        if len(content) > self._max_bytes:
            raise PhotoRejected(RejectReason.TOO_LARGE, f"{name!r} is larger than {self._max_bytes} bytes")
        return content


def open_photos(path: Path, *, max_bytes: int = MAX_PHOTO_BYTES) -> PhotoSource:
    """Open a folder, zip, tar or gzipped tar of photos, told apart by content. Use it as a context manager.

    Args:
        path: the folder or archive.
        max_bytes: photos above this size are rejected when read.

    Raises:
        ListingsFileError: it is none of these, or is unreadable as a whole.
    """
    if path.is_dir():
        return FolderPhotos(path, max_bytes=max_bytes)
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ListingsFileError(path, f"cannot be read ({error.strerror})", "Check the path") from error
    if magic in (b"PK\x03\x04", b"PK\x05\x06"):
        return ZipPhotos(path, max_bytes=max_bytes)
    return TarPhotos(path, max_bytes=max_bytes)


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting: a pipe named like a photo would block until somebody writes to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _files_below(folder: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise ListingsFileError(error.filename, f"cannot be listed ({error.strerror})", "Check its permissions")

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders.sort()
        prefix = os.path.relpath(parent, folder).replace(os.sep, "/")
        yield from (name if prefix == "." else f"{prefix}/{name}" for name in sorted(files))
