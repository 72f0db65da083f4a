"""The network: a torchvision ResNet-50 trunk, a projection to the vector, and a category head.

The input is preprocessed photos (uint8, channels last). The network normalises them itself, so that training, torch and
the exported graph always agree. Importing this imports torch.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet50
from torchvision.models.resnet import Bottleneck

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class DescriptorPart(NamedTuple):
    """One part of the descriptor: the output of a residual block, pooled over space.

    Attributes:
        stage, block: the block is `trunk.layer<stage>[block]`.
        power: exponent of the pooling. Higher powers emphasise strong activations: 3 is better for categories and worse
            for items.
        scaled: whether to take square roots and scale them to a mean square of 1; see `pool`.
        for_items, for_categories: whether the projection, or the category head, uses this part.
    """

    stage: int
    block: int
    power: float = 1.0
    scaled: bool = False
    for_items: bool = True
    for_categories: bool = True

    @property
    def channels(self) -> int:
        """Number of components."""
        return 128 << self.stage

    def pool(self, maps: Tensor) -> Tensor:
        """Pool maps (B, C, H, W), not negative, to generalised means over space: float32 (B, C).

        A power above 1 emphasises salient regions over the background (GeM, Radenović et al. 2019, arXiv:1711.02512).
        Scaling takes square roots, so that few strong channels do not dominate many weak ones (RootSIFT, Arandjelović
        and Zisserman 2012), and gives every part a mean square of 1, so that no part dominates the others.
        """
        maps = maps.float()
        if self.power == 1:
            levels = maps.mean(dim=(2, 3))
        else:
            levels = maps.pow(self.power).mean(dim=(2, 3)).clamp(min=_MIN_MEAN).pow(1 / self.power)
        return levels.sqrt() * levels.mean(dim=1, keepdim=True).rsqrt() if self.scaled else levels


FROZEN_TRUNK_PARTS = (
    DescriptorPart(2, 3, 2.0, scaled=True, for_categories=False),
    DescriptorPart(3, 2, 2.0, scaled=True, for_categories=False),
    DescriptorPart(3, 5, 2.0, scaled=True),
    DescriptorPart(4, 0, 2.0, scaled=True, for_categories=False),
    DescriptorPart(4, 2, 2.0, scaled=True),
    DescriptorPart(4, 2, 3.0, scaled=True, for_items=False),
)
"""Early blocks encode texture and colour, which identify the item; the last block encodes the category. Blocks inside a
stage keep details that its last block loses. Chosen on validation listings of 4,289 classified ads."""

RANDOM_TRUNK_PARTS = (DescriptorPart(2, 3), DescriptorPart(3, 5), DescriptorPart(4, 2))
"""For a trunk trained from random weights. Adding blocks inside the stages costs 6 points of recall@1 on the sample.
Scaling makes the heads' first steps so large that the loss rises for epochs."""

_MIN_MEAN = 1e-12
"""Keeps the descriptor and its gradient finite for channels that are zero everywhere."""

_MIN_PROBABILITY = 1e-9

MEMORY_SHARE = 0.4
"""Weight of the memory's votes in a category's probability; the category head has the rest."""

MEMORY_SHARPNESS = 20.0
"""A remembered photo votes with weight exp(sharpness * cosine)."""

_MAX_CATEGORY_PART = 1 / 4
"""Maximum share of the vector's components in the category part."""


class Outputs(NamedTuple):
    """Outputs of the two heads for a batch.

    Attributes:
        items: float32 (B, i), unit length: the item part of the vectors.
        logits: float32 (B, classes).
    """

    items: Tensor
    logits: Tensor


