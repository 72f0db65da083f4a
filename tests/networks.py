"""Small real networks for tests of training, export and inference. Importing this imports torch."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import torch
from torchvision.models.resnet import Bottleneck, ResNet

from ml.bundle.manifest import ModelDescription
from ml.export.write_bundle import export_bundle
from ml.network.model import DescriptorPart, LookalikeNet
from ml.photos.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from tests.projection import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.bundle.bundle import Bundle

RANDOM_PARTS = (DescriptorPart(2, 0), DescriptorPart(3, 0), DescriptorPart(4, 0))
FROZEN_PARTS = (
    DescriptorPart(2, 0, 2.0, scaled=True, for_categories=False),
    DescriptorPart(3, 0, 2.0, scaled=True),
    DescriptorPart(4, 0, 2.0, scaled=True),
    DescriptorPart(4, 0, 3.0, scaled=True, for_items=False),
)
"""Every kind of part in `ml.network.model`, for a trunk with one block in each stage."""


class _SmallBottleneck(Bottleneck):
    """A block with a quarter of the output channels: 64 to 512."""

    expansion = 1


def small_resnet50(weights: None = None) -> ResNet:
    """Return a ResNet-50 trunk with one block in each stage."""
    return ResNet(_SmallBottleneck, [1, 1, 1, 1])


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one core in the block: for so little work, waiting for a second core costs more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.sched_getaffinity", lambda _process: {0}, raising=False)
        yield


@contextmanager
def small_trunks() -> Iterator[None]:
    """Give every network created in the block a small trunk, and use one thread; everything else stays real."""
    with one_thread(), pytest.MonkeyPatch.context() as patch:
        for place in ("ml.network.model.resnet50", "torchvision.models.resnet50"):
            patch.setattr(place, small_resnet50)
        patch.setattr("ml.network.model.DescriptorPart.channels", property(lambda part: 32 << part.stage))
        patch.setattr("ml.training.train.RANDOM_TRUNK_PARTS", RANDOM_PARTS)
        patch.setattr("ml.training.train.FROZEN_TRUNK_PARTS", FROZEN_PARTS)
        yield


def tiny_net(seed: int) -> LookalikeNet:
    """Return a network with a small trunk, random weights from the seed, and vectors of 32 components."""
    torch.manual_seed(seed)
    with small_trunks():
        return LookalikeNet(len(CATEGORIES), 32, mean=IMAGENET_MEAN, std=IMAGENET_STD, parts=FROZEN_PARTS)


def export_tiny(net: LookalikeNet, out: Path) -> Bundle:
    """Export the network as a complete bundle for photos of 64 pixels."""
    return export_bundle(
        net,
        out,
        description=ModelDescription(CATEGORIES, Preprocessing(size=64), {"accuracy": 0.0}, {"trained": False}),
    )
