"""The benchmark of concurrent requests sends the same requests both ways, and prints what it compared."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from ml.embedding.batch_queue import BatchLimits
from ml.embedding.openvino_embedder import OpenVINOEmbedder
from services.bench.requests import Comparison, RequestLatency, RequestsBenchmark, bench_requests, render
from services.cli.main import main
from tests.worlds import resources_in

if TYPE_CHECKING:
    from pathlib import Path

    from ml.bundle.bundle import Bundle


@pytest.fixture(scope="module")
def embedder(tiny_bundle: Bundle) -> OpenVINOEmbedder:
    return OpenVINOEmbedder(tiny_bundle, threads=2)


def test_requests_from_one_thread_are_never_batched_and_those_from_many_are(embedder: OpenVINOEmbedder) -> None:
    benchmark = bench_requests(embedder, threads=(1, 8), requests=32, limits=BatchLimits())
    alone, together = benchmark.comparisons
    assert alone.mean_batch == 1
    assert together.mean_batch > 1
    for served in (alone.plain, alone.batched, together.plain, together.batched):
        assert 0 < served.p50_ms <= served.p99_ms
        assert served.rate > 0


@pytest.mark.parametrize(("threads", "requests"), [((1, 9), 100), ((0,), 100), ((8,), 7)])
def test_numbers_under_which_the_figures_would_mean_nothing_are_refused(
    embedder: OpenVINOEmbedder, threads: tuple[int, ...], requests: int
) -> None:
    with pytest.raises(ValueError, match="threads must be 1 to"):
        bench_requests(embedder, threads=threads, requests=requests, limits=BatchLimits(max_waiting=8))


def test_the_text_names_both_ways_the_ratio_and_the_machine() -> None:
    compared = Comparison(
        threads=16,
        plain=RequestLatency(100.0, 150.5, 161.5),
        batched=RequestLatency(125.0, 120.5, 131.5),
        mean_batch=7.5,
    )
    text = render(
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
    for fact in ("256 requests of one photo at 224 px", "window 2 ms", "100.0", "161.5", "125.0", "131.5", "7.5"):
        assert fact in text
    assert "1.25" in text
    assert "Some Xeon, 2 cores, bf16, OpenVINO 2026.4" in text


def test_the_command_answers_json_a_row_per_number_of_threads(
    tmp_path: Path, tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with resources_in(tmp_path, model=tiny_bundle) as resources:
        resources.ensure_generation()
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(tmp_path))
    command = ["lookalike", "bench", "requests", "--threads", "1", "--threads", "4", "--requests", "8", "--json"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert [row["threads"] for row in json.loads(capsys.readouterr().out)["comparisons"]] == [1, 4]


def test_more_threads_than_may_wait_are_a_one_line_error(
    tmp_path: Path, tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with resources_in(tmp_path, model=tiny_bundle) as resources:
        resources.ensure_generation()
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["lookalike", "bench", "requests", "--threads", "65"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "LOOKALIKE_MAX_WAITING_PHOTOS" in capsys.readouterr().err
