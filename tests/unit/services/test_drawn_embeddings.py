"""Drawn embeddings resemble those they were fitted on, and are reproducible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from services.bench.inputs.drawn_embeddings import MINIMUM, RANKS, FittedEmbeddings, compare_neighbours, fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

LISTINGS, SIZE, CLUSTERS = 1200, 48, 20


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled


@pytest.fixture(scope="module")
def stored() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """One or two photos of each of 1,200 listings, in clusters of uneven size; the second is near the first."""
    rng = np.random.default_rng(5)
    centres = unit(rng.normal(size=(CLUSTERS, SIZE)))
    weights = 0.9 ** np.arange(CLUSTERS)
    spread = rng.normal(size=(LISTINGS, SIZE)) * np.linspace(0.22, 0.02, SIZE)
    firsts = centres[rng.choice(CLUSTERS, LISTINGS, p=weights / weights.sum())] + spread
    listings = np.repeat(np.arange(LISTINGS), rng.integers(1, 3, LISTINGS))
    return unit(firsts[listings] + 0.04 * rng.normal(size=(len(listings), SIZE))), listings


@pytest.fixture(scope="module")
def fitted(stored: tuple[NDArray[np.float32], NDArray[np.int64]]) -> FittedEmbeddings:
    return fit(*stored)


@pytest.mark.parametrize("count", [1, 7, 3001])
def test_draws_the_requested_number_of_unit_vectors(fitted: FittedEmbeddings, count: int) -> None:
    drawn = fitted.draw(count, seed=1)

    assert drawn.vectors.shape == (count, SIZE)
    assert drawn.vectors.dtype == np.float32
    assert drawn.listings.shape == drawn.clusters.shape == (count,)
    np.testing.assert_allclose(np.linalg.norm(drawn.vectors, axis=1), 1, atol=1e-5)


def test_the_same_seed_draws_the_same_photos_and_another_seed_others(
    stored: tuple[NDArray[np.float32], NDArray[np.int64]], fitted: FittedEmbeddings
) -> None:
    first, again, other = fitted.draw(500, seed=1), fit(*stored).draw(500, seed=1), fitted.draw(500, seed=2)

    np.testing.assert_allclose(first.vectors, again.vectors, atol=1e-5)
    np.testing.assert_array_equal(first.listings, again.listings)
    assert np.abs(first.vectors - other.vectors).max() > 0.1


def test_neighbours_are_as_near_as_among_stored_embeddings(
    stored: tuple[NDArray[np.float32], NDArray[np.int64]], fitted: FittedEmbeddings
) -> None:
    compared = compare_neighbours(stored[0], fitted, seed=3)

    assert [one.rank for one in compared] == list(RANKS)
    for one in compared:
        assert one.drawn == pytest.approx(one.stored, abs=0.05)


def test_the_comparison_shows_that_uniform_noise_does_not_resemble_the_drawn_ones(fitted: FittedEmbeddings) -> None:
    noise = unit(np.random.default_rng(0).normal(size=(1000, SIZE)))

    first, tenth, _ = compare_neighbours(noise, fitted, seed=3)

    assert first.drawn[1] > first.stored[1] + 0.1
    assert tenth.drawn[1] > tenth.stored[1] + 0.1


def test_listings_have_as_many_photos_as_near_to_each_other_as_stored_ones(
    stored: tuple[NDArray[np.float32], NDArray[np.int64]], fitted: FittedEmbeddings
) -> None:
    def of_pairs(vectors: NDArray[np.float32], listings: NDArray[np.int64]) -> NDArray[np.float64]:
        pairs = np.flatnonzero(listings[1:] == listings[:-1])
        quantiles: NDArray[np.float64] = np.quantile(
            np.sum(vectors[pairs] * vectors[pairs + 1], axis=1), (0.1, 0.5, 0.9)
        )
        return quantiles

    drawn = fitted.draw(4000, seed=4)

    np.testing.assert_allclose(of_pairs(drawn.vectors, drawn.listings), of_pairs(*stored), atol=0.05)
    assert np.unique(drawn.listings).size / 4000 == pytest.approx(LISTINGS / len(stored[0]), abs=0.03)
    assert np.all(np.diff(drawn.listings) >= 0)


def test_refuses_too_few_embeddings() -> None:
    few = unit(np.random.default_rng(0).normal(size=(MINIMUM - 1, SIZE)))

    with pytest.raises(ValueError, match="199 embeddings are too few"):
        fit(few, np.arange(len(few)))
