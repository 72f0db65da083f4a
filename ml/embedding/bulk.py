"""Embeds any number of photo files: threads decode while the network runs."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, cast

import numpy as np
from more_itertools import chunked

from ml.photos.decode import DEFAULT_LIMITS, PhotoError, PhotoLimits, decoded, is_incomplete, original_size
from ml.photos.jpeg_damage import is_damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from ml.embedding.embedder import Embedder
    from ml.photos.preprocess import Preprocessing

Key = TypeVar("Key")
In = TypeVar("In")
Out = TypeVar("Out")

DEFAULT_DECODERS = 2
"""Decoding a photo takes a tenth of the processor time of embedding it."""

_END: Final = object()


@dataclass(frozen=True, slots=True)
class EmbeddedPhoto:
    """The embedding and the properties of a photo, as they are stored.

    Attributes:
        vector: float32, shape (d,), unit length.
        probabilities: float32, shape (c,), in the order of the bundle's categories.
        width, height: of the full upright photo, in pixels.
        perceptual_hash: 16 hex digits.
        is_incomplete: whether the photo's file is cut off.
        is_damaged: whether its pixel data are wrong or missing before its end.
    """

    vector: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    width: int
    height: int
    perceptual_hash: str
    is_incomplete: bool = False
    is_damaged: bool = False


@dataclass(frozen=True, slots=True)
class PreparedPhoto:
    """A decoded photo, ready for the network: `pixels` is uint8 (S, S, 3)."""

    pixels: NDArray[np.uint8]
    width: int
    height: int
    perceptual_hash: str
    is_incomplete: bool
    is_damaged: bool


def embed_all(
    contents: Iterable[tuple[Key, bytes]],
    embedder: Embedder,
    *,
    batch_size: int = 32,
    decoders: int = DEFAULT_DECODERS,
    limits: PhotoLimits = DEFAULT_LIMITS,
) -> Generator[tuple[Key, EmbeddedPhoto | PhotoError], None, None]:
    """Yield each key once, with its embedding or the error of its photo.

    Reading, decoding, the network and the caller run in parallel. A thread reads `contents`, which may be endless, at
    most nine batches ahead of the caller. Exceptions of `contents` and of the embedder reach the caller. Results come
    in batches, so a slow source delays them. Closing the generator, or an exception, stops the threads; close it if you
    do not take all results.
    """
    reading = ThreadPoolExecutor(1, thread_name_prefix="read")
    decoding = ThreadPoolExecutor(decoders, thread_name_prefix="decode")
    network = ThreadPoolExecutor(1, thread_name_prefix="embed")
    decode_one = partial(_decode, preprocessing=embedder.bundle.preprocessing, limits=limits)
    try:
        decoded = _map_ahead(decoding, decode_one, contents, depth=2 * batch_size)
        embedded = _map_ahead(network, partial(_embed, embedder), chunked(decoded, batch_size), depth=1)
        for results in _read_ahead(reading, embedded, depth=4):
            yield from results
    finally:
        for pool in (reading, decoding, network):
            pool.shutdown(cancel_futures=True)


def prepare_photo(content: bytes, preprocessing: Preprocessing, limits: PhotoLimits = DEFAULT_LIMITS) -> PreparedPhoto:
    """Decode, hash and preprocess a photo for the network.

    Raises:
        PhotoError: the bytes are not an accepted photo.
    """
    with decoded(content, limits, at_least=preprocessing.decode_at_least) as image:
        pixels, perceptual_hash = preprocessing.apply_and_hash(image)
        is_cut_off = is_incomplete(image)
        has_damage = not is_cut_off and is_damaged(content)
        return PreparedPhoto(pixels, *original_size(image), perceptual_hash, is_cut_off, is_damaged=has_damage)


def _read_ahead(pool: ThreadPoolExecutor, items: Iterator[In], *, depth: int) -> Iterator[In]:
    """Yield the items; the pool's only thread reads up to `depth` items ahead."""
    pending = deque(pool.submit(next, items, _END) for _ in range(depth))
    while (item := pending.popleft().result()) is not _END:
        pending.append(pool.submit(next, items, _END))
        yield cast("In", item)


def _map_ahead(
    pool: ThreadPoolExecutor, work: Callable[[In], Out], items: Iterable[In], *, depth: int
) -> Iterator[Out]:
    """Yield `work(item)` in order; the pool works up to `depth` items ahead."""
    pending: deque[Future[Out]] = deque()
    for item in items:
        pending.append(pool.submit(work, item))
        if len(pending) > depth:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


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
    prepared = [(key, photo) for key, photo in batch if isinstance(photo, PreparedPhoto)]
    results: list[tuple[Key, EmbeddedPhoto | PhotoError]] = [
        (key, photo) for key, photo in batch if isinstance(photo, PhotoError)
    ]
    if prepared:
        embeddings = embedder.embed(np.stack([photo.pixels for _, photo in prepared]))
        for row, (key, photo) in enumerate(prepared):
            # Copies, since a view of one row would keep the whole batch in memory.
            vector, probabilities = embeddings.vectors[row].copy(), embeddings.probabilities[row].copy()
            properties = (photo.width, photo.height, photo.perceptual_hash, photo.is_incomplete, photo.is_damaged)
            results.append((key, EmbeddedPhoto(vector, probabilities, *properties)))
    return results
