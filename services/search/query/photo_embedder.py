"""Decodes and embeds the photo of a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.embedding.batch_queue import EmbedderBusy, EmbedderClosed
from ml.photos.decode import DecodingBusy, Patience, PhotoError
from services.errors import Overloaded, PhotoRejected, ServiceUnavailable
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from ml.embedding.embedder import Embeddings
    from ml.photos.crops import Crop
    from services.resources import Resources

_MAX_WAITING = 8
"""Large photos of all callers that may wait to be decoded: half of the threads that answer requests."""

_RETRY_AFTER_S = 5.0


class QueryPhotoEmbedder:
    """Embeds one photo at a time per caller. Thread-safe."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def embed(self, content: bytes, crop: Crop, model_version: str, *, wait_s: float) -> Embeddings:
        """Embed a photo, or a part of it, as a batch of one; it waits up to `wait_s` seconds to be decoded.

        Raises:
            PhotoRejected: the bytes are no acceptable photo.
            Overloaded: too many photos are waiting already, or it is not the photo's turn in time.
            ServiceUnavailable: the model is being replaced, or the service is stopping.
        """
        embedder, patience = self._resources.query_embedder(model_version), Patience(wait_s, _MAX_WAITING)
        limits = self._resources.photo_limits
        try:
            pixels = embedder.bundle.preprocessing.load(content, limits, crop, patience=patience)
        except PhotoError as error:
            raise PhotoRejected(RejectReason(error.reason), str(error)) from error
        except DecodingBusy as error:
            raise Overloaded(f"The photo was not decoded: {error}", retry_after_s=_RETRY_AFTER_S) from error
        try:
            return embedder.embed(pixels[np.newaxis])
        except EmbedderBusy as busy:
            raise Overloaded("Too many photos are waiting to be embedded", retry_after_s=busy.retry_after_s) from busy
        except EmbedderClosed as error:  # two other models were requested while this photo was decoded, or at shutdown
            raise ServiceUnavailable(
                "The model is being replaced, or the service is stopping. Try again in a moment."
            ) from error
