"""Photo bytes in, embeddings out, for any number of photos: threads decode while the network runs."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar, cast

import numpy as np

from ml.photos.decode import DEFAULT_LIMITS, PhotoError, PhotoLimits, decode, original_size

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from ml.embedding.embedder import Embedder
    from ml.photos.preprocess import Preprocessing

Key = TypeVar("Key")
In = TypeVar("In")
Out = TypeVar("Out")

DEFAULT_DECODERS = 2
"""Threads that decode, by default: a photo takes a tenth of the processor time in them that it takes in the network."""

_END: Final = object()


@dataclass(frozen=True, slots=True)
class EmbeddedPhoto:
    """What is stored of a photo.

    Attributes:
        vector: float32, shape (d,), unit length.
        probabilities: float32, shape (c,), in the order of the bundle's categories.
        width, height: of the whole photo, upright, in pixels.
        perceptual_hash: 16 hex digits.
    """

    vector: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    width: int
    height: int
    perceptual_hash: str


@dataclass(frozen=True, slots=True)
class PreparedPhoto:
    """A photo on its way to the network: `pixels` is uint8, (S, S, 3)."""

    pixels: NDArray[np.uint8]
    width: int
    height: int
    perceptual_hash: str


def embed_all(
    contents: Iterable[tuple[Key, bytes]],
    embedder: Embedder,
    *,
    batch_size: int = 32,
    decoders: int = DEFAULT_DECODERS,
    limits: PhotoLimits = DEFAULT_LIMITS,
) -> Generator[tuple[Key, EmbeddedPhoto | PhotoError], None, None]:
    """Yield each key once, with its embedding or with the reason why the photo has none.

    Reading, decoding, the network and the caller work at the same time: `contents` is read in a thread of its own, at
    most nine batches ahead of the results taken, so it may be endless. Its own exceptions, and the embedder's, reach
    the caller. Results come batch by batch, so a slow source delays them. Closing the generator, or an exception, stops
    the threads; a caller that does not take all results closes it.
    """
    reading = ThreadPoolExecutor(1, thread_name_prefix="read")
    decoding = ThreadPoolExecutor(decoders, thread_name_prefix="decode")
    network = ThreadPoolExecutor(1, thread_name_prefix="embed")
    decode_one = partial(_decode, preprocessing=embedder.bundle.preprocessing, limits=limits)
    try:
        decoded = _ahead(decoding, decode_one, contents, depth=2 * batch_size)
        embedded = _ahead(network, partial(_embed, embedder), _batched(decoded, batch_size), depth=1)
        for results in _read_ahead(reading, embedded, depth=4):
            yield from results
    finally:
        for pool in (reading, decoding, network):
            pool.shutdown(cancel_futures=True)


def prepare_photo(content: bytes, preprocessing: Preprocessing, limits: PhotoLimits = DEFAULT_LIMITS) -> PreparedPhoto:
    """Return all that is known of a photo before the network sees it.

    Raises:
        PhotoError: the bytes are not a photo that we accept.
    """
    image = decode(content, limits, at_least=preprocessing.decode_at_least)
    pixels, perceptual_hash = preprocessing.apply_and_hash(image)
    return PreparedPhoto(pixels, *original_size(image), perceptual_hash)


def _read_ahead(pool: ThreadPoolExecutor, items: Iterator[In], *, depth: int) -> Iterator[In]:
    """Yield the items; the pool's only thread takes up to `depth` of them before they are asked for."""
    under_way = deque(pool.submit(next, items, _END) for _ in range(depth))
    while (item := under_way.popleft().result()) is not _END:
        under_way.append(pool.submit(next, items, _END))
        yield cast("In", item)


def _ahead(pool: ThreadPoolExecutor, work: Callable[[In], Out], items: Iterable[In], *, depth: int) -> Iterator[Out]:
    """Yield `work(item)` in the items' order; the pool works on up to `depth` items beyond the one yielded."""
    under_way: deque[Future[Out]] = deque()
    for item in items:
        under_way.append(pool.submit(work, item))
        if len(under_way) > depth:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def _batched(items: Iterable[In], size: int) -> Iterator[list[In]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _decode(
    item: tuple[Key, bytes], *, preprocessing: Preprocessing, limits: PhotoLimits
) -> tuple[Key, PreparedPhoto | PhotoError]:
    key, content = item
    try:
        return key, prepare_photo(content, preprocessing, limits)
    except PhotoError as error:
        return key, error


def _embed(
    embedder: Embedder, batch: Sequence[tuple[Key, PreparedPhoto | PhotoError]]
) -> list[tuple[Key, EmbeddedPhoto | PhotoError]]:
    good = [(key, photo) for key, photo in batch if isinstance(photo, PreparedPhoto)]
    results: list[tuple[Key, EmbeddedPhoto | PhotoError]] = [
        (key, photo) for key, photo in batch if isinstance(photo, PhotoError)
    ]
    if good:
        embeddings = embedder.embed(np.stack([photo.pixels for _, photo in good]))
        for row, (key, photo) in enumerate(good):
            # Copies: a view would keep the whole batch in memory for as long as one of its vectors lives.
            vector, probabilities = embeddings.vectors[row].copy(), embeddings.probabilities[row].copy()
            results.append(
                (key, EmbeddedPhoto(vector, probabilities, photo.width, photo.height, photo.perceptual_hash))
            )
    return results
