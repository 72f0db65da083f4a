"""A seal on the files of a closed Qdrant Edge shard, which shows damage when it is opened again.

The engine (0.9) has no checksums: it answers from flipped bits, and takes the rest of a truncated list for the whole.
A process that was killed leaves no seal; then only the comparison with the database shows damage.
"""

from __future__ import annotations

import errno
import hashlib
import os
from typing import TYPE_CHECKING

import msgspec

from db.durability import sync

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = 64 * 1024
_ZEROS = bytes(_BLOCK)


class ShardDamaged(OSError):
    """The files of a shard are not those that were closed."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")


def write_seal(seal: Path, shard: Path) -> None:
    """Write the digest of each file of a closed shard to `seal`.

    Raises:
        OSError: a file cannot be read, or the seal cannot be written; then there is none.
    """
    content = msgspec.json.encode(_digests(shard))
    try:
        seal.write_bytes(content)
        sync(seal)
    except BaseException:
        seal.unlink(missing_ok=True)
        raise
    sync(seal.parent)


def break_seal(seal: Path, shard: Path) -> None:
    """Compare the shard with its seal, and remove the seal, because the files may change from now on.

    Raises:
        ShardDamaged: the seal or a file is damaged, missing or new.
        OSError: a file cannot be read.
    """
    try:
        sealed = msgspec.json.decode(seal.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return
    except (msgspec.DecodeError, ValueError) as error:
        raise ShardDamaged(seal, f"the seal cannot be read ({error})") from error
    found = _digests(shard)
    for name in sorted(sealed.keys() | found.keys()):
        if sealed.get(name) != found.get(name):
            change = "is missing" if name not in found else "is new" if name not in sealed else "has changed"
            raise ShardDamaged(shard / name, f"the file {change} since the index was closed")
    seal.unlink()
    sync(seal.parent)


def _digests(shard: Path) -> dict[str, str]:
    return {str(path.relative_to(shard)): _digest(path) for path in sorted(shard.rglob("*")) if not path.is_dir()}


def _digest(path: Path) -> str:
    """Return a digest of the file's size and of its blocks that are not zero, with their places.

    A small shard has 250 MB of files, of which 2 MB are not holes.
    """
    with path.open("rb", buffering=0) as file:
        size, at = os.fstat(file.fileno()).st_size, 0
        digest = hashlib.sha256(size.to_bytes(8, "little"))
        while (at := _next_data(file.fileno(), at, size)) < size:
            block = os.pread(file.fileno(), _BLOCK, at)
            if block != _ZEROS[: len(block)]:
                digest.update(at.to_bytes(8, "little"))
                digest.update(block)
            at += _BLOCK
    return digest.hexdigest()


def _next_data(descriptor: int, at: int, size: int) -> int:
    """Return the start of the next block that is not a hole; `size` if there is none."""
    try:
        return max(at, os.lseek(descriptor, at, os.SEEK_DATA) // _BLOCK * _BLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return size
        raise
