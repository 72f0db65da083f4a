"""How calls for embeddings may be put together, and what a caller is told whose call is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How calls are put together.

    Attributes:
        max_batch: photos computed together at most. On processors more than 8 gain nothing, and each waits for all.
        window_s: how long after its arrival a call may be kept for others to join it; see `BatchQueue`.
        max_waiting: photos that may wait, besides those that are being computed; more are refused.
    """

    max_batch: int = 8
    window_s: float = 0.002
    max_waiting: int = 64

    def __post_init__(self) -> None:
        """Raise ValueError for limits under which nothing could be computed."""
        if self.max_batch < 1 or self.max_waiting < 1 or not 0 <= self.window_s < math.inf:
            raise ValueError(
                f"max_batch and max_waiting must be at least 1 and window_s finite and not below 0: {self}"
            )

    @property
    def largest_call(self) -> int:
        """Photos that one call may bring: what fits both into a batch and into an empty queue."""
        return min(self.max_batch, self.max_waiting)


class EmbedderBusy(RuntimeError):
    """As many photos wait as may: the call was refused at once, before any work was done for it.

    Attributes:
        retry_after_s: seconds until what waits now is done, by the rate measured so far; above 0.
    """

    def __init__(self, *, waiting: int, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"{waiting} photos wait to be embedded, and no more may. Try again in {retry_after_s:.1f} s.")


class EmbedderClosed(RuntimeError):
    """The embedder was closed before the call."""

    def __init__(self) -> None:
        super().__init__("This embedder is closed. Ask for a new one.")
