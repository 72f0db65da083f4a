"""The network: a torchvision ResNet-50 trunk, a projection to the vector and a category head.

Photos enter as the preprocessing leaves them (uint8, channels last); normalising them is the network's first step, so
training, torch at serving time and the exported model cannot disagree about it. Importing this imports torch.
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
    """One part of the descriptor: the output of one residual block, pooled over space.

    Attributes:
        stage, block: which block: `trunk.layer<stage>[block]`.
        power: of the pooling: the higher, the more what stands out counts. 3 finds categories better, and items worse.
        scaled: whether the square roots are taken and brought to a mean square of 1; see `pool`.
        for_items, for_categories: whether the projection, and the category head, gain by seeing it.
    """

    stage: int
    block: int
    power: float = 1.0
    scaled: bool = False
    for_items: bool = True
    for_categories: bool = True

    @property
    def channels(self) -> int:
        """How many components the part has."""
        return 128 << self.stage

    def pool(self, maps: Tensor) -> Tensor:
        """Return the generalised means over space of maps, (B, C, H, W), which are not negative: float32 (B, C).

        A power above 1 favours what stands out in a photo over its ground (GeM, Radenović et al. 2019,
        arXiv:1711.02512). Scaling takes square roots, which keep a few strong channels from outshouting many weak ones
        (RootSIFT, Arandjelović and Zisserman 2012), and a mean square of 1 keeps the parts from outweighing each other.
        """
        maps = maps.float()
        if self.power == 1:
            levels = maps.mean(dim=(2, 3))
        else:
            levels = maps.pow(self.power).mean(dim=(2, 3)).clamp(min=_LEAST_MEAN).pow(1 / self.power)
        return levels.sqrt() * levels.mean(dim=1, keepdim=True).rsqrt() if self.scaled else levels


FROZEN_TRUNK_PARTS = (
    DescriptorPart(2, 3, 2.0, scaled=True, for_categories=False),
    DescriptorPart(3, 2, 2.0, scaled=True, for_categories=False),
    DescriptorPart(3, 5, 2.0, scaled=True),
    DescriptorPart(4, 0, 2.0, scaled=True, for_categories=False),
    DescriptorPart(4, 2, 2.0, scaled=True),
    DescriptorPart(4, 2, 3.0, scaled=True, for_items=False),
)
"""Early blocks know texture and colour, which find the same item; the last knows the kind of thing: the category.
Blocks inside a stage know what its last one has forgotten. Chosen on validation listings of 4,289 classified ads."""

RANDOM_TRUNK_PARTS = (DescriptorPart(2, 3), DescriptorPart(3, 5), DescriptorPart(4, 2))
"""What a trunk learns it can put where it is seen: blocks inside the stages cost the sample's recall@1 6 points. Scaled
up, the first steps of the heads are so large that the loss rises for epochs."""

_LEAST_MEAN = 1e-12
"""Keeps the descriptor, and its gradient, finite where a channel answers with zeros only."""

_LEAST_PROBABILITY = 1e-9

MEMORY_SHARE = 0.4
"""What the neighbours say counts for this much of a category's probability, and the category head for the rest."""

MEMORY_SHARPNESS = 20.0
"""A remembered photo counts as the exponential of this times its cosine."""

_CATEGORY_PART_AT_MOST_ONE_IN = 4
"""The category part takes at most one in this many components of the vector."""


class Outputs(NamedTuple):
    """What the two heads say of a batch.

    Attributes:
        items: float32 (B, i), unit length: what a vector says of the item.
        logits: float32 (B, classes).
    """

    items: Tensor
    logits: Tensor


