"""What the services count for Prometheus, besides the requests, which Litestar's own plugin counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

# One per process, as Prometheus wants it: they lie in the client's own registry, which `/metrics` shows.
_BATCH_PHOTOS = Histogram(
    "lookalike_embedding_batch_photos",
    "Photos of concurrent requests that were embedded together",
    buckets=(1, 2, 4, 8, 16),
)
_WAITING_PHOTOS = Gauge(
    "lookalike_embedding_waiting_photos",
    "Photos of requests that wait to be embedded, those being embedded not counted",
    multiprocess_mode="livesum",
)


class EmbeddingMetrics:
    """A `ml.embedding.batch_queue.BatchObserver` that counts, over all models of the process."""

    def waiting_changed(self, by: int) -> None:
        """Add to the photos that wait."""
        _WAITING_PHOTOS.inc(by)

    def batch_taken(self, photos: int) -> None:
        """Count a batch by its size."""
        _BATCH_PHOTOS.observe(photos)


_PLANS = Counter("lookalike_search_plans", "Searches by the plan that answered them", ["plan"])
_RECALL = Gauge(
    "lookalike_ann_recall",
    "ann recall@10 of the latest searches that were compared with a search of every vector",
    ["plan", "shape"],
    multiprocess_mode="mostrecent",
)


def count_plan(plan: str) -> None:
    """Count a search by the plan that answered it."""
    _PLANS.labels(plan).inc()


def show_recall(plan: str, shape: str, recall: float) -> None:
    """Show the recall, in [0, 1], of a plan under filters of a shape."""
    _RECALL.labels(plan, shape).set(recall)
