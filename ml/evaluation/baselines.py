"""How the published projects on this kind of data search: an ImageNet ResNet-50 as it is. torch is imported when used.

They pad each photo to a square with black, resize it to 256, crop the middle 224, and rank by Euclidean distance of
either the pooled features or the class logits, which they do not bring to unit length. Decoding is ours, for both.
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

POOLED, LOGITS = 2048, 1000
_RESIZED, _CROPPED = 256, 224
_BATCH = 16
_DECODERS = 2


@dataclass(frozen=True, slots=True)
class BaselineVectors:
    """What the published projects store of n photos, both to be compared by Euclidean distance.

    Attributes:
        pooled: float32 (n, 2048), the last layer's mean.
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
    """Describe the photos the published way, by OpenVINO in `precision`: float32, as theirs, unless told otherwise.

    Args:
        photos: files that our decoder accepts.
        weights: ImageNet weights of ResNet-50, with the classifier.
        progress: told how many of how many photos are done.

    Raises:
        WeightsError: the weights cannot be read, or lack the classifier.
        PhotoError: a photo is not one that we accept.
    """
    from ml.embedding.torch_tracing import trace_to_openvino

    found = BaselineVectors(np.empty((len(photos), POOLED), np.float32), np.empty((len(photos), LOGITS), np.float32))
    with TemporaryDirectory(prefix="baseline-") as folder, ThreadPoolExecutor(_DECODERS) as decoders:
        infer = trace_to_openvino(
            _published(weights),
            size=_CROPPED,
            graph=Path(folder) / "baseline.xml",
            threads=threads,
            precision=precision,
            half_weights=False,
        )
        for start, batch in _batches(decoders, photos):
            rows = slice(start, start + len(batch))
            found.pooled[rows], found.logits[rows] = infer(batch)
            progress(rows.stop, len(photos))
    return found


def letterboxed(image: Image.Image) -> NDArray[np.uint8]:
    """Return an RGB picture padded with black to a square, resized to 256, its middle 224: uint8 (224, 224, 3)."""
    side, edge = max(image.size), (_RESIZED - _CROPPED) // 2
    square = Image.new("RGB", (side, side))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    resized = square.resize((_RESIZED, _RESIZED), Image.Resampling.BILINEAR)
    return np.asarray(resized.crop((edge, edge, edge + _CROPPED, edge + _CROPPED)))


def _batches(decoders: ThreadPoolExecutor, photos: Sequence[Path]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield photos with the row of the first, a batch at a time; the next batch is decoded meanwhile."""

    def load(path: Path) -> NDArray[np.uint8]:
        return letterboxed(decode(path.read_bytes()))

    starts = range(0, len(photos), _BATCH)
    ahead = [decoders.map(load, photos[:_BATCH])]
    for start in starts:
        ahead.append(decoders.map(load, photos[start + _BATCH : start + 2 * _BATCH]))
        yield start, np.stack(list(ahead.pop(0)))


def _published(weights: Path) -> Any:
    """Return torchvision's ResNet-50 as a module from photos, uint8 (b, 224, 224, 3), to pooled features and logits.

    Raises:
        WeightsError: see `baseline_vectors`.
    """
    import torch
    from torch import nn
    from torchvision.models import resnet50

    state = load_state_dict(weights)
    if state.get("fc.weight", torch.empty(0)).shape != (LOGITS, POOLED) or "fc.bias" not in state:
        raise WeightsError(weights, "holds no classifier of ImageNet's 1,000 classes", "Name a file that does")
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
