"""The trunk's descriptors of all photos, computed once in each view. Importing this imports torch."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import nn

from ml.embedding.torch_tracing import trace_to_openvino
from ml.network.device import mixed_precision
from ml.network.openvino_runtime import available_cores
from ml.training.dataset.augment import augment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from ml.network.model import LookalikeNet
    from ml.training.run.training_run import TrainingRun

    Describe: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    """From photos, uint8 (B, S, S, 3), to descriptors, float32 (B, d)."""

    View: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
    """A variation of a batch of photos, uint8 (B, S, S, 3)."""

_BATCH = 16
"""Photos at once. OpenVINO is as fast with 16 as with more, and small batches keep memory small."""


def unchanged(photos: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The view of the photos themselves."""
    return photos


def mirrored(photos: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The view with left and right swapped."""
    return photos[:, :, ::-1]


def cropped(seed: int) -> View:
    """Return a view that crops, mirrors and relights at random; another seed gives other crops."""
    generator = torch.Generator().manual_seed(seed)

    def view(photos: NDArray[np.uint8]) -> NDArray[np.uint8]:
        varied = augment(torch.from_numpy(np.array(photos)), generator)
        return varied.round().to(torch.uint8).numpy()

    return view


def describe_views(
    network: LookalikeNet,
    pixels: NDArray[np.uint8],
    views: Mapping[str, View],
    *,
    run: TrainingRun,
    name: str = "descriptors",
) -> list[NDArray[np.float32]]:
    """Return the descriptors of each view of the photos, float32 (n, d), or read those of an earlier run.

    Args:
        network: in evaluation mode.
        views: each under the name of its stage.
        name: of the files; a trunk that has changed since needs another name.
    """
    graph = run.folder.path / f"{name}.xml"
    shape = (len(pixels), network.descriptor_size)

    @cache  # made only if a view is missing, and only in the process that computes it
    def describe() -> Describe:
        return _fastest_describe(network, size=run.config.size, graph=graph)

    def fill_with(view: View) -> Callable[[NDArray[Any], Callable[[int, int], None]], None]:
        return lambda array, progress: _describe_into(array, pixels, view=view, describe=describe(), progress=progress)

    return [
        run.array(stage, f"{name}-{number}", shape, dtype=np.float32, fill=fill_with(view))
        for number, (stage, view) in enumerate(views.items())
    ]


def _describe_into(
    descriptors: NDArray[np.float32],
    pixels: NDArray[np.uint8],
    *,
    view: View,
    describe: Describe,
    progress: Callable[[int, int], None],
) -> None:
    """Write the descriptors of a view of `pixels`, (n, S, S, 3), into `descriptors`, (n, d)."""
    for start in range(0, len(pixels), _BATCH):
        descriptors[start : start + _BATCH] = describe(view(pixels[start : start + _BATCH]))
        progress(min(start + _BATCH, len(pixels)), len(pixels))


def _fastest_describe(network: LookalikeNet, *, size: int, graph: Path) -> Describe:
    """Return `network.describe` for photos of `size` pixels, as fast as the network's device allows.

    On a CPU that is OpenVINO in bf16, three times as fast as eager torch in bf16; it writes its graph to `graph`, an
    `.xml` file, and does not see later changes of the network.
    """
    device = network.mean.device
    if device.type == "cpu":
        threads = available_cores()
        infer = trace_to_openvino(
            _Descriptor(network), size=size, graph=graph, threads=threads, precision="auto", half_weights=True
        )
        return lambda photos: infer(photos)[0]

    def describe(photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode(), mixed_precision(device):
            descriptors = network.describe(torch.from_numpy(np.array(photos)).to(device))
        return descriptors.cpu().numpy()

    return describe


class _Descriptor(nn.Module):
    """The trunk alone, as a module that OpenVINO can convert."""

    def __init__(self, network: LookalikeNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, photos: Tensor) -> Tensor:
        return self.network.describe(photos)
