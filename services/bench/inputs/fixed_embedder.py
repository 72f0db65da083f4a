"""A fake network for benchmarks that measure everything else."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml.bundle.bundle import Bundle
from ml.bundle.canonical import CanonicalVectors
from ml.embedding.embedder import embed_in_chunks
from ml.photos.preprocess import Preprocessing
from services.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ml.embedding.embedder import Embedder, Embeddings, Photos
    from services.settings import Settings

FAKE = "FixedEmbedder: a fake network, a fixed random projection of 16 x 16 of each photo's pixels"
"""Description of the fake network in every report."""

_INPUT_SIDE, _SHRUNK_SIDE, _VECTOR_SIZE, _CHUNK = 224, 16, 256, 32


class FixedEmbedder:
    """A fake `Embedder`: unit vectors of 256 components, by a fixed random projection of a few pixels.

    It takes almost no time, so that the benchmark measures everything else. `seconds` is the processor time that it
    does take; its wall time is mostly spent waiting for the interpreter lock.
    """

    precision = "f32"

    def __init__(self, categories: Sequence[str]) -> None:
        self.bundle = _bundle(tuple(categories))
        self.seconds = 0.0
        self._lock = threading.Lock()
        components = np.random.default_rng(0).standard_normal((3 * _SHRUNK_SIDE**2, _VECTOR_SIZE))
        self._projection = components.astype(np.float32)

    def embed(self, photos: Photos) -> Embeddings:
        """See `Embedder.embed`."""
        started = time.thread_time()
        try:
            return embed_in_chunks(photos, self.bundle, chunk=_CHUNK, infer=self._project)
        finally:
            with self._lock:
                self.seconds += time.thread_time() - started

    def _project(self, photos: Photos) -> tuple[NDArray[np.float32], ...]:
        """Return vectors, not normalised, and equal probabilities for all categories."""
        step, categories = _INPUT_SIDE // _SHRUNK_SIDE, len(self.bundle.categories)
        shrunk = photos[:, step // 2 :: step, step // 2 :: step].reshape(len(photos), -1)
        centred: NDArray[np.float32] = np.subtract(shrunk, 127.5, dtype=np.float32)
        return centred @ self._projection, np.full((len(photos), categories), 1 / categories, np.float32)


def _bundle(categories: tuple[str, ...]) -> Bundle:
    return Bundle(
        path=Path(),
        version="fixed-fake",
        categories=categories,
        vector_size=_VECTOR_SIZE,
        preprocessing=Preprocessing(size=_INPUT_SIDE),
        metrics={},
        record={},
        canonical=CanonicalVectors((), {}),
        created_at=datetime(2000, 1, 1, tzinfo=UTC),
    )


class FakeNetworkResources(Resources):
    """Real resources, except that the fake embedder stands in for every model version."""

    def __init__(self, settings: Settings, embedder: FixedEmbedder) -> None:
        super().__init__(settings)
        self._fake = embedder

    def _load_embedder(self, _model_version: str) -> Embedder:
        return self._fake
