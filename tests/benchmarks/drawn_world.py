"""Builds a large data directory for load tests; its random embeddings resemble those of an existing directory.

    python -m tests.benchmarks.drawn_world FROM_DATA_DIR TO_DATA_DIR --photos 1000000 [--indexes faiss]

`services.bench.inputs` draws the vectors and payloads, with two photos per listing. The photos have no files, because
searches by listing do not need them. It prints the build time and the size of the indexes.
"""

from __future__ import annotations

import argparse
import shutil
import time
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from more_itertools import chunked
from sqlalchemy import insert

from db.models import Embedding, Listing, Photo, PhotoState
from db.rows import embeddings, generations
from db.rows.payloads import to_bytes
from services.bench.inputs.drawn_catalogue import DrawnCatalogue
from services.bench.inputs.drawn_embeddings import fit
from services.indexing.generations import build_and_promote
from services.resources import Resources
from services.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from db.vectors.base import Payload, Point


_BATCH = 10_000


def main() -> None:
    """Build the data directory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--indexes", default="faiss", choices=("both", "faiss", "qdrant"))
    arguments = parser.parse_args()
    with closing(Resources(Settings(_env_file=None, data_dir=arguments.source))) as source:
        bundle = source.embedder().bundle
        catalogue = DrawnCatalogue(_fitted(source, bundle.version).draw(arguments.photos, seed=1), seed=1)
    settings = Settings(_env_file=None, data_dir=arguments.target, indexes=arguments.indexes)
    with closing(Resources(settings)) as target:
        target.models.register(bundle.path)
        started = time.perf_counter()
        for number, points in enumerate(chunked(catalogue.points(), _BATCH)):
            _write(target, points, bundle.version)
            print(f"\r{(number + 1) * _BATCH:,} photos written", end="", flush=True)
        print(f" in {time.perf_counter() - started:.0f} s")
        del catalogue
        _build(target, bundle.version)


def _fitted(source: Resources, version: str) -> Any:
    with source.database.read() as session:
        points = [point for batch in embeddings.all_points(session, model_version=version) for point in batch]
    listings = np.unique([point.payload.listing_id for point in points], return_inverse=True)[1]
    return fit(np.stack([point.vector for point in points]), listings.astype(np.int64))


def _write(target: Resources, points: Sequence[Point], version: str) -> None:
    now = datetime.now(UTC)
    payloads = {point.payload.listing_id: point.payload for point in points}
    with target.database.write() as session:
        session.execute(
            insert(Listing).prefix_with("OR IGNORE"), [_listing(payload, now) for payload in payloads.values()]
        )
        session.execute(insert(Photo), [_photo(point, now) for point in points])
        session.execute(insert(Embedding), [_embedding(point, version, now) for point in points])


def _listing(payload: Payload, now: datetime) -> dict[str, Any]:
    return {
        "id": payload.listing_id,
        "title": f"Listing {payload.listing_id}",
        "description": "",
        "category": payload.category,
        "category_path": [payload.category],
        "price": None if payload.price is None else Decimal(str(payload.price)),
        "currency": payload.currency,
        "location": payload.locations[0],
        "region": payload.region,
        "seller": payload.seller,
        "listed_at": datetime.fromtimestamp(payload.listed_at, UTC),
        "flags": [],
        "content_hash": "0" * 64,
        "created_at": now,
        "updated_at": now,
    }


def _photo(point: Point, now: datetime) -> dict[str, Any]:
    return {
        "id": point.photo_id + 1,
        "listing_id": point.payload.listing_id,
        "external_id": str(point.photo_id),
        "source": "",
        "sha256": f"{point.photo_id:064x}",
        "format": "JPEG",
        "size_bytes": 0,
        "width": 320,
        "height": 240,
        "state": PhotoState.EMBEDDED,
        "attempts": 0,
        "created_at": now,
    }


def _embedding(point: Point, version: str, now: datetime) -> dict[str, Any]:
    return {
        "model_version": version,
        "photo_id": point.photo_id + 1,
        "vector": to_bytes(point.vector),
        "category": point.payload.category,
        "probability": 0.5,
        "created_at": now,
    }


def _build(target: Resources, version: str) -> None:
    with target.database.read() as session:
        count = embeddings.embedding_count(session, model_version=version)
    started = time.perf_counter()
    live = build_and_promote(target.database, target.stores, version, force=True)
    seconds = time.perf_counter() - started
    folder = target.settings.data_dir / "indexes"
    for engine in sorted(folder.iterdir()):
        size = sum(path.stat().st_size for path in engine.rglob("*") if path.is_file())
        print(f"{engine.name}: {size / count:.0f} bytes per vector on disk")
    print(f"generation {live.id} built, verified and promoted in {seconds:.0f} s")
    print(f"free: {shutil.disk_usage(folder).free / 2**30:.0f} GiB")
    with target.database.read() as session:
        assert generations.live_generation(session) is not None


if __name__ == "__main__":
    main()
