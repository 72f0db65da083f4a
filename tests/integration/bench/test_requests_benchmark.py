"""The requests benchmark sends the same requests in both ways, and reports every figure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ml.embedding.batch_queue import BatchLimits
from ml.embedding.openvino_embedder import OpenVINOEmbedder
from services.bench.requests import Comparison, RequestLatency, RequestsBenchmark, measure_requests, render
from services.errors import BadInput
from tests.worlds import resources_in

if TYPE_CHECKING:
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from tests.commands import RunCommand


@pytest.fixture(scope="module")
def embedder(tiny_bundle: Bundle) -> OpenVINOEmbedder:
    return OpenVINOEmbedder(tiny_bundle, threads=2)


def test_batches_requests_of_many_threads_but_not_of_one(embedder: OpenVINOEmbedder) -> None:
    benchmark = measure_requests(embedder, threads=(1, 8), requests=32, limits=BatchLimits())
    alone, together = benchmark.comparisons
    assert alone.mean_batch == 1
    assert together.mean_batch > 1
    for served in (alone.plain, alone.batched, together.plain, together.batched):
        assert 0 < served.p50_ms <= served.p99_ms
        assert served.rate > 0


@pytest.mark.parametrize(("threads", "requests"), [((1, 9), 100), ((0,), 100), ((8,), 7)])
def test_refuses_more_threads_than_may_wait_or_than_requests(
    embedder: OpenVINOEmbedder, threads: tuple[int, ...], requests: int
) -> None:
    with pytest.raises(BadInput, match="must be from 1 to"):
        measure_requests(embedder, threads=threads, requests=requests, limits=BatchLimits(max_waiting=8))


def test_the_report_has_both_ways_the_ratio_and_the_machine() -> None:
    compared = Comparison(
        threads=16,
        plain=RequestLatency(100.0, 150.5, 161.5),
        batched=RequestLatency(125.0, 120.5, 131.5),
        mean_batch=7.5,
    )
    report = render(
        RequestsBenchmark(
            comparisons=(compared,),
            requests=256,
            limits=BatchLimits(),
            size=224,
            precision="bf16",
            processor="Some Xeon",
            cores=2,
            openvino="2026.4",
        )
    )
    text = "\n".join(map(str, report))
    for fact in ("256 requests of one photo at 224 px", "window 2 ms", "100.0", "161.5", "125.0", "131.5", "7.5"):
        assert fact in text
    assert "1.25" in text
    assert "Some Xeon, 2 cores, bf16, OpenVINO 2026.4" in text


@pytest.fixture
def data_dir(tmp_path: Path, tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The commands' data directory, with a live model."""
    with resources_in(tmp_path, model=tiny_bundle) as resources:
        resources.ensure_generation()
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("data_dir")
def test_the_command_prints_json_with_a_row_per_number_of_threads(lookalike: RunCommand) -> None:
    result = lookalike("bench", "requests", "--threads", "1", "--threads", "4", "--requests", "8", "--json")
    assert result.code == 0
    assert [row["threads"] for row in json.loads(result.out)["comparisons"]] == [1, 4]


@pytest.mark.usefixtures("data_dir")
def test_the_command_names_the_setting_that_limits_the_threads(lookalike: RunCommand) -> None:
    result = lookalike("bench", "requests", "--threads", "65")
    assert result.code == 1
    assert "LOOKALIKE_MAX_WAITING_PHOTOS" in result.err
