"""The ways of embedding that the benchmarks time: the plain way, ours, and the parts that limit ours."""

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
"""Width and height in pixels of the photo whose latency is measured, as a phone's browser uploads it."""

_QUERIES, _WARM_UP = 100, 10
_BATCH = 32
"""Photos per batch, as in `ml.embedding.bulk.embed_all`."""


def embed_plainly(contents: Sequence[bytes], embedder: Embedder) -> NDArray[np.float32]:
    """Embed as tutorials do: one photo at a time, Pillow, a plain resize. Returns vectors, shape (n, d)."""
    size = embedder.bundle.preprocessing.size
    vectors = []
    for content in contents:
        image = Image.open(io.BytesIO(content)).convert("RGB").resize((size, size))
        vectors.append(embedder.embed(np.asarray(image)[None]).vectors[0])
    return np.stack(vectors)


def embed_as_ingest(contents: Sequence[bytes], embedder: Embedder) -> NDArray[np.float32]:
    """Embed as ingest does, which also trims borders and computes perceptual hashes. Returns vectors, shape (n, d)."""
    vectors = np.empty((len(contents), embedder.bundle.vector_size), np.float32)
    for row, result in embed_all(enumerate(contents), embedder, decoders=DEFAULT_DECODERS):
        if not isinstance(result, EmbeddedPhoto):
            raise result
        vectors[row] = result.vector
    return vectors


def decode_only(contents: Sequence[bytes], preprocessing: Preprocessing, *, threads: int) -> Photos:
    """Do everything that comes before the network, on `threads` threads. Returns pixels, shape (n, S, S, 3)."""
    with ThreadPoolExecutor(threads) as executor:
        prepared = executor.map(partial(prepare_photo, preprocessing=preprocessing), contents)
        return np.stack([photo.pixels for photo in prepared])


def network_only(photos: Photos, embedder: Embedder) -> NDArray[np.float32]:
    """Embed decoded photos, shape (n, S, S, 3). Returns vectors, shape (n, d)."""
    batches = (photos[start : start + _BATCH] for start in range(0, len(photos), _BATCH))
    return np.concatenate([embedder.embed(batch).vectors for batch in batches])


def query_latencies(content: bytes, embedder: Embedder) -> tuple[float, float]:
    """Return the median and the 99th percentile, in ms, of decoding and embedding one photo, over 100 runs.

    The photo is scaled to `QUERY_SIZE` first.
    """
    query = _scaled_to_query_size(content)
    seconds = []
    for _ in range(_WARM_UP + _QUERIES):
        start = time.perf_counter()
        embedder.embed(embedder.bundle.preprocessing.load(query)[None])
        seconds.append(time.perf_counter() - start)
    p50, p99 = np.percentile(seconds[_WARM_UP:], [50, 99]) * 1000
    return float(p50), float(p99)


def _scaled_to_query_size(content: bytes) -> bytes:
    query = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGB").resize(QUERY_SIZE).save(query, "JPEG", quality=90)
    return query.getvalue()
