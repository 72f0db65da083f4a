"""Every embedder splits photos into chunks and returns unit vectors."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.bundle.bundle import Bundle
from ml.bundle.canonical import CanonicalVectors
from ml.embedding.embedder import Embeddings, embed_in_chunks
from ml.photos.preprocess import Preprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.embedding.embedder import Photos

BUNDLE = Bundle(
    path=Path("model"),
    version="0" * 12,
    categories=("Baby", "Phones"),
    vector_size=3,
    preprocessing=Preprocessing(size=16),
    metrics={},
    record={},
    canonical=CanonicalVectors(((1.0, 0.0, 0.0),) * 3, {"f32": 1e-3}),
    created_at=datetime(2025, 1, 1, tzinfo=UTC),
)


class Colours:
    """An embedder whose vector is the photo's mean colour times `scale`."""

    bundle = BUNDLE
    precision = "f32"

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self.chunks: list[int] = []

    def embed(self, photos: Photos) -> Embeddings:
        return embed_in_chunks(photos, BUNDLE, chunk=4, infer=self._infer)

    def _infer(self, photos: Photos) -> tuple[NDArray[np.float32], ...]:
        self.chunks.append(len(photos))
        colours = photos.mean(axis=(1, 2), dtype=np.float32) * np.float32(self.scale)
        return colours, np.full((len(photos), 2), 0.5, np.float32)


def photos(count: int) -> Photos:
    return np.random.default_rng(0).integers(1, 256, (count, 16, 16, 3), dtype=np.uint8)


def test_chunks_are_joined_in_order() -> None:
    colours = Colours()
    vectors = colours.embed(photos(10)).vectors
    assert colours.chunks == [4, 4, 2]
    means = photos(10).mean(axis=(1, 2))
    np.testing.assert_allclose(vectors, means / np.linalg.norm(means, axis=1, keepdims=True), atol=1e-6)


def test_normalises_vectors_of_any_length() -> None:
    vectors = Colours(scale=0.001).embed(photos(3)).vectors
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_rejects_a_probability_that_is_not_finite() -> None:
    def infer(photos: Photos) -> tuple[NDArray[np.float32], ...]:
        return np.ones((len(photos), 3), np.float32), np.full((len(photos), 2), np.nan, np.float32)

    with pytest.raises(ArithmeticError, match="probability that is not finite"):
        embed_in_chunks(photos(1), BUNDLE, chunk=4, infer=infer)


@pytest.mark.parametrize("scale", [0.0, float("nan"), float("inf")])
def test_rejects_a_vector_that_is_zero_or_not_finite(scale: float) -> None:
    with pytest.raises(ArithmeticError, match="zero or not finite"):
        Colours(scale).embed(photos(1))
