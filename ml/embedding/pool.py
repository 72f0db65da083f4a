"""The embedders of the model versions that were asked for last, each as it is and with its requests batched."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml.embedding.batching import BatchingEmbedder
    from ml.embedding.embedder import Embedder


@dataclass(frozen=True, slots=True)
class _Kept:
    plain: Embedder
    batching: BatchingEmbedder


class EmbedderPool:
    """Loads embedders when they are first asked for, and closes the batching side of those it drops.

    Both sides of a version share one network in memory. Safe to use from several threads.
    """

    def __init__(
        self, load: Callable[[str], Embedder], batched: Callable[[Embedder], BatchingEmbedder], *, keep: int
    ) -> None:
        """Keep the last `keep` versions; `load` opens a version's embedder, `batched` wraps it for requests."""
        self._load, self._batched, self._keep = load, batched, keep
        self._kept: dict[str, _Kept] = {}  # the one asked for last comes last
        self._lock = threading.Lock()

    def plain(self, version: str) -> Embedder:
        """Return the version's embedder, for work that makes its own batches. Raises what `load` raises."""
        return self._get(version).plain

    def batching(self, version: str) -> BatchingEmbedder:
        """Return the version's embedder for requests. Raises what `load` raises.

        It is closed when `keep` other versions have been asked for since: do not keep it beyond a request.
        """
        return self._get(version).batching

    def close(self) -> None:
        """Close and drop them all; calls that they accepted are answered first. Asked for again, one is opened anew."""
        with self._lock:
            dropped, self._kept = self._kept, {}
        for kept in dropped.values():
            kept.batching.close()

    def _get(self, version: str) -> _Kept:
        with self._lock:
            kept = self._kept.pop(version, None) or self._open(version)
            self._kept[version] = kept
            oldest = next(iter(self._kept)) if len(self._kept) > self._keep else None
            dropped = self._kept.pop(oldest) if oldest is not None else None
        if dropped is not None:
            dropped.batching.close()  # outside the lock: it waits for the calls that were accepted
        return kept

    def _open(self, version: str) -> _Kept:
        plain = self._load(version)
        return _Kept(plain, self._batched(plain))
