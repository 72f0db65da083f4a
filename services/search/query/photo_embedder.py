"""Decodes and embeds the photo of a query."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from ml.embedding.batch_queue import EmbedderBusy, EmbedderClosed
from ml.photos.decode import PhotoError
from services.errors import Overloaded, PhotoRejected, ServiceUnavailable
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from ml.embedding.embedder import Embeddings
    from ml.photos.crops import Crop
    from services.resources import Resources


class QueryPhotoEmbedder:
    """Embeds one photo at a time per caller. Thread-safe."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        # Decoding takes a core, and hundreds of megabytes for the largest photos: no more at once than cores.
        self._decoding = threading.BoundedSemaphore(resources.settings.thread_count)

    def embed(self, content: bytes, crop: Crop, model_version: str) -> Embeddings:
        """Embed a photo, or a part of it, as a batch of one.

        Raises:
            PhotoRejected: the bytes are no acceptable photo.
            Overloaded: too many photos are waiting already.
            ServiceUnavailable: the model is being replaced, or the service is stopping.
        """
        embedder = self._resources.query_embedder(model_version)
        try:
            with self._decoding:
                pixels = embedder.bundle.preprocessing.load(content, self._resources.photo_limits, crop)
        except PhotoError as error:
            raise PhotoRejected(RejectReason(error.reason), str(error)) from error
        try:
            return embedder.embed(pixels[np.newaxis])
        except EmbedderBusy as busy:
            raise Overloaded("Too many photos are waiting to be embedded", retry_after_s=busy.retry_after_s) from busy
        except EmbedderClosed as error:  # two other models were requested while this photo was decoded, or at shutdown
            raise ServiceUnavailable(
                "The model is being replaced, or the service is stopping. Try again in a moment."
            ) from error
