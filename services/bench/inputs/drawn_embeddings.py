"""Random embeddings that resemble stored ones, for benchmarks with more photos than are stored.

The model is a mixture of Gaussians, scaled to unit length. Spherical k-means (Dhillon and Modha 2001,
doi:10.1023/A:1007612920971) finds c = sqrt(n / 2) clusters (the rule of thumb of Mardia et al. 1979). Each cluster
keeps its share of the embeddings, its mean, and its covariance, shrunk towards the pooled covariance (Friedman 1989,
doi:10.1080/01621459.1989.10478752). The photos of a listing are correlated, so that they are as near to each other as
those of stored listings.
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
"""Ranks of the neighbours whose cosines are compared."""

MINIMUM = 2 * RANKS[-1]
"""Fewest embeddings to fit on; with fewer, the hundredth neighbour is meaningless."""

_SHRINKAGE = 0.1
"""Weight of the pooled covariance in each cluster's covariance. Of 0, 0.1, 0.3, 0.6 and 1, on 1,198 embeddings, 0.1 is
the positive value that best reproduces the cosines to the tenth and hundredth neighbours. With 0, a drawn photo could
not leave the few directions of its cluster."""

_QUERIES = 2000
"""Most embeddings whose neighbours are searched for."""

_BLOCK = 16_384
"""Rows drawn at once: 16 MiB at 256 dimensions."""


@dataclass(frozen=True, slots=True)
class DrawnEmbeddings:
    """Random embeddings, grouped into listings.

    Attributes:
        vectors: unit-length rows, shape (n, d).
        listings: number of each row's listing, from 0, ascending.
        clusters: number of the cluster that each row was drawn from; the rows of a listing share it.
    """

    vectors: NDArray[np.float32]
    listings: NDArray[np.int64]
    clusters: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FittedEmbeddings:
    """A fitted mixture of Gaussians, see `fit`.

    Attributes:
        centres: mean of each cluster, shape (c, d).
        residuals: each embedding minus the mean of its cluster, ordered by cluster, shape (n, d).
        starts: first row of each cluster in `residuals`, then n, shape (c + 1,).
        pooled: square root of the covariance of all residuals, shape (d, d).
        photo_counts: number of photos of each listing.
        pair_cosines: cosine between each two consecutive photos of a listing.
    """

    centres: NDArray[np.float32]
    residuals: NDArray[np.float32]
    starts: NDArray[np.int64]
    pooled: NDArray[np.float32]
    photo_counts: NDArray[np.int64]
    pair_cosines: NDArray[np.float64]

    def draw(self, count: int, *, seed: int) -> DrawnEmbeddings:
        """Draw `count` photos in whole listings, except perhaps the last; the same seed draws the same photos."""
        rng = np.random.default_rng(seed)
        listings = np.repeat(np.arange(count), rng.choice(self.photo_counts, size=count))[:count]
        shares = np.diff(self.starts) / self.starts[-1]
        clusters = rng.choice(len(shares), size=count, p=shares)[listings]
        vectors = np.empty((count, self.centres.shape[1]), dtype=np.float32)
        for cluster in range(len(shares)):
            for rows in _blocks(np.flatnonzero(clusters == cluster)):
                vectors[rows] = self._draw_residuals(cluster, len(rows), rng)
        self._correlate_photos(vectors, listings, clusters, rng)
        for rows in _blocks(np.arange(count)):
            vectors[rows] = _unit(self.centres[clusters[rows]] + vectors[rows])
        return DrawnEmbeddings(vectors, listings, clusters)

    def _draw_residuals(self, cluster: int, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
        # Sums of residuals with independent normal weights have their covariance, without computing it.
        own = self.residuals[self.starts[cluster] : self.starts[cluster + 1]]
        from_own = rng.standard_normal((count, len(own)), dtype=np.float32) @ own / np.sqrt(len(own))
        from_all = rng.standard_normal((count, len(self.pooled)), dtype=np.float32) @ self.pooled
        # the spread of the cluster relative to that of all
        scale = np.linalg.norm(own) / np.sqrt(len(own)) / np.linalg.norm(self.pooled)
        drawn: NDArray[np.float32] = np.sqrt(1 - _SHRINKAGE) * from_own + np.sqrt(_SHRINKAGE) * scale * from_all
        return drawn.astype(np.float32)

    def _correlate_photos(
        self,
        residuals: NDArray[np.float32],
        listings: NDArray[np.int64],
        clusters: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> None:
        """Correlate the residual of each later photo of a listing with the photo before it, in place.

        The covariances of the clusters stay as they are. With a squared mean m2, a squared residual s and a
        correlation r, two photos have a cosine of about (m2 + r s) / (m2 + s). r is chosen to give a stored cosine; it
        is 0 if uncorrelated photos of the cluster are already as near.
        """
        positions, squares = _positions(listings), np.sum(self.centres**2, axis=1)
        for position in range(1, int(self.photo_counts.max())):
            later = np.flatnonzero(positions == position)
            before = residuals[later - 1]
            mean, own = squares[clusters[later]], np.sum(before**2, axis=1)
            cosines = rng.choice(self.pair_cosines, size=len(later))
            correlations = np.clip((cosines * (mean + own) - mean) / own, 0, 1)[:, np.newaxis]
            residuals[later] = correlations * before + np.sqrt(1 - correlations**2) * residuals[later]


@dataclass(frozen=True, slots=True)
class NeighbourCosines:
    """10th, 50th and 90th percentile of the cosine to the neighbour of one rank, among stored and drawn embeddings."""

    rank: int
    stored: tuple[float, ...]
    drawn: tuple[float, ...]


def fit(vectors: NDArray[np.float32], listings: NDArray[np.int64], *, seed: int = 0) -> FittedEmbeddings:
    """Fit the mixture on unit-length `vectors`, shape (n, d).

    `listings` numbers the listing of each row; the rows of a listing are consecutive.

    Raises:
        ValueError: there are fewer vectors than `MINIMUM`.
    """
    if len(vectors) < MINIMUM:
        raise ValueError(f"{len(vectors)} embeddings are too few to draw others from; at least {MINIMUM} are needed")
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
        pooled=_covariance_root(residuals),
        photo_counts=np.unique(listings, return_counts=True)[1],
        pair_cosines=cosines,
    )


def compare_neighbours(stored: NDArray[np.float32], fitted: FittedEmbeddings, *, seed: int) -> list[NeighbourCosines]:
    """Compare the cosines to neighbours among `stored` and among as many drawn embeddings, at each of `RANKS`."""
    drawn = fitted.draw(len(stored), seed=seed).vectors
    pairs = zip(RANKS, _neighbour_quantiles(stored), _neighbour_quantiles(drawn), strict=True)
    return [NeighbourCosines(rank, tuple(of_stored), tuple(of_drawn)) for rank, of_stored, of_drawn in pairs]


def _neighbour_quantiles(vectors: NDArray[np.float32]) -> Sequence[Sequence[float]]:
    queries = vectors[np.linspace(0, len(vectors) - 1, min(_QUERIES, len(vectors)), dtype=np.int64)]
    cosines, _ = faiss.knn(
        queries, vectors, RANKS[-1] + 1, metric=faiss.METRIC_INNER_PRODUCT
    )  # the first neighbour is the query itself
    quantiles: list[list[float]] = np.quantile(cosines[:, RANKS], (0.1, 0.5, 0.9), axis=0).T.tolist()
    return quantiles


def _clusters(vectors: NDArray[np.float32], count: int, seed: int) -> NDArray[np.int64]:
    kmeans = faiss.Kmeans(vectors.shape[1], count, spherical=True, seed=seed + 1, min_points_per_centroid=1)
    kmeans.train(np.ascontiguousarray(vectors))
    nearest: NDArray[np.int64] = kmeans.index.search(np.ascontiguousarray(vectors), 1)[1][:, 0]
    return nearest


def _covariance_root(residuals: NDArray[np.float32]) -> NDArray[np.float32]:
    variances, axes = np.linalg.eigh(residuals.T.astype(np.float64) @ residuals / len(residuals))
    root: NDArray[np.float32] = (np.sqrt(np.maximum(variances, 0))[:, np.newaxis] * axes.T).astype(np.float32)
    return root


def _positions(listings: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each photo's position in its listing, from 0."""
    starts = np.flatnonzero(np.ediff1d(listings, to_begin=1))
    sizes = np.diff(np.append(starts, len(listings)))
    positions: NDArray[np.int64] = np.arange(len(listings)) - np.repeat(starts, sizes)
    return positions


def _blocks(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    return (rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
