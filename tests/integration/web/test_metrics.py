"""The table of metrics agrees with what `/metrics` exposes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import get
from litestar.testing import TestClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from services.web.app import AppPart, create_app
from services.web.metrics import METRICS, PREFIX, EmbeddingMetrics, count_plan, count_refused, set_recall
from tests.worlds import resources_in

if TYPE_CHECKING:
    from pathlib import Path

    from prometheus_client.metrics_core import Metric as MetricFamily


@get("/fail", sync_to_thread=False)
def fail() -> None:
    raise RuntimeError("a bug")


def exposed_families(folder: Path) -> list[MetricFamily]:
    """Record a sample of every metric, and return the families of this project that `/metrics` exposes."""
    EmbeddingMetrics().batch_taken(2)
    count_plan("faiss exact")
    count_refused("site")
    set_recall("faiss hnsw", "none", 0.9)
    with resources_in(folder) as resources:
        app = create_app(resources, title="Test", parts=[AppPart([fail], {})])
        with TestClient(app, raise_server_exceptions=False) as client:
            client.get("/fail")
            text = client.get("/metrics").text
    return [family for family in text_string_to_metric_families(text) if family.name.startswith(f"{PREFIX}_")]


def test_lists_every_exposed_metric_with_its_kind_and_labels(tmp_path: Path) -> None:
    exposed = set()
    for family in exposed_families(tmp_path):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        exposed.add((name, family.type, frozenset(labels)))
    assert exposed == {(metric.name, metric.kind, frozenset(metric.labels)) for metric in METRICS}


def test_describes_each_metric_in_one_sentence() -> None:
    assert all(metric.description.endswith(".") and "\n" not in metric.description for metric in METRICS)
