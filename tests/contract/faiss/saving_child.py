"""A process that saves a growing FAISS index for ever, and prints each position once it is saved: to be killed."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from db.vectors.faiss.index import FaissIndex
from tests.contract.catalogue import make_catalogue


def save_for_ever(folder: Path) -> None:
    """Save after every new point; the position is the number of points."""
    points = make_catalogue().points
    index = FaissIndex(64)
    for cursor in count(1):
        index.upsert(points[cursor - 1 : cursor])
        index.save(folder, cursor=cursor)
        print(cursor, flush=True)


if __name__ == "__main__":
    save_for_ever(Path(sys.argv[1]))