class LookalikeNet(nn.Module):
    """One forward pass gives a photo's vector and its category probabilities.

    A class is a subcategory, or what is left of a category; the probability of a category is the sum over its classes.
    A vector is the projected descriptor and, where `category_share` is not 0, a category part beside it: the square
    roots of the categories' probabilities, whose products are the Bhattacharyya coefficient. So two photos are similar
    if the items look alike and if they may be of the same category; how much of each is a number to choose, and neither
    has to be learnt at the cost of the other.

    With a memory, photos that were trained on vote as well, each for its category and by its similarity (the cache
    model of Zhang et al. 2022, arXiv:2111.03930): an item like one that is known is of its category.

    Attributes:
        trunk: torchvision's `resnet50` without its classifier; its parameter names are torchvision's.
        projection: descriptor to what the vector says of the item, before that is brought to unit length.
        category_head: descriptor to logits of the classes.
        category_of_class: float32 (classes, categories), 1 where the class is of the category.
        category_share: of the square of a vector's length, in the category part.
        category_basis: float32 (categories, c), what the square roots are multiplied by: the identity where there are
            few categories, else c random directions at right angles, which keep the products roughly as they are.
        memory_items, memory_categories: float32 (m, i) and (m, categories), the photos that vote.
        temperature: what the category logits are divided by; 1 until calibrated (Guo et al. 2017, arXiv:1706.04599).
        parts: what a descriptor is made of, in the order of the blocks; `part_table` is the same as numbers, so that
            the weights say for which descriptor they are.
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
        vector_size: int = 256,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        category_of_class: Sequence[int] | None = None,
        category_share: float = 0.0,
        memory: int = 0,
        parts: Sequence[DescriptorPart] = FROZEN_TRUNK_PARTS,
    ) -> None:
        """Make the network with random weights.

        Args:
            categories: how many.
            vector_size: components of a vector.
            mean, std: per channel (red, green, blue), for pixels scaled to [0, 1].
            category_of_class: each class's category; each category is one class when None.
            category_share: see the class; 0 to 1, without 1.
            memory: how many photos vote.
            parts: what a descriptor is made of.
        """
        super().__init__()
        self.parts = tuple(parts)
        of_class = torch.arange(categories) if category_of_class is None else torch.tensor(category_of_class)
        self.trunk = resnet50(weights=None)
        self.trunk.fc = nn.Identity()
        self._statistics_stay = False
        basis = _category_basis(
            categories, min(categories, vector_size // _CATEGORY_PART_AT_MOST_ONE_IN), category_share
        )
        self.projection = nn.Linear(self.descriptor_size, vector_size - basis.shape[1])
        self.category_head = nn.Linear(self.descriptor_size, len(of_class))
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("temperature", torch.tensor(1.0))
        self.register_buffer("part_table", torch.tensor(self.parts))
        self.register_buffer("category_of_class", functional.one_hot(of_class, categories).float())
        self.register_buffer("category_share", torch.tensor(category_share))
        self.register_buffer("category_basis", basis)
        self.register_buffer("memory_items", torch.zeros(memory, self.projection.out_features))
        self.register_buffer("memory_categories", torch.zeros(memory, categories))

    @property
    def descriptor_size(self) -> int:
        """Components of a descriptor."""
        return sum(part.channels for part in self.parts)

    def forward(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return vectors, float32 (B, vector_size) of unit length, and probabilities, float32 (B, categories).

        `photos` is uint8 (B, S, S, 3), RGB.
        """
        return self.predict(self.describe(photos))

    def outputs(self, photos: Tensor) -> Outputs:
        """Return what the losses need for `photos`, uint8 (B, S, S, 3)."""
        return self.heads(self.describe(photos))

    def describe(self, photos: Tensor) -> Tensor:
        """Return the descriptors of `photos`, uint8 (B, S, S, 3): float32 (B, d), the `parts`."""
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
        """Let every residual block begin as the identity, so that random weights learn fast.

        See Goyal et al. 2017, arXiv:1706.02677, section 5.1.
        """
        for module in self.trunk.modules():
            if isinstance(module, Bottleneck):
                nn.init.zeros_(module.bn3.weight)

    def freeze_batch_norms(self) -> None:
        """Let the batch norms of the trunk keep their statistics in training, as those of given weights must.

        Folded ones have none, and would gain some; of others, batches of a few dozen photos give a worse estimate.
        """
        self._statistics_stay = True

    def train(self, mode: bool = True) -> LookalikeNet:
        """See `nn.Module.train`, and `freeze_batch_norms`."""
        super().train(mode)
        if self._statistics_stay:
            for module in self.trunk.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    @contextmanager
    def training_last_stages(self, *, last_stages: int) -> Iterator[None]:
        """Run the block with all of the trunk frozen but its last stages, of four; afterwards everything learns."""
        trunk = self.trunk
        self.trunk.requires_grad_(False)
        for stage in (trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4)[-last_stages:]:
            stage.requires_grad_(True)
        try:
            yield
        finally:
            self.trunk.requires_grad_(True)

    def predict(self, descriptors: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `forward` does, from the descriptors, float32 (B, d)."""
        outputs = self.heads(descriptors)
        return self.vectors(outputs), functional.softmax(self.category_logits(outputs) / self.temperature, dim=1)

    def heads(self, descriptors: Tensor) -> Outputs:
        """Return what the heads say of descriptors, float32 (B, d)."""
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
        """Return the logarithms of the categories' probabilities before the temperature, float32 (B, categories)."""
        probabilities = self._head_probabilities(outputs)
        if len(self.memory_items):
            votes = functional.softmax(MEMORY_SHARPNESS * outputs.items @ self.memory_items.T, dim=1)
            voted = votes @ self.memory_categories
            probabilities = (1 - MEMORY_SHARE) * probabilities + MEMORY_SHARE * voted
        return probabilities.clamp(min=_LEAST_PROBABILITY).log()

    @torch.no_grad()
    def set_memory(self, items: Tensor, categories: Tensor) -> None:
        """Let photos vote that are known: `items`, float32 (m, i), of `categories`, int64 (m,)."""
        self.memory_items = items.clone()
        self.memory_categories = functional.one_hot(categories, self.category_of_class.shape[1]).float()

    def _head_probabilities(self, outputs: Outputs) -> Tensor:
        probabilities: Tensor = functional.softmax(outputs.logits, dim=1) @ self.category_of_class
        return probabilities


def _category_basis(categories: int, size: int, share: float) -> Tensor:
    """Return (categories, size) for the category part, or (categories, 0) for none."""
    if not share:
        return torch.zeros(categories, 0)
    if size == categories:
        return torch.eye(categories)
    directions = torch.randn(categories, size, generator=torch.Generator().manual_seed(0))
    basis: Tensor = torch.linalg.qr(directions).Q
    return basis
