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

LAYER_CHANNELS = (512, 1024, 2048)
DESCRIPTOR_SIZE = sum(LAYER_CHANNELS)
"""Layers 2 to 4. The early ones know texture and colour, which find the same item; the last knows the kind of thing:
the category."""

_LEAST_MEAN = 1e-12
"""Keeps the descriptor, and its gradient, finite where a channel answers with zeros only."""


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
        layer_scaling: 1 takes the square roots of each layer's part of the descriptor and brings them to a root mean
            square of 1 (RootSIFT, Arandjelović and Zisserman 2012); 0 leaves the parts as they are.
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
        """Return the descriptors of `photos`, uint8 (B, S, S, 3): float32 (B, 3584).

        Mean-pooled layers 2, 3 and 4. With `layer_scaling` 1 few strong channels do not outshout many weak ones, and no
        layer outweighs another.
        """
        trunk = self.trunk
        pixels = (photos.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        maps = trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(pixels))))
        layer2 = trunk.layer2(trunk.layer1(maps))
        layer3 = trunk.layer3(layer2)
        layers = (layer2, layer3, trunk.layer4(layer3))
        return torch.cat([_pooled(layer, self.layer_scaling) for layer in layers], dim=1)

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
        """Return what `forward` does, from the descriptors, float32 (B, 3584)."""
        vectors, logits = self.heads(descriptors)
        return vectors, functional.softmax(logits / self.temperature, dim=1)

    def heads(self, descriptors: Tensor) -> Outputs:
        """Return the vectors and logits of descriptors, float32 (B, 3584)."""
        vectors = functional.normalize(self.projection(descriptors).float(), dim=1)
        return Outputs(vectors, self.category_head(descriptors).float())


def _pooled(maps: Tensor, scaling: Tensor) -> Tensor:
    """Return the spatial means of (B, C, H, W), which are not negative; with `scaling` 1 as `layer_scaling` says.

    The square roots' mean square is the means' mean.
    """
    means = maps.float().mean(dim=(2, 3)).clamp(min=_LEAST_MEAN)
    level = means.mean(dim=1, keepdim=True)
    return means.pow(1 - 0.5 * scaling) * level.pow(-0.5 * scaling)
