"""Embeddings drawn to be like stored ones, for benchmarks larger than the listings at hand.

A mixture of Gaussians brought to unit length. Spherical k-means (Dhillon and Modha 2001, doi:10.1023/A:1007612920971)
finds c = sqrt(n / 2) clusters (the rule of thumb of Mardia et al. 1979); each keeps its share, its mean, and its
covariance, shrunk towards the pooled one (Friedman 1989, doi:10.1080/01621459.1989.10478752). The photos of a listing
are correlated, so that they are as near to each other as a listing's photos are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import faiss
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

RANKS = (1, 10, 100)
"""Of the nearest neighbours whose cosines are compared."""

LEAST = 2 * RANKS[-1]
"""Embeddings to fit on: of fewer, the hundredth neighbour says nothing."""

_SHRINKAGE = 0.1
"""The pooled covariance's share in each cluster's. Of 0, 0.1, 0.3, 0.6 and 1 on 1,198 embeddings, 0.1 came nearest to
the tenth and hundredth neighbours' cosines among those that let a drawn photo leave its cluster's few directions."""

_QUERIES = 2000
"""Embeddings whose neighbours are looked up, at most."""

_BLOCK = 16_384
"""Rows drawn at a time: 16 MiB at 256 dimensions."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Drawn embeddings.

    Attributes:
        vectors: unit-length rows, shape (n, d).
        listings: the number of each row's listing, from 0, ascending.
        clusters: the number of the cluster that each row was drawn from; a listing's rows share it.
    """

    vectors: NDArray[np.float32]
    listings: NDArray[np.int64]
    clusters: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FittedEmbeddings:
    """What `fit` found.

    Attributes:
        centres: mean of each cluster, shape (c, d).
        residuals: each embedding less its cluster's mean, ordered by cluster, shape (n, d).
        starts: the row of `residuals` at which each cluster starts, and n at the end, shape (c + 1,).
        pooled: square root of the residuals' covariance over all clusters, shape (d, d).
        photo_counts: photos per listing, as found.
        pair_cosines: between a listing's consecutive photos, as found.
    """

    centres: NDArray[np.float32]
    residuals: NDArray[np.float32]
    starts: NDArray[np.int64]
    pooled: NDArray[np.float32]
    photo_counts: NDArray[np.int64]
    pair_cosines: NDArray[np.float64]

    def draw(self, count: int, *, seed: int) -> Drawn:
        """Draw `count` photos, in whole listings but for the last one; the same ones for the same seed."""
        rng = np.random.default_rng(seed)
        listings = np.repeat(np.arange(count), rng.choice(self.photo_counts, size=count))[:count]
        shares = np.diff(self.starts) / self.starts[-1]
        clusters = rng.choice(len(shares), size=count, p=shares)[listings]
        vectors = np.empty((count, self.centres.shape[1]), dtype=np.float32)
        for cluster in range(len(shares)):
            for rows in _blocks(np.flatnonzero(clusters == cluster)):
                vectors[rows] = self._spread(cluster, len(rows), rng)
        self._bring_photos_together(vectors, listings, clusters, rng)
        for rows in _blocks(np.arange(count)):
            vectors[rows] = _unit(self.centres[clusters[rows]] + vectors[rows])
        return Drawn(vectors, listings, clusters)

    def _spread(self, cluster: int, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
        # Residuals weighted by independent normals have the residuals' covariance, which need not be computed.
        own = self.residuals[self.starts[cluster] : self.starts[cluster + 1]]
        from_own = rng.standard_normal((count, len(own)), dtype=np.float32) @ own / np.sqrt(len(own))
        from_all = rng.standard_normal((count, len(self.pooled)), dtype=np.float32) @ self.pooled
        scale = np.linalg.norm(own) / np.sqrt(len(own)) / np.linalg.norm(self.pooled)  # the cluster's spread to all's
        spread: NDArray[np.float32] = np.sqrt(1 - _SHRINKAGE) * from_own + np.sqrt(_SHRINKAGE) * scale * from_all
        return spread.astype(np.float32)

    def _bring_photos_together(
        self,
        spread: NDArray[np.float32],
        listings: NDArray[np.int64],
        clusters: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> None:
        """Make the spread of a listing's later photo depend on the one before; the clusters' covariances stay.

        With a mean m, a spread of mean square s and a correlation r, two photos have a cosine of about
        (m^2 + r s) / (m^2 + s): r is what gives the cosine drawn, and none where two of the cluster are as near.
        """
        places, squares = _places(listings), np.sum(self.centres**2, axis=1)
        for place in range(1, int(self.photo_counts.max())):
            later = np.flatnonzero(places == place)
            before = spread[later - 1]
            mean, own = squares[clusters[later]], np.sum(before**2, axis=1)
            cosines = rng.choice(self.pair_cosines, size=len(later))
            correlations = np.clip((cosines * (mean + own) - mean) / own, 0, 1)[:, np.newaxis]
            spread[later] = correlations * before + np.sqrt(1 - correlations**2) * spread[later]


@dataclass(frozen=True, slots=True)
class NeighbourCosines:
    """Cosine to the neighbour of one rank: its 10th, 50th and 90th percentile over stored and over drawn embeddings."""

    rank: int
    stored: tuple[float, ...]
    drawn: tuple[float, ...]


def fit(vectors: NDArray[np.float32], listings: NDArray[np.int64], *, seed: int = 0) -> FittedEmbeddings:
    """Fit on unit-length `vectors`, shape (n, d); rows of one listing have the same number and are next to each other.

    Raises:
        ValueError: there are fewer than `LEAST`.
    """
    if len(vectors) < LEAST:
        raise ValueError(f"{len(vectors)} embeddings are too few to draw others like them; it takes {LEAST}")
    clusters = _clusters(vectors, round(np.sqrt(len(vectors) / 2)), seed)
    order = np.argsort(clusters, kind="stable")
    starts = np.append(np.flatnonzero(np.ediff1d(clusters[order], to_begin=1)), len(order))
    sizes = np.diff(starts)
    centres = np.add.reduceat(vectors[order], starts[:-1], axis=0) / sizes[:, np.newaxis]
    residuals = vectors[order] - np.repeat(centres, sizes, axis=0)
    pairs = np.flatnonzero(listings[1:] == listings[:-1])
    cosines: NDArray[np.float64] = np.einsum("nd,nd->n", vectors[pairs], vectors[pairs + 1], dtype=np.float64)
    return FittedEmbeddings(
        centres=centres.astype(np.float32),
        residuals=residuals.astype(np.float32),
        starts=starts,
        pooled=_root_of_covariance(residuals),
        photo_counts=np.unique(listings, return_counts=True)[1],
        pair_cosines=cosines,
    )


def compare_neighbours(stored: NDArray[np.float32], fitted: FittedEmbeddings, *, seed: int) -> list[NeighbourCosines]:
    """Return how near the neighbours are among `stored` and among as many drawn embeddings, at each of `RANKS`."""
    drawn = fitted.draw(len(stored), seed=seed).vectors
    pairs = zip(RANKS, _neighbour_quantiles(stored), _neighbour_quantiles(drawn), strict=True)
    return [NeighbourCosines(rank, tuple(of_stored), tuple(of_drawn)) for rank, of_stored, of_drawn in pairs]


def _neighbour_quantiles(vectors: NDArray[np.float32]) -> Sequence[Sequence[float]]:
    queries = vectors[np.linspace(0, len(vectors) - 1, min(_QUERIES, len(vectors)), dtype=np.int64)]
    cosines, _ = faiss.knn(queries, vectors, RANKS[-1] + 1, metric=faiss.METRIC_INNER_PRODUCT)  # the first is itself
    quantiles: list[list[float]] = np.quantile(cosines[:, RANKS], (0.1, 0.5, 0.9), axis=0).T.tolist()
    return quantiles


def _clusters(vectors: NDArray[np.float32], count: int, seed: int) -> NDArray[np.int64]:
    kmeans = faiss.Kmeans(vectors.shape[1], count, spherical=True, seed=seed + 1, min_points_per_centroid=1)
    kmeans.train(np.ascontiguousarray(vectors))
    nearest: NDArray[np.int64] = kmeans.index.search(np.ascontiguousarray(vectors), 1)[1][:, 0]
    return nearest


def _root_of_covariance(residuals: NDArray[np.float32]) -> NDArray[np.float32]:
    variances, axes = np.linalg.eigh(residuals.T.astype(np.float64) @ residuals / len(residuals))
    root: NDArray[np.float32] = (np.sqrt(np.maximum(variances, 0))[:, np.newaxis] * axes.T).astype(np.float32)
    return root


def _places(listings: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each photo's place in its listing, from 0."""
    starts = np.flatnonzero(np.ediff1d(listings, to_begin=1))
    sizes = np.diff(np.append(starts, len(listings)))
    places: NDArray[np.int64] = np.arange(len(listings)) - np.repeat(starts, sizes)
    return places


def _blocks(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    return (rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
