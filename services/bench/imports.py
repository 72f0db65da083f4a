"""How fast bulk import is, and in how much memory, with all of it real but the network: `FixedEmbedder` is a fake."""

from __future__ import annotations

import csv
import io
import tempfile
import threading
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, pairwise
from multiprocessing import get_context
from operator import attrgetter
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from db.rows import generations
from ml.bundle.bundle import Bundle
from ml.bundle.canonical import CanonicalVectors
from ml.embedding.embedder import embed_in_chunks
from ml.photos.preprocess import Preprocessing
from services.errors import ServiceUnavailable
from services.indexing.generations import build_and_promote
from services.ingest.pipeline.ingest_job import create_ingest_job, run_ingest
from services.ingest.pipeline.inputs import IngestInputs
from services.ingest.pipeline.progress import Progress, silent
from services.resources import Resources
from services.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ml.embedding.embedder import Embedder, Embeddings, Photos

FAKE = "FixedEmbedder: a fake network, a fixed random projection of 16 x 16 of each photo's pixels"
"""What stands in for the network, as every output names it."""

_CATEGORIES = ("Appliances", "Baby & Kids Stuff", "Clothing", "Home & Garden", "Office Furniture & Equipment", "Phones")
_PLACES = ("Delph, Manchester", "Leith, Edinburgh", "Ludlow, Shropshire", "Stroud, Gloucestershire")
_DESCRIPTION = "Bought last year, hardly used, from a smoke-free home. Collection in person, or by post at cost. " * 3
_HEADER = ("id", "product_name", "category", "product_description", "price", "location")

_PHOTO_SIZE = (160, 120)
_INPUT_SIDE, _SHRUNK_SIDE, _VECTOR_SIZE, _CHUNK = 224, 16, 256, 32
_SAMPLED_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class StageFigures:
    """One stage of the import, as its progress names it.

    Attributes:
        rows_per_second: listings or photos; None where one batch was all, so that its beginning is not known.
        first_tenth_mib, last_tenth_mib: mean resident memory while the first and the last tenth of the rows were done,
            in MiB; None where a stage does not tell how far it is.
    """

    stage: str
    seconds: float
    rows_per_second: float | None
    first_tenth_mib: float | None
    last_tenth_mib: float | None


@dataclass(frozen=True, slots=True)
class ImportBenchmark:
    """What `measure_import` measured.

    Attributes:
        embedder: what stood in for the network.
        listings, photos: accepted and embedded, by the job's account.
        indexed: the photos that each index holds afterwards, by engine.
        seconds: of the whole import, from opening its files to durable indexes; making the files is not in it.
        rows_per_second: listings, with one photo each.
        embedder_seconds: of the processor, inside the fake embedder.
        share_outside_embedder: what is left of `seconds` without `embedder_seconds`, 0 to 1.
        memory_before_mib, memory_peak_mib: resident memory before the import, and the most that this process ever had.
    """

    embedder: str
    listings: int
    photos: int
    indexed: Mapping[str, int]
    seconds: float
    rows_per_second: float
    stages: tuple[StageFigures, ...]
    embedder_seconds: float
    share_outside_embedder: float
    memory_before_mib: float
    memory_peak_mib: float


def measure_import(listings: int, progress: Progress = silent) -> ImportBenchmark:
    """Import generated listings with a photo each into a new SQLite, FAISS and Qdrant Edge, which are then removed.

    The network is `FixedEmbedder`, a fake. The photos are small, of 160 x 120 pixels.

    Raises:
        Unavailable: this system has no /proc to read the resident memory from.
    """
    with tempfile.TemporaryDirectory(prefix="lookalike-bench-") as name:
        folder, embedder = Path(name), FixedEmbedder()
        progress("make listings", 0, None)
        inputs = _made_elsewhere(folder / "files", listings)
        settings = Settings(
            _env_file=None, data_dir=folder / "data", database_url="", qdrant_url="", photos_url="", model=None
        )
        with closing(_FakeNetworkResources(settings, embedder)) as resources:
            _make_first_generation(resources, embedder.bundle)
            return _measure(resources, inputs, embedder, _Account(listings, progress))


