"""How exact and how fast each engine is under each kind of filter, on embeddings drawn like the stored ones.

Truth is a product of all vectors with the queries in numpy. Queries are drawn too, and stored nowhere. All queries of
a row but those of the exclusions have one filter, as those of a marketplace recur: FAISS makes its mask once.
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
from ml.network.openvino_runtime import available_cores, load_openvino
from services.bench import drawn_embeddings
from services.bench.drawn_catalogue import DrawnCatalogue
from services.bench.scratch_indexes import scratch_edge, scratch_faiss, scratch_server
from services.errors import BadInput, ModelMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from db.session import Database
    from db.vectors.base import Filter, Vector, VectorIndex
    from services.bench.drawn_catalogue import Shape
    from services.bench.drawn_embeddings import NeighbourCosines
    from services.bench.scratch_indexes import ScratchIndex

    Progress = Callable[[str, int, int | None], None]
    Build = Callable[..., AbstractContextManager[ScratchIndex]]
    """Takes `tell`, which it tells how many points are in."""

Engines: TypeAlias = Literal["faiss", "qdrant", "both"]

K = 10
"""Hits asked for, and compared with the true ones."""

_SEED = 11
_WARM_UP = 3
"""Queries before those that are timed: the first search of a filter builds what an engine keeps of it."""


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """One index of the benchmark.

    Attributes:
        seconds: from empty to ready.
        bytes_per_vector: of its files, payloads included, for FAISS of its snapshot; None on a server.
        parameters: what it says of itself.
    """

    name: str
    seconds: float
    bytes_per_vector: float | None
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class SearchFigures:
    """One way to search under one shape of filter; `ann_recall` is ann recall@10 in [0, 1], times are of one query."""

    shape: str
    share: float
    plan: str
    ann_recall: float
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class SearchBenchmark:
    """What `measure_search` measured."""

    machine: str
    fitted_on: int
    count: int
    queries: int
    likeness: list[NeighbourCosines]
    indexes: list[BuiltIndex]
    searches: list[SearchFigures]


@dataclass(frozen=True, slots=True)
class _Plan:
    """A way to search an index."""

    name: str
    exact: bool = False
    acorn: bool = False

    def search(self, index: VectorIndex, query: Vector, where: Filter) -> set[int]:
        hits = index.search(query, K, where, exact=self.exact, acorn=self.acorn)
        return {hit.photo_id for hit in hits}


_FAISS: dict[_Plan, Literal["exact", "ivf"]] = {_Plan("FAISS exact", exact=True): "exact", _Plan("FAISS IVF"): "ivf"}
_QDRANT = (_Plan("Qdrant HNSW"), _Plan("Qdrant ACORN", acorn=True), _Plan("Qdrant exact", exact=True))


class SearchRun:
    """The benchmark at work: one collection, its queries with their true neighbours, and what was measured so far."""

    def __init__(self, catalogue: DrawnCatalogue, queries: NDArray[np.float32], progress: Progress) -> None:
        self._catalogue, self._queries, self._progress = catalogue, queries, progress
        self._progress("find true hits", 0, None)
        self._truth = [(shape, catalogue.nearest(queries, shape, k=K)) for shape in catalogue.shapes(queries)]
        self.indexes: list[BuiltIndex] = []
        self.searches: list[SearchFigures] = []

    def measure(self, name: str, build: Build, plans: Sequence[_Plan]) -> None:
        """Build an index, ask it in each of the ways, and let it go."""
        count = len(self._catalogue.vectors)
        with build(tell=lambda done: self._progress(f"build {name}", done, count)) as built:
            parameters = {key: str(value) for key, value in built.index.describe().parameters.items()}
            size = None if built.file_bytes is None else built.file_bytes / count
            self.indexes.append(BuiltIndex(name, built.seconds, size, parameters))
            for done, (shape, truth) in enumerate(self._truth):
                self._progress(f"search {name}", done, len(self._truth))
                self.searches.extend(self._figures(built.index, plan, shape, truth) for plan in plans)

    def _figures(self, index: VectorIndex, plan: _Plan, shape: Shape, truth: Sequence[set[int]]) -> SearchFigures:
        for number in range(min(_WARM_UP, len(self._queries))):
            plan.search(index, self._queries[-1 - number], shape.of(-1 - number))
        found, wanted, seconds = 0, 0, []
        for number, (query, true) in enumerate(zip(self._queries, truth, strict=True)):
            start = time.perf_counter()
            hits = plan.search(index, query, shape.of(number))
            seconds.append(time.perf_counter() - start)
            found, wanted = found + len(hits & true), wanted + len(true)
        p50, p95 = 1000 * np.quantile(seconds, (0.5, 0.95))
        recall = found / wanted if wanted else 1.0
        return SearchFigures(shape.name, self._catalogue.share(shape.of(0)), plan.name, recall, float(p50), float(p95))


def measure_search(
    database: Database, *, count: int, queries: int, engines: Engines, qdrant_url: str, progress: Progress
) -> SearchBenchmark:
    """Draw `count` embeddings like those of the live generation, and search them in each engine and way.

    Args:
        qdrant_url: a server; empty for Qdrant Edge in a temporary folder.

    Raises:
        ModelMissing: no generation is live.
        BadInput: it holds too few embeddings to draw others like them.
        OSError: the server cannot be reached.
    """
    progress("fit embeddings", 0, None)
    stored, listings = _stored(database)
    try:
        fitted = drawn_embeddings.fit(stored, listings)
    except ValueError as error:
        raise BadInput(f"{error}. Run `make demo`, or `lookalike ingest` with more photos.") from error
    likeness = drawn_embeddings.compare_neighbours(stored, fitted, seed=_SEED)
    catalogue = DrawnCatalogue(fitted.draw(count, seed=_SEED), seed=_SEED)
    run = SearchRun(catalogue, fitted.draw(queries, seed=_SEED + 1).vectors, progress)
    with tempfile.TemporaryDirectory(prefix="lookalike-bench-") as folder:
        for name, build, plans in _builds(catalogue, engines, qdrant_url=qdrant_url, folder=Path(folder)):
            run.measure(name, build, plans)
    return SearchBenchmark(_machine(), len(stored), count, queries, likeness, run.indexes, run.searches)


def _builds(
    catalogue: DrawnCatalogue, engines: Engines, *, qdrant_url: str, folder: Path
) -> Iterator[tuple[str, Build, Sequence[_Plan]]]:
    """Yield the name of each index, what builds it, and the ways to search it."""
    size = catalogue.vectors.shape[1]
    if engines != "qdrant":
        for plan, kind in _FAISS.items():
            yield plan.name, partial(scratch_faiss, catalogue.points(), size, kind=kind, folder=folder / kind), [plan]
    if engines != "faiss" and qdrant_url:
        yield "Qdrant server", partial(scratch_server, catalogue.points(), size, url=qdrant_url), _QDRANT
    elif engines != "faiss":
        yield "Qdrant Edge", partial(scratch_edge, catalogue.points(), size, folder=folder / "edge"), _QDRANT


def _stored(database: Database) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the live generation's vectors, (n, d), ordered by listing, and the number of each one's listing."""
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
    processor = load_openvino().Core().get_property("CPU", "FULL_DEVICE_NAME")
    packages = ", ".join(f"{name} {version(name)}" for name in ("faiss-cpu", "qdrant-edge-py"))
    return f"{processor}, {available_cores()} cores, {packages}"
