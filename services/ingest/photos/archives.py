"""Photos inside a zip or tar, read by name. Nothing is ever unpacked under a name that the archive chose."""

from __future__ import annotations

import gzip
import lzma
import stat
import tarfile
import tempfile
import threading
import zipfile
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from services.errors import ListingsFileError, PhotoRejected
from services.ingest.photos.names import PhotoNames, safe_parts
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

_REMEDY = "Give a folder, a zip, a tar or a gzipped tar of photos"
_CHUNK = 1 << 20
_HEADER_LIMIT = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_UNPACKED_AT_LEAST = 64 * 2**20
_UNPACKED_RATIO = 100
"""Photos hardly shrink; what unpacks to 64 MiB plus a hundred times its own size is no archive of photos."""


class ZipPhotos:
    """The photos of a zip."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._max_bytes, self.place = max_bytes, path.name
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
            raise ListingsFileError(path, f"is a damaged zip ({error})", _REMEDY) from error
        self._names = PhotoNames(member.filename for member in self._zip.infolist() if not member.is_dir())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._zip.close()

    def names(self) -> Iterator[str]:
        """Yield every member's name but the folders'."""
        return iter(self._names)

    def find(self, external_id_or_name: str) -> str | None:
        """Return the name of the photo that is meant, or None."""
        return self._names.find(external_id_or_name)

    def read(self, name: str) -> bytes:
        """Return a member's bytes."""
        try:
            member = self._zip.getinfo(name)
        except KeyError:
            raise FileNotFoundError(name) from None
        safe_parts(name)
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
            raise PhotoRejected(RejectReason.NOT_A_FILE, f"{name!r} is not a plain file")
        if member.flag_bits & 1:
            raise PhotoRejected(RejectReason.ENCRYPTED, f"{name!r} is encrypted; give a zip without a password")
        try:
            with self._zip.open(member) as file:
                content = file.read(self._max_bytes + 1)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError) as error:
            raise PhotoRejected(RejectReason.DAMAGED_MEMBER, f"{name!r} cannot be unpacked: {error}") from error
        if len(content) > self._max_bytes:
            raise PhotoRejected(RejectReason.TOO_LARGE, f"{name!r} unpacks to more than {self._max_bytes} bytes")
        return content


@dataclass(frozen=True, slots=True)
class _Member:
    offset: int
    size: int
    is_plain: bool


class TarPhotos:
    """The photos of a tar. It is indexed once; one that is gzipped is unpacked into a nameless temporary file first."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._max_bytes, self._lock, self.place = max_bytes, threading.Lock(), path.name
        with ExitStack() as stack:
            try:
                self._file = _uncompressed(path, stack)
                self._members = dict(_members(self._file))
            except (tarfile.TarError, ValueError) as error:
                raise ListingsFileError(path, f"is neither a zip nor a sound tar ({error})", _REMEDY) from error
            except (OSError, EOFError, zlib.error) as error:
                raise ListingsFileError(path, f"cannot be unpacked ({error})", _REMEDY) from error
            self._names = PhotoNames(self._members)
            self._open = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._open.close()

    def names(self) -> Iterator[str]:
        """Yield every member's name but the folders'."""
        return iter(self._names)

    def find(self, external_id_or_name: str) -> str | None:
        """Return the name of the photo that is meant, or None."""
        return self._names.find(external_id_or_name)

    def read(self, name: str) -> bytes:
        """Return a member's bytes."""
        member = self._members.get(name)
        if member is None:
            raise FileNotFoundError(name)
        safe_parts(name)
        if not member.is_plain:
            raise PhotoRejected(RejectReason.NOT_A_FILE, f"{name!r} is a link, a device or a file with holes")
        if member.size > self._max_bytes:
            raise PhotoRejected(RejectReason.TOO_LARGE, f"{name!r} is larger than {self._max_bytes} bytes")
        with self._lock:
            self._file.seek(member.offset)
            content = self._file.read(member.size)
        if len(content) < member.size:
            raise PhotoRejected(RejectReason.DAMAGED_MEMBER, f"{name!r} is cut off: the archive ends inside it")
        return content


def _uncompressed(path: Path, stack: ExitStack) -> IO[bytes]:
    file = stack.enter_context(path.open("rb"))
    if file.read(2) != _GZIP_MAGIC:
        return file
    file.seek(0)
    limit = _UNPACKED_AT_LEAST + _UNPACKED_RATIO * path.stat().st_size
    unpacked = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  (the stack closes it)
    with gzip.GzipFile(fileobj=file) as zipped:
        while chunk := zipped.read(_CHUNK):
            unpacked.write(chunk)
            if unpacked.tell() > limit:
                raise ListingsFileError(path, f"unpacks to more than {limit} bytes", _REMEDY)
    return unpacked


def _members(file: IO[bytes]) -> Iterator[tuple[str, _Member]]:
    """Yield what is in a tar, folders left out.

    Raises:
        tarfile.TarError: the archive is damaged.
    """
    file.seek(0)
    last = -1
    with tarfile.open(fileobj=cast("IO[bytes]", _HeaderReader(file)), mode="r:") as archive:
        while (member := archive.next()) is not None:
            if member.offset <= last or member.size < 0:  # a forged size would send the reader in circles
                raise tarfile.ReadError("a member's size makes no sense")
            last = member.offset
            archive.members.clear()  # type: ignore[attr-defined]  # else it keeps all of them, dear with millions
            if not member.isdir():
                is_plain = member.isreg() and not member.issparse()
                yield member.name, _Member(member.offset_data, member.size, is_plain)


class _HeaderReader:
    """What tarfile needs of a file, for headers only: a forged header could ask for gigabytes at once."""

    def __init__(self, file: IO[bytes]) -> None:
        self.read_file, self.seek, self.tell = file.read, file.seek, file.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _HEADER_LIMIT:
            raise tarfile.ReadError("a header is too long")
        return self.read_file(size)
