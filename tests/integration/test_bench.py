"""The embedding benchmark compares two ways of doing the same thing, and prints what it compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml.bench import EmbedBenchmark, Machine, bench_embed, render

if TYPE_CHECKING:
    from pathlib import Path

    from ml.bundle import Bundle
    from tests.conftest import MakeJpeg


@pytest.fixture
def photos(tmp_path: Path, jpeg: MakeJpeg) -> list[Path]:
    (tmp_path / "0.jpg").write_bytes(b"<html>not a photo</html>")
    for seed in range(1, 7):
        (tmp_path / f"{seed}.jpg").write_bytes(jpeg(seed))
    return sorted(tmp_path.iterdir())


@pytest.mark.train
def test_both_ways_embed_the_same_readable_photos_alike(tiny_bundle: Bundle, photos: list[Path]) -> None:
    benchmark = bench_embed(photos, tiny_bundle, limit=5)
    assert benchmark.photos == 5
    assert benchmark.cosine > 0.99
    assert min(benchmark.plain_rate, benchmark.rate) > 0


@pytest.mark.train
def test_photos_that_cannot_be_read_are_no_benchmark(tiny_bundle: Bundle, photos: list[Path]) -> None:
    with pytest.raises(ValueError, match="None of the 1 photos"):
        bench_embed(photos[:1], tiny_bundle, limit=5)


def test_the_text_names_both_rates_the_ratio_and_the_machine() -> None:
    machine = Machine(processor="Some Xeon", cores=2, bf16=True, amx=True, torch="2.15.0", openvino="2026.4")
    text = render(
        EmbedBenchmark(
            photos=100,
            plain_rate=20.0,
            rate=150.0,
            precision="bf16",
            threads=2,
            decoders=2,
            size=224,
            cosine=0.998,
            machine=machine,
        )
    )
    for fact in ("100 photos at 224 px", "20.0 photos/s", "150.0 photos/s", "7.50", "0.9980", "2 cores (bf16, AMX)"):
        assert fact in text
