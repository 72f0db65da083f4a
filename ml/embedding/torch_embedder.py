"""Runs a bundle's weights in eager float32 torch, for GPUs and as the reference. Importing this imports torch."""

from __future__ import annotations

import threading
from textwrap import shorten
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ml.bundle.manifest import BundleError
from ml.embedding.embedder import Embeddings, Photos, embed_in_chunks
from ml.network.device import training_device
from ml.network.model import DescriptorPart, LookalikeNet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ml.bundle.bundle import Bundle

_BATCH = 64
"""Photos per forward pass: enough to fill a GPU, and few enough for its memory."""


class TorchEmbedder:
    """An `Embedder` on one torch device. Parallel calls run one after another."""

    def __init__(self, bundle: Bundle, *, device: str) -> None:
        """Load the weights onto `device`: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.

        Raises:
            BundleError: the bundle has no weights, or they do not fit the network.
        """
        self.bundle = bundle
        self.precision = "f32"
        self._device = training_device() if device == "auto" else torch.device(device)
        self._net = _load(bundle).eval().to(self._device)
        self._lock = threading.Lock()

    def embed(self, photos: Photos) -> Embeddings:
        """See `Embedder.embed`."""
        return embed_in_chunks(photos, self.bundle, chunk=_BATCH, infer=self._infer)

    def _infer(self, photos: Photos) -> tuple[NDArray[np.float32], ...]:
        with self._lock, torch.inference_mode():
            outputs = self._net(torch.tensor(photos, device=self._device))
            return tuple(output.cpu().numpy() for output in outputs)


def _load(bundle: Bundle) -> LookalikeNet:
    if not bundle.has_float:
        raise BundleError(bundle.path, "only has an int8 graph and no torch weights", "Use the runtime 'openvino'")
    preprocessing = bundle.preprocessing
    try:
        state = load_file(bundle.weights_path)
        net = LookalikeNet(
            len(bundle.categories),
            bundle.vector_size,
            mean=preprocessing.mean,
            std=preprocessing.std,
            category_of_class=state["category_of_class"].argmax(dim=1).tolist(),
            category_share=float(state["category_share"]),
            memory=len(state["memory_items"]),
            parts=[
                DescriptorPart(int(stage), int(block), *rest) for stage, block, *rest in state["part_table"].tolist()
            ],
        )
        net.load_state_dict(state)
    except (RuntimeError, KeyError, IndexError, TypeError, ValueError, SafetensorError) as error:
        raise BundleError(
            bundle.weights_path, f"does not fit the network ({shorten(str(error), 300)})", "Export the model again"
        ) from error
    return net
