"""The two heads trained by themselves, on the whitened descriptors of a trunk that stays as it is.

Whitening decorrelates the descriptor's components and evens out their variances, so the heads learn in seconds. It is
an affine map, as the heads are, so it disappears into their weights afterwards. Importing this imports torch.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ml.network.model import Outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ml.network.model import DescriptorPart, LookalikeNet

_LEAST_VARIANCE = 1e-6
"""Added to each variance: descriptors have a mean square of 1, and directions below this are rounding noise."""


class Whitening(NamedTuple):
    """The affine map that turns each part of a descriptor into fewer, decorrelated components.

    Attributes:
        bases: a float32 (channels, w) for each part.
        offsets: float32 (w,) for each.
    """

    bases: tuple[Tensor, ...]
    offsets: tuple[Tensor, ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """How many components come from each part."""
        return tuple(basis.shape[1] for basis in self.bases)

    def __call__(self, descriptors: NDArray[np.float32]) -> Tensor:
        """Return whitened descriptors, (n, w of all parts), of descriptors (n, d)."""
        columns = _columns([len(basis) for basis in self.bases])
        parts = zip(columns, self.bases, self.offsets, strict=True)
        return torch.cat([_torch(descriptors[:, seen]) @ basis + offset for seen, basis, offset in parts], dim=1)


def fit_whitening(
    views: Sequence[NDArray[np.float32]],
    rows: NDArray[np.int64],
    *,
    parts: Sequence[DescriptorPart],
    size: int,
    power: float,
) -> Whitening:
    """Return the map to each part's `size` principal components, made more alike.

    Each component is divided by its standard deviation to the power of `power`: 1 whitens, 0 leaves the variances as
    they are, and between them components that are mostly noise are raised less. A part keeps at most n - 1 components,
    since n photos span no more. The mean length of a part is then the square root of its size, as after whitening.

    Args:
        views: descriptors, (photos, d) each; one part of them at a time is read into memory.
        rows: the photos to learn from.
        parts: what the descriptors are made of.
    """
    columns = _columns([part.channels for part in parts])
    fitted = [_fit_part([view[:, seen] for view in views], rows, size=size, power=power) for seen in columns]
    bases, offsets = zip(*fitted, strict=True)
    return Whitening(bases, offsets)


class WhitenedHeads(nn.Module):
    """A projection and a category head like the network's own, on whitened descriptors.

    Each sees the parts of the descriptor that it gains by; see `DescriptorPart`.
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        parts: Sequence[DescriptorPart],
        item_size: int,
        classes: int,
        dropout: float = 0.0,
    ) -> None:
        """`widths`: the whitened components of each of the `parts`; `item_size`: what the projection gives."""
        super().__init__()
        self._for_items = _components(widths, [part.for_items for part in parts])
        self._for_categories = _components(widths, [part.for_categories for part in parts])
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(len(self._for_items), item_size)
        self.category_head = nn.Linear(len(self._for_categories), classes)

    @torch.no_grad()
    def project_principal_components(self, whitened: Tensor) -> None:
        """Begin with the projection that keeps most of the variance of `whitened`, (n, w).

        Learning moves on from there; from a random projection it ends lower, because the pairs are few.
        """
        _, axes = torch.linalg.eigh(torch.cov(whitened[:, self._for_items].T))  # ascending
        kept = min(self.projection.out_features, len(axes))
        self.projection.weight[:kept] = axes[:, -kept:].T
        self.projection.bias.zero_()

    def forward(self, whitened: Tensor) -> Outputs:
        """Return the outputs for whitened descriptors, (B, w)."""
        whitened = self.dropout(whitened)
        items = functional.normalize(self.projection(whitened[:, self._for_items]), dim=1)
        return Outputs(items, self.category_head(whitened[:, self._for_categories]))

    @torch.no_grad()
    def fold_into(self, network: LookalikeNet, whitening: Whitening) -> None:
        """Give `network` the heads that do to descriptors what these do to `whitening` of them."""
        for seen, ours, theirs in (
            (self._for_items, self.projection, network.projection),
            (self._for_categories, self.category_head, network.category_head),
        ):
            weight = ours.weight.new_zeros(len(ours.weight), sum(whitening.widths))
            weight[:, seen] = ours.weight
            parts = zip(weight.split_with_sizes(whitening.widths, dim=1), whitening.bases, strict=True)
            theirs.weight.copy_(torch.cat([part @ basis.T for part, basis in parts], dim=1))
            theirs.bias.copy_(ours.bias + weight @ torch.cat(whitening.offsets))


def _fit_part(
    views: Sequence[NDArray[np.float32]], rows: NDArray[np.int64], *, size: int, power: float
) -> tuple[Tensor, Tensor]:
    """Return the basis, (c, w), and the offset, (w,), of one part, (photos, c) in each view."""
    learnt = torch.cat([_torch(view[rows]) for view in views])
    mean = learnt.mean(dim=0)
    learnt -= mean
    variances, axes = torch.linalg.eigh(learnt.T @ learnt / (len(learnt) - 1))  # ascending
    width = min(size, len(axes), len(learnt) - 1)
    variances = variances.clamp(min=0)  # rounding can leave some below
    basis = axes[:, -width:] / (variances[-width:] + _LEAST_VARIANCE).pow(power / 2)
    basis *= width**0.5 / (learnt @ basis).norm(dim=1).mean()
    return basis, -mean @ basis


def _columns(widths: Sequence[int]) -> list[slice]:
    """Return where the parts of these widths lie, one after another."""
    return [slice(*ends) for ends in pairwise(accumulate(widths, initial=0))]


def _components(widths: Sequence[int], seen: Sequence[bool]) -> Tensor:
    """Return the numbers of the whitened components of the parts that are seen."""
    return torch.arange(sum(widths))[torch.tensor(seen).repeat_interleave(torch.tensor(widths))]


def _torch(descriptors: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.array(descriptors))
