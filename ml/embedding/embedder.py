"""What an embedder is and gives, whatever runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ml.bundle.bundle import Bundle

Photos: TypeAlias = NDArray[np.uint8]
"""Preprocessed photos: RGB, shape (n, S, S, 3) with S the preprocessing's size."""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """What the network makes of n photos.

    Attributes:
        vectors: float32, shape (n, d), rows of unit length.
        probabilities: float32, shape (n, c), rows sum to 1, columns in the order of the bundle's categories.
    """

    vectors: NDArray[np.float32]
    probabilities: NDArray[np.float32]


class Embedder(Protocol):
    """A network ready to embed. `embed` may be called from several threads at once."""

    @property
    def bundle(self) -> Bundle:
        """The model bundle that it runs."""
        ...

    @property
    def precision(self) -> str:
        """What it computes in: `bf16`, `f32` or `int8`. Results are float32 in any case."""
        ...

    def embed(self, photos: Photos) -> Embeddings:
        """Embed any number of photos, none included.

        Raises:
            ValueError: the array has another shape or type.
            ArithmeticError: the network gave a vector that is not finite or has no direction.
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
    """Run `infer` on at most `chunk` photos at a time and join what it gives: vectors of any length, probabilities.

    `over` applies it to the chunks as `map` does; an executor's `map` does so to several at a time.

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
        raise ArithmeticError("The network gave a probability that is not finite.")
    return Embeddings(_unit(vectors), probabilities)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring the rows to unit length in float32, whatever precision a runtime gave the network's own normalising."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise ArithmeticError("The network gave a vector that is not finite or has no direction.")
    return np.asarray(vectors / norms, dtype=np.float32)


def _check_photos(photos: Photos, size: int) -> None:
    if photos.dtype != np.uint8 or photos.ndim != 4 or photos.shape[1:] != (size, size, 3):
        raise ValueError(f"photos must be uint8 of shape (n, {size}, {size}, 3), not {photos.dtype} of {photos.shape}")
