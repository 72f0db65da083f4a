"""The two heads trained by themselves, on the whitened descriptors of a trunk that stays as it is.

Whitening decorrelates the descriptor's components and gives each the same variance, so the heads learn in seconds. It
is an affine map, as the heads are, so it disappears into their weights afterwards. Importing this imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml.model import LAYER3_CHANNELS, Outputs

if TYPE_CHECKING:
    from ml.model import LookalikeNet

_LEAST_VARIANCE = 1e-6
"""Added to each variance: descriptors have a mean square of 1, and directions below this are rounding noise."""


class Whitening(NamedTuple):
    """The affine map `descriptors @ basis + offset`.

    Attributes:
        basis: float32 (3072, w).
        offset: float32 (w,).
    """

    basis: Tensor
    offset: Tensor

    def __call__(self, descriptors: Tensor) -> Tensor:
        """Return whitened descriptors, (n, w), of descriptors (n, 3072)."""
        return descriptors @ self.basis + self.offset


def fit_whitening(descriptors: Tensor, *, size: int) -> Whitening:
    """Return the map that whitens each layer's part of `descriptors`, (n, 3072), to its `size` principal components.

    Each part keeps at most n - 1 of them: n photos span no more.
    """
    parts = (descriptors[:, :LAYER3_CHANNELS], descriptors[:, LAYER3_CHANNELS:])
    bases = [_whitening_basis(part, min(size, len(part) - 1)) for part in parts]
    basis: Tensor = torch.block_diag(*bases)  # type: ignore[no-untyped-call]
    return Whitening(basis, -descriptors.mean(dim=0) @ basis)


class WhitenedHeads(nn.Module):
    """A projection and a category head like the network's own, on whitened descriptors."""

    def __init__(self, whitened_size: int, *, vector_size: int, categories: int) -> None:
        super().__init__()
        self.projection = nn.Linear(whitened_size, vector_size)
        self.category_head = nn.Linear(whitened_size, categories)

    def forward(self, whitened: Tensor) -> Outputs:
        """Return the outputs for whitened descriptors, (B, w)."""
        return Outputs(functional.normalize(self.projection(whitened), dim=1), self.category_head(whitened))

    @torch.no_grad()
    def fold_into(self, network: LookalikeNet, whitening: Whitening) -> None:
        """Give `network` the heads that do to descriptors what these do to `whitening` of them."""
        for ours, theirs in (
            (self.projection, network.projection),
            (self.category_head, network.category_head),
        ):
            theirs.weight.copy_(ours.weight @ whitening.basis.T)
            theirs.bias.copy_(ours.bias + ours.weight @ whitening.offset)


def _whitening_basis(part: Tensor, size: int) -> Tensor:
    """Return the `size` principal axes of `part`, (n, c), each divided by its standard deviation: (c, size)."""
    variances, axes = torch.linalg.eigh(torch.cov(part.T))  # ascending
    basis: Tensor = axes[:, -size:] / (variances[-size:] + _LEAST_VARIANCE).sqrt()
    return basis
