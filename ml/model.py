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

PART_CHANNELS = (512, 1024, 2048, 2048)
DESCRIPTOR_SIZE = sum(PART_CHANNELS)
"""Layers 2, 3 and 4, and layer 4 once more, pooled otherwise. The early ones know texture and colour, which find the
same item; the last knows the kind of thing: the category."""

_POWER, _CATEGORY_POWER = 2.0, 3.0
"""Of the pooling: the higher, the more what stands out counts. 3 finds categories better, and items worse."""

_LEAST_MEAN = 1e-12
"""Keeps the descriptor, and its gradient, finite where a channel answers with zeros only."""

_LEAST_PROBABILITY = 1e-9

MEMORY_SHARE = 0.4
"""What the neighbours say counts for this much of a category's probability, and the category head for the rest."""

MEMORY_SHARPNESS = 20.0
"""A remembered photo counts as the exponential of this times its cosine."""


class Outputs(NamedTuple):
    """What the two heads say of a batch.

    Attributes:
        vectors: float32 (B, vector_size), unit length.
        logits: float32 (B, classes).
    """

    vectors: Tensor
    logits: Tensor


class LookalikeNet(nn.Module):
    """One forward pass gives a photo's vector and its category probabilities.

    A class is a subcategory, or what is left of a category; the probability of a category is the sum over its classes.
    With a memory, photos that were trained on vote as well, each for its category and by its similarity (the cache
    model of Zhang et al. 2022, arXiv:2111.03930): an item like one that is known is of its category.

    Attributes:
        trunk: torchvision's `resnet50` without its classifier; its parameter names are torchvision's.
        projection: descriptor to vector, before it is brought to unit length.
        category_head: descriptor to logits of the classes.
        category_of_class: float32 (classes, categories), 1 where the class is of the category.
        memory_vectors, memory_categories: float32 (m, vector_size) and (m, categories), the photos that vote.
        temperature: what the category logits are divided by; 1 until calibrated (Guo et al. 2017, arXiv:1706.04599).
        layer_scaling: 1 pools and scales each layer's part of the descriptor as `_scaled` says; 0 takes plain means.
    """

    mean: Tensor
    std: Tensor
    temperature: Tensor
    layer_scaling: Tensor
    category_of_class: Tensor
    memory_vectors: Tensor
    memory_categories: Tensor

    def __init__(
        self,
        categories: int,
        vector_size: int = 256,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        category_of_class: Sequence[int] | None = None,
        memory: int = 0,
    ) -> None:
        """Make the network with random weights.

        Args:
            categories: how many.
            vector_size: components of a vector.
            mean, std: per channel (red, green, blue), for pixels scaled to [0, 1].
            category_of_class: each class's category; each category is one class when None.
            memory: how many photos vote.
        """
        super().__init__()
        of_class = torch.arange(categories) if category_of_class is None else torch.tensor(category_of_class)
        self.trunk = resnet50(weights=None)
        self.trunk.fc = nn.Identity()
        self.projection = nn.Linear(DESCRIPTOR_SIZE, vector_size)
        self.category_head = nn.Linear(DESCRIPTOR_SIZE, len(of_class))
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("temperature", torch.tensor(1.0))
        self.register_buffer("layer_scaling", torch.tensor(1.0))
        self.register_buffer("category_of_class", functional.one_hot(of_class, categories).float())
        self.register_buffer("memory_vectors", torch.zeros(memory, vector_size))
        self.register_buffer("memory_categories", torch.zeros(memory, categories))

    def forward(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return vectors, float32 (B, vector_size) of unit length, and probabilities, float32 (B, categories).

        `photos` is uint8 (B, S, S, 3), RGB.
        """
        return self.predict(self.describe(photos))

    def outputs(self, photos: Tensor) -> Outputs:
        """Return what the losses need for `photos`, uint8 (B, S, S, 3)."""
        return self.heads(self.describe(photos))

    def describe(self, photos: Tensor) -> Tensor:
        """Return the descriptors of `photos`, uint8 (B, S, S, 3): float32 (B, 5632), layers pooled."""
        trunk = self.trunk
        pixels = (photos.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        maps = trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(pixels))))
        layer2 = trunk.layer2(trunk.layer1(maps))
        layer3 = trunk.layer3(layer2)
        layer4 = trunk.layer4(layer3)
        parts = ((layer2, _POWER), (layer3, _POWER), (layer4, _POWER), (layer4, _CATEGORY_POWER))
        return torch.cat([_pooled(maps, self.layer_scaling, power=power) for maps, power in parts], dim=1)

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
        """Return what `forward` does, from the descriptors, float32 (B, 5632)."""
        outputs = self.heads(descriptors)
        return outputs.vectors, functional.softmax(self.category_logits(outputs) / self.temperature, dim=1)

    def heads(self, descriptors: Tensor) -> Outputs:
        """Return the vectors and logits of descriptors, float32 (B, 5632)."""
        vectors = functional.normalize(self.projection(descriptors).float(), dim=1)
        return Outputs(vectors, self.category_head(descriptors).float())

    def category_logits(self, outputs: Outputs) -> Tensor:
        """Return the logarithms of the categories' probabilities before the temperature, float32 (B, categories)."""
        probabilities = functional.softmax(outputs.logits, dim=1) @ self.category_of_class
        if len(self.memory_vectors):
            votes = functional.softmax(MEMORY_SHARPNESS * outputs.vectors @ self.memory_vectors.T, dim=1)
            voted = votes @ self.memory_categories
            probabilities = (1 - MEMORY_SHARE) * probabilities + MEMORY_SHARE * voted
        return probabilities.clamp(min=_LEAST_PROBABILITY).log()

    @torch.no_grad()
    def remember(self, vectors: Tensor, categories: Tensor) -> None:
        """Let photos vote that are known: `vectors`, float32 (m, vector_size), of `categories`, int64 (m,)."""
        self.memory_vectors = vectors.clone()
        self.memory_categories = functional.one_hot(categories, self.category_of_class.shape[1]).float()


def _pooled(maps: Tensor, scaling: Tensor, *, power: float) -> Tensor:
    """Return what `layer_scaling` says of maps, (B, C, H, W), which are not negative: (B, C)."""
    maps = maps.float()
    return torch.where(scaling > 0, _scaled(maps, power), maps.mean(dim=(2, 3)))


def _scaled(maps: Tensor, power: float) -> Tensor:
    """Return the square roots of the maps' generalised means over space, brought to a mean square of 1.

    A power above 1 favours what stands out in a photo over its ground (GeM, Radenović et al. 2019, arXiv:1711.02512);
    the square roots keep a few strong channels from outshouting many weak ones (RootSIFT, Arandjelović and Zisserman
    2012); a mean square of 1 keeps the parts from outweighing each other.
    """
    levels = maps.pow(power).mean(dim=(2, 3)).clamp(min=_LEAST_MEAN).pow(1 / power)
    return levels.sqrt() * levels.mean(dim=1, keepdim=True).rsqrt()
