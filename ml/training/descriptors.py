"""The trunk's descriptors of many photos, computed once. Importing this imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import nn

from ml.embedding.torch_tracing import trace_to_openvino
from ml.network.device import mixed_precision
from ml.training.augment import augment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from ml.network.model import LookalikeNet

    Describe: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    """From photos, uint8 (B, S, S, 3), to descriptors, float32 (B, d)."""

    View: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
    """What is done to a batch of photos, uint8 (B, S, S, 3), before they are described."""

_BATCH = 16
"""Photos at once. OpenVINO is as fast with 16 as with more, and small batches keep memory small."""


def as_it_is(photos: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the photos."""
    return photos


def mirrored(photos: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the photos, left and right exchanged."""
    return photos[:, :, ::-1]


def cropped(seed: int) -> View:
    """Return a view that crops, mirrors and relights at random: other crops for another seed."""
    generator = torch.Generator().manual_seed(seed)

    def view(photos: NDArray[np.uint8]) -> NDArray[np.uint8]:
        varied = augment(torch.from_numpy(np.array(photos)), generator)
        return varied.round().to(torch.uint8).numpy()

    return view


def describer(network: LookalikeNet, *, size: int, graph: Path, threads: int) -> Describe:
    """Return `network.describe` for photos of `size` pixels, as fast as the device of the network allows.

    On a CPU that is OpenVINO in bf16, measured at three times the speed of eager torch in bf16; its graph is written
    to `graph`, an `.xml` file. The network must be in evaluation mode, and later changes to it are not seen there.
    """
    device = network.mean.device
    if device.type == "cpu":
        return _openvino_describer(network, size=size, graph=graph, threads=threads)

    def describe(photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode(), mixed_precision(device):
            found = network.describe(torch.from_numpy(np.array(photos)).to(device))
        return found.cpu().numpy()

    return describe


def describe_photos(
    describe: Describe,
    pixels: NDArray[np.uint8],
    view: View,
    *,
    into: NDArray[np.float32],
    progress: Callable[[int, int], None],
) -> None:
    """Write the descriptors of a view of `pixels`, (n, S, S, 3), into `into`, (n, d)."""
    for start in range(0, len(pixels), _BATCH):
        into[start : start + _BATCH] = describe(view(pixels[start : start + _BATCH]))
        progress(min(start + _BATCH, len(pixels)), len(pixels))


class _Descriptor(nn.Module):
    """The trunk alone, as a module that OpenVINO can convert."""

    def __init__(self, network: LookalikeNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, photos: Tensor) -> Tensor:
        return self.network.describe(photos)


def _openvino_describer(network: LookalikeNet, *, size: int, graph: Path, threads: int) -> Describe:
    infer = trace_to_openvino(
        _Descriptor(network), size=size, graph=graph, threads=threads, precision="auto", half_weights=True
    )
    return lambda photos: infer(photos)[0]
