"""Snapshots on disk: complete or absent, and verified when they are read.

    folder/
      CURRENT              name of the current snapshot, and the SHA-256 of its manifest
      snapshot-<cursor>-<n>/
        manifest.json      description of the snapshot, and the SHA-256 of each other file
        ...
      lock                 held while a snapshot is written

A snapshot's files are never rewritten, because a reader may have them mapped. CURRENT is replaced by a rename after
everything that it names is on disk. The previous snapshot is kept for readers that still use it.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from db.durability import sync
from db.vectors.folder_lock import wait_for_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value = TypeVar("Value")

FORMAT = 6
_CURRENT, _MANIFEST = "CURRENT", "manifest.json"


class SnapshotDamaged(OSError):
    """A snapshot on disk is damaged or of an unknown format."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """Description of a saved index. It contains all change-feed events up to and including `cursor`."""

    kind: str
    collection: str
    vector_size: int
    count: int
    cursor: int
    parameters: dict[str, int]


class _SnapshotFormat(msgspec.Struct, frozen=True):
    format: int


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    format: int
    contents: Contents
    sha256: dict[str, str]


class _Current(msgspec.Struct, frozen=True, kw_only=True):
    snapshot: str
    manifest_sha256: str


def write_snapshot(folder: Path, contents: Contents, files: Mapping[str, Callable[[Path], None]]) -> None:
    """Write a snapshot, make it the current one, and delete older ones except the previous current one.

    Args:
        files: for each file name, a function that writes the file to a path.

    Raises:
        OSError: a file cannot be written; the current snapshot stays current.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with wait_for_folder(folder):
        snapshot = _new_folder(folder, contents.cursor)
        try:
            current = _fill(snapshot, contents, files)
        except BaseException:
            shutil.rmtree(snapshot, ignore_errors=True)
            raise
        kept = {snapshot.name, _current_name(folder)}
        _replace_current(folder, current)
        _prune(folder, kept)


def read_snapshot(folder: Path, read: Callable[[Path, Contents], Value]) -> Value:
    """Verify the checksums of the current snapshot's files, and return the result of `read` on its folder.

    Raises:
        FileNotFoundError: there is no snapshot.
        SnapshotDamaged: a file is missing, changed or unreadable, or its format is unknown.
    """
    pointer = _bytes_of(folder / _CURRENT)
    try:
        return read(*_verified(folder, pointer))
    except SnapshotDamaged:
        if _bytes_of(folder / _CURRENT) == pointer:
            raise
        # Meanwhile another process wrote two snapshots, and pruned this one.
        return read_snapshot(folder, read)


def _fill(snapshot: Path, contents: Contents, files: Mapping[str, Callable[[Path], None]]) -> _Current:
    for name, write in files.items():
        write(snapshot / name)
        sync(snapshot / name)
    sha256 = {name: _sha256(snapshot / name) for name in files}
    manifest = msgspec.json.encode(_Manifest(format=FORMAT, contents=contents, sha256=sha256))
    _write(snapshot / _MANIFEST, manifest)
    sync(snapshot)
    sync(snapshot.parent)
    return _Current(snapshot=snapshot.name, manifest_sha256=hashlib.sha256(manifest).hexdigest())


def _verified(folder: Path, pointer: bytes) -> tuple[Path, Contents]:
    current = _decoded(pointer, _Current, folder / _CURRENT)
    path = folder / current.snapshot / _MANIFEST
    content = _read(path, Path.read_bytes)
    if hashlib.sha256(content).hexdigest() != current.manifest_sha256:
        raise SnapshotDamaged(path, "its checksum is not the one in CURRENT")
    if (found := _decoded(content, _SnapshotFormat, path).format) != FORMAT:
        raise SnapshotDamaged(path, f"its format {found} is unknown to this version, which reads format {FORMAT}")
    manifest = _decoded(content, _Manifest, path)
    for name, expected in manifest.sha256.items():
        _check(path.with_name(name), expected)
    return path.parent, manifest.contents


def _check(path: Path, expected: str) -> None:
    if _read(path, _sha256) != expected:
        raise SnapshotDamaged(path, "its checksum is not the one in the manifest")


def _bytes_of(current: Path) -> bytes:
    try:
        return current.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SnapshotDamaged(current, f"the file cannot be read ({error})") from error


def _read(path: Path, how: Callable[[Path], Value]) -> Value:
    try:
        return how(path)
    except FileNotFoundError as error:
        raise SnapshotDamaged(path, "the file is missing") from error
    except (OSError, ValueError) as error:  # a name with a NUL byte is a ValueError
        raise SnapshotDamaged(path, f"the file cannot be read ({error})") from error


def _decoded(content: bytes, kind: type[Value], path: Path) -> Value:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, ValueError) as error:  # bytes that are no UTF-8 are a ValueError
        raise SnapshotDamaged(path, f"its content is not valid ({error})") from error


def _new_folder(folder: Path, cursor: int) -> Path:
    for number in itertools.count():
        snapshot = folder / f"snapshot-{cursor}-{number}"
        with suppress(FileExistsError):
            snapshot.mkdir()
            return snapshot
    raise AssertionError("unreachable")


def _replace_current(folder: Path, current: _Current) -> None:
    fresh = folder / f"{_CURRENT}.new"
    _write(fresh, msgspec.json.encode(current))
    fresh.replace(folder / _CURRENT)
    sync(folder)


def _current_name(folder: Path) -> str | None:
    try:
        return msgspec.json.decode((folder / _CURRENT).read_bytes(), type=_Current).snapshot
    except (OSError, msgspec.DecodeError, ValueError):
        return None


def _prune(folder: Path, kept: set[str | None]) -> None:
    for snapshot in folder.glob("snapshot-*"):
        if snapshot.name not in kept:
            shutil.rmtree(snapshot, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    sync(path)
