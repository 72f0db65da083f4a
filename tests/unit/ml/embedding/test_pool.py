"""The pool opens each model once, and closes the batching embedder of a model that it evicts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.embedding.batch_queue import EmbedderClosed
from ml.embedding.batching import BatchingEmbedder
from ml.embedding.pool import EmbedderPool
from tests.unit.ml.embedding.test_batching import MeanColours

if TYPE_CHECKING:
    from collections.abc import Iterator

PHOTO = np.ones((1, 16, 16, 3), np.uint8)


class Loader:
    """Opens embedders and records their versions."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def __call__(self, version: str) -> MeanColours:
        if version == "damaged":
            raise LookupError(version)
        self.loaded.append(version)
        return MeanColours()


@pytest.fixture
def load() -> Loader:
    return Loader()


@pytest.fixture
def pool(load: Loader) -> Iterator[EmbedderPool]:
    pool = EmbedderPool(load, BatchingEmbedder, capacity=2)
    yield pool
    pool.close()


def test_both_embedders_of_a_version_share_one_network(pool: EmbedderPool, load: Loader) -> None:
    plain = pool.plain("a")
    pool.batching("a").embed(PHOTO)
    assert isinstance(plain, MeanColours)
    assert (plain.batches, load.loaded) == ([1], ["a"])


def test_many_threads_open_a_version_once(pool: EmbedderPool, load: Loader) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert len({id(one) for one in threads.map(pool.batching, ["a"] * 32)}) == 1
    assert load.loaded == ["a"]


def test_evicts_and_closes_the_least_recently_used_version(pool: EmbedderPool, load: Loader) -> None:
    first, second = pool.batching("a"), pool.batching("b")
    pool.plain("a")
    pool.plain("c")
    with pytest.raises(EmbedderClosed):
        second.embed(PHOTO)
    assert pool.batching("a") is first
    assert len(first.embed(PHOTO).vectors) == 1
    assert load.loaded == ["a", "b", "c"]


def test_a_version_that_fails_to_open_evicts_no_other(pool: EmbedderPool, load: Loader) -> None:
    for version in ("a", "b"):
        pool.plain(version)
    with pytest.raises(LookupError):
        pool.plain("damaged")
    for version in ("a", "b"):
        pool.plain(version)
    assert load.loaded == ["a", "b"]


def test_closing_the_pool_closes_all_models_and_later_use_reopens_them(pool: EmbedderPool, load: Loader) -> None:
    batching = pool.batching("a")
    pool.close()
    with pytest.raises(EmbedderClosed):
        batching.embed(PHOTO)
    assert len(pool.batching("a").embed(PHOTO).vectors) == 1
    assert load.loaded == ["a", "a"]
