"""Real networks for tests of what trains, exports and runs them. Importing this imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ml.export import export_bundle
from ml.model import LookalikeNet
from ml.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from tests.projection import CATEGORIES

if TYPE_CHECKING:
    from pathlib import Path

    from ml.bundle import Bundle


def tiny_net(seed: int) -> LookalikeNet:
    """A ResNet-50 with random weights and vectors of 32 components; the seed decides the weights."""
    torch.manual_seed(seed)
    return LookalikeNet(len(CATEGORIES), 32, mean=IMAGENET_MEAN, std=IMAGENET_STD)


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
