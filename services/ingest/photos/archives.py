"""Photos inside a zip or tar, read by name. No file is ever written under a name from the archive."""

from __future__ import annotations

import gzip
import lzma
import stat
import struct
import tarfile
import tempfile
import threading
import zipfile
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from services.errors import ListingsFileError, PhotoRejected
from services.ingest.photos.names import IndexedPhotos, PhotoNames, not_a_file, safe_parts, too_large
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_REMEDY = "Use a folder, a zip, a tar or a gzipped tar of photos"
_CHUNK = 1 << 20
_HEADER_LIMIT = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_UNPACKED_ALLOWANCE = 64 * 2**20
_UNPACKED_RATIO = 100
"""An archive of photos hardly compresses; one that unpacks to more than 64 MiB plus 100 times its size is refused."""

_UTF8_NAME = 0x800
"""Bit of a zip member's flags: its name is UTF-8. Otherwise the name is in a code page that nobody states."""

_UNICODE_PATH = 0x7075
"""Extra field of a zip member with its name in UTF-8 (APPNOTE 4.6.9)."""

_READ_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
_OTHER_METHODS = {9: "Deflate64", 93: "Zstandard", 95: "XZ", 96: "JPEG", 98: "PPMd", 99: "AES encryption"}


class ZipPhotos(IndexedPhotos):
    """The photos of a zip archive."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._max_bytes, self.label = max_bytes, path.name
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
            raise ListingsFileError(path, f"is a damaged zip ({error})", _REMEDY) from error
        members = (member for member in self._zip.infolist() if not member.filename.endswith(("/", "\\")))
        self._members = {_zip_name(member): member for member in members}
        self._names = PhotoNames(self._members, read_as=("cp437", "strict"))

    def __exit__(self, *_exception: object) -> None:
        self._zip.close()

    def read(self, name: str) -> bytes:
        member = self._members.get(name)
        if member is None:
            raise FileNotFoundError(name)
        safe_parts(name)
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
            raise not_a_file(name, "not a regular file")
        if member.flag_bits & 1:
            raise PhotoRejected(RejectReason.ENCRYPTED, f"{name!r} is encrypted. Use a zip without a password")
        if member.compress_type not in _READ_METHODS:
            method = _OTHER_METHODS.get(member.compress_type, f"method {member.compress_type}")
            problem = f"{name!r} is packed with {method}. Zip the photos again with Deflate, or without compression"
            raise PhotoRejected(RejectReason.UNSUPPORTED_COMPRESSION, problem)
        try:
            with self._zip.open(member) as file:
                content = file.read(self._max_bytes + 1)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError) as error:
            raise PhotoRejected(RejectReason.DAMAGED_MEMBER, f"{name!r} cannot be unpacked: {error}") from error
        if len(content) > self._max_bytes:
            raise too_large(name, self._max_bytes)
        return content


def _zip_name(member: zipfile.ZipInfo) -> str:
    """Return a member's name. Most programs write UTF-8 without saying so, which zipfile reads as code page 437."""
    if member.flag_bits & _UTF8_NAME:
        return member.filename
    written = member.orig_filename.encode("cp437")
    if stated := _unicode_path(member.extra, written):
        return stated
    try:
        return written.decode("utf-8")
    except UnicodeDecodeError:
        return member.filename


def _unicode_path(extra: bytes, written: bytes) -> str | None:
    """Return the name in the Unicode Path field, unless the name was changed after the field was written."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        content, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and content[:5] == struct.pack("<BL", 1, zlib.crc32(written)):
            return content[5:].decode("utf-8", "replace")
    return None


@dataclass(frozen=True, slots=True)
class _Member:
    offset: int
    size: int
    is_regular: bool


class TarPhotos(IndexedPhotos):
    """The photos of a tar archive, indexed once; a gzipped one is first unpacked into an unnamed temporary file."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._max_bytes, self._lock, self.label = max_bytes, threading.Lock(), path.name
        with ExitStack() as stack:
            try:
                self._file = _uncompressed(path, stack)
                self._members = dict(_members(self._file))
            except (tarfile.TarError, ValueError) as error:
                raise ListingsFileError(path, f"is neither a zip nor a valid tar ({error})", _REMEDY) from error
            except (OSError, EOFError, zlib.error) as error:
                raise ListingsFileError(path, f"cannot be unpacked ({error})", _REMEDY) from error
            self._names = PhotoNames(self._members)
            self._open = stack.pop_all()

    def __exit__(self, *_exception: object) -> None:
        self._open.close()

    def read(self, name: str) -> bytes:
        member = self._members.get(name)
        if member is None:
            raise FileNotFoundError(name)
        safe_parts(name)
        if not member.is_regular:
            raise not_a_file(name, "a link, a device or a sparse file")
        if member.size > self._max_bytes:
            raise too_large(name, self._max_bytes)
        with self._lock:
            self._file.seek(member.offset)
            content = self._file.read(member.size)
        if len(content) < member.size:
            problem = f"{name!r} is cut off: the archive ends inside it. Copy the archive again"
            raise PhotoRejected(RejectReason.DAMAGED_MEMBER, problem)
        return content


def _uncompressed(path: Path, stack: ExitStack) -> IO[bytes]:
    file = stack.enter_context(path.open("rb"))
    if file.read(2) != _GZIP_MAGIC:
        return file
    file.seek(0)
    limit = _UNPACKED_ALLOWANCE + _UNPACKED_RATIO * path.stat().st_size
    unpacked = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  (the stack closes it)
    with gzip.GzipFile(fileobj=file) as zipped:
        while chunk := zipped.read(_CHUNK):
            unpacked.write(chunk)
            if unpacked.tell() > limit:
                raise ListingsFileError(path, f"unpacks to more than {limit:,} bytes", _REMEDY)
    return unpacked


def _members(file: IO[bytes]) -> Iterator[tuple[str, _Member]]:
    """Yield the members of a tar that are not folders.

    Raises:
        tarfile.TarError: the archive is damaged.
    """
    file.seek(0)
    last = -1
    with tarfile.open(fileobj=cast("IO[bytes]", _HeaderReader(file)), mode="r:") as archive:
        while (member := archive.next()) is not None:
            if member.offset <= last or member.size < 0:  # a forged size could make the reader loop
                raise tarfile.ReadError("a member has an impossible size")
            last = member.offset
            archive.members.clear()  # type: ignore[attr-defined]  # or it would hold millions of them in memory
            if not member.isdir():
                is_regular = member.isreg() and not member.issparse()
                yield member.name, _Member(member.offset_data, member.size, is_regular)


class _HeaderReader:
    """The file interface of tarfile, for headers only: a forged header could request gigabytes in one read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.read_file, self.seek, self.tell = file.read, file.seek, file.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _HEADER_LIMIT:
            raise tarfile.ReadError("a header is too long")
        return self.read_file(size)
