"""The two heads trained by themselves, on the whitened descriptors of a trunk that stays as it is.

Whitening decorrelates the descriptor's components and evens out their variances, so the heads learn in seconds. It is
an affine map, as the heads are, so it disappears into their weights afterwards. Importing this imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml.model import PART_CHANNELS, Outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.model import LookalikeNet

_LEAST_VARIANCE = 1e-6
"""Added to each variance: descriptors have a mean square of 1, and directions below this are rounding noise."""


class Whitening(NamedTuple):
    """The affine map `descriptors @ basis + offset`.

    Attributes:
        basis: float32 (5632, w).
        offset: float32 (w,).
        widths: how many of the w components come from each part of the descriptor.
    """

    basis: Tensor
    offset: Tensor
    widths: tuple[int, ...]

    def __call__(self, descriptors: Tensor) -> Tensor:
        """Return whitened descriptors, (n, w), of descriptors (n, 5632)."""
        return descriptors @ self.basis + self.offset


def fit_whitening(descriptors: Tensor, *, size: int, power: float) -> Whitening:
    """Return the map from `descriptors`, (n, 5632), to each part's `size` principal components, made more alike.

    Each component is divided by its standard deviation to the power of `power`: 1 whitens, 0 leaves the variances as
    they are, and between them components that are mostly noise are raised less. A part keeps at most n - 1 components,
    since n photos span no more. The mean length of the results is the square root of their size, as after whitening.
    """
    parts = torch.split(descriptors, list(PART_CHANNELS), dim=1)
    bases = [_whitening_basis(part, min(size, part.shape[1], len(part) - 1), power) for part in parts]
    basis: Tensor = torch.block_diag(*bases)  # type: ignore[no-untyped-call]
    mean = descriptors.mean(dim=0)
    lengths = ((descriptors - mean) @ basis).norm(dim=1)
    basis *= basis.shape[1] ** 0.5 / lengths.mean()
    return Whitening(basis, -mean @ basis, tuple(one.shape[1] for one in bases))


class WhitenedHeads(nn.Module):
    """A projection and a category head like the network's own, on whitened descriptors.

    The projection sees all parts of the descriptor but the last, which knows items worse, and the category head all but
    the first, which knows no kinds of things: either gains by what it does not see.
    """

    def __init__(self, widths: Sequence[int], *, vector_size: int, classes: int, dropout: float = 0.0) -> None:
        """`widths`: the components of each part, at least two parts."""
        super().__init__()
        whitened = sum(widths)
        self._for_items, self._for_kinds = slice(0, whitened - widths[-1]), slice(widths[0], whitened)
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(whitened - widths[-1], vector_size)
        self.category_head = nn.Linear(whitened - widths[0], classes)

    @torch.no_grad()
    def project_principal_components(self, whitened: Tensor) -> None:
        """Begin with the projection that keeps most of the variance of `whitened`, (n, w).

        Learning moves on from there; from a random projection it ends lower, because the pairs are few.
        """
        seen = whitened[:, self._for_items]
        _, axes = torch.linalg.eigh(torch.cov(seen.T))  # ascending
        kept = min(self.projection.out_features, seen.shape[1])
        self.projection.weight[:kept] = axes[:, -kept:].T
        self.projection.bias.zero_()

    def forward(self, whitened: Tensor) -> Outputs:
        """Return the outputs for whitened descriptors, (B, w)."""
        whitened = self.dropout(whitened)
        vectors = functional.normalize(self.projection(whitened[:, self._for_items]), dim=1)
        return Outputs(vectors, self.category_head(whitened[:, self._for_kinds]))

    @torch.no_grad()
    def fold_into(self, network: LookalikeNet, whitening: Whitening) -> None:
        """Give `network` the heads that do to descriptors what these do to `whitening` of them."""
        for seen, ours, theirs in (
            (self._for_items, self.projection, network.projection),
            (self._for_kinds, self.category_head, network.category_head),
        ):
            theirs.weight.copy_(ours.weight @ whitening.basis[:, seen].T)
            theirs.bias.copy_(ours.bias + ours.weight @ whitening.offset[seen])


def _whitening_basis(part: Tensor, size: int, power: float) -> Tensor:
    """Return the `size` principal axes of `part`, (n, c), divided as `fit_whitening` says: (c, size)."""
    variances, axes = torch.linalg.eigh(torch.cov(part.T))  # ascending
    basis: Tensor = axes[:, -size:] / (variances[-size:] + _LEAST_VARIANCE).pow(power / 2)
    return basis
