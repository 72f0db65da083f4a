"""Keeps the most recently used models in memory, each with a plain and a batching embedder."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml.embedding.batching import BatchingEmbedder
    from ml.embedding.embedder import Embedder


@dataclass(frozen=True, slots=True)
class _PooledModel:
    plain: Embedder
    batching: BatchingEmbedder


class EmbedderPool:
    """Loads embedders on first use, and closes the batching embedder of a model that it evicts.

    Both embedders of a version share one network in memory. Thread-safe.
    """

    def __init__(
        self, load: Callable[[str], Embedder], batched: Callable[[Embedder], BatchingEmbedder], *, capacity: int
    ) -> None:
        """Keep up to `capacity` versions. `load` opens a version's embedder; `batched` wraps it for requests."""
        self._load, self._batched, self._capacity = load, batched, capacity
        self._models: dict[str, _PooledModel] = {}  # most recently used last
        self._lock = threading.Lock()

    def plain(self, version: str) -> Embedder:
        """Return the version's embedder for bulk work. Raises the errors of `load`."""
        return self._get(version).plain

    def batching(self, version: str) -> BatchingEmbedder:
        """Return the version's embedder for requests. Raises the errors of `load`.

        It is closed once `capacity` other versions have been used, so do not keep it beyond a request.
        """
        return self._get(version).batching

    def close(self) -> None:
        """Close and evict all models, after finishing accepted calls. Using a version later opens it again."""
        with self._lock:
            evicted, self._models = self._models, {}
        for model in evicted.values():
            model.batching.close()

    def _get(self, version: str) -> _PooledModel:
        with self._lock:
            model = self._models.pop(version, None) or self._open(version)
            self._models[version] = model
            oldest = next(iter(self._models)) if len(self._models) > self._capacity else None
            evicted = self._models.pop(oldest) if oldest is not None else None
        if evicted is not None:
            evicted.batching.close()  # outside the lock: it waits for accepted calls
        return model

    def _open(self, version: str) -> _PooledModel:
        plain = self._load(version)
        return _PooledModel(plain, self._batched(plain))
