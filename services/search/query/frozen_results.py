"""The order of the results after the first page, packed so that a cursor can carry it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from more_itertools import split_into

from services.search.query.tokens import invalid_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

MAX_DEPTH = 500
"""Results that cursors lead to: the second page freezes the results down to this depth.

More follow only if listings of one item are parted meanwhile.
"""

MAX_FROZEN = 10 * MAX_DEPTH
"""Listings in a cursor, at most, with the copies that are folded into results."""

_STEPS = 2**16 - 1
"""Cosines are stored in steps of 3e-5."""

_BYTES_PER_LISTING = 10


@dataclass(frozen=True, slots=True)
class FrozenResults:
    """Results in an order that later changes to the index do not affect.

    Attributes:
        photo_ids: shape (n,); one photo of each listing. The copies of a result follow it.
        cosines: shape (n,), in [-1, 1].
        sizes: shape (r,); the listings of each result, 1 to 255. They add up to n.
    """

    photo_ids: NDArray[np.int64]
    cosines: NDArray[np.float64]
    sizes: NDArray[np.uint8]

    @classmethod
    def of(cls, results: Iterable[Sequence[tuple[int, float]]]) -> FrozenResults:
        """Freeze results; each is the photo id and cosine of its listing, then those of its copies.

        Stops before the result with which there would be more than `MAX_FROZEN` listings.
        """
        kept = list(results)
        ends = np.cumsum([len(result) for result in kept], dtype=np.int64)
        kept = kept[: int(np.searchsorted(ends, MAX_FROZEN, side="right"))]
        listings = list(chain.from_iterable(kept))
        return cls(
            np.array([photo_id for photo_id, _ in listings], dtype=np.int64),
            np.array([cosine for _, cosine in listings], dtype=np.float64),
            np.array([len(result) for result in kept], dtype=np.uint8),
        )

    def results(self) -> list[list[tuple[int, float]]]:
        """Return the results as `of` takes them."""
        listings = zip(self.photo_ids.tolist(), self.cosines.tolist(), strict=True)
        return list(split_into(listings, self.sizes.tolist()))

    def split(self, count: int) -> tuple[FrozenResults, FrozenResults]:
        """Return the first `count` results, and those after them."""
        listings = int(self.sizes[:count].sum())
        return (
            FrozenResults(self.photo_ids[:listings], self.cosines[:listings], self.sizes[:count]),
            FrozenResults(self.photo_ids[listings:], self.cosines[listings:], self.sizes[count:]),
        )

    def packed(self) -> bytes:
        """Pack photo ids and cosines into about 5 bytes each."""
        steps = np.rint((np.clip(self.cosines, -1, 1) + 1) / 2 * _STEPS).astype("<u2")
        return zlib.compress(self.photo_ids.astype("<i8").tobytes() + steps.tobytes(), 9)

    def packed_sizes(self) -> bytes:
        """Pack the sizes; empty if no result has copies."""
        return b"" if (self.sizes == 1).all() else zlib.compress(self.sizes.tobytes(), 9)

    @classmethod
    def unpacked(cls, content: bytes, packed_sizes: bytes = b"") -> FrozenResults:
        """Unpack what `packed` and `packed_sizes` returned.

        Raises:
            BadQuery: they did not make these bytes, or there are too many listings.
        """
        raw = _decompressed(content, MAX_FROZEN * _BYTES_PER_LISTING)
        count, rest = divmod(len(raw), _BYTES_PER_LISTING)
        sizes = np.ones(count, dtype=np.uint8)
        if packed_sizes:
            sizes = np.frombuffer(_decompressed(packed_sizes, MAX_FROZEN), np.uint8)
        if rest or int(sizes.sum()) != count or not sizes.all():
            raise invalid_token("cursor")
        photo_ids = np.frombuffer(raw[: 8 * count], "<i8").astype(np.int64)
        steps = np.frombuffer(raw[8 * count :], "<u2").astype(np.float64)
        return cls(photo_ids, steps / _STEPS * 2 - 1, sizes)


def _decompressed(content: bytes, limit: int) -> bytes:
    """Return the decompressed bytes.

    Raises:
        BadQuery: there are more than `limit`, or they are damaged.
    """
    decompressor = zlib.decompressobj()
    try:
        raw = decompressor.decompress(content, limit)
    except zlib.error as error:
        raise invalid_token("cursor") from error
    if decompressor.unconsumed_tail:
        raise invalid_token("cursor")
    return raw
