"""The two heads, trained on whitened descriptors of a frozen trunk.

Whitening decorrelates the components of a descriptor and evens out their variances, so the heads train in seconds. It
is an affine map, as the heads are, so it is folded into their weights afterwards. Importing this imports torch.
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

_MIN_VARIANCE = 1e-6
"""Added to each variance: descriptors have a mean square of 1, and directions below this are rounding noise."""


class Whitening(NamedTuple):
    """An affine map from each part of a descriptor to fewer, decorrelated components.

    Attributes:
        bases: float32 (channels, w) for each part.
        offsets: float32 (w,) for each part.
    """

    bases: tuple[Tensor, ...]
    offsets: tuple[Tensor, ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of components of each part."""
        return tuple(basis.shape[1] for basis in self.bases)

    def __call__(self, descriptors: NDArray[np.float32]) -> Tensor:
        """Whiten descriptors (n, d) to (n, w of all parts)."""
        columns = _column_slices([len(basis) for basis in self.bases])
        parts = zip(columns, self.bases, self.offsets, strict=True)
        return torch.cat([_tensor(descriptors[:, part]) @ basis + offset for part, basis, offset in parts], dim=1)


def fit_whitening(
    views: Sequence[NDArray[np.float32]],
    rows: NDArray[np.int64],
    *,
    parts: Sequence[DescriptorPart],
    size: int,
    power: float,
) -> Whitening:
    """Fit the map from each part to its `size` principal components with more equal variances.

    Each component is divided by its standard deviation to the power of `power`: 1 whitens, 0 keeps the variances, and
    values between amplify noisy components less. A part keeps at most n - 1 components, since n photos span no more.
    The mean length of a part is scaled to the square root of its size, as after whitening.

    Args:
        views: descriptors, (photos, d) each; one part of them at a time is read into memory.
        rows: the training photos.
        parts: the parts of a descriptor.
    """
    columns = _column_slices([part.channels for part in parts])
    fitted = [_fit_part([view[:, part] for view in views], rows, size=size, power=power) for part in columns]
    bases, offsets = zip(*fitted, strict=True)
    return Whitening(bases, offsets)


class WhitenedHeads(nn.Module):
    """A projection and a category head like the network's, on whitened descriptors.

    Each head reads the parts of the descriptor that improve it; see `DescriptorPart`.
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
        """`widths`: the whitened components of each of the `parts`; `item_size`: components after the projection."""
        super().__init__()
        self._for_items = _component_indices(widths, [part.for_items for part in parts])
        self._for_categories = _component_indices(widths, [part.for_categories for part in parts])
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(len(self._for_items), item_size)
        self.category_head = nn.Linear(len(self._for_categories), classes)

    @torch.no_grad()
    def project_principal_components(self, whitened: Tensor) -> None:
        """Initialise the projection with the principal components of `whitened`, (n, w).

        From a random projection training ends lower, because the pairs are few.
        """
        _, axes = torch.linalg.eigh(torch.cov(whitened[:, self._for_items].T))  # ascending
        count = min(self.projection.out_features, len(axes))
        self.projection.weight[:count] = axes[:, -count:].T
        self.projection.bias.zero_()

    def forward(self, whitened: Tensor) -> Outputs:
        """Return the outputs for whitened descriptors, (B, w)."""
        whitened = self.dropout(whitened)
        items = functional.normalize(self.projection(whitened[:, self._for_items]), dim=1)
        return Outputs(items, self.category_head(whitened[:, self._for_categories]))

    @torch.no_grad()
    def fold_into(self, network: LookalikeNet, whitening: Whitening) -> None:
        """Set the heads of `network` to these heads after `whitening`."""
        for components, ours, theirs in (
            (self._for_items, self.projection, network.projection),
            (self._for_categories, self.category_head, network.category_head),
        ):
            weight = ours.weight.new_zeros(len(ours.weight), sum(whitening.widths))
            weight[:, components] = ours.weight
            parts = zip(weight.split_with_sizes(whitening.widths, dim=1), whitening.bases, strict=True)
            theirs.weight.copy_(torch.cat([part @ basis.T for part, basis in parts], dim=1))
            theirs.bias.copy_(ours.bias + weight @ torch.cat(whitening.offsets))


def _fit_part(
    views: Sequence[NDArray[np.float32]], rows: NDArray[np.int64], *, size: int, power: float
) -> tuple[Tensor, Tensor]:
    """Return the basis, (c, w), and the offset, (w,), of one part, (photos, c) in each view."""
    centred = torch.cat([_tensor(view[rows]) for view in views])
    mean = centred.mean(dim=0)
    centred -= mean
    variances, axes = torch.linalg.eigh(centred.T @ centred / (len(centred) - 1))  # ascending
    width = min(size, len(axes), len(centred) - 1)
    variances = variances.clamp(min=0)  # rounding can make them negative
    basis = axes[:, -width:] / (variances[-width:] + _MIN_VARIANCE).pow(power / 2)
    basis *= width**0.5 / (centred @ basis).norm(dim=1).mean()
    return basis, -mean @ basis


def _column_slices(widths: Sequence[int]) -> list[slice]:
    """Return the columns of adjacent parts of these widths."""
    return [slice(*ends) for ends in pairwise(accumulate(widths, initial=0))]


def _component_indices(widths: Sequence[int], selected: Sequence[bool]) -> Tensor:
    return torch.arange(sum(widths))[torch.tensor(selected).repeat_interleave(torch.tensor(widths))]


def _tensor(descriptors: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.array(descriptors))
