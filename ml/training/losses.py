"""The losses that training minimises. Importing this imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


def contrastive_loss(vectors: Tensor, labels: Tensor, *, temperature: float) -> Tensor:
    """Pull photos with the same label (an item, a category) together, and push all others apart.

    The supervised contrastive loss L_out of Khosla et al. 2020 (arXiv:2004.11362, eq. 2); with two photos per label it
    is NT-Xent of Chen et al. 2020 (arXiv:2002.05709, eq. 1). Each photo is an anchor: the softmax over its similarities
    to all others, divided by `temperature`, should fall on the photos with its own label.

    Args:
        vectors: float (B, d), unit length.
        labels: int (B,); a row whose label occurs once is not an anchor.

    Returns:
        The mean over the anchors, a scalar; 0 without anchors.
    """
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    positive = (labels[:, None] == labels[None, :]) & ~itself
    similarity = (vectors @ vectors.T / temperature).masked_fill(itself, -torch.inf)
    log_share = functional.log_softmax(similarity, dim=1).masked_fill(~positive, 0.0)
    positives = positive.sum(dim=1)
    per_anchor = -log_share.sum(dim=1) / positives.clamp(min=1)
    return per_anchor.sum() / (positives > 0).sum().clamp(min=1)


def classification_loss(logits: Tensor, classes: Tensor, *, weights: Tensor, label_smoothing: float) -> Tensor:
    """Return the cross-entropy of logits (B, c) against classes (B,), weighted by class with `weights` (c,).

    Label smoothing spreads its share over all classes (Szegedy et al. 2016, arXiv:1512.00567): sellers sometimes pick
    the wrong category.
    """
    return functional.cross_entropy(logits, classes, weight=weights, label_smoothing=label_smoothing)


def class_weights(classes: NDArray[np.int64], count: int, *, power: float) -> Tensor:
    """Return a weight for each of `count` classes: its frequency among `classes`, (n,), to the power of -`power`.

    Power 0 weights every photo equally, 1 every class equally. The mean weight over the photos is 1.
    """
    frequency = torch.bincount(torch.from_numpy(classes), minlength=count).clamp(min=1).float()
    weights = frequency.pow(-power)
    return weights * (frequency.sum() / (weights * frequency).sum())
