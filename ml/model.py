"""The network: a torchvision ResNet-50 trunk, a projection to the vector and a category head.

Photos enter as the preprocessing leaves them (uint8, channels last); normalising them is the network's first step, so
training, torch at serving time and the exported model cannot disagree about it. Importing this imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet50
from torchvision.models.resnet import Bottleneck

if TYPE_CHECKING:
    from collections.abc import Sequence

LAYER3_CHANNELS = 1024
LAYER4_CHANNELS = 2048
DESCRIPTOR_SIZE = LAYER3_CHANNELS + LAYER4_CHANNELS
"""Layer 3 still knows texture and colour, which find the same item; layer 4 knows the kind of thing: the category."""


_LEAST_MEAN_SQUARE = 1e-12
"""Keeps the descriptor finite where a layer answers with zeros only."""


class Outputs(NamedTuple):
    """What the two heads say of a batch.

    Attributes:
        vectors: float32 (B, vector_size), unit length.
        logits: float32 (B, categories), before the temperature.
    """

    vectors: Tensor
    logits: Tensor


class LookalikeNet(nn.Module):
    """One forward pass gives a photo's vector and its category probabilities.

    Attributes:
        trunk: torchvision's `resnet50` without its classifier; its parameter names are torchvision's.
        projection: descriptor to vector, before it is brought to unit length.
        category_head: descriptor to category logits.
        temperature: what the logits are divided by; 1 until calibrated (Guo et al. 2017, arXiv:1706.04599).
        layer_scaling: 1 brings each layer's part of the descriptor to a root mean square of 1, 0 leaves it as it is.
    """

    mean: Tensor
    std: Tensor
    temperature: Tensor
    layer_scaling: Tensor

    def __init__(self, categories: int, vector_size: int = 256, *, mean: Sequence[float], std: Sequence[float]) -> None:
        """`mean` and `std` are per channel (red, green, blue), for pixels scaled to [0, 1]."""
        super().__init__()
        self.trunk = resnet50(weights=None)
        self.trunk.fc = nn.Identity()
        self.projection = nn.Linear(DESCRIPTOR_SIZE, vector_size)
        self.category_head = nn.Linear(DESCRIPTOR_SIZE, categories)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("temperature", torch.tensor(1.0))
        self.register_buffer("layer_scaling", torch.tensor(1.0))

    def forward(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return vectors, float32 (B, vector_size) of unit length, and probabilities, float32 (B, categories).

        `photos` is uint8 (B, S, S, 3), RGB.
        """
        return self.predict(self.describe(photos))

    def outputs(self, photos: Tensor) -> Outputs:
        """Return what the losses need for `photos`, uint8 (B, S, S, 3)."""
        return self.heads(self.describe(photos))

    def describe(self, photos: Tensor) -> Tensor:
        """Return the descriptors of `photos`, uint8 (B, S, S, 3): float32 (B, 3072).

        Mean-pooled layer 3 and layer 4. With `layer_scaling` 1 each is brought to a root mean square of 1 (unit length
        times the square root of its size), so that neither outweighs the other.
        """
        trunk = self.trunk
        pixels = (photos.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        maps = trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(pixels))))
        layer3 = trunk.layer3(trunk.layer2(trunk.layer1(maps)))
        layer4 = trunk.layer4(layer3)
        return torch.cat([_pooled(layer3, self.layer_scaling), _pooled(layer4, self.layer_scaling)], dim=1)

    def prepare_for_random_trunk(self) -> None:
        """Make a network with random weights one that learns fast.

        Every residual block begins as the identity (Goyal et al. 2017, arXiv:1706.02677, section 5.1), and the pooled
        layers stay unscaled: scaled up, the first steps of the heads are so large that the loss rises for epochs.
        """
        for module in self.trunk.modules():
            if isinstance(module, Bottleneck):
                nn.init.zeros_(module.bn3.weight)
        self.layer_scaling.zero_()

    def predict(self, descriptors: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `forward` does, from the descriptors, float32 (B, 3072)."""
        vectors, logits = self.heads(descriptors)
        return vectors, functional.softmax(logits / self.temperature, dim=1)

    def heads(self, descriptors: Tensor) -> Outputs:
        """Return the vectors and logits of descriptors, float32 (B, 3072)."""
        vectors = functional.normalize(self.projection(descriptors).float(), dim=1)
        return Outputs(vectors, self.category_head(descriptors).float())


def _pooled(maps: Tensor, scaling: Tensor) -> Tensor:
    """Return the spatial means of (B, C, H, W), divided by their root mean square to the power of `scaling`."""
    means = maps.float().mean(dim=(2, 3))
    mean_squares = means.square().mean(dim=1, keepdim=True).clamp(min=_LEAST_MEAN_SQUARE)
    return means * mean_squares.pow(-0.5 * scaling)
