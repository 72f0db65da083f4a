"""Random variations of photos, one per photo, for a whole batch at once.

torchvision's transforms v2 draw one variation per call, so a batch would need one call per photo; these few lines draw
one per photo. Importing this imports torch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_SMALLEST_CROP = 0.7
"""Side of the smallest crop, as a share of the photo's: a tighter one can lose the item."""

_LIGHT = 0.2
"""Brightness and contrast vary by up to this share."""


def augment(photos: Tensor, generator: torch.Generator, *, hues_of: Tensor | None = None) -> Tensor:
    """Return photos at random cropped, mirrored and relit.

    Args:
        photos: uint8 (B, S, S, 3), RGB.
        generator: on the CPU.
        hues_of: int (B,), the listing of each; then hues are turned as well, see `turn_hue`.

    Returns:
        float32 (B, S, S, 3) in [0, 255].
    """
    pixels = photos.permute(0, 3, 1, 2).float()
    grid = functional.affine_grid(_crops(len(photos), generator).to(photos.device), list(pixels.shape), False)
    cropped = functional.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)
    if hues_of is not None:
        cropped = turn_hue(cropped, hues_of, generator)
    return _relit(cropped, generator).permute(0, 2, 3, 1)


def turn_hue(pixels: Tensor, listings: Tensor, generator: torch.Generator) -> Tensor:
    """Return pixels, float (B, 3, H, W), with the hue of each listing's photos turned by one random angle.

    The angle is shared because colour says nothing of the category (a chair comes in any) but tells items apart. It is
    a rotation of RGB about the grey axis, by Rodrigues' formula: greys and the mean of the channels stay as they are.
    Values may leave the range of the input.
    """
    numbers, listing_of = torch.unique(listings.cpu(), return_inverse=True)
    angle = _between(-math.pi, math.pi, (len(numbers),), generator)[listing_of, None, None]
    axis = torch.full((3, 3), 1 / 3)
    across = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    turn = axis + angle.cos() * (torch.eye(3) - axis) + angle.sin() * across
    return torch.einsum("bij,bjhw->bihw", turn.to(pixels), pixels)


def _crops(count: int, generator: torch.Generator) -> Tensor:
    """Return (count, 2, 3) affine maps from a crop's coordinates to the photo's; half of them mirror."""
    scale = _between(_SMALLEST_CROP, 1.0, (count, 2), generator)
    mirrored = torch.randint(0, 2, (count,), generator=generator) * 2 - 1
    maps = torch.zeros(count, 2, 3)
    maps[:, 0, 0] = scale[:, 0] * mirrored
    maps[:, 1, 1] = scale[:, 1]
    maps[:, :, 2] = (1 - scale) * _between(-1.0, 1.0, (count, 2), generator)
    return maps


def _relit(pixels: Tensor, generator: torch.Generator) -> Tensor:
    shape = (len(pixels), 1, 1, 1)
    brightness = _between(1 - _LIGHT, 1 + _LIGHT, shape, generator).to(pixels.device)
    contrast = _between(1 - _LIGHT, 1 + _LIGHT, shape, generator).to(pixels.device)
    means = pixels.mean(dim=(1, 2, 3), keepdim=True)
    return ((pixels - means) * contrast + means * brightness).clamp(0, 255)


def _between(low: float, high: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator) * (high - low) + low
