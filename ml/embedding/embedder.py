"""The interface of embedders, and the checks and chunking that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ml.bundle.bundle import Bundle

Photos: TypeAlias = NDArray[np.uint8]
"""Preprocessed photos: RGB, shape (n, S, S, 3), where S is the preprocessing's size."""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The network's outputs for n photos.

    Attributes:
        vectors: float32, shape (n, d), rows of unit length.
        probabilities: float32, shape (n, c); rows sum to 1; columns in the order of the bundle's categories.
    """

    vectors: NDArray[np.float32]
    probabilities: NDArray[np.float32]


class Embedder(Protocol):
    """A loaded network. Several threads may call `embed` at once."""

    @property
    def bundle(self) -> Bundle:
        """The loaded model bundle."""
        ...

    @property
    def precision(self) -> str:
        """Precision of the computation: `bf16`, `f32` or `int8`. Results are always float32."""
        ...

    def embed(self, photos: Photos) -> Embeddings:
        """Embed any number of photos, including zero.

        Raises:
            ValueError: the array has a wrong shape or type.
            ArithmeticError: an output is not finite, or a vector is zero.
        """
        ...


def embed_in_chunks(
    photos: Photos,
    bundle: Bundle,
    *,
    chunk: int,
    infer: Callable[[Photos], tuple[NDArray[np.float32], ...]],
    over: Callable[..., Iterator[Any]] = map,
) -> Embeddings:
    """Run `infer` on chunks of at most `chunk` photos and join its outputs.

    Args:
        infer: returns vectors of any length, and probabilities.
        over: applies `infer` to the chunks; an executor's `map` runs several in parallel.

    Raises:
        ValueError, ArithmeticError: see `Embedder.embed`.
    """
    _check_photos(photos, bundle.preprocessing.size)
    vectors = np.empty((len(photos), bundle.vector_size), np.float32)
    probabilities = np.empty((len(photos), len(bundle.categories)), np.float32)
    chunks = [slice(start, start + chunk) for start in range(0, len(photos), chunk)]
    for rows, outputs in zip(chunks, over(infer, [photos[rows] for rows in chunks]), strict=True):
        vectors[rows], probabilities[rows] = outputs
    if not np.isfinite(probabilities).all():
        raise ArithmeticError("The network returned a probability that is not finite.")
    return Embeddings(_normalised(vectors), probabilities)


def _normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Normalise the rows in float32, since a runtime may have normalised them in a lower precision."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise ArithmeticError("The network returned a vector that is zero or not finite.")
    return np.asarray(vectors / norms, dtype=np.float32)


def _check_photos(photos: Photos, size: int) -> None:
    if photos.dtype != np.uint8 or photos.ndim != 4 or photos.shape[1:] != (size, size, 3):
        raise ValueError(
            f"photos must be uint8 of shape (n, {size}, {size}, 3), not {photos.dtype} of shape {photos.shape}"
        )
