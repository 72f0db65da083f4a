"""Benchmarks of embedding on the photos in the truth, which they only read."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from db import migrate
from db.rows import generations, listings, photos
from db.rows.photos import StoredPhoto
from db.rows.records import ListingRecord
from db.session import Database
from ml.bundle.manifest import BundleError
from ml.embedding.open_embedder import open_embedder
from services.bench.embed import BenchPhoto, bench_embed
from services.bench.embed_work import decode_only, network_only
from services.bench.machine import readable, take_turns
from services.errors import BadInput, ModelUnusable
from services.ingest.models.bundles import find_bundle
from services.ingest.models.labelled import labelled_photos
from services.ingest.pipeline.embedding import PhotoEmbedder
from services.ingest.pipeline.progress import Progress, StageCounter, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ml.embedding.embedder import Embedder
    from ml.labelled import LabelledPhoto
    from services.bench.embed import EmbedBenchmark
    from services.ingest.pipeline.embedding import EmbeddingRun
    from services.resources import Resources

_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class IngestBenchmark:
    """What `bench_ingesting` measured. Rates are photos per second.

    Attributes:
        rate: from stored files to committed embeddings.
        decode_limit: decoded, without the network, on all `threads`.
        network_limit: embedded, decoded beforehand.
        share: of the lesser of the two that `rate` reaches.
    """

    photos: int
    precision: str
    threads: int
    rate: float
    decode_limit: float
    network_limit: float
    share: float


def bench_embedding(resources: Resources, *, model: str | None, limit: int, recall_limit: int) -> EmbedBenchmark:
    """See `services.bench.embed.bench_embed`.

    Raises:
        BadInput: there are no photos that can be read.
        ModelMissing, ModelUnusable, NotFound: see `find_bundle`.
    """
    bundle = find_bundle(resources, model)
    stored = [BenchPhoto(photo.path, photo.listing_id, photo.sha256) for photo in _stored(resources)]
    try:
        return bench_embed(stored, bundle, limit=limit, recall_limit=recall_limit)
    except ValueError as error:  # a BundleError is one
        raise _unusable(bundle.version, error) from error


def bench_ingesting(
    resources: Resources, *, model: str | None, limit: int, progress: Progress = silent
) -> IngestBenchmark:
    """Embed stored files into a scratch database on the disk, as ingest does, and measure what bounds it beside it.

    Raises:
        BadInput: there are no photos that can be read.
        ModelMissing, ModelUnusable, NotFound: see `find_bundle`.
    """
    bundle, settings = find_bundle(resources, model), resources.settings
    stored, threads = _stored(resources)[:limit], settings.thread_count
    try:
        embedder = open_embedder(bundle, runtime=settings.runtime.value, threads=threads, precision=settings.precision)
        contents = readable([photo.path for photo in stored], bundle.preprocessing, limit=limit)
    except ValueError as error:
        raise _unusable(bundle.version, error) from error
    progress("measure limits", 0, None)
    pixels = decode_only(contents, bundle.preprocessing, threads=threads)
    ways: dict[str, Callable[[], NDArray[Any]]] = {
        "decode": partial(decode_only, contents, bundle.preprocessing, threads=threads),
        "network": partial(network_only, pixels, embedder),
    }
    limits = take_turns(ways, rounds=_ROUNDS, photos=len(contents))
    advance = StageCounter(progress, "embed photos", len(stored))
    rate = _embed_into_scratch(resources, stored, embedder, advance).photos_per_second
    decode_limit, network_limit = limits["decode"].rate, limits["network"].rate
    return IngestBenchmark(
        photos=len(stored),
        precision=embedder.precision,
        threads=threads,
        rate=rate,
        decode_limit=decode_limit,
        network_limit=network_limit,
        share=rate / min(decode_limit, network_limit),
    )


def _embed_into_scratch(
    resources: Resources, stored: Sequence[LabelledPhoto], embedder: Embedder, advance: StageCounter
) -> EmbeddingRun:
    """Embed the photos from their files into a new SQLite database, which is removed afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="lookalike-bench-") as folder,
        closing(Database(f"sqlite:///{Path(folder) / 'scratch.sqlite'}")) as scratch,
    ):
        migrate.upgrade(scratch)
        with scratch.write() as session:
            generations.register_model(
                session, embedder.bundle.version, path="", vector_size=embedder.bundle.vector_size
            )
            listings.upsert_listings(session, [_listing(photo) for photo in {p.listing_id: p for p in stored}.values()])
            photos.register_photos(session, [_pending(photo) for photo in stored])
        photo_embedder = PhotoEmbedder(scratch, resources.photo_files, embedder, limits=resources.photo_limits)
        return photo_embedder.embed_pending(advance)


def _stored(resources: Resources) -> list[LabelledPhoto]:
    found = labelled_photos(resources.database, resources.photo_files)
    if not found:
        raise BadInput("There are no photos to measure with. Run `make demo` or `lookalike ingest` first.")
    return found


def _listing(photo: LabelledPhoto) -> ListingRecord:
    return ListingRecord(
        listing_id=photo.listing_id,
        title="",
        description="",
        category=photo.category,
        category_path=(photo.category,),
        price=None,
        currency=None,
        location="",
        region="",
    )


def _pending(photo: LabelledPhoto) -> StoredPhoto:
    return StoredPhoto(photo.listing_id, str(photo.photo_id), "", photo.sha256, "JPEG", 0, 0, 0)


def _unusable(version: str, error: ValueError) -> BadInput | ModelUnusable:
    return ModelUnusable(version, str(error)) if isinstance(error, BundleError) else BadInput(str(error))
