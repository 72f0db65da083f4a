"""Real networks for tests of what trains, exports and runs them. Importing this imports torch."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import torch
from torchvision.models.resnet import Bottleneck, ResNet

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
"""A part of every kind that `ml.network.model` names, of a trunk with one block in each stage."""


class _SmallBottleneck(Bottleneck):
    """A block that puts out a quarter of the channels: 64 to 512."""

    expansion = 1


def small_resnet50(weights: None = None) -> ResNet:
    """A ResNet-50's trunk with one block in each stage."""
    return ResNet(_SmallBottleneck, [1, 1, 1, 1])


@contextmanager
def one_thread() -> Iterator[None]:
    """Let what begins in the block compute on one core: with so little to do, waiting for a second one costs more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.sched_getaffinity", lambda _process: {0}, raising=False)
        yield


@contextmanager
def small_trunks() -> Iterator[None]:
    """Let every network that is made in the block have such a trunk, and one thread; all around it is as ever."""
    with one_thread(), pytest.MonkeyPatch.context() as patch:
        for place in ("ml.network.model.resnet50", "torchvision.models.resnet50"):
            patch.setattr(place, small_resnet50)
        patch.setattr("ml.network.model.DescriptorPart.channels", property(lambda part: 32 << part.stage))
        patch.setattr("ml.training.train.RANDOM_TRUNK_PARTS", RANDOM_PARTS)
        patch.setattr("ml.training.train.FROZEN_TRUNK_PARTS", FROZEN_PARTS)
        yield


def tiny_net(seed: int) -> LookalikeNet:
    """A network with a small trunk, random weights and vectors of 32 components; the seed decides the weights."""
    torch.manual_seed(seed)
    with small_trunks():
        return LookalikeNet(len(CATEGORIES), 32, mean=IMAGENET_MEAN, std=IMAGENET_STD, parts=FROZEN_PARTS)


def export_tiny(net: LookalikeNet, out: Path) -> Bundle:
    """Export the network, with everything a bundle needs, for photos of 64 pixels."""
    return export_bundle(
        net,
        categories=CATEGORIES,
        preprocessing=Preprocessing(size=64),
        metrics={"accuracy": 0.0},
        record={"trained": False},
        out=out,
    )
