"""Ways to damage the files of an index."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from db.vectors.base import Vector

    Damage = Callable[[Path], object]


def flip(path: Path) -> None:
    """Flip a bit of the middle one of the bytes that are not zero."""
    content = path.read_bytes().rstrip(b"\0")
    places = np.flatnonzero(np.frombuffer(content, dtype=np.uint8))
    place = int(places[len(places) // 2]) if len(places) else 0
    with path.open("r+b") as file:
        file.seek(place)
        file.write(bytes([(content[place] if content else 0) ^ 1]))


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


DAMAGES: dict[str, Damage] = {
    "flipped": flip,
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "longer": lambda path: os.truncate(path, path.stat().st_size + 1),
    "gone": lambda path: path.unlink(),
    "a folder": make_folder,
    "unreadable": make_link,  # a link to itself cannot be read, even by root
}


def flip_vector(folder: Path, vector: Vector) -> None:
    """Flip the signs of half of a vector's components, in the file that searches read, as bit rot in an open shard."""
    (folder / "seal.json").unlink()
    (file,) = folder.rglob("chunk_0.mmap")
    content, sought = bytearray(file.read_bytes()), vector.astype("<f4").tobytes()
    for place in range(content.index(sought), content.index(sought) + len(sought), 8):
        content[place + 3] ^= 0x80
    file.write_bytes(content)
