"""Batching of requests on a real graph: equal vectors, and a retry time when the queue is full."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from litestar.testing import TestClient

from ml.bundle.canonical import canonical_photos
from ml.embedding.batch_queue import BatchLimits
from ml.embedding.batching import BatchingEmbedder
from ml.embedding.openvino_embedder import OpenVINOEmbedder
from services.errors import Overloaded
from services.search.app import create_app
from services.search.service import SearchService
from tests.waiting import wait_for
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar
    from numpy.typing import NDArray

    from ml.bundle.bundle import Bundle
    from ml.embedding.embedder import Embeddings
    from services.resources import Resources
    from tests.conftest import MakeJpeg

PATIENCE_S = 30


@pytest.fixture
def resources(tmp_path: Path, tiny_bundle: Bundle, live_data: Path) -> Iterator[Resources]:
    """A live generation without photos, and a queue for one photo."""
    with resources_in(tmp_path / "data", model=tiny_bundle, like=live_data) as opened:
        opened.settings.max_waiting_photos = 1
        yield opened


@pytest.fixture
def client(resources: Resources) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(resources), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def full(resources: Resources, tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One photo is being embedded and one is waiting, until the test ends."""
    entered, gate = threading.Event(), threading.Event()
    plain, batching = resources.embedder_for(tiny_bundle.version), resources.query_embedder(tiny_bundle.version)
    embed = plain.embed

    def held(photos: NDArray[np.uint8]) -> Embeddings:
        entered.set()
        assert gate.wait(PATIENCE_S)
        return embed(photos)

    monkeypatch.setattr(plain, "embed", held)
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(batching.embed, canonical_photos(64)[:1])]
        assert entered.wait(PATIENCE_S)
        calls.append(pool.submit(batching.embed, canonical_photos(64)[1:2]))
        wait_for(lambda: batching.waiting == 1)
        yield
        gate.set()
        assert all(len(call.result(PATIENCE_S).vectors) == 1 for call in calls)


def metric(client: TestClient[Litestar], name: str) -> float:
    (line,) = (line for line in client.get("/metrics").text.splitlines() if line.startswith(f"{name} "))
    return float(line.split()[1])


def test_batching_does_not_change_embeddings(tiny_bundle: Bundle) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (48, 64, 64, 3), dtype=np.uint8)
    plain = OpenVINOEmbedder(tiny_bundle, threads=2, precision="f32")
    with BatchingEmbedder(plain, BatchLimits(max_waiting=48)) as batching, ThreadPoolExecutor(16) as pool:
        batched = list(pool.map(batching.embed, (noise[i : i + 1] for i in range(48))))
    alone = [plain.embed(noise[i : i + 1]) for i in range(48)]
    for one, other in zip(batched, alone, strict=True):
        np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-5)
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)


def test_requests_and_bulk_jobs_share_one_network(resources: Resources, tiny_bundle: Bundle) -> None:
    assert resources.query_embedder(tiny_bundle.version).bundle is resources.embedder_for(tiny_bundle.version).bundle


def test_ingest_does_not_wait_in_the_queue_of_requests(
    resources: Resources, full: None, tmp_path: Path, jpeg: MakeJpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the network is free; only the queue of requests is full
    counts = ingest(resources, marketplace(tmp_path / "shop", jpeg, count=2).inputs).summary.counts
    assert (counts["photos_embedded"], counts["photos_failed"]) == (4, 0)


@pytest.mark.parametrize("path", ["/v1/search", "/v1/classify"])
def test_rejects_a_request_when_the_queue_is_full_and_gives_a_retry_time(
    client: TestClient[Litestar], full: None, jpeg: MakeJpeg, path: str
) -> None:
    answer = client.post(path, files={"image": ("photo.jpg", jpeg())})
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["detail"] == "Too many photos are waiting to be embedded. Try again in 1 s."


@pytest.mark.parametrize(("seconds", "retry_after"), [(0.01, "1"), (2.0, "2"), (2.1, "3")])
def test_rounds_the_retry_time_up_to_whole_seconds(
    client: TestClient[Litestar], jpeg: MakeJpeg, monkeypatch: pytest.MonkeyPatch, seconds: float, retry_after: str
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise Overloaded("Too much", retry_after_s=seconds)

    monkeypatch.setattr(SearchService, "classify", refuse)
    answer = client.post("/v1/classify", files={"image": ("photo.jpg", jpeg())})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, retry_after)


def test_a_request_whose_model_was_closed_meanwhile_is_told_to_retry(
    client: TestClient[Litestar], resources: Resources, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> None:
    resources.query_embedder(tiny_bundle.version).close()
    answer = client.post("/v1/classify", files={"image": ("photo.jpg", jpeg())})
    assert answer.status_code == 503
    assert "Try again" in answer.json()["detail"]


def test_metrics_show_batch_sizes_and_waiting_photos(
    client: TestClient[Litestar], full: None, resources: Resources
) -> None:
    assert metric(client, "lookalike_embedding_waiting_photos") == 1
    assert metric(client, 'lookalike_embedding_batch_photos_bucket{le="1.0"}') >= 1


def test_the_api_documents_that_searches_can_be_rejected(client: TestClient[Litestar]) -> None:
    document = client.get("/docs/openapi.json").json()
    for path in ("/v1/search", "/v1/classify"):
        name = document["paths"][path]["post"]["responses"]["503"]["$ref"].rpartition("/")[2]
        described = document["components"]["responses"][name]
        assert "application/problem+json" in described["content"]
        assert "Retry-After" in described["headers"]
