"""Recall and speed of each engine under each kind of filter, on random embeddings that resemble the stored ones.

The true hits come from comparing the queries with all vectors in numpy. Queries are random embeddings too, and not in
the index. Except for the exclusions, all queries of a row share a filter, because filters recur in a marketplace; so
FAISS builds its mask once.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from db.rows import embeddings, generations
from ml.network.openvino_runtime import available_cores
from services.bench.facet_times import FacetTime, facet_table, measure_facets
from services.bench.inputs import drawn_embeddings
from services.bench.inputs.drawn_catalogue import DrawnCatalogue
from services.bench.inputs.scratch_indexes import scratch_edge, scratch_faiss, scratch_server
from services.bench.machine import processor_name
from services.bench.report import ResultTable
from services.errors import BadInput, ModelMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from db.session import Database
    from db.vectors.base import Filter, Vector, VectorIndex
    from services.bench.inputs.drawn_catalogue import Shape
    from services.bench.inputs.drawn_embeddings import NeighbourCosines
    from services.bench.inputs.scratch_indexes import ScratchIndex
    from services.bench.report import BenchmarkReport
    from services.ingest.pipeline.progress import Progress

    Build = Callable[..., AbstractContextManager[ScratchIndex]]
    """Takes the keyword argument `advance`, see `scratch_indexes`."""

Engines: TypeAlias = Literal["faiss", "qdrant", "both"]

K = 10
"""Number of hits of a search, compared with as many true hits."""

_SEED = 11
_WARM_UP = 3
"""Untimed queries: the first search with a filter fills the engine's caches."""


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """An index that was built for the benchmark.

    Attributes:
        seconds: from empty to ready.
        bytes_per_vector: size of its files, or of its snapshot for FAISS, with payloads; None on a server.
        parameters: see `VectorIndex.describe`.
    """

    name: str
    seconds: float
    bytes_per_vector: float | None
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class SearchFigures:
    """Results of one search method under one shape of filter.

    Attributes:
        share: of the photos that match the filter, 0 to 1.
        ann_recall: ann recall@10, 0 to 1.
        p50_ms, p95_ms: latency of one query.
    """

    shape: str
    share: float
    plan: str
    ann_recall: float
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class SearchBenchmark:
    """Results of the search benchmark. `fitted_on`: number of stored photos that the drawn ones resemble."""

    machine: str
    fitted_on: int
    count: int
    queries: int
    likeness: list[NeighbourCosines]
    indexes: list[BuiltIndex]
    searches: list[SearchFigures]
    facets: list[FacetTime]


@dataclass(frozen=True, slots=True)
class _Method:
    """A method of searching an index."""

    name: str
    exact: bool = False
    acorn: bool = False

    def search(self, index: VectorIndex, query: Vector, where: Filter) -> set[int]:
        hits = index.search(query, K, where, exact=self.exact, acorn=self.acorn)
        return {hit.photo_id for hit in hits}


_FAISS: dict[_Method, Literal["exact", "ivf"]] = {
    _Method("FAISS exact", exact=True): "exact",
    _Method("FAISS IVF"): "ivf",
}
_QDRANT = (_Method("Qdrant HNSW"), _Method("Qdrant ACORN", acorn=True), _Method("Qdrant exact", exact=True))


class _SearchMeasurement:
    """One catalogue, its queries with their true hits, and the results so far."""

    def __init__(self, catalogue: DrawnCatalogue, queries: NDArray[np.float32], progress: Progress) -> None:
        self._catalogue, self._queries, self._progress = catalogue, queries, progress
        self._progress("find true hits", 0, None)
        self._true_hits = [(shape, catalogue.nearest(queries, shape, k=K)) for shape in catalogue.shapes(queries)]
        self.indexes: list[BuiltIndex] = []
        self.searches: list[SearchFigures] = []
        self.facets: list[FacetTime] = []

    def measure(self, name: str, build: Build, methods: Sequence[_Method]) -> None:
        """Build an index, measure each method on it, and remove it."""
        count = len(self._catalogue.vectors)
        with build(advance=lambda done: self._progress(f"build {name}", done, count)) as built:
            parameters = {key: str(value) for key, value in built.index.describe().parameters.items()}
            size = None if built.file_bytes is None else built.file_bytes / count
            self.indexes.append(BuiltIndex(name, built.seconds, size, parameters))
            self.facets += measure_facets(name, built.index)
            for done, (shape, true_hits) in enumerate(self._true_hits):
                self._progress(f"search {name}", done, len(self._true_hits))
                self.searches += [
                    self._figures(built.index, method, shape=shape, true_hits=true_hits) for method in methods
                ]

    def _figures(
        self, index: VectorIndex, method: _Method, *, shape: Shape, true_hits: Sequence[set[int]]
    ) -> SearchFigures:
        for number in range(min(_WARM_UP, len(self._queries))):
            method.search(index, self._queries[-1 - number], shape.of(-1 - number))
        found, possible, seconds = 0, 0, []
        for number, (query, true) in enumerate(zip(self._queries, true_hits, strict=True)):
            start = time.perf_counter()
            hits = method.search(index, query, shape.of(number))
            seconds.append(time.perf_counter() - start)
            found, possible = found + len(hits & true), possible + len(true)
        p50, p95 = 1000 * np.quantile(seconds, (0.5, 0.95))
        return SearchFigures(
            shape=shape.name,
            share=self._catalogue.share(shape.of(0)),
            plan=method.name,
            ann_recall=found / possible if possible else 1.0,
            p50_ms=float(p50),
            p95_ms=float(p95),
        )


