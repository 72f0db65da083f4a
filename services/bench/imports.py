"""Speed and memory of a bulk import. Everything is real except the network, which `FixedEmbedder` replaces."""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from db.rows import generations
from services.bench.import_stages import StageFigures, StageRecorder, memory_mib
from services.bench.inputs.fixed_embedder import FAKE, FakeNetworkResources, FixedEmbedder
from services.bench.inputs.import_files import CATEGORIES, write_files_in_another_process
from services.bench.report import ResultTable
from services.indexing.generations import build_and_promote
from services.ingest.pipeline.ingest_job import create_ingest_job, run_ingest
from services.ingest.pipeline.progress import Progress, silent
from services.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.bundle.bundle import Bundle
    from services.bench.report import BenchmarkReport
    from services.ingest.loading.inputs import IngestInputs
    from services.resources import Resources


@dataclass(frozen=True, slots=True)
class ImportBenchmark:
    """Results of the import benchmark.

    Attributes:
        embedder: description of the fake network.
        listings, photos: numbers of accepted listings and embedded photos.
        indexed: number of photos in each index afterwards, by engine.
        seconds: of the whole import, from opening the files to durable indexes, without generating the files.
        rows_per_second: listings with a photo each.
        embedder_seconds: processor time inside the fake network.
        share_outside_embedder: share of `seconds` that is not `embedder_seconds`, 0 to 1.
        memory_before_mib, memory_peak_mib: resident memory before the import, and this process's peak.
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
    """Import generated listings with a photo each into temporary SQLite, FAISS and Qdrant Edge stores.

    Raises:
        ServiceUnavailable: this system has no /proc to read the resident memory from.
    """
    with tempfile.TemporaryDirectory(prefix="lookalike-bench-") as name:
        folder, embedder = Path(name), FixedEmbedder(CATEGORIES)
        progress("generate files", 0, None)
        inputs = write_files_in_another_process(folder / "files", listings)
        settings = Settings(
            _env_file=None, data_dir=folder / "data", database_url="", qdrant_url="", photos_url="", model=None
        )
        with closing(FakeNetworkResources(settings, embedder)) as resources:
            _promote_first_generation(resources, embedder.bundle)
            return _measure(resources, inputs, embedder, stages=StageRecorder(listings, progress))


def _measure(
    resources: Resources, inputs: IngestInputs, embedder: FixedEmbedder, *, stages: StageRecorder
) -> ImportBenchmark:
    memory_before, started = memory_mib("VmRSS"), time.monotonic()
    counts = run_ingest(resources, create_ingest_job(resources, inputs), inputs, stages).summary.counts
    ended = time.monotonic()
    return ImportBenchmark(
        embedder=FAKE,
        listings=counts["listings_accepted"],
        photos=counts["photos_embedded"],
        indexed={engine: opened.index.count() for engine, opened in resources.live.current().opened.items()},
        seconds=ended - started,
        rows_per_second=stages.rows / (ended - started),
        stages=stages.figures(ended),
        embedder_seconds=embedder.seconds,
        share_outside_embedder=1 - embedder.seconds / (ended - started),
        memory_before_mib=memory_before,
        memory_peak_mib=memory_mib("VmHWM"),
    )


def _promote_first_generation(resources: Resources, bundle: Bundle) -> None:
    with resources.database.write() as session:
        generations.register_model(session, bundle.version, path="", vector_size=bundle.vector_size)
    build_and_promote(resources.database, resources.stores, bundle.version)


def render(b: ImportBenchmark) -> BenchmarkReport:
    """Return the stages, the share of the fake network, and the memory."""
    total = ("total", f"{b.seconds:.1f}", f"{b.rows_per_second:.0f}", "", "")
    indexed = ", ".join(f"{engine} {photos}" for engine, photos in b.indexed.items())
    return [
        ResultTable(
            f"Import of {b.listings} listings with {b.photos} photos",
            ["stage", "seconds", "rows/s", "MiB, first tenth", "MiB, last tenth"],
            [*map(_stage_row, b.stages), total],
        ),
        f"embedded by {b.embedder}",
        f"  its own time:    {b.embedder_seconds:.1f} s of processor time; "
        f"{100 * b.share_outside_embedder:.1f} % of the import was spent elsewhere",
        f"  indexed photos:  {indexed}",
        f"  resident memory: {b.memory_before_mib:.0f} MiB before, {b.memory_peak_mib:.0f} MiB at the peak",
    ]


def _stage_row(figures: StageFigures) -> tuple[str, ...]:
    numbers = (figures.rows_per_second, figures.first_tenth_mib, figures.last_tenth_mib)
    return (
        figures.stage,
        f"{figures.seconds:.1f}",
        *("" if number is None else f"{number:.0f}" for number in numbers),
    )
