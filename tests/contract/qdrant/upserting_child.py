"""A process that fills a Qdrant Edge collection in batches of 20, and prints the size once each is acknowledged."""

from __future__ import annotations

import sys
from pathlib import Path

from db.vectors.qdrant.edge import QdrantEdgeIndex
from tests.contract.catalogue import VECTOR_SIZE, make_catalogue

BATCH = 20


def upsert_and_wait(folder: Path) -> None:
    """Upsert the catalogue, then wait to be killed, without ever closing the collection."""
    points = make_catalogue().points
    index = QdrantEdgeIndex.open(folder, "photos", VECTOR_SIZE)
    for start in range(0, len(points), BATCH):
        index.upsert(points[start : start + BATCH])
        print(start + BATCH, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    upsert_and_wait(Path(sys.argv[1]))