def measure_search(
    database: Database, *, count: int, queries: int, engines: Engines, qdrant_url: str, progress: Progress
) -> SearchBenchmark:
    """Draw `count` embeddings that resemble those of the live generation, and search them in each engine.

    Args:
        database: holds the live generation's embeddings.
        count: number of photos to draw.
        queries: number of searches for each filter and method.
        engines: the engines to measure.
        qdrant_url: a Qdrant server; empty for Qdrant Edge in a temporary folder.
        progress: called for each stage.

    Raises:
        ModelMissing: no generation is live.
        BadInput: there are too few stored embeddings.
        OSError: the Qdrant server cannot be reached.
    """
    progress("fit embeddings", 0, None)
    stored, listings = _stored(database)
    try:
        fitted = drawn_embeddings.fit(stored, listings)
    except ValueError as error:
        raise BadInput(f"{error}. Run `make demo`, or `lookalike ingest` with more photos.") from error
    likeness = drawn_embeddings.compare_neighbours(stored, fitted, seed=_SEED)
    catalogue = DrawnCatalogue(fitted.draw(count, seed=_SEED), seed=_SEED)
    measurement = _SearchMeasurement(catalogue, fitted.draw(queries, seed=_SEED + 1).vectors, progress)
    with tempfile.TemporaryDirectory(prefix="lookalike-bench-") as folder:
        for name, build, methods in _builds(catalogue, engines, qdrant_url=qdrant_url, folder=Path(folder)):
            measurement.measure(name, build, methods)
    return SearchBenchmark(
        machine=_machine(),
        fitted_on=len(stored),
        count=count,
        queries=queries,
        likeness=likeness,
        indexes=measurement.indexes,
        searches=measurement.searches,
        facets=measurement.facets,
    )


def _builds(
    catalogue: DrawnCatalogue, engines: Engines, *, qdrant_url: str, folder: Path
) -> Iterator[tuple[str, Build, Sequence[_Method]]]:
    """Yield each index's name, the context manager that builds it, and the methods of searching it."""
    size = catalogue.vectors.shape[1]
    if engines != "qdrant":
        for method, kind in _FAISS.items():
            build = partial(scratch_faiss, catalogue.points(), size, kind=kind, folder=folder / kind)
            yield method.name, build, [method]
    if engines != "faiss" and qdrant_url:
        yield "Qdrant server", partial(scratch_server, catalogue.points(), size, url=qdrant_url), _QDRANT
    elif engines != "faiss":
        yield "Qdrant Edge", partial(scratch_edge, catalogue.points(), size, folder=folder / "edge"), _QDRANT


def _stored(database: Database) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the live generation's vectors, shape (n, d), ordered by listing, and the number of each row's listing."""
    with database.read() as session:
        live = generations.live_generation(session)
        if live is None:
            raise ModelMissing
        points = [
            point for batch in embeddings.all_points(session, model_version=live.model_version) for point in batch
        ]
    points.sort(key=lambda point: (point.payload.listing_id, point.photo_id))
    _, listings = np.unique([point.payload.listing_id for point in points], return_inverse=True)
    return np.array([point.vector for point in points], dtype=np.float32), listings.astype(np.int64)


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("faiss-cpu", "qdrant-edge-py"))
    return f"{processor_name()}, {available_cores()} cores, {packages}"


def render(b: SearchBenchmark) -> BenchmarkReport:
    """Return the resemblance of the drawn embeddings, the indexes, and the searches by filter."""
    return [
        ResultTable(
            f"Cosine to the nth neighbour: 10th, 50th and 90th percentile of {b.fitted_on} photos",
            ["n", "stored", "drawn"],
            [(one.rank, _three_digits(one.stored), _three_digits(one.drawn)) for one in b.likeness],
        ),
        ResultTable(
            f"Indexes of {b.count} drawn photos, with payloads",
            ["index", "build s", "bytes/photo in files", "parameters"],
            [_index_row(one) for one in b.indexes],
        ),
        ResultTable(
            f"Searches for {K} hits, one at a time, {b.queries} queries in each row",
            ["filter", "matches %", "plan", "ann recall@10", "p50 ms", "p95 ms"],
            _search_rows(b.searches),
        ),
        facet_table(b.facets),
        f"machine: {b.machine}",
    ]


def _index_row(one: BuiltIndex) -> tuple[str, ...]:
    return (
        one.name,
        f"{one.seconds:.1f}",
        "" if one.bytes_per_vector is None else f"{one.bytes_per_vector:.0f}",
        ", ".join(f"{name} {value}" for name, value in one.parameters.items()),
    )


def _search_rows(searches: Sequence[SearchFigures]) -> list[tuple[str, ...]]:
    """Return a row for each search, grouped by the shape of the filter."""
    shapes = [one.shape for one in searches]
    return [
        (s.shape, f"{100 * s.share:.2f}", s.plan, f"{s.ann_recall:.4f}", f"{s.p50_ms:.2f}", f"{s.p95_ms:.2f}")
        for s in sorted(searches, key=lambda one: shapes.index(one.shape))
    ]


def _three_digits(cosines: tuple[float, ...]) -> str:
    return "  ".join(f"{cosine:.3f}" for cosine in cosines)
