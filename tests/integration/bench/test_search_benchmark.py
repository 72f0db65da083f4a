"""The search benchmark builds every kind of index, and its figures are consistent."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from db.rows import generations
from db.vectors.base import NO_FILTER, Filter
from services.bench.inputs.drawn_catalogue import CATEGORY_SHARES, DrawnCatalogue, Shape
from services.bench.inputs.drawn_embeddings import DrawnEmbeddings, fit
from tests.databases import new_database
from tests.truth import LAMP, MODEL, SIZE, add_listings, add_photos, embed, new_embedding, stored_photo

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.commands import RunCommand


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory whose live generation has 220 embeddings, two for each listing."""
    folder = tmp_path_factory.mktemp("data")
    with new_database("sqlite", folder) as database:
        add_listings(database, *(replace(LAMP, listing_id=f"lamp-{number}") for number in range(110)))
        stored = [stored_photo(f"lamp-{n // 2}", f"p{n}", content=str(n).encode()) for n in range(220)]
        ids = add_photos(database, *stored)
        embed(database, *(new_embedding(ids[n], photo, seed=n) for n, photo in enumerate(stored)))
        with database.write() as session:
            generation = generations.create_generation(session, MODEL)
            generations.promote_generation(session, generation.id, photos=220)
    (folder / "truth.sqlite").rename(folder / "lookalike.sqlite")
    return folder


@pytest.fixture
def bench(lookalike: RunCommand, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> RunCommand:
    """Runs `lookalike bench search` on a tiny collection, with further options."""
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(data_dir))
    return partial(lookalike, "bench", "search", "--count=1000", "--queries=5")


@pytest.fixture(scope="module")
def queries() -> NDArray[np.float32]:
    return _unit(np.random.default_rng(1).normal(size=(7, 16)))


@pytest.fixture(scope="module")
def catalogue() -> DrawnCatalogue:
    vectors = _unit(np.random.default_rng(0).normal(size=(800, 16)))
    return DrawnCatalogue(fit(vectors, np.repeat(np.arange(400), 2)).draw(6000, seed=1), seed=2)


def test_categories_have_the_shares_in_their_names(catalogue: DrawnCatalogue) -> None:
    for name, share in CATEGORY_SHARES.items():
        assert catalogue.share(Filter(categories=frozenset({name}))) == pytest.approx(share, abs=1 / 3000)


def test_true_hits_are_the_nearest_points_that_match_the_filter(
    catalogue: DrawnCatalogue, queries: NDArray[np.float32]
) -> None:
    points = list(catalogue.points())
    for shape in catalogue.shapes(queries):
        for number, found in enumerate(catalogue.nearest(queries, shape, k=10)):
            passing = [point for point in points if shape.of(number).matches(point.payload)]
            passing.sort(key=lambda point: -float(point.vector @ queries[number]))
            assert found == {point.photo_id for point in passing[:10]}, shape.name


def test_true_hits_break_ties_by_the_lowest_id() -> None:
    near, far = _unit(np.eye(2, 16))
    vectors = np.stack([far, *[near] * 50])
    rows = np.arange(len(vectors))
    photos = DrawnCatalogue(DrawnEmbeddings(vectors, listings=rows, clusters=rows), seed=0)
    (found,) = photos.nearest(near[np.newaxis], Shape("none", (NO_FILTER,)), k=10)
    assert found == set(range(1, 11))


def test_the_exclusions_exclude_the_nearest_photo(catalogue: DrawnCatalogue, queries: NDArray[np.float32]) -> None:
    exclusions = catalogue.shapes(queries)[-1]
    nearest = catalogue.nearest(queries, Shape("none", (NO_FILTER,)), k=1)

    assert len(exclusions.filters) == len(queries)
    for photos, others in zip(nearest, catalogue.nearest(queries, exclusions, k=10), strict=True):
        assert not photos & others


def test_the_command_measures_every_engine_and_method_under_every_filter(bench: RunCommand) -> None:
    code, printed, _ = bench("--json")
    figures = json.loads(printed)

    assert code == 0
    assert (figures["count"], figures["queries"]) == (1000, 5)
    assert [one["name"] for one in figures["indexes"]] == ["FAISS exact", "FAISS IVF", "Qdrant Edge"]
    assert all(one["bytes_per_vector"] > SIZE * 4 for one in figures["indexes"])
    assert all(
        one["ann_recall"] == pytest.approx(1) for one in figures["searches"]
    )  # too few points for lists or a graph
    assert all(0 < one["p50_ms"] <= one["p95_ms"] for one in figures["searches"])
    shapes = {one["shape"] for one in figures["searches"]}
    plans = {one["plan"] for one in figures["searches"]}
    assert len(figures["searches"]) == len(shapes) * len(plans) == 15 * 5
    counted = {(one["facet"], one["filtered_by"], one["distinct"]) for one in figures["facets"]}
    assert len(figures["facets"]) == 3 * len(counted) == 30  # every index has as many values
    assert "cores" in figures["machine"]


def test_the_tables_name_the_filters_the_plans_and_the_machine(bench: RunCommand) -> None:
    code, printed, _ = bench("--engine=faiss")

    assert code == 0
    assert "FAISS IVF" in printed
    assert "three at once" in printed
    assert "Qdrant HNSW" not in printed
    assert "machine:" in printed


def test_fails_without_a_live_generation(bench: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(tmp_path))
    code, printed, problem = bench()

    assert (code, printed) == (1, "")
    assert problem.splitlines()[-1].startswith("Error: ")
