"""The order of the results after the first page, packed so that a cursor can carry it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from services.search.query.tokens import invalid_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_DEPTH = 500
"""Listings that cursors lead to: the second page freezes the results down to this depth."""

_STEPS = 2**16 - 1
"""Cosines are stored in steps of 3e-5."""

_BYTES_PER_RESULT = 10


@dataclass(frozen=True, slots=True)
class FrozenResults:
    """Results in an order that later changes to the index do not affect.

    Attributes:
        photo_ids: shape (n,).
        cosines: shape (n,), in [-1, 1].
    """

    photo_ids: NDArray[np.int64]
    cosines: NDArray[np.float64]

    @classmethod
    def of(cls, results: Sequence[tuple[int, float]]) -> FrozenResults:
        """Freeze pairs of photo id and cosine."""
        photo_ids = np.array([photo_id for photo_id, _ in results], dtype=np.int64)
        return cls(photo_ids, np.array([cosine for _, cosine in results]))

    def after(self, count: int) -> FrozenResults:
        """Return the results after the first `count`."""
        return FrozenResults(self.photo_ids[count:], self.cosines[count:])

    def packed(self) -> bytes:
        """Pack the results into about 5 bytes each."""
        steps = np.rint((np.clip(self.cosines, -1, 1) + 1) / 2 * _STEPS).astype("<u2")
        return zlib.compress(self.photo_ids.astype("<i8").tobytes() + steps.tobytes(), 9)

    @classmethod
    def unpacked(cls, content: bytes) -> FrozenResults:
        """Unpack what `packed` returned.

        Raises:
            BadQuery: `packed` did not make these bytes, or there are more than `MAX_DEPTH` results.
        """
        try:
            decompressor = zlib.decompressobj()
            raw = decompressor.decompress(content, MAX_DEPTH * _BYTES_PER_RESULT)
        except zlib.error as error:
            raise invalid_token("cursor") from error
        count, rest = divmod(len(raw), _BYTES_PER_RESULT)
        if rest or decompressor.unconsumed_tail:
            raise invalid_token("cursor")
        photo_ids = np.frombuffer(raw[: 8 * count], "<i8").astype(np.int64)
        steps = np.frombuffer(raw[8 * count :], "<u2").astype(np.float64)
        return cls(photo_ids, steps / _STEPS * 2 - 1)