def _measure(resources: Resources, inputs: IngestInputs, embedder: FixedEmbedder, account: _Account) -> ImportBenchmark:
    memory_before, started = _memory_mib("VmRSS"), time.monotonic()
    counts = run_ingest(resources, create_ingest_job(resources, inputs), inputs, account).summary.counts
    ended = time.monotonic()
    return ImportBenchmark(
        embedder=FAKE,
        listings=counts["listings_accepted"],
        photos=counts["photos_embedded"],
        indexed={engine: opened.index.count() for engine, opened in resources.live.current().opened.items()},
        seconds=ended - started,
        rows_per_second=account.rows / (ended - started),
        stages=account.figures(ended),
        embedder_seconds=embedder.seconds,
        share_outside_embedder=1 - embedder.seconds / (ended - started),
        memory_before_mib=memory_before,
        memory_peak_mib=_memory_mib("VmHWM"),
    )


class FixedEmbedder:
    """A fake `Embedder`: deterministic unit vectors of 256 components, by a fixed random projection of few pixels.

    It takes next to no time, so that what is measured is everything else. `seconds` counts what it does take: of the
    processor, since most of the time on the clock goes by until other threads let go of the interpreter's lock.
    """

    precision = "f32"

    def __init__(self) -> None:
        self.bundle = _bundle()
        self.seconds = 0.0
        self._lock = threading.Lock()
        components = np.random.default_rng(0).standard_normal((3 * _SHRUNK_SIDE**2, _VECTOR_SIZE))
        self._projection = components.astype(np.float32)

    def embed(self, photos: Photos) -> Embeddings:
        """See `Embedder.embed`."""
        started = time.thread_time()
        try:
            return embed_in_chunks(photos, self.bundle, chunk=_CHUNK, infer=self._project)
        finally:
            with self._lock:
                self.seconds += time.thread_time() - started

    def _project(self, photos: Photos) -> tuple[NDArray[np.float32], ...]:
        """Return vectors of any length, and probabilities that make every category equally likely."""
        step, categories = _INPUT_SIDE // _SHRUNK_SIDE, len(self.bundle.categories)
        shrunk = photos[:, step // 2 :: step, step // 2 :: step].reshape(len(photos), -1)
        centred: NDArray[np.float32] = np.subtract(shrunk, 127.5, dtype=np.float32)
        return centred @ self._projection, np.full((len(photos), categories), 1 / categories, np.float32)


def _bundle() -> Bundle:
    return Bundle(
        path=Path(),
        version="fixed-fake",
        categories=_CATEGORIES,
        vector_size=_VECTOR_SIZE,
        preprocessing=Preprocessing(size=_INPUT_SIDE),
        metrics={},
        record={},
        canonical=CanonicalVectors((), {}),
        created_at=datetime(2000, 1, 1, tzinfo=UTC),
    )


class _FakeNetworkResources(Resources):
    """The real resources, but that every model version is the fake embedder."""

    def __init__(self, settings: Settings, embedder: FixedEmbedder) -> None:
        super().__init__(settings)
        self._fake = embedder

    def _load_embedder(self, _model_version: str) -> Embedder:
        return self._fake


def _make_first_generation(resources: Resources, bundle: Bundle) -> None:
    with resources.database.write() as session:
        generations.register_model(session, bundle.version, path="", vector_size=bundle.vector_size)
    build_and_promote(resources.database, resources.stores, bundle.version)


@dataclass(frozen=True, slots=True)
class _Told:
    """One call of the progress, at a second of the monotonic clock; the resident memory, where it was looked at."""

    stage: str
    done: int
    at: float
    mib: float | None


class _Account:
    """A `Progress` that keeps what it is told, with the resident memory ten times a second, and passes it on."""

    def __init__(self, rows: int, progress: Progress) -> None:
        self.rows, self._progress = rows, progress
        self._told: list[_Told] = []
        self._sampled_at = float("-inf")

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Keep how far the stage is."""
        now, is_new = time.monotonic(), not self._told or self._told[-1].stage != stage
        is_due = is_new or done == self.rows or now - self._sampled_at >= _SAMPLED_EVERY_S
        self._sampled_at = now if is_due else self._sampled_at
        self._told.append(_Told(stage, done, now, _memory_mib("VmRSS") if is_due else None))
        self._progress(stage, done, total)

    def figures(self, ended: float) -> tuple[StageFigures, ...]:
        """Return what came of each stage; the last one ended at the second `ended` of the monotonic clock."""
        stages = [list(told) for _, told in groupby(self._told, attrgetter("stage"))]
        begun = [stages[0][0].at, *(_beginning(before, told) for before, told in pairwise(stages))]
        spans = zip(begun, [*begun[1:], ended], strict=True)
        return tuple(self._stage(told, until - since) for told, (since, until) in zip(stages, spans, strict=True))

    def _stage(self, told: Sequence[_Told], seconds: float) -> StageFigures:
        is_counted = told[-1].done > 0
        first = (one for one in told if one.done <= self.rows / 10)
        last = (one for one in told if one.done > self.rows * 9 / 10)
        return StageFigures(
            stage=told[0].stage,
            seconds=seconds,
            rows_per_second=self.rows / seconds if seconds else None,
            first_tenth_mib=_mean_mib([told[0], *first]) if is_counted else None,
            last_tenth_mib=_mean_mib([told[-1], *last]) if is_counted else None,
        )


def _beginning(before: Sequence[_Told], told: Sequence[_Told]) -> float:
    """Return the second at which a stage began: it may tell of itself only when its first batch is done.

    That is when the stage before had done its last row. Where that one does not count rows, the first batch is taken
    to have gone as fast as the others; without others the stage gets no time, and the one before gets all of it.
    """
    first, last = told[0], told[-1]
    if not first.done or (last.done == first.done and not before[-1].done):
        return first.at
    if before[-1].done:
        return before[-1].at
    seconds_per_row = (last.at - first.at) / (last.done - first.done)
    return max(before[-1].at, first.at - first.done * seconds_per_row)


def _mean_mib(told: Iterable[_Told]) -> float:
    return fmean(one.mib for one in dict.fromkeys(told) if one.mib is not None)


def _memory_mib(field: str) -> float:
    """Return this process's resident memory, now (`VmRSS`) or at its highest (`VmHWM`), in MiB."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError as error:
        raise ServiceUnavailable(
            "This benchmark reads resident memory from /proc/self/status: run it on Linux."
        ) from error
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def _made_elsewhere(folder: Path, listings: int) -> IngestInputs:
    """Write the files in another process: what that takes is not in the memory that is measured."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(write_files, folder, listings).result()


def write_files(folder: Path, listings: int) -> IngestInputs:
    """Write a listings CSV, a photo table and a zip with one JPEG for each listing, no two alike, one by one."""
    folder.mkdir(parents=True)
    inputs = IngestInputs(folder / "listings.csv", folder / "photos.csv", folder / "photos.zip")
    _write_table(folder / "listings.csv", _HEADER, map(_listing, range(listings)))
    _write_table(folder / "photos.csv", ("id", "product_id"), ((_photo_id(n), _listing_id(n)) for n in range(listings)))
    with zipfile.ZipFile(folder / "photos.zip", "w", zipfile.ZIP_STORED) as archive:
        for number in range(listings):
            archive.writestr(f"{_photo_id(number)}.jpg", _photo(number))
    return inputs


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _listing(number: int) -> tuple[str, ...]:
    category, place = _CATEGORIES[number % len(_CATEGORIES)], _PLACES[number % len(_PLACES)]
    return _listing_id(number), f"Item {number}", category, _DESCRIPTION, f"£{number % 500 + 1}.00", place


def _listing_id(number: int) -> str:
    return f"listing-{number:07}"


def _photo_id(number: int) -> str:
    return f"photo-{number:07}"


def _photo(number: int) -> bytes:
    """Return a JPEG of blurred squares, others for each number."""
    squares = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    photo = io.BytesIO()
    Image.fromarray(squares).resize(_PHOTO_SIZE, Image.Resampling.BICUBIC).save(photo, "JPEG", quality=90)
    return photo.getvalue()
