"""The import benchmark runs the real import on generated files, and its figures are consistent."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from services.bench import imports
from services.bench.imports import ImportBenchmark, measure_import
from services.bench.inputs.fixed_embedder import FAKE, FixedEmbedder
from services.bench.inputs.import_files import CATEGORIES, write_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands import RunCommand

LISTINGS = 150
STAGES = ["read listings", "write listings", "store photos", "embed photos", "update indexes"]


@pytest.fixture(scope="module", params=["this process", pytest.param("another process", marks=pytest.mark.slow)])
def measured(request: pytest.FixtureRequest) -> ImportBenchmark:
    """The results. The real benchmark writes its files in another process, which takes seconds to start."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "this process":
            patch.setattr(imports, "write_files_in_another_process", write_files)
        return measure_import(LISTINGS)


def test_imports_embeds_and_indexes_every_listing(measured: ImportBenchmark) -> None:
    assert (measured.listings, measured.photos) == (LISTINGS, LISTINGS)
    assert measured.indexed == {"faiss": LISTINGS, "qdrant": LISTINGS}
    assert measured.embedder == FAKE


def test_the_stages_take_no_longer_than_the_import(measured: ImportBenchmark) -> None:
    assert [figures.stage for figures in measured.stages] == STAGES
    assert 0 < sum(figures.seconds for figures in measured.stages) <= measured.seconds
    assert measured.rows_per_second == pytest.approx(LISTINGS / measured.seconds)
    assert 0 < measured.embedder_seconds < measured.seconds
    assert measured.share_outside_embedder == pytest.approx(1 - measured.embedder_seconds / measured.seconds)


def test_a_single_batch_after_a_stage_without_counts_has_no_rate(measured: ImportBenchmark) -> None:
    rates = {figures.stage: figures.rows_per_second for figures in measured.stages}
    assert [stage for stage, rate in rates.items() if rate is None] == ["write listings"]
    assert all(rate > measured.rows_per_second for rate in rates.values() if rate is not None)


def test_reports_the_memory_of_stages_that_count_rows(measured: ImportBenchmark) -> None:
    counted = [figures for figures in measured.stages if figures.first_tenth_mib is not None]
    assert [figures.stage for figures in counted] == STAGES[1:4]
    for figures in counted:
        assert figures.first_tenth_mib is not None
        assert figures.last_tenth_mib is not None
        assert 10 < figures.first_tenth_mib <= measured.memory_peak_mib
        assert 10 < figures.last_tenth_mib <= measured.memory_peak_mib
    assert 10 < measured.memory_before_mib <= measured.memory_peak_mib


def test_writes_different_photos_without_compression(tmp_path: Path) -> None:
    inputs = write_files(tmp_path / "files", 50)
    assert inputs.photos is not None
    with zipfile.ZipFile(inputs.photos) as archive:
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
        assert len({archive.read(member) for member in archive.infolist()}) == 50


def test_the_fake_embedder_returns_the_same_unit_vectors_each_time() -> None:
    photos = np.random.default_rng(0).integers(0, 256, (40, 224, 224, 3), dtype=np.uint8)
    first, second = FixedEmbedder(CATEGORIES).embed(photos), FixedEmbedder(CATEGORIES).embed(photos)
    assert first.vectors.shape == (40, 256)
    np.testing.assert_array_equal(first.vectors, second.vectors)
    np.testing.assert_allclose(np.linalg.norm(first.vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(first.probabilities.sum(axis=1), 1, atol=1e-5)
    assert (np.tril(first.vectors @ first.vectors.T, -1) < 0.9).all()


def test_the_command_prints_every_figure_and_names_the_fake(
    lookalike: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "write_files_in_another_process", write_files)  # another process takes seconds
    result = lookalike("bench", "import", "--listings=20", "--json")
    figures = json.loads(result.out)
    assert result.code == 0
    assert figures.keys() == set(ImportBenchmark.__dataclass_fields__)
    assert "fake" in figures["embedder"]
