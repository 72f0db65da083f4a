"""Fixtures that several suites share: real JPEG bytes and one small, real model bundle."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pytest
from PIL import Image

from ml.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.bundle import Bundle
    from ml.model import LookalikeNet

TINY_CATEGORIES = ("Baby & Kids Stuff", "Home & Garden", "Phones")


class MakeJpeg(Protocol):
    """Returns the bytes of a JPEG; equal arguments give equal bytes, other seeds other pictures."""

    def __call__(self, seed: int = 0, *, width: int = 120, height: int = 90) -> bytes: ...


@pytest.fixture(scope="session", autouse=True)
def _linked_bundles() -> Iterator[None]:
    """Hundreds of tests keep a model of 140 MB in their data directory: links to its files, which never change, do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ml.bundle_home.copy_file", os.link)
        yield


@pytest.fixture(scope="session")
def jpeg() -> MakeJpeg:
    def make(seed: int = 0, *, width: int = 120, height: int = 90) -> bytes:
        blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        photo = io.BytesIO()
        Image.fromarray(blocks).resize((width, height), Image.Resampling.BICUBIC).save(photo, "JPEG", quality=90)
        return photo.getvalue()

    return make


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A ResNet-50 with random weights for photos of 64 pixels: it knows nothing, but all of it is real."""
    pytest.importorskip("torch", reason="making a model bundle needs the extra 'train'")
    return export_tiny(tiny_net(seed=0), tmp_path_factory.mktemp("models") / "tiny")


def tiny_net(seed: int) -> LookalikeNet:
    """A ResNet-50 with random weights and vectors of 32 components; the seed decides the weights."""
    import torch

    from ml.model import LookalikeNet

    torch.manual_seed(seed)
    return LookalikeNet(len(TINY_CATEGORIES), 32, mean=IMAGENET_MEAN, std=IMAGENET_STD)


def export_tiny(net: LookalikeNet, out: Path) -> Bundle:
    """Export the network, with all that is asked for beside it, for photos of 64 pixels."""
    from ml.export import export_bundle

    return export_bundle(
        net,
        categories=TINY_CATEGORIES,
        preprocessing=Preprocessing(size=64),
        metrics={"accuracy": 0.0},
        record={"trained": False},
        out=out,
    )
