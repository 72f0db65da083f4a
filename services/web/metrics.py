"""The Prometheus metrics of a serving process: the table METRICS, and the functions that record them.

METRICS is the only list; the documentation's table is generated from it.
`/metrics` also has the metrics of the Python process that prometheus_client adds (`process_*`, `python_*`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from litestar.plugins.prometheus import PrometheusConfig, PrometheusController
from prometheus_client import Counter, Gauge, Histogram

from ml.embedding.batch_queue import BatchObserver

PREFIX = "lookalike"

MetricKind: TypeAlias = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric.

    Attributes:
        name: the name in Prometheus queries; a histogram's samples add `_bucket`, `_count` and `_sum`.
        labels: names of its labels.
    """

    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    description: str


_REQUEST_LABELS = ("method", "path", "status_code", "app_name")

_BATCH = Metric(
    f"{PREFIX}_embedding_batch_photos",
    "histogram",
    (),
    "Photos of concurrent requests that were embedded in one batch.",
)
_WAITING = Metric(
    f"{PREFIX}_embedding_waiting_photos",
    "gauge",
    (),
    "Photos of requests that wait to be embedded, without those in the present batch.",
)
_REFUSED = Metric(
    f"{PREFIX}_requests_refused_total",
    "counter",
    ("reason",),
    'Requests refused before their route is found: from a page of another site (reason "site"), or under an unknown '
    'host name ("host name"). No other metric counts them.',
)
_PLANS = Metric(f"{PREFIX}_search_plans_total", "counter", ("plan",), "Searches, by the query plan that answered them.")
_RECALL = Metric(
    f"{PREFIX}_ann_recall",
    "gauge",
    ("plan", "shape"),
    "Recall@10 of recent searches against exact search (0 to 1), by query plan and shape of the filters.",
)

METRICS = (
    Metric(f"{PREFIX}_requests_total", "counter", _REQUEST_LABELS, "HTTP requests answered."),
    Metric(f"{PREFIX}_requests_error_total", "counter", _REQUEST_LABELS, "HTTP requests answered with status 5xx."),
    Metric(f"{PREFIX}_requests_in_progress", "gauge", _REQUEST_LABELS, "HTTP requests in progress."),
    Metric(
        f"{PREFIX}_request_duration_seconds", "histogram", _REQUEST_LABELS, "Duration of HTTP requests, in seconds."
    ),
    _REFUSED,
    _BATCH,
    _WAITING,
    _PLANS,
    _RECALL,
)
"""All metrics of Lookalike. Litestar's plugin records those of requests, and the functions below the others."""

# One collector per metric and process, in prometheus_client's default registry, which `/metrics` exposes
_BATCH_COLLECTOR = Histogram(_BATCH.name, _BATCH.description, buckets=(1, 2, 4, 8, 16))
_WAITING_COLLECTOR = Gauge(_WAITING.name, _WAITING.description, multiprocess_mode="livesum")
_REFUSED_COLLECTOR = Counter(_REFUSED.name, _REFUSED.description, _REFUSED.labels)
_PLANS_COLLECTOR = Counter(_PLANS.name, _PLANS.description, _PLANS.labels)
_RECALL_COLLECTOR = Gauge(_RECALL.name, _RECALL.description, _RECALL.labels, multiprocess_mode="mostrecent")


class MetricsController(PrometheusController):
    """Serves the metrics in OpenMetrics format."""

    path = "/metrics"
    include_in_schema = False
    openmetrics_format = True


def request_metrics() -> PrometheusConfig:
    """Return the configuration of Litestar's plugin, which records requests by path template."""
    return PrometheusConfig(app_name=PREFIX, prefix=PREFIX, group_path=True)


class EmbeddingMetrics(BatchObserver):
    """Records photos waiting and embedded, over all models of the process."""

    def waiting_changed(self, by: int) -> None:
        """Add to the number of waiting photos."""
        _WAITING_COLLECTOR.inc(by)

    def batch_taken(self, photos: int) -> None:
        """Record the size of a batch."""
        _BATCH_COLLECTOR.observe(photos)


def count_refused(reason: Literal["site", "host name"]) -> None:
    """Count a request that was refused for its sender or its Host header."""
    _REFUSED_COLLECTOR.labels(reason).inc()


def count_plan(plan: str) -> None:
    """Count a search by the query plan that answered it."""
    _PLANS_COLLECTOR.labels(plan).inc()


def set_recall(plan: str, shape: str, recall: float) -> None:
    """Set the recall, in [0, 1], of a query plan under filters of a shape."""
    _RECALL_COLLECTOR.labels(plan, shape).set(recall)
