"""Random augmentation of a whole batch, with its own crop, mirroring and light for each photo.

torchvision's transforms v2 draw one variation per call, so a batch would need one call per photo. Importing this
imports torch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_SMALLEST_CROP = 0.7
"""Side of the smallest crop, as a share of the photo's: a tighter one can lose the item."""

_LIGHT_RANGE = 0.2
"""Brightness and contrast vary by up to this share."""


def augment(photos: Tensor, generator: torch.Generator, *, hues_of: Tensor | None = None) -> Tensor:
    """Crop, mirror and relight photos at random.

    Args:
        photos: uint8 (B, S, S, 3), RGB.
        generator: on the CPU.
        hues_of: int (B,), the item of each photo. If given, hues are turned as well; see `turn_hue`.

    Returns:
        float32 (B, S, S, 3) in [0, 255].
    """
    pixels = photos.permute(0, 3, 1, 2).float()
    grid = functional.affine_grid(_crop_maps(len(photos), generator).to(photos.device), list(pixels.shape), False)
    cropped = functional.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)
    if hues_of is not None:
        cropped = turn_hue(cropped, hues_of, generator)
    return _relight(cropped, generator).permute(0, 2, 3, 1)


def turn_hue(pixels: Tensor, items: Tensor, generator: torch.Generator) -> Tensor:
    """Turn the hues of float pixels (B, 3, H, W) by one random angle for each item, int (B,).

    Photos of an item share the angle: colour says nothing of the category (a chair comes in any), but it distinguishes
    items. The turn is a rotation of RGB about the grey axis by Rodrigues' formula; it preserves greys and the mean of
    the channels. Values may leave the range of the input.
    """
    distinct, item_of = torch.unique(items.cpu(), return_inverse=True)
    angle = _uniform(-math.pi, math.pi, (len(distinct),), generator)[item_of, None, None]
    axis = torch.full((3, 3), 1 / 3)
    across = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    turn = axis + angle.cos() * (torch.eye(3) - axis) + angle.sin() * across
    return torch.einsum("bij,bjhw->bihw", turn.to(pixels), pixels)


def _crop_maps(count: int, generator: torch.Generator) -> Tensor:
    """Return affine maps (count, 2, 3) from a crop's coordinates to the photo's; half of them mirror."""
    scale = _uniform(_SMALLEST_CROP, 1.0, (count, 2), generator)
    mirrored = torch.randint(0, 2, (count,), generator=generator) * 2 - 1
    maps = torch.zeros(count, 2, 3)
    maps[:, 0, 0] = scale[:, 0] * mirrored
    maps[:, 1, 1] = scale[:, 1]
    maps[:, :, 2] = (1 - scale) * _uniform(-1.0, 1.0, (count, 2), generator)
    return maps


def _relight(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Vary the brightness and contrast of each photo; float (B, 3, H, W) in [0, 255]."""
    shape = (len(pixels), 1, 1, 1)
    brightness = _uniform(1 - _LIGHT_RANGE, 1 + _LIGHT_RANGE, shape, generator).to(pixels.device)
    contrast = _uniform(1 - _LIGHT_RANGE, 1 + _LIGHT_RANGE, shape, generator).to(pixels.device)
    means = pixels.mean(dim=(1, 2, 3), keepdim=True)
    return ((pixels - means) * contrast + means * brightness).clamp(0, 255)


def _uniform(low: float, high: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator) * (high - low) + low
