"""The work that the embedding benchmarks time: the plain way, ours, and what bounds ours."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ml.embedding.bulk import DEFAULT_DECODERS, EmbeddedPhoto, embed_all, prepare_photo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ml.embedding.embedder import Embedder, Photos
    from ml.photos.preprocess import Preprocessing

QUERY_SIZE = (1024, 768)
"""Pixels of the photo whose latency is measured: what a telephone's browser uploads."""

_QUERIES, _WARM_UP = 100, 10
_BATCH = 32
"""Photos that the network is given at once, as `ml.embedding.bulk.embed_all` does."""


def plain(contents: Sequence[bytes], embedder: Embedder) -> NDArray[np.float32]:
    """Embed as tutorials do: one photo at a time, Pillow, a plain resize. Returns vectors, (n, d)."""
    size = embedder.bundle.preprocessing.size
    vectors = []
    for content in contents:
        image = Image.open(io.BytesIO(content)).convert("RGB").resize((size, size))
        vectors.append(embedder.embed(np.asarray(image)[None]).vectors[0])
    return np.stack(vectors)


def ours(contents: Sequence[bytes], embedder: Embedder) -> NDArray[np.float32]:
    """Embed as ingest does; borders are trimmed and perceptual hashes made besides. Returns vectors, (n, d)."""
    vectors = np.empty((len(contents), embedder.bundle.vector_size), np.float32)
    for row, result in embed_all(enumerate(contents), embedder, decoders=DEFAULT_DECODERS):
        if not isinstance(result, EmbeddedPhoto):
            raise result
        vectors[row] = result.vector
    return vectors


def decode_only(contents: Sequence[bytes], preprocessing: Preprocessing, *, threads: int) -> Photos:
    """Do all that comes before the network, on `threads` threads and without it. Returns the pixels, (n, S, S, 3)."""
    with ThreadPoolExecutor(threads) as executor:
        prepared = executor.map(partial(prepare_photo, preprocessing=preprocessing), contents)
        return np.stack([photo.pixels for photo in prepared])


def network_only(photos: Photos, embedder: Embedder) -> NDArray[np.float32]:
    """Embed photos, (n, S, S, 3), that are decoded already. Returns vectors, (n, d)."""
    batches = (photos[start : start + _BATCH] for start in range(0, len(photos), _BATCH))
    return np.concatenate([embedder.embed(batch).vectors for batch in batches])


def query_latencies(content: bytes, embedder: Embedder) -> tuple[float, float]:
    """Return the median and the 99th percentile, in ms, of decoding and embedding a photo alone, 100 times.

    The photo is enlarged, or shrunk, to `QUERY_SIZE` beforehand.
    """
    query = _as_query(content)
    seconds = []
    for _ in range(_WARM_UP + _QUERIES):
        start = time.perf_counter()
        embedder.embed(embedder.bundle.preprocessing.load(query)[None])
        seconds.append(time.perf_counter() - start)
    p50, p99 = np.percentile(seconds[_WARM_UP:], [50, 99]) * 1000
    return float(p50), float(p99)


def _as_query(content: bytes) -> bytes:
    query = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGB").resize(QUERY_SIZE).save(query, "JPEG", quality=90)
    return query.getvalue()
