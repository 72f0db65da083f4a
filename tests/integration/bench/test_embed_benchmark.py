"""The embedding and ingest benchmarks compare ways of embedding in one run, and report every figure."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.bundle.manifest import PrecisionQuality
from ml.labelled import LabelledPhoto
from services.bench.embed import EmbedBenchmark, PrecisionBenchmark, compare_ways, render
from services.bench.machine import Machine, time_in_turns
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from tests.commands import RunCommand
    from tests.conftest import MakeJpeg

MACHINE = Machine(processor="Some Xeon", cores=2, bf16=True, amx=True, torch="2.15.0", openvino="2026.4")
INT8 = PrecisionBenchmark(
    precision="int8",
    rate=400.0,
    ratio=20.0,
    network_limit=500.0,
    share=0.8,
    p50_ms=4.5,
    p99_ms=6.25,
    cosine_to_plain=0.987,
    quality=PrecisionQuality(photos=1000, recall_at_1=0.915, loss=0.375, cosine=0.995),
)
BENCHMARK = EmbedBenchmark(
    photos=100,
    size=224,
    threads=2,
    decoders=2,
    plain_rate=20.0,
    decode_limit=1500.0,
    precisions=(INT8,),
    machine=MACHINE,
)


@pytest.fixture
def photos(tmp_path: Path, jpeg: MakeJpeg) -> list[LabelledPhoto]:
    """An unreadable file, then two photos of each of three listings."""
    (tmp_path / "0.jpg").write_bytes(b"<html>not a photo</html>")
    for seed in range(1, 7):
        (tmp_path / f"{seed}.jpg").write_bytes(jpeg(seed))
    files = sorted(tmp_path.iterdir())
    return [
        LabelledPhoto(row, f"listing-{(row + 1) // 2}", "Lamps", sha256=path.name, path=path)
        for row, path in enumerate(files)
    ]


@pytest.mark.train
@pytest.mark.usefixtures("small_trunks")
def test_every_precision_embeds_the_same_readable_photos_as_the_plain_way(
    resnet_bundle: Bundle, photos: list[LabelledPhoto]
) -> None:
    benchmark = compare_ways(photos, resnet_bundle, limit=5, recall_limit=6)
    assert benchmark.photos == 5
    assert benchmark.precisions[0].precision == "f32"
    for one in benchmark.precisions:
        assert one.cosine_to_plain > 0.99
        assert one.ratio == pytest.approx(one.rate / benchmark.plain_rate)
        assert one.share == pytest.approx(one.rate / min(one.network_limit, benchmark.decode_limit))
        assert 0 < one.p50_ms <= one.p99_ms
        assert one.quality is not None
        assert one.quality.photos == 6


@pytest.mark.train
@pytest.mark.usefixtures("small_trunks")
def test_measures_no_recall_without_listings_of_two_photos(resnet_bundle: Bundle, photos: list[LabelledPhoto]) -> None:
    alone = [replace(photo, listing_id=photo.sha256) for photo in photos]
    benchmark = compare_ways(alone, resnet_bundle, limit=2, recall_limit=6)
    assert {one.quality for one in benchmark.precisions} == {None}


@pytest.mark.train
def test_refuses_to_run_when_no_photo_can_be_read(resnet_bundle: Bundle, photos: list[LabelledPhoto]) -> None:
    with pytest.raises(ValueError, match="None of the 1 photos"):
        compare_ways(photos[:1], resnet_bundle, limit=5)


def test_the_ways_take_turns_after_an_untimed_round() -> None:
    turns: list[str] = []

    def way(name: str) -> np.ndarray:
        turns.append(name)
        return np.array([len(turns)])

    timed = time_in_turns({name: lambda name=name: way(name) for name in "ab"}, rounds=2, photos=10)  # type: ignore[misc]
    assert turns == list("ababab")
    assert timed["b"].result == [6]
    assert timed["a"].rate > 0


def report(benchmark: EmbedBenchmark) -> str:
    return "\n".join(map(str, render(benchmark)))


def test_the_report_has_every_figure_and_the_machine() -> None:
    text = report(BENCHMARK)
    for fact in (
        "100 photos at 224 px",
        "20.0 photos/s",
        "400.0 photos/s",
        "20.00 x plain",
        "500.0 photos/s",
        "0.80 of the smaller",
        "1500.0 photos/s",
        "4.5 ms",
        "p99 6.2 ms",
        "1024 x 768",
        "0.9870",
        "0.9150",
        "1000 photos",
        "+0.38 points",
        "Some Xeon, 2 cores (bf16, AMX)",
    ):
        assert fact in text


def test_the_report_leaves_out_a_recall_that_was_not_measured() -> None:
    assert "recall" not in report(replace(BENCHMARK, precisions=(replace(INT8, quality=None),)))


@pytest.fixture(scope="module")
def data_dir(resnet_bundle: Bundle, jpeg: MakeJpeg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a marketplace with six listings, which benchmarks do not change."""
    folder = tmp_path_factory.mktemp("bench")
    with resources_in(folder / "data", model=resnet_bundle) as resources:
        ingest(resources, marketplace(folder / "shop", jpeg).inputs)
    return folder / "data"


@pytest.fixture
def bench(
    lookalike: RunCommand, data_dir: Path, tmp_path: Path, small_trunks: None, monkeypatch: pytest.MonkeyPatch
) -> RunCommand:
    """Runs a `lookalike bench` command on the marketplace's data directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(data_dir))
    return partial(lookalike, "bench")


@pytest.mark.train
def test_bench_embed_prints_every_figure_as_json(bench: RunCommand) -> None:
    code, out, _ = bench("embed", "--limit=10", "--recall-photos=12", "--json")
    figures = json.loads(out)
    assert code == 0
    assert figures.keys() >= {"photos", "plain_rate", "decode_limit", "precisions", "machine"}
    for one in figures["precisions"]:
        assert one.keys() >= {"precision", "rate", "ratio", "network_limit", "share", "p50_ms", "p99_ms", "quality"}
        assert one["quality"].keys() == {"photos", "recall_at_1", "loss", "cosine"}


@pytest.mark.train
def test_bench_ingest_does_not_change_the_database(bench: RunCommand, data_dir: Path) -> None:
    before = (data_dir / "lookalike.sqlite").read_bytes()
    code, out, _ = bench("ingest", "--limit=12", "--json")
    figures = json.loads(out)
    assert code == 0
    assert figures["photos"] == 12
    assert figures["share"] == pytest.approx(figures["rate"] / min(figures["decode_limit"], figures["network_limit"]))
    assert (data_dir / "lookalike.sqlite").read_bytes() == before


@pytest.mark.parametrize("command", ["embed", "ingest"])
def test_a_benchmark_without_a_model_suggests_training(
    lookalike: RunCommand, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(tmp_path))
    result = lookalike("bench", command)
    assert result.code == 1
    assert "lookalike train" in result.err
