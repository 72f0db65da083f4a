"""Bulk embedding: one result per key, errors for broken photos, and bounded reading ahead."""

from __future__ import annotations

import threading
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.embedding.bulk import EmbeddedPhoto, embed_all
from ml.embedding.embedder import Embeddings
from ml.embedding.open_embedder import open_embedder
from ml.photos.decode import PhotoError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml.bundle.bundle import Bundle
    from ml.embedding.embedder import Embedder
    from tests.conftest import MakeJpeg


@pytest.fixture(scope="module")
def embedder(tiny_bundle: Bundle) -> Embedder:
    return open_embedder(tiny_bundle, threads=2, precision="f32")


def our_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("read", "decode", "embed"))]


def test_yields_every_key_once_with_errors_for_broken_photos(embedder: Embedder, jpeg: MakeJpeg) -> None:
    broken = {3: b"", 11: b"<html>not a photo</html>", 12: jpeg(12)[:200], 40: b"\xff\xd8\xff" + bytes(500)}
    contents = [(i, broken.get(i, jpeg(i))) for i in range(45)]
    results = list(embed_all(contents, embedder, batch_size=8))
    assert sorted(key for key, _ in results) == list(range(45))
    assert {key for key, result in results if isinstance(result, PhotoError)} == set(broken)


def test_results_equal_embedding_each_photo_alone(embedder: Embedder, jpeg: MakeJpeg) -> None:
    preprocessing = embedder.bundle.preprocessing
    for seed, result in embed_all([(seed, jpeg(seed)) for seed in range(10)], embedder, batch_size=4):
        assert isinstance(result, EmbeddedPhoto)
        expected = embedder.embed(preprocessing.load(jpeg(seed))[None])
        np.testing.assert_allclose(result.vector, expected.vectors[0], atol=1e-5)
        np.testing.assert_allclose(result.probabilities, expected.probabilities[0], atol=1e-5)


def test_results_have_the_size_and_hash_of_the_decoded_photo(embedder: Embedder, jpeg: MakeJpeg) -> None:
    photos = [("a", jpeg(1, width=160, height=100)), ("again", jpeg(1, width=160, height=100)), ("b", jpeg(2))]
    results = dict(embed_all(photos, embedder))
    a, again, b = results["a"], results["again"], results["b"]
    assert isinstance(a, EmbeddedPhoto)
    assert isinstance(again, EmbeddedPhoto)
    assert isinstance(b, EmbeddedPhoto)
    assert (a.width, a.height) == (160, 100)
    assert a.perceptual_hash == again.perceptual_hash != b.perceptual_hash


def test_no_photos_give_no_results(embedder: Embedder) -> None:
    assert list(embed_all([], embedder)) == []


def test_continues_after_a_batch_of_only_broken_photos(embedder: Embedder, jpeg: MakeJpeg) -> None:
    contents = [(i, b"broken") for i in range(4)] + [(4, jpeg())]
    results = dict(embed_all(contents, embedder, batch_size=4))
    assert isinstance(results[4], EmbeddedPhoto)
    assert len(results) == 5


def test_reads_an_endless_source_at_most_nine_batches_ahead(embedder: Embedder, jpeg: MakeJpeg) -> None:
    pulled = 0
    photo = jpeg()

    def endless() -> Iterator[tuple[int, bytes]]:
        nonlocal pulled
        for pulled in count(1):
            yield pulled, photo

    results = embed_all(endless(), embedder, batch_size=4)
    for taken in range(1, 61):
        next(results)
        assert pulled - taken <= 9 * 4
    results.close()


def test_the_network_continues_while_the_caller_processes_a_result(tiny_bundle: Bundle, jpeg: MakeJpeg) -> None:
    fourth_batch = threading.Event()

    class Counting:
        bundle = tiny_bundle
        precision = "f32"
        batches = 0

        def embed(self, photos: np.ndarray) -> Embeddings:
            self.batches += 1
            if self.batches == 4:
                fourth_batch.set()
            return Embeddings(np.zeros((len(photos), 8), np.float32), np.zeros((len(photos), 3), np.float32))

    results = embed_all(((i, jpeg(1)) for i in range(40)), Counting(), batch_size=4)
    next(results)
    assert fourth_batch.wait(60)
    results.close()


def test_reads_nothing_before_the_first_result_is_requested(embedder: Embedder) -> None:
    def source() -> Iterator[tuple[int, bytes]]:
        pytest.fail("the source was read")
        yield 0, b""

    embed_all(source(), embedder).close()


def test_closing_early_stops_the_threads(embedder: Embedder, jpeg: MakeJpeg) -> None:
    results = embed_all(((i, jpeg(1)) for i in count()), embedder, batch_size=4)
    next(results)
    assert our_threads() != []
    results.close()
    assert our_threads() == []


def test_an_exception_from_the_source_reaches_the_caller_and_stops_the_threads(
    embedder: Embedder, jpeg: MakeJpeg
) -> None:
    def source() -> Iterator[tuple[int, bytes]]:
        for i in range(9):
            yield i, jpeg(i)
        raise ConnectionError("the photo store went away")

    with pytest.raises(ConnectionError, match="went away"):
        list(embed_all(source(), embedder, batch_size=4))
    assert our_threads() == []


def test_an_exception_from_the_network_reaches_the_caller_and_stops_the_threads(
    tiny_bundle: Bundle, jpeg: MakeJpeg
) -> None:
    class OutOfMemory:
        bundle = tiny_bundle
        precision = "f32"

        def embed(self, photos: np.ndarray) -> Embeddings:
            raise MemoryError(f"no room for {len(photos)} photos")

    with pytest.raises(MemoryError, match="no room for 2 photos"):
        list(embed_all([(0, jpeg(0)), (1, jpeg(1))], OutOfMemory()))
    assert our_threads() == []
