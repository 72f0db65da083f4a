"""The baselines: search with an ImageNet ResNet-50 without training, as published projects on such data do.

They pad each photo to a square with black, resize it to 256, crop the middle 224, and rank by Euclidean distance of the
pooled features or the class logits, without scaling them to unit length. Our own decoder reads the photos. torch is
imported on first use.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ml.network.trunk_weights import WeightsError, load_state_dict
from ml.photos.decode import decode
from ml.photos.preprocess import IMAGENET_MEAN, IMAGENET_STD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from ml.network.openvino_runtime import Precision

_POOLED_SIZE, _LOGITS_SIZE = 2048, 1000
_RESIZED, _CROPPED = 256, 224
_BATCH = 16
_DECODERS = 2


@dataclass(frozen=True, slots=True)
class BaselineVectors:
    """Two vectors for each of n photos; compare either by Euclidean distance.

    Attributes:
        pooled: float32 (n, 2048), the mean of the last layer.
        logits: float32 (n, 1000), of ImageNet's classes.
    """

    pooled: NDArray[np.float32]
    logits: NDArray[np.float32]


def baseline_vectors(
    photos: Sequence[Path],
    weights: Path,
    *,
    threads: int,
    progress: Callable[[int, int], None],
    precision: Precision = "f32",
) -> BaselineVectors:
    """Compute the baselines' vectors of photos with OpenVINO.

    Args:
        photos: files that our decoder accepts.
        weights: ImageNet weights of ResNet-50, including the classifier.
        progress: called with (photos done, total photos).
        precision: float32 by default, which the published projects use.

    Raises:
        WeightsError: the weights cannot be read, or lack the classifier.
        PhotoError: our decoder rejects a photo.
    """
    from ml.embedding.torch_tracing import trace_to_openvino

    vectors = BaselineVectors(
        np.empty((len(photos), _POOLED_SIZE), np.float32), np.empty((len(photos), _LOGITS_SIZE), np.float32)
    )
    with TemporaryDirectory(prefix="baseline-") as folder, ThreadPoolExecutor(_DECODERS) as decoders:
        infer = trace_to_openvino(
            _published_network(weights),
            size=_CROPPED,
            graph=Path(folder) / "baseline.xml",
            threads=threads,
            precision=precision,
            half_weights=False,
        )
        for start, batch in _batches(decoders, photos):
            rows = slice(start, start + len(batch))
            vectors.pooled[rows], vectors.logits[rows] = infer(batch)
            progress(rows.stop, len(photos))
    return vectors


def letterboxed(image: Image.Image) -> NDArray[np.uint8]:
    """Pad an RGB picture with black to a square, resize it to 256 and crop the middle 224: uint8 (224, 224, 3)."""
    side, edge = max(image.size), (_RESIZED - _CROPPED) // 2
    square = Image.new("RGB", (side, side))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    resized = square.resize((_RESIZED, _RESIZED), Image.Resampling.BILINEAR)
    return np.asarray(resized.crop((edge, edge, edge + _CROPPED, edge + _CROPPED)))


def _batches(decoders: ThreadPoolExecutor, photos: Sequence[Path]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield each batch with the row of its first photo; the next batch is decoded in the background."""

    def load(path: Path) -> NDArray[np.uint8]:
        return letterboxed(decode(path.read_bytes()))

    current = decoders.map(load, photos[:_BATCH])
    for start in range(0, len(photos), _BATCH):
        following = decoders.map(load, photos[start + _BATCH : start + 2 * _BATCH])
        yield start, np.stack(list(current))
        current = following


def _published_network(weights: Path) -> Any:
    """Return torchvision's ResNet-50: from photos, uint8 (b, 224, 224, 3), to pooled features and logits.

    Raises:
        WeightsError: see `baseline_vectors`.
    """
    import torch
    from torch import nn
    from torchvision.models import resnet50

    state = load_state_dict(weights)
    if state.get("fc.weight", torch.empty(0)).shape != (_LOGITS_SIZE, _POOLED_SIZE) or "fc.bias" not in state:
        raise WeightsError(weights, "has no classifier for ImageNet's 1,000 classes", "Use weights that include it")
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))

    class Published(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = resnet50(weights=None)
            self.trunk.load_state_dict(state)
            self.classifier, self.trunk.fc = self.trunk.fc, nn.Identity()

        def forward(self, photos: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            pooled = self.trunk((photos.permute(0, 3, 1, 2).float() / 255 - mean) / std)
            return pooled, self.classifier(pooled)

    return Published().eval()
