"""Photos per second from stored files to committed embeddings, compared with the limits of decoding and the network."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from more_itertools import map_reduce

from db import migrate
from db.rows import generations, listings, photos
from db.rows.photos import PhotoSet, StoredPhoto
from db.rows.records import ListingRecord
from db.session import Database
from ml.embedding.open_embedder import open_embedder
from services.bench.embed_work import decode_only, network_only
from services.bench.inputs.stored_photos import read_photos, stored_photos, user_errors
from services.bench.machine import time_in_turns
from services.ingest.models.bundles import find_bundle
from services.ingest.pipeline.embedding import PhotoEmbedder
from services.ingest.pipeline.progress import Progress, StageCounter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ml.embedding.embedder import Embedder
    from ml.labelled import LabelledPhoto
    from services.bench.report import BenchmarkReport
    from services.resources import Resources

_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class IngestBenchmark:
    """Results of the ingest benchmark. Rates are photos per second.

    Attributes:
        rate: from stored files to committed embeddings.
        decode_limit: decoding alone, on all `threads`.
        network_limit: the network alone, on photos decoded beforehand.
        share: `rate` divided by the smaller of the two limits.
    """

    photos: int
    precision: str
    threads: int
    rate: float
    decode_limit: float
    network_limit: float
    share: float


def measure_ingest(resources: Resources, *, model: str | None, limit: int, progress: Progress) -> IngestBenchmark:
    """Embed stored files into a scratch database on disk, as ingest does, and measure the limits of its parts.

    The installation's own data is only read.

    Raises:
        BadInput: no photo can be read.
        ModelMissing, ModelUnusable, ResourceNotFound: see `find_bundle`.
    """
    bundle, settings = find_bundle(resources, model), resources.settings
    chosen, threads = stored_photos(resources)[:limit], settings.thread_count
    with user_errors(bundle.version):
        embedder = open_embedder(bundle, runtime=settings.runtime.value, threads=threads, precision=settings.precision)
        contents = read_photos([photo.path for photo in chosen], bundle.preprocessing, limit=limit)
    progress("measure limits", 0, None)
    pixels = decode_only(contents, bundle.preprocessing, threads=threads)
    ways: dict[str, Callable[[], NDArray[Any]]] = {
        "decode": partial(decode_only, contents, bundle.preprocessing, threads=threads),
        "network": partial(network_only, pixels, embedder),
    }
    limits = time_in_turns(ways, rounds=_ROUNDS, photos=len(contents))
    rate = _embedding_rate(resources, chosen, embedder, advance=StageCounter(progress, "embed photos", len(chosen)))
    decode_limit, network_limit = limits["decode"].rate, limits["network"].rate
    return IngestBenchmark(
        photos=len(chosen),
        precision=embedder.precision,
        threads=threads,
        rate=rate,
        decode_limit=decode_limit,
        network_limit=network_limit,
        share=rate / min(decode_limit, network_limit),
    )


def _embedding_rate(
    resources: Resources, chosen: Sequence[LabelledPhoto], embedder: Embedder, *, advance: StageCounter
) -> float:
    """Embed the photos from their files into a temporary SQLite database; return the photos per second."""
    with (
        tempfile.TemporaryDirectory(prefix="lookalike-bench-") as folder,
        closing(Database(f"sqlite:///{Path(folder) / 'scratch.sqlite'}")) as scratch,
    ):
        migrate.upgrade(scratch)
        with scratch.write() as session:
            generations.register_model(
                session, embedder.bundle.version, path="", vector_size=embedder.bundle.vector_size
            )
            by_listing = {photo.listing_id: photo for photo in chosen}
            listings.upsert_listings(session, [_listing(photo) for photo in by_listing.values()])
            of_listings = map_reduce(chosen, lambda photo: photo.listing_id, _pending)
            photos.register_photos(session, [PhotoSet(*one) for one in of_listings.items()])
        photo_embedder = PhotoEmbedder(scratch, resources.photo_files, embedder, limits=resources.photo_limits)
        return photo_embedder.embed_pending(advance).photos_per_second


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


def render(b: IngestBenchmark) -> BenchmarkReport:
    """Return the rate and its limits."""
    return [
        f"From {b.photos} stored files to committed embeddings, in {b.precision}",
        f"  end to end: {b.rate:8.1f} photos/s  {b.share:.2f} of the smaller limit",
        f"  decoding:   {b.decode_limit:8.1f} photos/s  without the network, {b.threads} threads",
        f"  network:    {b.network_limit:8.1f} photos/s  on photos decoded beforehand, {b.threads} threads",
    ]