class LookalikeNet(nn.Module):
    """Gives a photo's vector and its category probabilities in one forward pass.

    Classes are subcategories, and one class for the rest of each category; a category's probability is the sum over its
    classes. A vector has an item part, the projected descriptor, and, if `category_share` is not 0, a category part:
    the square roots of the category probabilities, whose dot product is the Bhattacharyya coefficient. So two photos
    are similar if the items look alike and probably share a category. The share is chosen freely, and neither part is
    learnt at the cost of the other.

    With a memory, training photos also vote for their categories, weighted by similarity (the cache model of Zhang et
    al. 2022, arXiv:2111.03930).

    Attributes:
        trunk: torchvision's `resnet50` without its classifier, with torchvision's parameter names.
        projection: maps a descriptor to the item part, before normalisation.
        category_head: maps a descriptor to logits of the classes.
        category_of_class: float32 (classes, categories), 1 if the class belongs to the category.
        category_share: share of the category part in a vector's squared length.
        category_basis: float32 (categories, c), multiplies the square roots: the identity for few categories, else c
            random orthogonal directions, which roughly preserve dot products.
        memory_items, memory_categories: float32 (m, i) and (m, categories), the photos that vote.
        temperature: divides the category logits; 1 until calibrated (Guo et al. 2017, arXiv:1706.04599).
        parts: of the descriptor, in the order of the blocks. `part_table` has them as numbers, so that the weights
            identify their descriptor.
    """

    mean: Tensor
    std: Tensor
    temperature: Tensor
    part_table: Tensor
    category_of_class: Tensor
    category_share: Tensor
    category_basis: Tensor
    memory_items: Tensor
    memory_categories: Tensor

    def __init__(
        self,
        categories: int,
        vector_size: int,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        category_of_class: Sequence[int] | None = None,
        category_share: float = 0.0,
        memory: int = 0,
        parts: Sequence[DescriptorPart] = FROZEN_TRUNK_PARTS,
    ) -> None:
        """Create the network with random weights.

        Args:
            mean, std: per channel (red, green, blue), for pixels in [0, 1].
            category_of_class: category of each class; None makes each category one class.
            category_share: see the class; in [0, 1).
            memory: number of photos that vote.
        """
        super().__init__()
        self.parts = tuple(parts)
        self.trunk = resnet50(weights=None)
        self.trunk.fc = nn.Identity()
        self._batch_norms_frozen = False
        class_categories = torch.arange(categories) if category_of_class is None else torch.tensor(category_of_class)
        basis = _category_basis(categories, vector_size, category_share)
        self.projection = nn.Linear(self.descriptor_size, vector_size - basis.shape[1])
        self.category_head = nn.Linear(self.descriptor_size, len(class_categories))
        self._register_buffers(
            mean=torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1),
            std=torch.tensor(std, dtype=torch.float32).view(1, 3, 1, 1),
            temperature=torch.tensor(1.0),
            part_table=torch.tensor(self.parts),
            category_of_class=functional.one_hot(class_categories, categories).float(),
            category_share=torch.tensor(category_share),
            category_basis=basis,
            memory_items=torch.zeros(memory, self.projection.out_features),
            memory_categories=torch.zeros(memory, categories),
        )

    def _register_buffers(self, **buffers: Tensor) -> None:
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer)

    @property
    def descriptor_size(self) -> int:
        """Number of components of a descriptor."""
        return sum(part.channels for part in self.parts)

    def forward(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return vectors, float32 (B, vector_size) of unit length, and probabilities, float32 (B, categories).

        `photos` is uint8 (B, S, S, 3), RGB.
        """
        return self.predict(self.describe(photos))

    def outputs(self, photos: Tensor) -> Outputs:
        """Return the heads' outputs for `photos`, uint8 (B, S, S, 3), as the losses need them."""
        return self.heads(self.describe(photos))

    def describe(self, photos: Tensor) -> Tensor:
        """Return the descriptors of `photos`, uint8 (B, S, S, 3): float32 (B, d), the concatenated `parts`."""
        trunk = self.trunk
        pixels = (photos.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        maps = trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(pixels))))
        pooled = []
        for stage, blocks in enumerate((trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4), start=1):
            for number, block in enumerate(blocks):
                maps = block(maps)
                pooled += [part.pool(maps) for part in self.parts if (part.stage, part.block) == (stage, number)]
        return torch.cat(pooled, dim=1)

    def zero_init_residuals(self) -> None:
        """Make every residual block start as the identity, so that random weights learn fast.

        See Goyal et al. 2017, arXiv:1706.02677, section 5.1.
        """
        for module in self.trunk.modules():
            if isinstance(module, Bottleneck):
                nn.init.zeros_(module.bn3.weight)

    def freeze_batch_norms(self) -> None:
        """Keep the statistics of the trunk's batch norms during training, for pretrained weights.

        Folded batch norms must not compute statistics; for others, batches of a few dozen photos estimate them worse.
        """
        self._batch_norms_frozen = True

    def train(self, mode: bool = True) -> LookalikeNet:
        """See `nn.Module.train` and `freeze_batch_norms`."""
        super().train(mode)
        if self._batch_norms_frozen:
            for module in self.trunk.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    @contextmanager
    def training_last_stages(self, count: int) -> Iterator[None]:
        """Freeze the trunk during the block except its last `count` of four stages; afterwards unfreeze all of it."""
        trunk = self.trunk
        self.trunk.requires_grad_(False)
        for stage in (trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4)[-count:]:
            stage.requires_grad_(True)
        try:
            yield
        finally:
            self.trunk.requires_grad_(True)

    def predict(self, descriptors: Tensor) -> tuple[Tensor, Tensor]:
        """Return the result of `forward`, from descriptors, float32 (B, d)."""
        outputs = self.heads(descriptors)
        return self.vectors(outputs), functional.softmax(self.category_logits(outputs) / self.temperature, dim=1)

    def heads(self, descriptors: Tensor) -> Outputs:
        """Return the heads' outputs for descriptors, float32 (B, d)."""
        items = functional.normalize(self.projection(descriptors).float(), dim=1)
        return Outputs(items, self.category_head(descriptors).float())

    def vectors(self, outputs: Outputs) -> Tensor:
        """Return the vectors, float32 (B, vector_size) of unit length."""
        if not self.category_basis.shape[1]:
            return outputs.items
        categories = functional.normalize(self._head_probabilities(outputs).sqrt() @ self.category_basis, dim=1)
        share = self.category_share
        return torch.cat([(1 - share).sqrt() * outputs.items, share.sqrt() * categories], dim=1)

    def category_logits(self, outputs: Outputs) -> Tensor:
        """Return the log-probabilities of the categories at temperature 1, float32 (B, categories)."""
        probabilities = self._head_probabilities(outputs)
        if len(self.memory_items):
            votes = functional.softmax(MEMORY_SHARPNESS * outputs.items @ self.memory_items.T, dim=1)
            probabilities = (1 - MEMORY_SHARE) * probabilities + MEMORY_SHARE * (votes @ self.memory_categories)
        return probabilities.clamp(min=_MIN_PROBABILITY).log()

    @torch.no_grad()
    def set_memory(self, items: Tensor, categories: Tensor) -> None:
        """Set the photos that vote: their `items`, float32 (m, i), and `categories`, int64 (m,)."""
        self.memory_items = items.clone()
        self.memory_categories = functional.one_hot(categories, self.category_of_class.shape[1]).float()

    def _head_probabilities(self, outputs: Outputs) -> Tensor:
        probabilities: Tensor = functional.softmax(outputs.logits, dim=1) @ self.category_of_class
        return probabilities


def _category_basis(categories: int, vector_size: int, share: float) -> Tensor:
    """Return (categories, c) for the category part, or (categories, 0) for none."""
    if not share:
        return torch.zeros(categories, 0)
    size = min(categories, int(vector_size * _MAX_CATEGORY_PART))
    if size == categories:
        return torch.eye(categories)
    directions = torch.randn(categories, size, generator=torch.Generator().manual_seed(0))
    basis: Tensor = torch.linalg.qr(directions).Q
    return basis
